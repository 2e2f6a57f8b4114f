"""Decoding that survives its decoder: in a process with a deadline, with another backend where it fails."""

import logging
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vidlab.errors import VideoError
from vidlab.params.decoding import DecodingParams
from vidlab.types import Frame, UInt8Image, VideoInfo
from vidlab.video import access
from vidlab.video.worker_process import DecodingProcess, Opener, ProcessLost

logger = logging.getLogger(__name__)


class IsolatedReader:
    """Reads a video through backends in processes of their own; see `vidlab.video.backends.Decoder`.

    A backend that hangs, crashes or fails is given up for good, and the next one goes on at the next frame:
    none is lost, none comes twice. The process lives as long as this reader, and dies with it; a loop that
    is left early ends it, too.

    Attributes:
        info: What the file declares.
        losses: One sentence for each kind of loss in the last reading that ended.
        explanation: Why this backend reads; empty where the user chose it.
    """

    def __init__(self, path: str | Path, *, openers: Mapping[str, Opener], rules: DecodingParams) -> None:
        """Open the file with the first backend that does not hang or crash over it.

        Args:
            path: Video file.
            openers: What opens the file with each backend, by name; called in the process, so it has to
                travel by pickle. The first is used as long as it lasts.
            rules: Deadlines and number of slots.

        Raises:
            VidlabError: What the first backend that answered says against the file.
            VideoError: Every backend hung or crashed.
        """
        self._path, self._rules = Path(path), rules
        self._openers = dict(openers)
        self._given_up: list[str] = []
        self._idle: list[DecodingProcess] = []
        weakref.finalize(self, _close_all, self._idle)
        self.losses: tuple[str, ...] = ()
        self.explanation = ""
        process = self._take()
        self.info: VideoInfo = process.info
        self._idle.append(process)
        self._n_frames: int | None = None

    @property
    def backend(self) -> str:
        """The backend that reads, or will: the first that was not given up."""
        return next(iter(self._openers))

    def __len__(self) -> int:
        if self._n_frames is None:
            self._n_frames = self._ask_length()
        return self._n_frames

    def __iter__(self) -> Iterator[Frame]:
        """Start again at the first frame."""
        return self._read(None)

    def iter_at(self, positions: Sequence[int]) -> Iterator[Frame]:
        """Yield the frames at positions that rise; one that cannot be decoded is left out."""
        return self._read(positions)

    def iter_range(self, start: int, stop: int | None = None) -> Iterator[Frame]:
        """Yield the frames from `start` to before `stop` (None: the end).

        Raises:
            ParameterError: The range does not lie in the file.
        """
        return access.iter_range(self, start, stop, path=self._path)

    def frames_at(self, indices: Sequence[int]) -> list[Frame]:
        """Return chosen frames, in the order asked for, repeated ones included.

        Raises:
            ParameterError: A number lies outside the file.
            VideoError: A frame cannot be decoded.
        """
        return access.frames_at(self, indices, path=self._path)

    def clip(self, start: int, *, n_frames: int, stride: int) -> UInt8Image:
        """Return `n_frames` frames, every `stride`-th from `start`: uint8 (T, H, W, 3)."""
        return access.clip(self, start, n_frames=n_frames, stride=stride, path=self._path)

    def close(self) -> None:
        """End the process; the next reading starts another."""
        _close_all(self._idle)

    def _read(self, positions: Sequence[int] | None) -> Iterator[Frame]:
        number, last = 0, None
        said: tuple[str, ...] = ()
        try:
            while True:
                process = self._take()
                try:
                    for frame in process.read(
                        _after(positions, last), after_s=None if last is None else last.pts_s
                    ):
                        last = frame if positions is not None else Frame(frame.image, number, frame.pts_s)
                        number += 1
                        yield last
                    said = process.losses
                    self._idle.append(process)
                    return
                except (ProcessLost, VideoError) as error:
                    process.close()
                    self._give_up(f"{error} after {number} frames")
                except BaseException:
                    process.close()
                    raise
        finally:
            self.losses = (*self._given_up, *said)
            for loss in self.losses:
                logger.warning("%s: %s", self._path, loss)

    def _take(self) -> DecodingProcess:
        """Return a process that is not in use, with the file open in it."""
        if not all(process.is_ours for process in self._idle):
            _close_all(self._idle)
        while not self._idle:
            rules = self._rules
            try:
                return DecodingProcess(
                    self._openers[self.backend],
                    n_slots=rules.slots,
                    start_s=rules.start_s,
                    deadline_s=rules.deadline_s,
                )
            except ProcessLost as error:
                self._give_up(f"{error} over opening the file")
        return self._idle.pop()

    def _give_up(self, why: str) -> None:
        """Drop the backend in use.

        Raises:
            VideoError: It was the last.
        """
        name = self.backend
        if len(self._openers) == 1:
            raise VideoError(f"{name} must be able to read {self._path}, got a process that {why}")
        del self._openers[name]
        _close_all(self._idle)
        self._given_up.append(f"{name} {why}; {self.backend} took over")

    def _ask_length(self) -> int:
        while True:
            process = self._take()
            try:
                n_frames = process.length()
            except ProcessLost as error:
                process.close()
                self._give_up(f"{error} over counting frames")
                continue
            self._idle.append(process)
            return n_frames


def _after(positions: Sequence[int] | None, last: Frame | None) -> Sequence[int] | None:
    if positions is None or last is None:
        return positions
    return [position for position in positions if position > last.index]


def _close_all(processes: list[DecodingProcess]) -> None:
    while processes:
        processes.pop().close()
