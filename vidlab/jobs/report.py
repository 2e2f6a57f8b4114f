"""What `evaluate --out` writes: numbers, curves, plots, and pictures of the worst frames."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.jobs.clips import ClipPaths
from vidlab.jobs.record import describe_params, describe_run, write_json
from vidlab.jobs.worst import SHEET_WIDTH_PX, WorstFrame, draw_worst, find_worst
from vidlab.metrics.summary import ClipSummary
from vidlab.params import SourceParams
from vidlab.video import frame_name, write_image
from vidlab.viz.overlay import side_by_side
from vidlab.viz.plots import plot_marks, plot_versions
from vidlab.viz.show import montage
from vidlab.viz.wording import METRICS

if TYPE_CHECKING:
    from vidlab.jobs.evaluate import EvaluateResult

_PLOTTED = {  # file name: metric whose curve is drawn, axis, how it is read
    "j": ("j_mean", "J (0 to 1)", "higher is better"),
    "f": ("f_mean", "F (0 to 1)", "higher is better"),
    "f_2px": ("f_2px_mean", "F (0 to 1)", "higher is better"),
    "excess_flicker": ("excess_flicker", "share of the mask", "0 is as calm as the truth"),
    "flicker": ("flicker_mean", "share of the mask", "lower is calmer"),
    "jitter": ("jitter_median_px", "pixels", "lower is calmer"),
    "area": ("area_px_mean", "pixels", "what jumps and comes back is flicker"),
}
# fixed, because matplotlib's layout engines draw every plot twice to find them
_MARGINS = {"left": 0.1, "right": 0.985, "bottom": 0.155, "top": 0.8}


def write_report(
    folder: Path, result: "EvaluateResult", *, source: SourceParams, command: Sequence[str]
) -> None:
    """Write metrics.json, curves.csv, plots/, worst_frames.jpg and worst_frames/ into a folder that is there.

    Args:
        folder: Where to write.
        result: What was measured.
        source: How the video was read.
        command: Command line, for `metrics.json`.

    Raises:
        SourceError: Masks or video can no longer be read.
        OutputError: The disk refuses it.
    """
    versions = {"masks": result.summary}
    for name, summary in (("against", result.against_summary), ("truth", result.truth_summary)):
        if summary is not None:
            versions[name] = summary
    worst = find_worst(result.summary)
    paths = ClipPaths(result.masks, result.truth, result.video, result.against)
    _write_curves(folder / "curves.csv", versions)
    _write_plots(folder / "plots", versions, worst=worst)
    _write_pictures(folder, worst, paths=paths, source=source)
    run = describe_run(job="evaluate", command=command, class_ids=None)
    given = describe_params(source=source)
    write_json(folder / "metrics.json", {**run, **given, **_measured(result), "worst_frames": _listed(worst)})


def _measured(result: "EvaluateResult") -> dict[str, Any]:
    """Everything but the curves, which `curves.csv` holds."""
    content = result.to_json()
    for part in (content, content["truth_summary"], content["against_summary"]):
        if part is not None:
            del part["curves"]
    return content


def _listed(worst: Sequence[WorstFrame]) -> list[dict[str, Any]]:
    return [{"number": one.number, "frame": one.index, "reason": one.reason} for one in worst]


def _write_curves(path: Path, versions: Mapping[str, ClipSummary]) -> None:
    """One row per frame, one column per version and metric; empty cells are undefined values."""
    columns = {
        f"{version}_{name}": values
        for version, summary in versions.items()
        for name, values in summary.curves
        if any(value is not None for value in values)
    }
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", *columns])
        for frame, row in enumerate(zip(*columns.values(), strict=True)):
            writer.writerow([frame, *("" if value is None else f"{value:.9g}" for value in row)])


def _write_plots(folder: Path, versions: Mapping[str, ClipSummary], *, worst: Sequence[WorstFrame]) -> None:
    from matplotlib.figure import Figure  # half a second: only when something is drawn

    folder.mkdir()
    marks = {one.index: str(one.number) for one in worst}
    for name, (metric, ylabel, reading) in _PLOTTED.items():
        shown = METRICS[metric]
        curves = {version: getattr(summary.curves, shown.curve) for version, summary in versions.items()}
        if not shown.yardstick:
            curves.pop("truth", None)  # 1 in every frame
        if all(value is None for value in curves["masks"]):
            continue
        figure = Figure(figsize=(8, 3.2), dpi=120)
        figure.subplots_adjust(**_MARGINS)
        axes = figure.add_subplot()
        title = f"{shown.label[:1].upper()}{shown.label[1:]}: {reading}"
        plot_versions(axes, curves, ylabel=ylabel, title=title)
        plot_marks(axes, marks)
        figure.savefig(folder / f"{name}.png")


def _write_pictures(
    folder: Path, worst: Sequence[WorstFrame], *, paths: ClipPaths, source: SourceParams
) -> None:
    if not worst:
        return
    (folder / "worst_frames").mkdir()
    rows, captions = [], []
    for picture in draw_worst(worst, paths=paths, source=source):
        name = f"{picture.frame.number}_frame_{frame_name(picture.frame.index, suffix='.jpg')}"
        write_image(folder / "worst_frames" / name, side_by_side(picture.panels, captions=picture.captions))
        rows.append(picture.panels)
        captions.append(picture.captions)
    write_image(folder / "worst_frames.jpg", montage(rows, captions=captions, width_px=SHEET_WIDTH_PX))
