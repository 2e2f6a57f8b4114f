"""COCO's run lengths: masks as short byte strings, encoded and decoded by pycocotools, checked here.

pycocotools trusts its input: counts that cover less than the picture give uninitialized memory. So every
string is unpacked and summed before it is decoded.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from vidlab.errors import MaskError, ShapeError
from vidlab.types import BoolMask

FIRST_CHARACTER = 48  # compressed counts are ASCII from '0' to 'o', six bits each
CONTINUES, SIGN, PAYLOAD_BITS = 0x20, 0x10, 5


def encode(masks: BoolMask) -> list[bytes]:
    """Compress masks, bool (N, H, W), to COCO's compressed counts, one byte string each.

    Raises:
        ShapeError: Another dtype or rank.

    >>> encode(np.array([[[False, True], [False, True]]]))
    [b'22']
    """
    if masks.dtype != np.bool_ or masks.ndim != 3:
        raise ShapeError(f"masks must be bool (N, H, W), got {masks.dtype.name} {masks.shape}")
    return [_encode_one(mask) for mask in masks]


def decode(counts: list[bytes], *, size_hw: tuple[int, int]) -> BoolMask:
    """Decompress COCO's compressed counts.

    Args:
        counts: One byte string per mask.
        size_hw: Height and width of all of them, in pixels.

    Returns:
        bool (N, H, W); no counts: N is 0.

    Raises:
        MaskError: Counts are damaged, or do not cover the picture exactly.

    >>> decode([b'22'], size_hw=(2, 2)).astype(int)
    array([[[0, 1],
            [0, 1]]])
    """
    masks = np.zeros((len(counts), *size_hw), np.bool_)
    for mask, one in zip(masks, counts, strict=True):
        require_cover(runs(one), size_hw=size_hw)
        rle = {"size": list(size_hw), "counts": one}
        x, y, width, height = (int(value) for value in coco.toBbox(rle))  # type: ignore[arg-type]
        box = np.s_[y : y + height, x : x + width]
        # pycocotools fills by columns: only the box is worth turning round.
        mask[box] = coco.decode(rle)[box]  # type: ignore[arg-type]
    return masks


def boxes(counts: list[bytes], *, size_hw: tuple[int, int]) -> NDArray[np.float64]:
    """Return the bounding boxes of compressed masks, float64 (N, 4): x, y, width, height, in pixels."""
    rles = [{"size": list(size_hw), "counts": one} for one in counts]
    return np.asarray(coco.toBbox(rles), np.float64).reshape(-1, 4)  # type: ignore[arg-type]


def from_runs(run_lengths: list[int], *, size_hw: tuple[int, int]) -> bytes:
    """Compress plain run lengths, column by column, background first.

    Raises:
        MaskError: They do not cover the picture exactly.

    >>> from_runs([2, 2], size_hw=(2, 2))
    b'22'
    """
    require_cover(np.array(run_lengths, object), size_hw=size_hw)
    packed = coco.frPyObjects({"size": list(size_hw), "counts": run_lengths}, *size_hw)  # type: ignore[call-overload]
    return _bytes(packed["counts"])


def from_polygons(polygons: list[list[float]], *, size_hw: tuple[int, int]) -> bytes:
    """Compress the union of polygons, each x0, y0, x1, y1, … in pixels; none gives an empty mask."""
    if not polygons:
        return _encode_one(np.zeros(size_hw, np.bool_))
    merged = coco.merge(coco.frPyObjects(polygons, *size_hw))  # type: ignore[arg-type]
    return _bytes(merged["counts"])


def runs(counts: bytes) -> NDArray[np.int64]:
    """Unpack compressed counts to run lengths, int64, column by column, background first.

    Raises:
        MaskError: Characters that compressed counts do not have, or the last number is cut off.

    >>> runs(b'22').tolist()
    [2, 2]
    """
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - FIRST_CHARACTER
    if not codes.size or codes.min() < 0 or codes.max() > 63 or codes[-1] & CONTINUES:
        raise MaskError("compressed counts must be complete, got a damaged text")
    ends = np.flatnonzero((codes & CONTINUES) == 0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > 7:  # 35 bits: more than any picture, and nearly more than int64 holds
        raise MaskError("compressed counts must be complete, got a number too long for any picture")
    place = np.arange(codes.size) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((codes & 0x1F) << (PAYLOAD_BITS * place), starts)
    numbers -= np.where(codes[ends] & SIGN, np.int64(1) << (PAYLOAD_BITS * lengths), 0)
    # From the fourth on, each is the difference to the one two before.
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def require_cover(run_lengths: NDArray[np.int64] | NDArray[np.object_], *, size_hw: tuple[int, int]) -> None:
    """Check that run lengths are not negative and cover a picture exactly.

    Raises:
        MaskError: They do not.
    """
    wanted = size_hw[0] * size_hw[1]
    total = int(run_lengths.sum())
    if total != wanted or (run_lengths < 0).any():
        raise MaskError(f"run lengths must be 0 or more and add up to {wanted} pixels, got {total}")


def _encode_one(mask: BoolMask) -> bytes:
    # pycocotools wants columns; OpenCV turns a picture round faster than NumPy copies it.
    columns = np.asarray(cv2.transpose(np.ascontiguousarray(mask).view(np.uint8)), np.uint8).T
    return _bytes(coco.encode(columns)["counts"])


def _bytes(counts: str | bytes) -> bytes:
    return counts.encode("ascii") if isinstance(counts, str) else counts
