"""A folder of numbered images as a video."""

import logging
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vidlab.errors import ParameterError, VideoError
from vidlab.types import Frame, UInt8Image, VideoInfo

logger = logging.getLogger(__name__)

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
EXIF_ORIENTATION = 0x0112
LYING = range(5, 9)  # the EXIF orientations in which stored rows are shown as columns
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


class ImageFolder:
    """Reads numbered images (jpg, png, bmp, webp, tif) in the order of their numbers.

    The number is the last group of digits in the name, so `frame_2.png` comes before `frame_10.png`. Hidden
    files and files of other kinds are ignored. A folder has no clock: frame k is shown at k / fps seconds.

    Attributes:
        info: Number, size and rate of the images.
        losses: A sentence about numbers that are missing; the same one is logged when the folder is opened.
    """

    def __init__(self, path: str | Path, *, fps: float) -> None:
        """List the images and read their headers.

        Raises:
            ParameterError: `fps` is not positive.
            VideoError: The folder holds no images, or they are unnumbered, numbered twice, unreadable, or
                differ in size.
        """
        if not fps > 0:
            raise ParameterError(f"fps must be positive, got {fps}")
        numbered = _numbered_images(Path(path))
        self._paths = [numbered[number] for number in sorted(numbered)]
        self.losses = _gaps(sorted(numbered))
        for loss in self.losses:
            logger.warning("%s: %s", path, loss)
        self.info = VideoInfo(
            path=str(path),
            codec="images",
            size_hw=_common_size(self._paths),
            fps=float(fps),
            n_frames=len(self._paths),
            duration_s=len(self._paths) / fps,
            rotation_deg=0,
            time_base=1 / Fraction(fps).limit_denominator(1_000_000),
        )

    def __iter__(self) -> Iterator[Frame]:
        """Read the images one after the other."""
        for index, path in enumerate(self._paths):
            yield Frame(read_image(path), index, index / self.info.fps)


def read_image(path: Path) -> UInt8Image:
    """Read an image file as uint8 (H, W, 3), RGB, upright.

    Gray and palette images are spread to RGB, transparency is dropped, 16 bits are cut to their upper 8.

    Raises:
        VideoError: The file is missing, no image, or damaged.
    """
    try:
        with Image.open(path) as stored:
            image = ImageOps.exif_transpose(stored)
            if image.mode.startswith("I"):  # 16 bits of gray; Pillow would clip them at 255
                gray = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
                return np.repeat(gray[..., None], 3, axis=2)
            return np.array(image.convert("RGB"))
    except UNREADABLE as error:
        raise VideoError(f"a frame must be a readable image, got {path}: {error}") from None


def _numbered_images(folder: Path) -> dict[int, Path]:
    if not folder.is_dir():
        raise VideoError(f"a folder of images must exist, got {folder}; check the path")
    numbered: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        digits = re.findall(r"[0-9]+", path.stem)
        if not digits:
            raise VideoError(
                f"images must have a number in their names, got {path}; rename it or move it away"
            )
        number = int(digits[-1])
        if number in numbered:
            raise VideoError(
                f"images must have different numbers, got {path} and {numbered[number].name}; move one away"
            )
        numbered[number] = path
    if not numbered:
        raise VideoError(
            f"a folder must hold numbered images (jpg, png, bmp, webp, tif), got none in {folder}"
        )
    return numbered


def _gaps(numbers: list[int]) -> tuple[str, ...]:
    gaps = [(a + 1, b - 1) for a, b in pairwise(numbers) if b > a + 1]
    if not gaps:
        return ()
    n_missing = sum(last - first + 1 for first, last in gaps)
    first, last = gaps[0]
    where = str(first) if first == last else f"{first} to {last}"
    more = f" and in {len(gaps) - 1} more place{'s' * (len(gaps) > 2)}" if len(gaps) > 1 else ""
    return (
        f"{n_missing} numbers are missing among the images: {where}{more}; the frames follow without a gap",
    )


def _common_size(paths: list[Path]) -> tuple[int, int]:
    size_hw = upright_size(paths[0])
    for path in paths[1:]:
        other = upright_size(path)
        if other != size_hw:
            raise VideoError(
                f"images must have one size, got {paths[0].name} of {_by(size_hw)} and {path} of {_by(other)}"
            )
    return size_hw


def upright_size(path: Path) -> tuple[int, int]:
    """Return height and width of an image file as `read_image` gives it, in pixels, from its header.

    Raises:
        VideoError: The file is missing, no image, or damaged.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            # Asked for tags that its header lacks, Pillow decodes a whole PNG to look behind the pixels.
            tagged = image.format != "PNG" or "exif" in image.info
            lying = tagged and image.getexif().get(EXIF_ORIENTATION) in LYING
    except UNREADABLE as error:
        raise VideoError(f"a frame must be a readable image, got {path}: {error}") from None
    return (width, height) if lying else (height, width)


def _by(size_hw: tuple[int, int]) -> str:
    return f"{size_hw[1]}×{size_hw[0]} pixels"
