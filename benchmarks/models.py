"""How many frames per second each network sees, and how often faster than the reference that is.

    python benchmarks/models.py --device cpu --size 270 480

Weights are random for all, so that nothing is downloaded: speed does not depend on them, except that a
detector with more to report pastes more masks (which is why the demo network is measured with its own
weights as well).
"""

import argparse
import logging
import os
import platform
import statistics
import time

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray

from vidlab.errors import VidlabError
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
    parser.add_argument("--batch", type=int, default=1, help="frames per call")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds; the median counts")
    args = parser.parse_args()
    logging.disable(logging.WARNING)  # the table says itself which weights are random
    device = resolve_device(args.device)
    images = scene(tuple(args.size), n_frames=args.batch)
    networks = load(device)
    times_s: dict[str, list[float]] = {label: [] for label in networks}
    for _ in range(args.rounds + 1):
        for label, network in networks.items():
            times_s[label].append(measure_s(network, images, device=device))
    print_table(args, device, networks, {label: seen[1:] for label, seen in times_s.items()})


def scene(size_hw: tuple[int, int], *, n_frames: int) -> list[NDArray[np.uint8]]:
    """Draw the pictures that every network gets."""
    spec = random_scene(SCENE_SEED, size_hw=size_hw, n_frames=n_frames, n_objects=4)
    return [frame.image for frame in iter_scene(spec)]


def load(device: str) -> dict[str, Segmenter]:
    """Build every network with random weights, and the demo network with its own as well."""
    networks = {
        f"{name} (random)": create(name, weights="random", device=device, score_floor=0.05) for name in MODELS
    }
    try:
        networks["maskrcnn_demo"] = create("maskrcnn_demo", weights=None, device=device, score_floor=0.05)
    except VidlabError as error:
        print(f"left out: maskrcnn_demo with its own weights: {error}")
    return networks


def measure_s(network: Segmenter, images: list[NDArray[np.uint8]], *, device: str) -> float:
    """Return the seconds of one call, with the GPU's work waited for."""
    started = time.perf_counter()
    network.segment(images)
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def print_table(
    args: argparse.Namespace, device: str, networks: dict[str, Segmenter], times_s: dict[str, list[float]]
) -> None:
    """Print frames per second (median, slowest, fastest round) and the ratio to the reference."""
    height, width = args.size
    chip = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    print(
        f"{width}×{height}, batch {args.batch}, {args.rounds} interleaved rounds, {device} ({chip}),"
        f" {torch.get_num_threads()} threads of {os.cpu_count()} cores,"
        f" torch {torch.__version__}, torchvision {torchvision.__version__}"
    )
    reference_s = statistics.median(times_s["maskrcnn_resnet50_fpn (random)"])
    print(f"{'model':34} {'frames/s':>9} {'slowest':>9} {'fastest':>9} {'ratio':>7}  weights")
    for label, seen in times_s.items():
        rates = [args.batch / s for s in (statistics.median(seen), max(seen), min(seen))]
        ratio = reference_s / statistics.median(seen)
        told = " ".join(f"{rate:9.2f}" for rate in rates)
        print(f"{label:34} {told} {ratio:7.1f}  {networks[label].weights}")


if __name__ == "__main__":
    main()
