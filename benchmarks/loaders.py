"""How many workers should load clips here, and where does "60 times faster" come from?

    python benchmarks/loaders.py [FOLDER] [--workers 0,1,2,4] [--rounds 3] [--json OUT]

Measures the grid of `vidlab loaders` on a folder of videos (class folders or flat), or on drawn films where
none is given, in interleaved rounds with the files in memory; then the step from no workers to `--claim`
workers, honestly and in the ways that are seen in the wild. Ratios hold on the machine of the run alone.
Limit owed: the memory of the full prefetch queue within 5 % of the prediction.
"""

import argparse
import json
import platform
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

from vidlab.cli.progress import progress_bar
from vidlab.cli.tables import print_lines, print_table
from vidlab.jobs.class_films import draw_films
from vidlab.jobs.loaders import LoadersResult, measure_loaders, open_folder, queue_error
from vidlab.params import ClipParams, LoaderGridParams, LoaderParams
from vidlab.pipeline.loader_mistakes import Mistake, measure_mistakes
from vidlab.profiling import available_cores
from vidlab.video.dataset import ClipDataset
from vidlab.viz.loading import LOADER_HEADER, MISTAKE_HEADER, loader_rows, mistake_rows

FILMS = Path("runs/benchmark_films")
CLASSES = ("dog", "person", "car", "bird")
MAX_QUEUE_ERROR = 0.05


def main() -> int:
    """Measure, print, and return 1 if the prediction of the memory missed its limit."""
    args = parse()
    clips = ClipParams(clip_frames=args.frames, clip_stride=1, clip_step=4)
    grid = LoaderGridParams(
        workers=args.workers, prefetch=args.prefetch, batch_sizes=str(args.batch), rounds=args.rounds
    )
    if args.folder is None:
        draw_films(FILMS, classes=CLASSES, per_class=3, n_frames=64, size_hw=(240, 320), seed=1)
    dataset = open_folder(args.folder or FILMS, clips=clips)
    how = LoaderParams()
    with progress_bar("loading", unit="runs") as progress:
        result = measure_loaders(
            dataset, grid=grid, start_method=how.start_method, timeout_s=how.timeout_s, progress=progress
        )
    mistakes = claim(
        dataset,
        workers=args.claim,
        batch_size=args.batch,
        n_batches=grid.measured_batches,
        rounds=grid.rounds,
    )
    show(result, mistakes, workers=args.claim)
    if args.json:
        stored = {
            "machine": platform.processor() or platform.machine(),
            "cores": available_cores(),
            "measurements": [asdict(each) for each in result.measurements],
            "mistakes": [asdict(each) | {"ratio": each.ratio} for each in mistakes],
        }
        args.json.write_text(json.dumps(stored, indent=2) + "\n", "utf-8")
    return int((queue_error(result.measurements) or 0.0) > MAX_QUEUE_ERROR)


def claim(
    dataset: ClipDataset, *, workers: int, batch_size: int, n_batches: int, rounds: int
) -> list[Mistake]:
    """Measure the step from no workers to some in every way."""
    how = LoaderParams()
    return measure_mistakes(
        dataset,
        workers=workers,
        batch_size=batch_size,
        prefetch_factor=how.prefetch_factor,
        n_batches=n_batches,
        rounds=rounds,
        start_method=how.start_method,
        timeout_s=how.timeout_s,
        paths=[video.path for video in dataset.videos],
    )


def show(result: LoadersResult, mistakes: list[Mistake], *, workers: int) -> None:
    """Print the tables."""
    title = f"{result.n_clips} clips of {result.n_videos} videos, {available_cores():g} cores"
    table = partial(print_table, right=range(1, len(LOADER_HEADER)))
    table(LOADER_HEADER, loader_rows(result.measurements), title=title)
    print_lines("on this machine", result.advice.sentences)
    print_table(
        MISTAKE_HEADER, mistake_rows(mistakes), title=f"0 to {workers} workers, ms per batch", right=(1, 2, 3)
    )
    error = queue_error(result.measurements)
    if error is not None:
        print(f"memory of the queue predicted within {100 * error:.1f} % (limit {100 * MAX_QUEUE_ERROR:g} %)")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="videos; default: films drawn into runs/")
    parser.add_argument("--workers", default="0,1,2,4")
    parser.add_argument("--prefetch", default="2")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--claim", type=int, default=4, help="workers of the claim (default 4)")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
