"""The stabilizer's own curves: one number per class and frame; old ones rest in a temporary file."""

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidlab.classes import class_name
from vidlab.metrics.columns import Column, Columns
from vidlab.metrics.summary import ClipSummary
from vidlab.temporal.protocol import StableFrame

STATE_NAMES = ("area_px", "threshold", "confidence", "miss_streak")


class StateCurves:
    """Area, threshold, confidence and miss streak of every class over a clip.

    Attributes:
        n_frames: Frames seen.
        cuts: Frames that start a new shot.
    """

    def __init__(self) -> None:
        self.n_frames = 0
        self.cuts: list[int] = []
        self._classes: dict[int, int] = {}  # in how many frames each was seen or remembered
        self._values = Columns()

    def update(self, stable: StableFrame, *, pts_s: float) -> None:
        """Take the result of the next frame."""
        if stable.is_cut and self.n_frames:
            self.cuts.append(self.n_frames)
        row = {"pts_s": pts_s}
        for class_id, state in zip(stable.class_ids, stable.states, strict=True):
            row |= {_column(name, class_id): getattr(state, name) for name in STATE_NAMES}
            self._classes[class_id] = self._classes.get(class_id, 0) + 1
        self._values.append(row)
        self.n_frames += 1

    @property
    def pts_s(self) -> NDArray[np.float64]:
        """Presentation time of each frame in seconds, float64 (T,)."""
        return self._values.of("pts_s")

    @property
    def class_ids(self) -> list[int]:
        """Classes seen so far, the one present in most frames first."""
        return sorted(self._classes, key=lambda class_id: (-self._classes[class_id], class_id))

    def of(self, name: str, class_id: int) -> NDArray[np.float64]:
        """Return one curve, float64 (T,); NaN in frames where the class is neither seen nor remembered."""
        return self._values.of(_column(name, class_id))

    def column(self, name: str, class_id: int) -> Column:
        """Return one curve to be read value by value, None where `of` has NaN."""
        return Column(self._values, _column(name, class_id))


def write_curves(
    path: Path,
    states: StateCurves,
    *,
    versions: dict[str, ClipSummary],
    class_names: Mapping[int, str] | None = None,
) -> None:
    """Write every curve as CSV: one row per frame, a column per version and metric, and per class and state.

    Empty cells are undefined values; nine digits are kept.
    """
    columns: dict[str, Iterable[float | None]] = {}
    for version, summary in versions.items():
        for metric, values in summary.curves:
            if any(value is not None for value in values):
                columns[f"{version}_{metric}"] = values
    for class_id in states.class_ids:
        for state in STATE_NAMES:
            columns[f"{class_name(class_id, class_names).replace(' ', '_')}_{state}"] = states.column(
                state, class_id
            )
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "pts_s", *columns])
        rows = zip(states.pts_s, *columns.values(), strict=True)  # read from disk as they are written
        writer.writerows([frame, *map(_text, row)] for frame, row in enumerate(rows))


def _column(name: str, class_id: int) -> str:
    return f"{name} of {class_id}"


def _text(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.9g}"
