"""Single frames for the page, drawn when they are asked for; the last ones are kept, in bounded memory."""

import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from vidlab.web.home import MB, Home
from vidlab.web.refusals import NOT_FOUND, WebError
from vidlab.web.schemas import FrameType

if TYPE_CHECKING:
    from vidlab.types import BoolMask, UInt8Image
    from vidlab.video import Decoder

CACHE_BYTES = 64 * MB  # of pictures as they are sent
READERS = 8  # films that are held open: one for each of so many visitors
QUALITY = 88  # of JPEG: no blocks to be seen around outlines
ValueT = TypeVar("ValueT")


class Recent(Generic[ValueT]):
    """The values that were used last; any thread may ask.

    >>> kept = Recent[str](10, size=len)
    >>> [kept.get(name, make=lambda name=name: name) for name in ("seven..", "four")]
    ['seven..', 'four']
    >>> "seven.." in kept, "four" in kept
    (False, True)
    """

    def __init__(self, room: int, *, size: Callable[[ValueT], int]) -> None:
        """Keep as many as have room together."""
        self._room, self._size = room, size
        self._values: OrderedDict[str, ValueT] = OrderedDict()
        self._lock = threading.Lock()
        self._taken = 0

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str, *, make: Callable[[], ValueT]) -> ValueT:
        """Return a value, made if it is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            if key not in self._values:
                self._values[key] = value
                self._taken += self._size(value)
            while self._taken > self._room and len(self._values) > 1:
                _, dropped = self._values.popitem(last=False)
                self._taken -= self._size(dropped)
        return value


class Film:
    """One of our own films, open at the frame that was asked for last."""

    def __init__(self, path: Path) -> None:
        from vidlab.video import open_backend

        self._lock = threading.Lock()
        self._decoder: Decoder = open_backend(path, backend="pyav")

    def frame(self, number: int) -> "UInt8Image":
        """Decode a frame, uint8 (H, W, 3).

        Raises:
            WebError: There is none of this number.
        """
        with self._lock:
            if not 0 <= number < len(self._decoder):
                raise WebError(NOT_FOUND, f"frames go from 0 to {len(self._decoder) - 1}, got {number}")
            return self._decoder.frames_at([number])[0].image


class Viewer:
    """Draws frames of finished jobs from the films and masks in their own folders."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._pictures = Recent[bytes](CACHE_BYTES, size=len)
        self._films = Recent[Film](READERS, size=lambda film: 1)

    def picture(self, job_id: str, *, of: str, kind: FrameType, number: int) -> bytes:
        """Return a frame as JPEG.

        Args:
            job_id: The job whose masks are shown.
            of: The segmentation whose film is the background; the same job, or the one that it is of.
            kind: What is shown.
            number: Which frame, from 0.

        Raises:
            WebError: There is no such frame.
        """
        return self._pictures.get(
            f"{job_id}/{kind}/{number}", make=lambda: _jpeg(self._draw(job_id, of, kind, number))
        )

    def _draw(self, job_id: str, of: str, kind: FrameType, number: int) -> "UInt8Image":
        from vidlab.jobs.overlays import RAW, STABLE
        from vidlab.viz.overlay import draw_difference, resize_masks
        from vidlab.web.films import drawn, outlined

        film = self._films.get(of, make=lambda: Film(self._home.job(of) / "films" / "original.mp4"))
        image = film.frame(number)
        if kind == "original":
            return image
        raw_folder = "masks" if job_id == of else "raw"  # a segmentation's masks are the raw ones
        if kind == RAW:
            return drawn(image, self._mask(job_id, raw_folder, number), version=RAW)
        stable = self._mask(job_id, "masks", number)
        if kind == STABLE:
            return drawn(image, stable, version=STABLE)
        raw = self._mask(job_id, raw_folder, number)
        if kind == "overlay":
            return outlined(image, {RAW: raw, STABLE: stable})
        small = [resize_masks(mask[None], size_hw=image.shape[:2])[0] for mask in (raw, stable)]
        return draw_difference(image, *small)

    def _mask(self, job_id: str, folder: str, number: int) -> "BoolMask":
        from vidlab.masks.png import read_mask_png
        from vidlab.video import frame_name

        path = self._home.job(job_id) / "result" / folder / frame_name(number, suffix=".png")
        return read_mask_png(path, size_hw=None)


def _jpeg(image: "UInt8Image") -> bytes:
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(image).save(written, "JPEG", quality=QUALITY)
    return written.getvalue()
