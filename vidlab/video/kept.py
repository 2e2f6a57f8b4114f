"""An open file kept for the next reading: opening it anew would take as long as decoding several frames."""

import os

from vidlab.video.pictures import Pictures


class KeptOpen:
    """At most one open file of a reader; pickled or forked, it starts empty in the other process."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._kept: Pictures | None = None
        self._owner = os.getpid()
        self._inherited: list[Pictures | None] = []

    def take(self) -> Pictures | None:
        """Hand out the file, which is then the caller's to keep again or to close; None if there is none."""
        self._disown()
        taken, self._kept = self._kept, None
        return taken

    def keep(self, pictures: Pictures) -> None:
        """Keep a file that is in order after a reading; one that was kept already is closed."""
        before = self.take()
        if before is not None:
            before.close()
        self._kept = pictures

    def _disown(self) -> None:
        if self._owner != os.getpid():
            # Forked: the decoder's threads stayed behind, and closing would wait for them for ever. So what
            # was inherited is neither used nor closed, nor let go, which would close it.
            self._inherited.append(self._kept)
            self._kept, self._owner = None, os.getpid()

    def __getstate__(self) -> dict[str, object]:
        return {}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__()  # type: ignore[misc]
