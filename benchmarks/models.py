"""How many frames per second each network sees, and how often faster than the reference that is.

    python benchmarks/models.py --device cpu --size 270 480 --batch 1 4
    python benchmarks/models.py --device cuda --size 1080 1920 --batch 1 4 16

Weights are random for all, so that nothing is downloaded: speed does not depend on them, except that a
detector with more to report pastes more masks (which is why the demo network is measured with its own
weights as well).
"""

import argparse
import json
import logging
import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray

from vidlab.errors import VidlabError
from vidlab.jobs.story import hardware
from vidlab.models import MODELS, Segmenter, create, resolve_device
from vidlab.synthetic import iter_scene, random_scene

SCENE_SEED = 11


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", type=int, nargs=2, default=(270, 480), metavar=("H", "W"), help="pixels")
    parser.add_argument("--batch", type=int, nargs="+", default=[1], help="frames per call, each in turn")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds; the median counts")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    logging.disable(logging.WARNING)  # the table says itself which weights are random
    device = resolve_device(args.device)
    networks = load(device)
    height, width = args.size
    print(
        f"{width}×{height}, {args.rounds} interleaved rounds, {hardware(device=device)}, "
        f"{torch.get_num_threads()} threads of {os.cpu_count()} cores, "
        f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    )
    images = scene((height, width), n_frames=max(args.batch))
    frames_per_s: dict[int, dict[str, list[float]]] = {}
    for batch in args.batch:
        frames_per_s[batch] = measure(networks, images[:batch], device=device, rounds=args.rounds)
        print_table(batch, frames_per_s, networks)
    if args.json:
        figures = {"hardware": hardware(device=device), "size_hw": args.size, "frames_per_s": frames_per_s}
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


def scene(size_hw: tuple[int, int], *, n_frames: int) -> list[NDArray[np.uint8]]:
    """Draw the pictures that every network gets."""
    spec = random_scene(SCENE_SEED, size_hw=size_hw, n_frames=n_frames, n_objects=4)
    return [frame.image for frame in iter_scene(spec)]


def load(device: str) -> dict[str, Segmenter]:
    """Build every network with random weights, and the demo network with its own as well."""
    networks = {
        f"{name} (random)": create(name, weights="random", device=device, score_floor=0.05)
        for name, spec in MODELS.items()
        if spec.origin is not None  # the others are what their file makes them
    }
    try:
        networks["maskrcnn_demo"] = create("maskrcnn_demo", weights=None, device=device, score_floor=0.05)
    except VidlabError as error:
        print(f"left out: maskrcnn_demo with its own weights: {error}")
    return networks


def measure(
    networks: dict[str, Segmenter], images: list[NDArray[np.uint8]], *, device: str, rounds: int
) -> dict[str, list[float]]:
    """Return the frames per second of each round, the first of them, the warm-up, left out."""
    rates: dict[str, list[float]] = {label: [] for label in networks}
    for _ in range(rounds + 1):
        for label, network in networks.items():
            rates[label].append(len(images) / measure_s(network, images, device=device))
    return {label: seen[1:] for label, seen in rates.items()}


def measure_s(network: Segmenter, images: list[NDArray[np.uint8]], *, device: str) -> float:
    """Return the seconds of one call, with the GPU's work waited for."""
    started = time.perf_counter()
    network.segment(images)
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def print_table(
    batch: int, frames_per_s: dict[int, dict[str, list[float]]], networks: dict[str, Any]
) -> None:
    """Print frames per second (median, slowest, fastest round), and the ratio to Mask R-CNN's first batch."""
    first = next(iter(frames_per_s.values()))["maskrcnn_resnet50_fpn (random)"]
    print(f"\nbatch {batch:<28} {'frames/s':>9} {'slowest':>9} {'fastest':>9} {'ratio':>7}  weights")
    for label, rates in frames_per_s[batch].items():
        told = " ".join(f"{rate:9.2f}" for rate in (statistics.median(rates), min(rates), max(rates)))
        ratio = statistics.median(rates) / statistics.median(first)
        print(f"{label:34} {told} {ratio:7.1f}  {networks[label].weights}")


if __name__ == "__main__":
    main()
