"""CPU or GPU preprocessing, and what each trick buys for the network: tables, medians of interleaved rounds.

    python benchmarks/preprocess.py [--video FILE] [--device auto] [--rounds 5] [--compile yes] [--json OUT]

First the three ways of preparing frames (`vidlab.pipeline.preprocess`): milliseconds per frame, synchronized,
and what a clock shows that does not wait for the device; what each writes and sends to the device; how far
its result is from that of `device`, in levels of 0..255. Then the variants of the network, model only and end
to end. What needs a GPU says that it was skipped where there is none. Weights are random unless torch's cache
holds the network's own: the label is in the output.
"""

import argparse
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vidlab.jobs.story import hardware
from vidlab.models import resolve_device
from vidlab.params import DEFAULT_NETWORK, PreprocessParams
from vidlab.pipeline import variants, ways
from vidlab.pipeline.networks import timed_network
from vidlab.pipeline.preprocess import TOLERANCE_LEVELS
from vidlab.video import PyavReader

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "video.mp4"
BATCHES = (1, 8)


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose first column is text."""
    table = Table(title=title)
    for place, name in enumerate(header):
        table.add_column(name, justify="right" if place else "left", overflow="fold")
    for cells in rows:
        table.add_row(*cells)
    Console(width=150).print(table)


def say_whether_equal(results: Sequence[ways.WayResult], *, resampling: str) -> None:
    """Hold the ways to the stated tolerance."""
    apart = sorted({one.way for one in results if one.off_by[1] > TOLERANCE_LEVELS})
    words = f"NOT held by {', '.join(apart)}" if apart else "held"
    if apart == ["opencv"] and resampling == "antialias":
        words += ": it has no triangle filter, and a box stands in"
    print(f"{resampling}: equal within {TOLERANCE_LEVELS} levels: {words}\n")


def main() -> None:
    """Measure, print, and write the figures if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--video", type=Path, default=SAMPLE)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=16, help="frames of each end-to-end run")
    parser.add_argument(
        "--compile", choices=("yes", "no"), default="yes", help="torch.compile, a minute more"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    device, params = resolve_device(options.device), PreprocessParams()
    network = timed_network(DEFAULT_NETWORK, device=device)
    source = PyavReader(options.video)
    size = "×".join(str(side) for side in reversed(source.info.size_hw))
    print(f"{hardware(device=device)}; {options.video.name}, {size} → {params.width}×{params.height}")
    if device == "cpu":
        print("CUDA: not measured, torch sees no GPU; `device` runs its operations on the CPU\n")
    content: dict[str, Any] = {"hardware": hardware(device=device)}
    for resampling in ("bilinear", "antialias"):
        chosen = params.model_copy(update={"resampling": resampling})
        results = []
        for batch in BATCHES:
            images = [frame.image for frame in islice(source, batch)]
            results += ways.compare_ways(
                images,
                params=chosen,
                mean=network.mean,
                std=network.std,
                device=device,
                rounds=options.rounds,
            )
        show(f"preprocessing to {device}, {resampling}, per frame", ways.HEADER, ways.way_rows(results))
        say_whether_equal(results, resampling=resampling)
        content[resampling] = [dict(zip(ways.HEADER, row, strict=True)) for row in ways.way_rows(results)]
    bought = variants.measure_variants(
        source,
        network,
        variants=[one for one in variants.VARIANTS if options.compile == "yes" or not one.compiled],
        size_hw=params.size_hw,
        resampling=params.resampling,
        n_frames=options.frames,
        rounds=options.rounds,
    )
    title = f"{network.name}, weights {network.weights}, {params.width}×{params.height}, {device}"
    show(title, variants.HEADER, variants.variant_rows(bought))
    content["variants"] = {
        one.variant.name: {"model_ms": one.model_ms, "end_ms": one.end_ms, "skipped": one.skipped}
        for one in bought
    }
    if options.json:
        options.json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
