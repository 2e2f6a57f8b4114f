"""How fast one network can go, and what each trick costs: speed against agreement with plain fp32, batch 1.

    python benchmarks/networks.py                              the demo network on drawn scenes
    python benchmarks/networks.py --device cuda --model deeplabv3_resnet50 --size 480 854
    python benchmarks/networks.py --quick                      few frames and rounds, no compiling: a look
    python benchmarks/networks.py --json runs/networks.json    the figures in a file, too

Every form runs on the same frames in interleaved rounds; "buys" is the median over the rounds of the ratio
to "as is" in the same round: of the network alone, and from a picture in memory to masks at its size. IoU is
that of all masks together (detections from --min-score on) with those of the plain network; of weights that
are random no mask means anything, and the share of pixels with the same class is what there is to compare.
The demo network's own weights are real; only there the masks are also compared with the true ones. ONNX files
run on CUDA where onnxruntime-gpu is installed. benchmarks/models.py compares networks with each other.
"""

import argparse
import json
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from vidlab.jobs.story import hardware
from vidlab.models import create_for_timing, resolve_device
from vidlab.params import EvidenceParams, NetworkParams
from vidlab.pipeline.faster import FORMS
from vidlab.pipeline.faster_timing import HEADER, Faster, faster_rows, gain, measure_forms
from vidlab.synthetic import iter_scene, random_scene
from vidlab.types import Frame

FIRST_SEED = 8_000_000  # beyond every seed of scripts/train_demo.py
SCENE_FRAMES, N_OBJECTS = 4, 2
DEMO = "maskrcnn_demo"


def main() -> None:
    """Measure, and print a table."""
    args = parse()
    device = resolve_device(args.device)
    logging.disable(logging.WARNING)  # the table says itself which weights are random
    options = NetworkParams(input_short_px=args.input_short)
    network = create_for_timing(args.model, weights=args.weights, device=device, options=options)
    n_frames, rounds = (4, 2) if args.quick else (args.frames, args.rounds)
    scenes = draw(FIRST_SEED, size_hw=tuple(args.size), n_frames=n_frames)
    calibration = draw(FIRST_SEED + 1000, size_hw=tuple(args.size), n_frames=4 if args.quick else 16)
    results = measure_forms(
        network,
        [frame.image for frame, _ in scenes],
        calibration=[frame.image for frame, _ in calibration],
        truth=[objects for _, objects in scenes] if args.model == DEMO and args.weights is None else None,
        evidence=EvidenceParams(min_score=args.min_score),
        rounds=rounds,
        forms=[form for form in FORMS if not (args.quick and form.compiled)],
    )
    said = (
        f"{args.model}, weights {network.weights}; {args.size[1]}×{args.size[0]}, {n_frames} frames, "
        f"{rounds} interleaved rounds; {hardware(device=device)}, {torch.get_num_threads()} threads of "
        f"{os.cpu_count()} cores, torch {torch.__version__}"
    )
    show(results, title=said)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(figures(results, args, said), indent=2, ensure_ascii=False) + "\n")
        print(f"figures  {args.json}")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=DEMO, help="name in vidlab.models.MODELS (default %(default)s)")
    parser.add_argument("--weights", help="file, or random; without it its own if they are here, else random")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", type=int, nargs=2, default=(240, 426), metavar=("H", "W"), help="pixels")
    parser.add_argument("--input-short", type=int, default=0, help="shorter side of the network's input, px")
    parser.add_argument(
        "--min-score", type=float, default=0.7, help="of what counts as a mask: no false alarms"
    )
    parser.add_argument("--frames", type=int, default=16, help="in each round")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds")
    parser.add_argument("--quick", action="store_true", help="few frames and rounds, no compiling: a look")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def draw(first_seed: int, *, size_hw: tuple[int, ...], n_frames: int) -> list[tuple[Frame, Any]]:
    """Draw frames of several scenes, each with the objects that it shows."""
    height, width = size_hw
    drawn = []
    for start in range(0, n_frames, SCENE_FRAMES):
        scene = random_scene(
            first_seed + start,
            size_hw=(height, width),
            n_frames=min(SCENE_FRAMES, n_frames - start),
            n_objects=N_OBJECTS,
            occlusion=0,
        )
        drawn += [
            (Frame(frame.image, index, float(index)), frame.instances)
            for index, frame in enumerate(iter_scene(scene))
        ]
    return drawn


def show(results: list[Faster], *, title: str) -> None:
    """Print the table."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for place, name in enumerate(HEADER):
        table.add_column(name, justify="right" if place else "left")
    for row in faster_rows(results):
        table.add_row(*row)
    Console(width=190).print(table)


def figures(results: list[Faster], args: argparse.Namespace, said: str) -> dict[str, Any]:
    """Return everything measured, for a file."""
    base = results[0]
    forms = {
        one.name: {
            **asdict(one),
            "buys_alone": None if one.skipped else gain(base.alone_ms, one.alone_ms),
            "buys_whole": None if one.skipped else gain(base.whole_ms, one.whole_ms),
        }
        for one in results
    }
    return {"said": said, "model": args.model, "size_hw": list(args.size), "forms": forms}


if __name__ == "__main__":
    main()
