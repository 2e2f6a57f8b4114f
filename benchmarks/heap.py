"""What keeping freed memory buys: frames through decoder and network, with it and without, in one run.

    python benchmarks/heap.py FILE [--model lraspp_mobilenet_v3_large] [--rounds 5] [--json OUT]

Each way runs in a process of its own, as memory that is kept stays kept; rounds are interleaved. Page faults
are counted by the system: pages that it had to find and clear. The network's weights are random unless
torch's cache holds its own: its cost is the same.
"""

import argparse
import json
import logging
import resource
import statistics
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

WAYS = ("kept", "given back")
WARM_UP = 2  # frames


def run(video: Path, *, model: str, way: str, n_frames: int) -> dict[str, float]:
    """Segment frames in this process and return milliseconds and page faults per frame."""
    import vidlab.heap

    if way != "kept":
        vidlab.heap.keep_freed_memory = lambda: None  # type: ignore[assignment]  # before anyone imports it
    from vidlab.models import create_for_timing
    from vidlab.params import SourceParams
    from vidlab.video import open_source

    logging.disable(logging.WARNING)
    network = create_for_timing(model, weights=None, device="cpu")
    images = (frame.image for frame in open_source(video, fps=SourceParams().fps))
    for image in islice(images, WARM_UP):
        network.segment([image])
    begun_s, faults = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    done = [len(network.segment([image])) for image in islice(images, n_frames)]
    elapsed_s = time.perf_counter() - begun_s
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    return {"ms": 1000 * elapsed_s / len(done), "faults": faults / len(done)}


def measure(video: Path, *, model: str, n_frames: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Run both ways in turn, each in a process of its own."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            command = [sys.executable, __file__, str(video), "--model", model, "--frames", str(n_frames)]
            done = subprocess.run([*command, "--way", way], check=True, capture_output=True, text=True)
            found[way].append(json.loads(done.stdout.splitlines()[-1]))
    return found


def show(found: dict[str, list[dict[str, float]]], *, title: str) -> None:
    """Print medians, and the ratio in the same round."""
    print(title)
    for way, rounds in found.items():
        ms, faults = (statistics.median(each[name] for each in rounds) for name in ("ms", "faults"))
        print(f"  freed memory {way:10} {ms:8.1f} ms per frame {faults:10,.0f} page faults per frame")
    ratios = [after["ms"] / before["ms"] for before, after in zip(*found.values(), strict=True)]
    print(f"  {statistics.median(ratios):.2f} × ({min(ratios):.2f} to {max(ratios):.2f}) as fast")


def main() -> None:
    """Measure, print, and write the figures if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("video", type=Path)
    parser.add_argument("--model", default="lraspp_mobilenet_v3_large")
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--way", choices=WAYS, help="run one way here and print its figures as JSON")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    if args.way:
        print(json.dumps(run(args.video, model=args.model, way=args.way, n_frames=args.frames)))
        return
    found = measure(args.video, model=args.model, n_frames=args.frames, rounds=args.rounds)
    title = f"{args.video.name}, {args.model}, {args.frames} frames, {args.rounds} interleaved rounds"
    show(found, title=title)
    if args.json:
        content: dict[str, Any] = {"video": args.video.name, "model": args.model, "ways": found}
        args.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
