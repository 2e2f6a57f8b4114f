"""What a stabilizing job made, and how it is read back from its folder."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidlab.jobs.resume import is_same
from vidlab.metrics.comparison import Comparison
from vidlab.metrics.curves import Curves
from vidlab.metrics.summary import ClipSummary


@dataclass(frozen=True, slots=True)
class StabilizeResult:
    """What a stabilizing job made.

    Attributes:
        folder: The result folder; its files are described in the README.
        n_frames: Frames that were stabilized.
        n_keyframes: Those among them that the network saw, or whose masks were used; None where all were.
        losses: What the source could not give.
        raw: Metrics before.
        stable: Metrics after.
        truth: What the truth itself measures, None without it.
        change: Raw against stable.
    """

    folder: Path
    n_frames: int
    n_keyframes: int | None
    losses: tuple[str, ...]
    raw: ClipSummary
    stable: ClipSummary
    truth: ClipSummary | None
    change: Comparison


def holds_result(folder: Path, description: dict[str, Any]) -> bool:
    """Say whether a folder holds the whole result of a job, whatever words of the command it was given by."""
    try:
        described = json.loads((folder / "params.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(described, dict) and is_same(described, description)


def finished_result(folder: Path) -> StabilizeResult:
    """Read a result; its curves have the nine digits of `curves.csv`, and those of the truth are empty."""
    metrics = json.loads((folder / "metrics.json").read_bytes())
    with (folder / "curves.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    truth = metrics["truth"]
    return StabilizeResult(
        folder=folder,
        n_frames=metrics["n_frames"],
        n_keyframes=metrics["n_keyframes"],
        losses=tuple(metrics["losses"]),
        raw=_summary(metrics["raw"], "raw", rows),
        stable=_summary(metrics["stable"], "stable", rows),
        truth=None if truth is None else _summary(truth, "truth", []),
        change=Comparison.model_validate(metrics["improvement"]),
    )


def _summary(means: dict[str, Any], version: str, rows: list[dict[str, str]]) -> ClipSummary:
    curves = {
        name: [float(text) if (text := row.get(f"{version}_{name}")) else None for row in rows]
        for name in Curves.model_fields
    }
    return ClipSummary.model_validate({**means, "curves": curves})
