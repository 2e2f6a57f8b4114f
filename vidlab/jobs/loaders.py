"""Measure loaders over a folder of videos: the grid, its table and plot, and what to take."""

import csv
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from vidlab.jobs.output import optional_result_folder, worded
from vidlab.jobs.progress import Progress, silent
from vidlab.params import ClipParams, LoaderGridParams
from vidlab.params.decoding import DecodingParams
from vidlab.pipeline.loader_advice import Advice, recommend, words
from vidlab.pipeline.loader_grid import measure_grid, read_through, settings_of
from vidlab.pipeline.loader_result import LoaderMeasurement
from vidlab.pipeline.torch_loader import StartMethod, cuda_is_here
from vidlab.profiling import available_cores
from vidlab.video.clip_backends import opener
from vidlab.video.dataset import ClipDataset, open_clips
from vidlab.video.ucf101 import Catalog, Part, find_splits, list_folder, read_split
from vidlab.viz.loading import LOADER_HEADER, loader_rows, plot_queue, plot_workers

CLIP_READER = "pyav"  # which has a reader of its own for clips, that keeps files open and seeks
INDEX_FOLDER = Path("runs") / "clip_index"


@dataclass(frozen=True, slots=True)
class LoadersResult:
    """What was measured.

    Attributes:
        n_clips: Clips of the folder.
        n_videos: Videos that give clips.
        n_bytes: Size of their files.
        measurements: One for each setting, in the order of the grid.
        advice: What to take.
        faults: What is wrong with each video that was left out.
    """

    n_clips: int
    n_videos: int
    n_bytes: int
    measurements: tuple[LoaderMeasurement, ...]
    advice: Advice
    faults: dict[Path, str]


def open_folder(
    folder: Path,
    *,
    clips: ClipParams,
    part: Part | None = None,
    fold: int = 1,
    splits: Path | None = None,
    decoding: DecodingParams | None = None,
    progress: Progress = silent,
) -> ClipDataset:
    """Open the clips of a folder of videos; their frames are counted once and remembered in `runs/`.

    Args:
        folder: Videos, or class folders of videos.
        clips: How clips are cut.
        part: Only the videos of this part of an official split.
        fold: Which split.
        splits: Folder with the lists of the split; None looks in and beside `folder`.
        decoding: Library that decodes; None, and PyAV, read by a reader made for clips.
        progress: Called with the number of videos counted and their total.

    Raises:
        SourceError: There are no clips.
    """
    catalog = read_catalog(folder, part=part, fold=fold, splits=splits)
    reader = None
    if decoding is not None and decoding.backend != CLIP_READER:
        reader = opener(decoding, sample=catalog.videos[0].path)
    return open_clips(
        catalog,
        clips=clips,
        layout="thwc",
        cache=index_file(folder),
        open_reader=reader,
        progress=progress,
    )


def measure_loaders(
    dataset: ClipDataset,
    *,
    grid: LoaderGridParams,
    start_method: StartMethod,
    timeout_s: float,
    out: Path | None = None,
    force: bool = False,
    progress: Progress = silent,
    command: Sequence[str] = (),
) -> LoadersResult:
    """Measure every setting of a grid on clips.

    Args:
        dataset: The clips.
        grid: Which settings, and how long.
        start_method: How workers start.
        timeout_s: Time after which a silent worker counts as hung.
        out: Folder for `loaders.csv`, `loaders.json` and `loaders.png`; None writes nothing.
        force: Replace a non-empty `out`.
        progress: Called with the number of runs done and their total.
        command: Recorded in `loaders.json`.

    Raises:
        SourceError: No clip can be read.
        OutputError: The result cannot be written.
        MissingExtraError: torch is not installed.
    """
    settings = settings_of(grid, cuda=cuda_is_here())
    paths = [video.path for video in dataset.videos]
    with optional_result_folder(out, force=force, inputs=paths) as partial:
        n_bytes = read_through(paths)
        measurements = measure_grid(
            dataset,
            settings,
            clip_frames=dataset.clips.clip_frames,
            measured_batches=grid.measured_batches,
            rounds=grid.rounds,
            start_method=start_method,
            timeout_s=timeout_s,
            progress=progress,
        )
        advice = recommend(measurements, within=grid.within, n_cores=available_cores())
        result = LoadersResult(len(dataset), len(paths), n_bytes, tuple(measurements), advice, dataset.faults)
        if partial is not None and out is not None:
            with worded(out):
                _write(partial, result, clips=dataset.clips, grid=grid, command=command)
    return result


def read_catalog(folder: Path, *, part: Part | None, fold: int, splits: Path | None) -> Catalog:
    """List the videos of a folder, or those of one part of an official split of it.

    Raises:
        SourceError: There are none, or no lists of a split where one is asked for.
    """
    if part is None:
        return list_folder(folder)
    lists = splits or find_splits(folder) or folder / "ucfTrainTestlist"
    return read_split(folder, lists, part=part, fold=fold)


def index_file(folder: Path) -> Path:
    """Return where the frame counts of a folder's videos are remembered: in `runs/`."""
    real = folder.resolve()
    return INDEX_FOLDER / f"{real.name}-{sha256(str(real).encode()).hexdigest()[:8]}.json"


def queue_error(measurements: Sequence[LoaderMeasurement]) -> float | None:
    """Return the largest relative error of the predicted memory of a queue, None where there is no queue."""
    errors = [
        abs(each.measured.shared + each.measured.pinned - total) / total
        for each in measurements
        if each.measured is not None and (total := each.predicted.shared + each.predicted.pinned)
    ]
    return max(errors, default=None)


def draw_loaders(figure: Any, measurements: Sequence[LoaderMeasurement], *, advice: Advice) -> None:
    """Draw throughput and memory side by side into a matplotlib figure."""
    left, right = figure.subplots(1, 2)
    chosen = advice.chosen
    title = f"Enough here: {words(chosen.setting)},\n{chosen.clips_per_s:.1f} clips/s"
    plot_workers(left, measurements, title=title)
    error = queue_error(measurements)
    finding = "no queue" if error is None else f"predicted within {100 * error:.1f} %"
    plot_queue(right, measurements, title=f"Memory of the full queue: {finding}")


def _write(
    folder: Path,
    result: LoadersResult,
    *,
    clips: ClipParams,
    grid: LoaderGridParams,
    command: Sequence[str],
) -> None:
    from matplotlib.figure import Figure

    with (folder / "loaders.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([LOADER_HEADER, *loader_rows(result.measurements)])
    stored = {
        "command": list(command),
        "clips": clips.model_dump(),
        "grid": grid.model_dump(),
        "n_cores": available_cores(),
        "n_clips": result.n_clips,
        "n_videos": result.n_videos,
        "video_bytes": result.n_bytes,
        "advice": list(result.advice.sentences),
        "left_out": list(result.faults.values()),
        "measurements": [dataclasses.asdict(each) for each in result.measurements],
    }
    (folder / "loaders.json").write_text(json.dumps(stored, indent=2) + "\n", "utf-8")
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    draw_loaders(figure, result.measurements, advice=result.advice)
    figure.savefig(folder / "loaders.png", dpi=100)
