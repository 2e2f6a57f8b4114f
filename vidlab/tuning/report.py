"""The files of a tuning: best.json, front.csv, front.png, tuning.json."""

import csv
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vidlab.jobs.method_file import write_method
from vidlab.jobs.record import write_json
from vidlab.metrics.bootstrap import Interval
from vidlab.metrics.proxy import rank_correlation
from vidlab.tuning.held_out import Compared
from vidlab.tuning.picture import plot_front
from vidlab.tuning.search import Found, Trial
from vidlab.tuning.space import Point
from vidlab.tuning.tune import Tuned
from vidlab.tuning.wording import sentences

BEST, FRONT, PICTURE, RECORD = "best.json", "front.csv", "front.png", "tuning.json"
SIZE_IN, DPI = (7.0, 4.6), 150


def write_tuning(folder: Path, tuned: Tuned, *, description: dict[str, Any]) -> None:
    """Write everything into a folder.

    Args:
        folder: It must be there.
        tuned: What was found.
        description: What has to be known to repeat it.
    """
    words = sentences(tuned)
    write_method(folder / BEST, tuned.point.params, facts={"note": words})
    _write_front(folder / FRONT, tuned.found)
    _draw(folder / PICTURE, tuned)
    write_json(folder / RECORD, {**description, **to_json(tuned), "words": words})


def to_json(tuned: Tuned) -> dict[str, Any]:
    """Return what was found as JSON-ready values."""
    found = tuned.found
    return {
        "decided_by": tuned.by,
        "proxy_rank_correlation": asdict(rank_correlation()) if tuned.by == "proxy" else None,
        "searched": {method: [axis.name for axis in axes] for method, axes in tuned.space.items()},
        "chosen": _point(tuned.point),
        "better_than_defaults": tuned.point != found.base.point,
        "on_tuned": _compared(tuned.on_tuned),
        "held_out": _compared(tuned.held_out),
        "folds": {name: _point(point) for name, point in tuned.folds.items()},
        "hypervolume": found.hypervolume,
        "hypervolume_defaults": found.base_hypervolume,
        "defaults": found.base.number,
        "best": found.best.number,
        "knee": found.knee.number,
        "trials": [_trial(trial) for trial in found.trials],
    }


def _write_front(path: Path, found: Found) -> None:
    names = list(dict.fromkeys(name for trial in found.trials for name in trial.point.settings))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", "mark", "quality", "flicker", "score", "delay_frames", "method", *names])
        for trial in found.front:
            mean = trial.mean
            values = [trial.point.settings.get(name, "") for name in names]
            numbers = [f"{value:.6f}" for value in (mean.quality, mean.flicker, mean.score)]
            writer.writerow(
                [trial.number, _mark(trial, found), *numbers, trial.delay, trial.point.method, *values]
            )


def _mark(trial: Trial, found: Found) -> str:
    marks = {"knee": found.knee, "best": found.best, "defaults": found.base}
    return " ".join(name for name, marked in marks.items() if marked.number == trial.number)


def _draw(path: Path, tuned: Tuned) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # half a second: only when drawing
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_IN, layout="constrained")
    FigureCanvasAgg(figure)
    plot_front(figure.subplots(), tuned)
    figure.savefig(path, dpi=DPI)


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        **_point(trial.point),
        **trial.mean.to_json(),
        "delay_frames": trial.delay,
        "on_front": trial.on_front,
        "clips": {name: outcome.to_json() for name, outcome in trial.outcomes.items()},
    }


def _point(point: Point) -> dict[str, Any]:
    return {"method": point.method, "settings": dict(point.settings)}


def _compared(compared: Compared) -> dict[str, Any]:
    clips = {
        name: {"defaults": compared.base[name].to_json(), "chosen": compared.tuned[name].to_json()}
        for name in compared.base
    }
    drawn = {name: _interval(getattr(compared, name)) for name in ("quality", "flicker", "score")}
    return {"clips": clips, **drawn}


def _interval(interval: Interval) -> dict[str, float | int | None]:
    return {name: None if math.isnan(value) else value for name, value in asdict(interval).items()}
