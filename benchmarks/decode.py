"""How near the machine's limit does reading come? Frames per second of every reader, in one run.

    python benchmarks/decode.py FILE … [--rounds 5] [--json OUT]

Every reader gives RGB uint8 numpy arrays, frame by frame, of the same file; `ffmpeg -f null` only decodes
and is the limit. Rounds are interleaved, so that a busy spell of the machine meets all of them; figures are
medians. Files shorter than `--min-frames` are repeated without re-encoding, as whole copies in one file.
Limits owed: vidlab at least 0.9 of ffmpeg at 1080p, at least 0.95 of the fastest peer at 480p.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vidlab.video import PyavReader

Reader = Callable[[Path], int]
LIMIT = "ffmpeg -f null"
OURS = "vidlab"
CHUNK = 32  # frames per call of decord, its fastest way of reading everything


def read_vidlab(path: Path) -> int:
    """Count the frames of our own reader."""
    return sum(1 for _ in PyavReader(path))


def read_opencv(path: Path) -> int:
    """Count the frames that OpenCV reads and converts to RGB."""
    import cv2

    capture = cv2.VideoCapture(str(path))
    n_frames = 0
    while True:
        ok, bgr = capture.read()
        if not ok:
            return n_frames
        cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        n_frames += 1


def read_torchcodec(path: Path) -> int:
    """Count the frames that torchcodec gives with as many threads as FFmpeg likes."""
    from torchcodec.decoders import VideoDecoder

    n_frames = 0
    for frame in VideoDecoder(str(path), num_ffmpeg_threads=0, dimension_order="NHWC"):
        n_frames += len(frame.numpy()) > 0
    return n_frames


def read_decord(path: Path) -> int:
    """Count the frames that decord gives in batches."""
    import decord

    reader = decord.VideoReader(str(path))
    n_frames = 0
    for start in range(0, len(reader), CHUNK):
        clip: np.ndarray = reader.get_batch(range(start, min(start + CHUNK, len(reader)))).asnumpy()
        n_frames += len(clip)
    return n_frames


def decode_ffmpeg(path: Path) -> int:
    """Decode the first video stream and throw the pictures away; the count is not known."""
    command = ["ffmpeg", "-v", "quiet", "-nostdin", "-i", str(path), "-map", "0:v:0", "-f", "null", "-"]
    subprocess.run(command, check=True)
    return 0


READERS: dict[str, Reader] = {
    LIMIT: decode_ffmpeg,
    OURS: read_vidlab,
    "opencv": read_opencv,
    "torchcodec": read_torchcodec,
    "decord": read_decord,
}


def lengthen(path: Path, *, min_frames: int, folder: Path) -> Path:
    """Repeat a short file's packets until it holds at least `min_frames` frames."""
    n_frames = read_vidlab(path)
    if n_frames >= min_frames:
        return path
    longer = folder / f"{path.stem}.mkv"
    copies = -(-min_frames // n_frames)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-stream_loop", str(copies - 1), "-i", str(path)]
    subprocess.run([*command, "-map", "0:v:0", "-c", "copy", str(longer)], check=True)
    return longer


def measure(path: Path, *, rounds: int) -> tuple[int, dict[str, list[float]], dict[str, str]]:
    """Time every reader `rounds` times, interleaved.

    Returns:
        Number of frames; seconds of each round by reader; the reason for each reader that was left out.
    """
    n_frames = read_vidlab(path)
    seconds: dict[str, list[float]] = {}
    skipped: dict[str, str] = {}
    for name, reader in READERS.items():  # the warm-up round: caches, imports, and who can read it at all
        try:
            found = reader(path)
        except Exception as error:
            skipped[name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            continue
        if name != LIMIT and found != n_frames:
            skipped[name] = f"reads {found} of {n_frames} frames"
            continue
        seconds[name] = []
    for _ in range(rounds):
        for name, times in seconds.items():
            start = time.perf_counter()
            READERS[name](path)
            times.append(time.perf_counter() - start)
    return n_frames, seconds, skipped


def describe_machine() -> dict[str, str]:
    """Name what the figures depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    machine = {"cpu": model, "cores": str(os.cpu_count()), "python": platform.python_version()}
    for package in ("av", "numpy", "opencv-python-headless", "torchcodec", "decord"):
        try:
            machine[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            machine[package] = "not installed"
    if shutil.which("ffmpeg"):
        first = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True).stdout.splitlines()[0]
        machine["ffmpeg"] = first.split()[2]
    return machine


def summarize(path: Path, *, rounds: int, min_frames: int) -> dict[str, Any]:
    """Measure one file and reduce the rounds to medians and ratios."""
    with tempfile.TemporaryDirectory() as folder:
        n_frames, seconds, skipped = measure(
            lengthen(path, min_frames=min_frames, folder=Path(folder)), rounds=rounds
        )
    rates = {name: n_frames / statistics.median(times) for name, times in seconds.items()}
    peers = {name: rate for name, rate in rates.items() if name not in (LIMIT, OURS)}
    height, width = PyavReader(path).info.size_hw
    return {
        "file": path.name,
        "size_hw": [height, width],
        "n_frames": n_frames,
        "rounds": rounds,
        "frames_per_s": {name: round(rate, 1) for name, rate in rates.items()},
        "spread": {name: round(max(times) / min(times), 2) for name, times in seconds.items()},
        "to_ffmpeg": {name: round(rate / rates[LIMIT], 3) for name, rate in rates.items() if LIMIT in rates},
        "ours_to_fastest_peer": round(rates[OURS] / max(peers.values()), 3) if peers else None,
        "skipped": skipped,
    }


def show(result: dict[str, Any]) -> None:
    """Print one file's table."""
    height, width = result["size_hw"]
    size = f"{width}×{height}, {result['n_frames']} frames"
    print(f"\n{result['file']}: {size}, medians of {result['rounds']} rounds")
    print(f"  {'reader':16}{'frames/s':>10}{'to ffmpeg':>11}{'slowest/fastest':>17}")
    for name, rate in result["frames_per_s"].items():
        ratio = result["to_ffmpeg"].get(name, float("nan"))
        print(f"  {name:16}{rate:10.1f}{ratio:11.3f}{result['spread'][name]:17.2f}")
    for name, reason in result["skipped"].items():
        print(f"  {name:16}left out: {reason}")
    print(f"  vidlab to the fastest peer: {result['ours_to_fastest_peer']}")


def main() -> None:
    """Parse the command line, measure, print, and write the figures if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--min-frames", type=int, default=300, help="repeat shorter files to this length")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    machine = describe_machine()
    print(", ".join(f"{name} {version}" for name, version in machine.items()))
    results = []
    for path in options.files:
        results.append(summarize(path, rounds=options.rounds, min_frames=options.min_frames))
        show(results[-1])
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
