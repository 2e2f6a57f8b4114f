"""An open file kept for the next reading: opening it anew would take as long as decoding several frames."""

from vidlab.video.owned import Owned
from vidlab.video.pictures import Pictures


class KeptOpen:
    """At most one open file of a reader; pickled or forked, it starts empty in the other process."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._kept: Owned[list[Pictures]] = Owned(list)

    def take(self) -> Pictures | None:
        """Hand out the file, which is then the caller's to keep again or to close; None if there is none."""
        kept = self._kept.value
        return kept.pop() if kept else None

    def keep(self, pictures: Pictures) -> None:
        """Keep a file that is in order after a reading; one that was kept already is closed."""
        before = self.take()
        if before is not None:
            before.close()
        self._kept.value.append(pictures)
