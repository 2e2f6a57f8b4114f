"""Masks, class labels and probabilities as PNGs, by Pillow: it writes 2–4× faster here than OpenCV."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidlab.errors import MaskError, OutputError, ShapeError
from vidlab.metrics.overlap import require_mask
from vidlab.types import BoolMask, Float32Array

FAST_COMPRESSION = 1  # zlib level; masks shrink to 1 % at any, and level 6 takes three times as long
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
TOP_VALUES = {8: (1, 255), 16: (1, 255, 65535)}  # what foreground may be written as, by bits per pixel


def davis_palette() -> NDArray[np.uint8]:
    """Return the 256 colors of DAVIS and PASCAL VOC label pictures, uint8 (256, 3), RGB.

    The bits of a label go to red, green and blue in turn, the lowest to the strongest.

    >>> davis_palette()[:4].tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    labels = np.arange(256, dtype=np.uint8)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        palette[:, bit % 3] |= ((labels >> bit) & 1) << (7 - bit // 3)
    return palette


def write_mask_png(path: str | Path, mask: BoolMask) -> None:
    """Write a mask, bool (H, W), as an 8-bit gray PNG of 0 and 255.

    Raises:
        ShapeError: Another dtype or rank.
        OutputError: The file cannot be written.
    """
    require_mask(mask, "mask")
    _write(path, Image.fromarray(mask.astype(np.uint8) * np.uint8(255)))


def write_labels_png(path: str | Path, labels: NDArray[np.uint8]) -> None:
    """Write labels, uint8 (H, W), class per pixel, as an indexed PNG in DAVIS colors; the index is the class.

    Raises:
        ShapeError: Another dtype or rank.
        OutputError: The file cannot be written.
    """
    if labels.dtype != np.uint8 or labels.ndim != 2:
        raise ShapeError(f"labels must be uint8 (H, W), got {labels.dtype.name} {labels.shape}")
    picture = Image.fromarray(labels)
    picture.putpalette(davis_palette().tobytes())  # turns gray into indices, the values stay
    _write(path, picture)


def write_probs_png(path: str | Path, probs: Float32Array) -> None:
    """Write probabilities, float32 (H, W), [0, 1], as an 8-bit gray PNG; 255 is 1.0, rounded to the nearest.

    Raises:
        ShapeError: Another dtype or rank.
        OutputError: The file cannot be written.
    """
    if probs.dtype != np.float32 or probs.ndim != 2:
        raise ShapeError(f"probs must be float32 (H, W), got {probs.dtype.name} {probs.shape}")
    levels = np.rint(probs.clip(0.0, 1.0) * np.float32(255))
    _write(path, Image.fromarray(levels.astype(np.uint8)))


def read_mask_png(path: str | Path, *, size_hw: tuple[int, int] | None) -> BoolMask:
    """Read a mask: gray 0/255 or 0/1, one bit per pixel, or an indexed picture with one object.

    Args:
        path: PNG file.
        size_hw: Height and width it must have, in pixels; None takes any.

    Returns:
        bool (H, W).

    Raises:
        MaskError: The file is no readable PNG, has another size, holds other gray values, several objects,
            colors or transparency.
    """
    mode, values = _read(path, size_hw)
    if mode == "P":
        return _one_object(values, path)
    if values.dtype == np.bool_:
        return values
    return to_mask(
        values,
        name=str(path),
        hint="for probabilities add --probs, and put class labels into a folder named labels",
    )


def read_probs_png(path: str | Path, *, size_hw: tuple[int, int] | None) -> Float32Array:
    """Read probabilities from a gray PNG of 8 or 16 bits; the highest value is 1.0.

    Args:
        path: PNG file.
        size_hw: Height and width it must have, in pixels; None takes any.

    Returns:
        float32 (H, W), [0, 1].

    Raises:
        MaskError: The file is no readable PNG, has another size, or is not gray.
    """
    mode, values = _read(path, size_hw)
    if mode == "P":
        raise MaskError(
            f"{path} must be gray to hold probabilities, got an indexed picture, which holds labels"
        )
    if values.dtype == np.bool_:
        return values.astype(np.float32)
    return values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)


def to_mask(values: NDArray[Any], *, name: str, hint: str) -> BoolMask:
    """Turn 0 and one top value (1, 255; with 16 bits also 65535) into a mask.

    Args:
        values: uint8 or uint16 (H, W).
        name: What the values come from, for the error.
        hint: What to do if other values are there, for the error.

    Returns:
        bool (H, W).

    Raises:
        MaskError: Other values, or two different top values.
    """
    mask: BoolMask = values != 0
    top = int(values.max(initial=0))
    allowed = (0, *TOP_VALUES[values.dtype.itemsize * 8])
    odd = values[mask & (values != top)]
    if top not in allowed or odd.size:
        found = int(odd[0]) if odd.size else top
        raise MaskError(f"{name} must hold only 0 and 255 (or 0 and 1), got {found} too; {hint}")
    return mask


def holds_labels(path: str | Path) -> bool:
    """Say whether a PNG is an indexed picture with several labels; False for one that is damaged."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.mode != "P":  # the header tells, for most
                return False
            named = np.bincount(np.asarray(picture).ravel(), minlength=256)[1:]
            return int(np.count_nonzero(named)) > 1
    except UNREADABLE:
        return False


def _one_object(values: NDArray[np.uint8], path: str | Path) -> BoolMask:
    objects = np.flatnonzero(np.bincount(values.ravel(), minlength=256)[1:]) + 1
    if len(objects) > 1:
        listed = ", ".join(str(label) for label in objects[:5])
        raise MaskError(f"{path} must hold one object, got labels {listed}; write one folder per object")
    mask: BoolMask = values != 0
    return mask


def _read(path: str | Path, size_hw: tuple[int, int] | None) -> tuple[str, NDArray[Any]]:
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            require_size((picture.height, picture.width), size_hw, name=str(path))
            return picture.mode, _one_channel(picture, path)
    except FileNotFoundError:
        raise MaskError(f"{path} must be a PNG, but there is no such file") from None
    except UNREADABLE as error:
        raise MaskError(f"{path} must be a readable PNG, got a damaged or other file ({error})") from None


def require_size(found_hw: tuple[int, int], size_hw: tuple[int, int] | None, *, name: str) -> None:
    """Check that a mask is as large as the video; `size_hw` None takes any.

    Raises:
        MaskError: It is not.
    """
    if size_hw is not None and found_hw != size_hw:
        raise MaskError(
            f"masks must be as large as the video, got {found_hw[1]}×{found_hw[0]} in {name} "
            f"for a video of {size_hw[1]}×{size_hw[0]}"
        )


def _one_channel(picture: Image.Image, path: str | Path) -> NDArray[Any]:
    values = np.asarray(picture)
    if picture.mode == "P" and (picture.getpalette() or [0, 0, 0])[:3] != [0, 0, 0]:
        raise MaskError(f"{path} must have black as color 0, the background, got another; save it as gray")
    if picture.mode in ("1", "L", "P"):
        return values
    if picture.mode.startswith("I"):  # 16 bits; older Pillows widen them to 32
        return values.astype(np.uint16)
    if picture.mode == "RGB" and (values[..., :1] == values[..., 1:]).all():
        return values[..., 0]
    raise MaskError(f"{path} must be gray or indexed, got {picture.mode}; save it as one channel")


def _write(path: str | Path, picture: Image.Image) -> None:
    try:
        picture.save(path, "PNG", compress_level=FAST_COMPRESSION)
    except OSError as error:
        raise OutputError(f"{path} must be writable, got: {error.strerror or error}") from None
