"""The stabilizer's own curves: one number per class and frame, kept compactly."""

import csv
import math
from array import array
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidlab.classes import class_name
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
        self.pts_s = array("d")
        self._values: dict[tuple[str, int], array[float]] = {}

    def update(self, stable: StableFrame, *, pts_s: float) -> None:
        """Take the result of the next frame."""
        if stable.is_cut and self.n_frames:
            self.cuts.append(self.n_frames)
        for class_id, state in zip(stable.class_ids, stable.states, strict=True):
            for name in STATE_NAMES:
                curve = self._values.setdefault((name, class_id), array("d"))
                curve.extend([math.nan] * (self.n_frames - len(curve)))
                curve.append(getattr(state, name))
        self.pts_s.append(pts_s)
        self.n_frames += 1

    @property
    def class_ids(self) -> list[int]:
        """Classes seen so far, the one present in most frames first."""
        seen = {class_id for _, class_id in self._values}
        return sorted(
            seen, key=lambda class_id: (-int(np.isfinite(self.of("area_px", class_id)).sum()), class_id)
        )

    def of(self, name: str, class_id: int) -> NDArray[np.float64]:
        """Return one curve, float64 (T,); NaN in frames where the class is neither seen nor remembered."""
        curve = np.full(self.n_frames, np.nan)
        known = self._values.get((name, class_id))
        if known:
            curve[: len(known)] = known
        return curve


def write_curves(path: Path, states: StateCurves, *, versions: dict[str, ClipSummary]) -> None:
    """Write every curve as CSV: one row per frame, a column per version and metric, and per class and state.

    Empty cells are undefined values; nine digits are kept.
    """
    columns: dict[str, list[float | None]] = {}
    for version, summary in versions.items():
        for metric, values in summary.curves:
            if any(value is not None for value in values):
                columns[f"{version}_{metric}"] = values
    for class_id in states.class_ids:
        for state in STATE_NAMES:
            columns[f"{class_name(class_id).replace(' ', '_')}_{state}"] = list(states.of(state, class_id))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", "pts_s", *columns])
        for frame, pts_s in enumerate(states.pts_s):
            row = (_text(values[frame]) for values in columns.values())
            writer.writerow([frame, _text(pts_s), *row])


def _text(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.9g}"
