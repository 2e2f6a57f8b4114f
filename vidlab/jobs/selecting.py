"""Which one of the objects of a clip is wanted: the largest, the longest seen, or the one at a place."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vidlab.errors import MaskError, ParameterError
from vidlab.jobs.reading import Reading
from vidlab.params import EvidenceParams
from vidlab.tracking import NOBODY, Tracker, ids_of
from vidlab.types import Instances

SYNTAX = "largest, longest or X,Y@T"
_PLACE = re.compile(r"(\d+),(\d+)@(\d+)")


@dataclass(frozen=True, slots=True)
class Selection:
    """How one object is chosen.

    Attributes:
        rule: `largest`: whose masks cover most, summed over the clip; `longest`: found in most frames;
            `place`: the one that covers a pixel.
        x: Column of the pixel, from 0; as y and index only where the rule is `place`.
        y: Row of the pixel, from 0.
        index: Frame, from 0.
    """

    rule: Literal["largest", "longest", "place"]
    x: int = 0
    y: int = 0
    index: int = 0

    @classmethod
    def parse(cls, text: str) -> "Selection":
        """Read `largest`, `longest` or `X,Y@T`: the object at pixel (X, Y) in frame T.

        Raises:
            ParameterError: It is none of them.

        >>> Selection.parse("320,240@12")
        Selection(rule='place', x=320, y=240, index=12)
        """
        if text in ("largest", "longest"):
            return cls("largest" if text == "largest" else "longest")
        place = _PLACE.fullmatch(text.replace(" ", ""))
        if place is None:
            raise ParameterError(
                f"select must be {SYNTAX}, such as 320,240@0 for the object at x 320, y 240 in frame 0, "
                f"got {text!r}"
            )
        x, y, index = (int(number) for number in place.groups())
        return cls("place", x, y, index)

    def __str__(self) -> str:
        return f"{self.x},{self.y}@{self.index}" if self.rule == "place" else self.rule


def find(selection: Selection, *, reading: Reading, associator: Tracker, evidence: EvidenceParams) -> int:
    """Find the track that is wanted in a pass over the clip that does nothing but tell who is who.

    Args:
        selection: How it is chosen.
        reading: The clip, wanted classes only.
        associator: As the run that follows begins; changed.
        evidence: Which detections count.

    Raises:
        ParameterError: It names a place outside the picture.
        MaskError: There are no instances, or no such object.
    """
    if reading.kind != "instances":
        raise MaskError(
            f"select {selection} must have instances to choose from, got masks that tell no objects apart"
        )
    tracked = (
        associator.step(frame.image, found) for frame, found in reading if isinstance(found, Instances)
    )
    return choose(selection, tracked, min_score=evidence.min_score, size_hw=reading.info.size_hw)


def choose(
    selection: Selection,
    tracked: Iterable[Instances],
    *,
    min_score: float,
    size_hw: tuple[int, int],
) -> int:
    """Return the track that is wanted.

    Args:
        selection: How it is chosen; a place is looked for no further than its frame.
        tracked: The detections of each frame, in order, with `track_ids`.
        min_score: Score from which detections count, [0, 1].
        size_hw: Height and width of the frames.

    Raises:
        ParameterError: The place is outside the picture.
        MaskError: There is no such object.
    """
    if selection.rule == "place":
        return _at_place(selection, tracked, size_hw=size_hw)
    frames: dict[int, int] = {}
    areas: dict[int, int] = {}
    for found in tracked:
        counted = found.where((found.scores >= min_score) & (ids_of(found) != NOBODY))
        for track_id in np.unique(ids_of(counted)).tolist():
            mask = counted.masks[ids_of(counted) == track_id].any(axis=0)
            frames[track_id] = frames.get(track_id, 0) + 1
            areas[track_id] = areas.get(track_id, 0) + int(np.count_nonzero(mask))
    if not frames:
        raise MaskError(f"select {selection.rule} must have objects to choose from, got none in any frame")
    first, second = (areas, frames) if selection.rule == "largest" else (frames, areas)
    return max(frames, key=lambda track_id: (first[track_id], second[track_id], -track_id))


def _at_place(selection: Selection, tracked: Iterable[Instances], *, size_hw: tuple[int, int]) -> int:
    height, width = size_hw
    if selection.x >= width or selection.y >= height:
        raise ParameterError(f"select must name a pixel of the {width}×{height} picture, got {selection}")
    n_frames = 0
    for n_frames, found in enumerate(tracked, start=1):
        if n_frames <= selection.index:
            continue
        here = found.masks[:, selection.y, selection.x] & (ids_of(found) != NOBODY)
        if not here.any():
            raise MaskError(
                f"select must name a place where an object is, got none at x {selection.x}, y {selection.y} "
                f"in frame {selection.index}"
            )
        return int(ids_of(found)[np.where(here, found.scores, -1).argmax()])
    raise MaskError(f"select must name a frame of the clip, got {selection} of {n_frames} frames")
