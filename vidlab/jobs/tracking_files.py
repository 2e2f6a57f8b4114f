"""Identities in and out of files: MOTChallenge's text, and what a truth with identities says of each frame.

A line of MOTChallenge's text is `frame,id,x,y,w,h,score,-1,-1,-1`; all of these count from 1.
Of a truth the seventh number says whether the line counts (0: not), as in MOTChallenge's `gt.txt`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import MaskError
from vidlab.masks.coco import CocoMasks
from vidlab.metrics.tracking import box_iou, mask_iou
from vidlab.tracking import ids_of
from vidlab.tracking.boxes import box_of
from vidlab.types import BoolMask, Instances

Ids = NDArray[np.int64]
Table = NDArray[np.float64]

N_BOX_FIELDS = 6  # frame, identity, x, y, width, height


class IdentityTruth(Protocol):
    """Who is truly where, frame by frame."""

    def compared(self, tracked: Instances) -> tuple[Table, Ids]:
        """Return the overlap of the next frame's objects with tracked instances, and who the objects are.

        Args:
            tracked: One instance for each identity.

        Returns:
            float64 (N, M), IoU, and int64 (N,).
        """

    @property
    def last_index(self) -> int:
        """The last frame with an object; −1 if there is none."""


class BoxTruth:
    """Boxes of MOTChallenge's text; a mask is compared by the box around it."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            MaskError: It is missing, or a line is of another form; names file and line.
        """
        self._by_frame: dict[int, list[tuple[int, NDArray[np.float64]]]] = {}
        self._index = 0
        for where, index, track_id, box in _read_boxes(path):
            there = self._by_frame.setdefault(index, [])
            if any(other == track_id for other, _ in there):
                raise MaskError(f"{where}: an identity must be in a frame once, got {track_id} again")
            there.append((track_id, box))

    @property
    def last_index(self) -> int:
        """See `IdentityTruth`."""
        return max(self._by_frame, default=-1)

    def compared(self, tracked: Instances) -> tuple[Table, Ids]:
        """See `IdentityTruth`."""
        there = self._by_frame.get(self._index, [])
        self._index += 1
        ids = np.array([track_id for track_id, _ in there], np.int64)
        boxes = np.array([box for _, box in there], np.float64).reshape(-1, 4)
        return box_iou(boxes, boxes_of(tracked.masks)), ids


class MaskTruth:
    """Masks of a COCO file with identities; masks are compared with masks."""

    def __init__(self, path: Path, *, size_hw: tuple[int, int]) -> None:
        """Open the file.

        Raises:
            MaskError: It is damaged, of another size, or without `track_id`.
        """
        self._masks = CocoMasks(path, size_hw=size_hw)
        self._path, self._size_hw, self._frames = path, size_hw, iter(self._masks)
        for found in self._masks:
            if len(found) and found.track_ids is None:
                raise MaskError(f"{path} must name a track_id for every object to be the truth, got none")
            break

    @property
    def last_index(self) -> int:
        """See `IdentityTruth`."""
        return self._masks.last_index

    def compared(self, tracked: Instances) -> tuple[Table, Ids]:
        """See `IdentityTruth`.

        Raises:
            MaskError: An identity is in the frame twice, or there is none.
        """
        found = next(self._frames, None) or Instances.empty(self._size_hw)
        ids = np.zeros(0, np.int64) if not len(found) else found.track_ids
        if ids is None:
            raise MaskError(f"{self._path} must name a track_id for every object to be the truth, got none")
        if len(np.unique(ids)) < len(ids):
            raise MaskError(f"{self._path}: an identity must be in a frame once, got {sorted(ids.tolist())}")
        return mask_iou(found.masks, tracked.masks), ids


def open_identity_truth(path: Path, *, size_hw: tuple[int, int]) -> IdentityTruth:
    """Open a truth with identities: MOTChallenge's text (.txt), or COCO with `track_id` (.json).

    Raises:
        MaskError: It is neither, or cannot be used.
    """
    suffix = path.suffix.lower()
    if suffix not in (".txt", ".json"):
        raise MaskError(f"a truth with identities must be MOTChallenge's .txt or COCO's .json, got {path}")
    return BoxTruth(path) if suffix == ".txt" else MaskTruth(path, size_hw=size_hw)


def boxes_of(masks: BoolMask) -> Table:
    """Return the boxes around masks, bool (N, H, W), as float64 (N, 4)."""
    return np.array([box_of(mask) for mask in masks], np.float64).reshape(-1, 4)


def write_mot(tracked: Instances, *, index: int, to: TextIO) -> None:
    """Write one frame's identities as lines of MOTChallenge's text.

    Args:
        tracked: One instance for each identity.
        index: Frame, from 0.
        to: An open file.
    """
    rows = zip(
        ids_of(tracked).tolist(), boxes_of(tracked.masks).tolist(), tracked.scores.tolist(), strict=True
    )
    for track_id, (x0, y0, x1, y1), score in rows:
        to.write(
            f"{index + 1},{track_id},{x0 + 1:g},{y0 + 1:g},{x1 - x0:g},{y1 - y0:g},{score:.6g},-1,-1,-1\n"
        )


def _read_boxes(path: Path) -> Iterator[tuple[str, int, int, NDArray[np.float64]]]:
    """Yield place, frame, identity and box of every line that counts."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise MaskError(f"{path} must be MOTChallenge's text, got: {reason}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            values = [float(field) for field in line.split(",")]
            numbers = np.array(values[:N_BOX_FIELDS])
            frame, track_id = int(values[0]), int(values[1])
        except (ValueError, IndexError, OverflowError):
            numbers, values, frame, track_id = np.zeros(0), [], 0, 0
        if len(numbers) < N_BOX_FIELDS or not np.isfinite(numbers).all() or frame < 1 or min(numbers[4:]) < 0:
            raise MaskError(f"{where}: must be frame,id,x,y,w,h,… with frames from 1, got {line[:60]!r}")
        if len(values) == N_BOX_FIELDS or values[N_BOX_FIELDS] != 0:
            x, y = numbers[2:4] - 1
            yield where, frame - 1, track_id, np.array([x, y, x + numbers[4], y + numbers[5]])
