"""One reader for all backends: the same upright frames, numbers and times from each, and a word on every lie.

PyAV and the container's own packets are the reference. A backend's pictures are taken only as far as they are
the ones expected; from the first that is missing or is another one, PyAV goes on, and `losses` says so.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from vidlab.errors import ParameterError, VideoError
from vidlab.types import Frame, UInt8Image, VideoInfo
from vidlab.video import access
from vidlab.video.comparing import PIXEL_TOLERANCE, difference, turn_of
from vidlab.video.index import FrameIndex, read_index
from vidlab.video.kept import KeptOpen
from vidlab.video.orientation import UPRIGHT, Orientation
from vidlab.video.pictures import Picture, Pictures, Request
from vidlab.video.pyav import PyavReader
from vidlab.video.pyav_pictures import open_pictures as open_reference
from vidlab.video.stamps import RisingStamps, tick_of

logger = logging.getLogger(__name__)

SAME_TIME_S = 5e-4  # a backend's own time may be off by its rounding
REFERENCE = "pyav"

OpenPictures = Callable[[Request], Pictures]


class BackendReader:
    """Reads a video file through one backend; see `vidlab.video.backends.Decoder`.

    Attributes:
        backend: Name of the library.
        info: What the file declares.
        losses: One sentence for each kind of loss in the last reading that ended.
        explanation: Why this backend reads; empty where the user chose it.
    """

    def __init__(
        self, path: str | Path, *, backend: str, open_pictures: OpenPictures, threads: int, device: str
    ) -> None:
        """Open the file, and compare the backend's first picture with PyAV's.

        Args:
            path: Video file.
            backend: Name of the library, for messages.
            open_pictures: Opens the file with it.
            threads: Decoding threads, 0 for as many as the library likes.
            device: `cpu`, `cuda` or `cuda:N`.

        Raises:
            VideoError: No frame can be decoded by PyAV, none by the backend, or its first one is another.
            DeviceError: The device is not here.
            MissingExtraError: The library is not installed.
        """
        self.backend = backend
        self.losses: tuple[str, ...] = ()
        self.explanation = ""
        self._path, self._threads, self._device = Path(path), threads, device
        self._open_pictures = open_pictures
        self._reference = PyavReader(path, threads=threads)
        self.info: VideoInfo = self._reference.info
        self._is_reference = backend == REFERENCE and device == "cpu"
        self._kept = KeptOpen()
        self._turn = self._reference.orientation if self._is_reference else self._compare_pictures()

    @cached_property
    def index(self) -> FrameIndex:
        """Which frames the file holds; read from its packets when first asked for."""
        return read_index(self._path, self.info)

    @property
    def damaged(self) -> bool:
        """PyAV's last loop found frames damaged or undecodable; other backends cannot tell."""
        return self._reference.damaged

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[Frame]:
        """Start again at the first frame."""
        return self._iter_reference() if self._is_reference else self._iter_whole()

    def iter_range(self, start: int, stop: int | None = None) -> Iterator[Frame]:
        """Yield the frames from `start` to before `stop` (None: the end), without those before them.

        In a damaged file a frame that cannot be decoded is left out, and keeps its number.

        Raises:
            ParameterError: The range does not lie in the file.
        """
        return access.iter_range(self, start, stop, path=self._path)

    def iter_tensors(self, positions: Sequence[int]) -> Iterator[tuple[Any, int, float]]:
        """Yield uint8 tensors (H, W, 3) that stay where they were decoded, with position and time in seconds.

        Only torchcodec gives tensors. They are as it gives them, not turned by us: of a GPU, use them with a
        network there.

        Raises:
            ParameterError: The backend gives no tensors.
        """
        pictures = self._open_pictures(self._request(device=self._device))
        try:
            if not hasattr(pictures, "read_tensors"):
                raise ParameterError(f"tensors come from backend torchcodec only, got {self.backend}")
            for tensor, position, pts_s in pictures.read_tensors(positions):
                if fault := self._fault(Picture(tensor, position, pts_s), position):
                    raise VideoError(f"{fault} of {self._path}; use another backend")
                yield tensor, position, pts_s
        finally:
            pictures.close()

    def frames_at(self, indices: Sequence[int]) -> list[Frame]:
        """Return chosen frames, in the order asked for, repeated ones included.

        Raises:
            ParameterError: A number lies outside the file.
            VideoError: A frame cannot be decoded.
        """
        return access.frames_at(self, indices, path=self._path)

    def clip(self, start: int, *, n_frames: int, stride: int) -> UInt8Image:
        """Return `n_frames` frames, every `stride`-th from `start`: uint8 (T, H, W, 3).

        Raises:
            ParameterError: The clip does not lie in the file.
            VideoError: A frame cannot be decoded.
        """
        return access.clip(self, start, n_frames=n_frames, stride=stride, path=self._path)

    def _iter_reference(self) -> Iterator[Frame]:
        try:
            yield from self._reference
        finally:
            self.losses = self._reference.losses

    def _iter_whole(self) -> Iterator[Frame]:
        tally, stamps = self.index.tally.copy(), RisingStamps(tick_of(self.info))
        said: list[str] = []
        at_end = False
        try:
            for number, (frame, stamp) in enumerate(self._frames(range(len(self)), said=said)):
                tally.see_frame(stamp, tick=stamps.tick, damaged=False, resized=False)
                yield frame if frame.index == number else Frame(frame.image, number, frame.pts_s)
            at_end = True
        finally:
            losses = self._reference.losses_of(tally, stamps, at_end=at_end)
            self._tell((*said, *losses))

    def iter_at(self, positions: Sequence[int]) -> Iterator[Frame]:
        """Yield the frames at positions that rise; one that cannot be decoded is left out."""
        said: list[str] = []
        n_frames, at_end = 0, False
        try:
            for frame, _ in self._frames(positions, said=said):
                n_frames += 1
                yield frame
            at_end = True
        finally:
            if at_end and n_frames < len(positions):
                said.append(f"{len(positions) - n_frames} of {len(positions)} frames could not be decoded")
            self._tell(tuple(said))

    def _frames(self, positions: Sequence[int], *, said: list[str]) -> Iterator[tuple[Frame, int]]:
        """Yield frames with their stamps: the backend's while they are right, PyAV's from there on."""
        done = 0
        for picture in self._trusted(positions, said=said):
            yield self._frame(picture, self._turn)
            done += 1
        if done == len(positions) or self._is_reference:
            return
        reference = open_reference(self._request(device="cpu"))
        try:
            for picture in reference.read(positions[done:]):
                yield self._frame(picture, self._reference.orientation)
        finally:
            said.extend(_damage(reference))
            reference.close()

    def _trusted(self, positions: Sequence[int], *, said: list[str]) -> Iterator[Picture]:
        pictures = self._kept.take() or self._open_pictures(self._request(device=self._device))
        done, in_order = 0, False
        try:
            for picture in pictures.read(positions):
                fault = None if self._is_reference else self._fault(picture, positions[done])
                if fault:
                    said.append(f"{fault}; the frames from there on were read with {REFERENCE}")
                    return
                yield picture
                done += 1
            in_order = self._is_reference and done == len(positions)
        finally:
            said.extend(_damage(pictures))
            if in_order:
                self._kept.keep(pictures)
            else:
                pictures.close()
        if done < len(positions) and not self._is_reference:
            said.append(
                f"{self.backend} gave {done} of {len(positions)} frames and no error; "
                f"the rest was read with {REFERENCE}"
            )

    def _fault(self, picture: Picture, position: int) -> str | None:
        expected_s = float(self.index.times_s[position])
        if picture.position != position:
            return f"{self.backend} skipped frame {position}"
        if picture.pts_s is not None and abs(picture.pts_s - expected_s) > SAME_TIME_S:
            return f"{self.backend} gave a frame of {picture.pts_s:.3f} s for that of {expected_s:.3f} s"
        return None

    def _frame(self, picture: Picture, turn: Orientation) -> tuple[Frame, int]:
        stamp = int(self.index.stamps[picture.position])
        image = turn.upright(picture.image)
        return Frame(image, picture.position, float(self.index.times_s[picture.position])), stamp

    def _request(self, *, device: str) -> Request:
        return Request(self._path, self.index, self._reference.stored_hw, self._threads, device)

    def _compare_pictures(self) -> Orientation:
        """Find out whether the backend turns frames itself, and whether it shows the same pictures at all."""
        if self.index.repaired:
            raise VideoError(
                f"time stamps of {self._path} are missing or repeat, and only {REFERENCE} can tell its "
                f"frames apart; got backend {self.backend}"
            )
        name, orientation = f"{self.backend} on {self._path}", self._reference.orientation
        turn = UPRIGHT
        for position in (0, len(self) // 2, len(self) - 1):
            image, expected = self._picture_at(position), self._expected_at(position)
            turn = turn_of(image, expected, orientation=orientation, name=name)
            other = UPRIGHT if turn == orientation else orientation
            if turn == other or difference(other.upright(image), expected) > PIXEL_TOLERANCE:
                break  # else it looks the same either way up, as a black picture does: ask a later one
        return turn

    def _picture_at(self, position: int) -> UInt8Image:
        pictures = self._open_pictures(self._request(device=self._device))
        try:
            for picture in pictures.read(range(position, position + 1)):
                if fault := self._fault(picture, position):
                    raise VideoError(f"{fault} of {self._path}; use another backend")
                return picture.image
        finally:
            pictures.close()
        raise VideoError(
            f"{self.backend} cannot decode frame {position} of {self._path}; use another backend"
        )

    def _expected_at(self, position: int) -> UInt8Image:
        if position == 0:
            return self._reference.read_first()
        reference = open_reference(self._request(device="cpu"))
        try:
            images = [picture.image for picture in reference.read(range(position, position + 1))]
        finally:
            reference.close()
        if not images:
            raise VideoError(f"frame {position} of {self._path} cannot be decoded")
        return self._reference.orientation.upright(images[0])

    def _tell(self, losses: tuple[str, ...]) -> None:
        self.losses = losses
        for loss in losses:
            logger.warning("%s: %s", self._path, loss)


def _damage(pictures: Pictures) -> Iterator[str]:
    if n_damaged := getattr(pictures, "n_damaged", 0):  # only PyAV tells
        yield f"{n_damaged} frames came out damaged; the decoder patched what it could"
