"""How near the machine's limit does reading come, and does `auto` choose well? All readers, in one run.

    python benchmarks/decode.py FILE … [--rounds 5] [--json OUT]

Every reader gives RGB uint8 numpy arrays, frame by frame, of the same file; `ffmpeg -f null` only decodes
and is the limit. Libraries are measured twice: called directly in their fastest way, and as vidlab gives
them, their frames checked (`vidlab opencv`). Rounds are interleaved and begin with another reader each, so
that a busy spell of the machine meets all of them; figures are medians. Files shorter than `--min-frames`
are repeated without re-encoding, as whole copies in one file. Then: a range of frames from the middle, with
the file opened before, as torchcodec's decoder is, and with opening it; and what a process of its own costs.

Limits: vidlab at least 0.9 of ffmpeg at 1080p; the backend that `auto` takes at least 0.95 of the fastest as
vidlab gives them; a range from the middle at least 0.95 of torchcodec.
"""

import argparse
import importlib.metadata
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vidlab.params import DecodingParams
from vidlab.video import open_backend
from vidlab.video.auto import choose_backend
from vidlab.video.backends import BACKENDS, open_directly

Reader = Callable[[Path], int]
Job = Callable[[], int]
LIMIT = "ffmpeg -f null"
OURS = "vidlab"
RULES = DecodingParams(isolate="never")  # everything in this process, unless said otherwise
RANGE = 60  # frames from the middle
RANGE_S = 0.2  # for which a range is read in each round, over and over: one reading can be too short to time
CHUNK = 32  # frames per call of decord, its fastest way of reading everything


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


def read_backend(path: Path, backend: str) -> int:
    """Count the frames that vidlab gives with one backend, in this process."""
    return sum(1 for _ in open_directly(path, backend, RULES))


RIVALS: dict[str, Reader] = {
    LIMIT: decode_ffmpeg,
    "opencv": read_opencv,
    "torchcodec": read_torchcodec,
    "decord": read_decord,
}
READERS: dict[str, Reader] = {
    **RIVALS,
    **{f"{OURS} {name}": partial(read_backend, backend=name) for name in BACKENDS},
}


def lengthen(path: Path, *, min_frames: int, folder: Path) -> Path:
    """Repeat a short file's packets until it holds at least `min_frames` frames, if they can be copied."""
    n_frames = read_backend(path, "pyav")
    if n_frames >= min_frames:
        return path
    longer = folder / f"{path.stem}.mkv"
    copies = -(-min_frames // n_frames)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-stream_loop", str(copies - 1), "-i", str(path)]
    done = subprocess.run([*command, "-map", "0:v:0", "-c", "copy", str(longer)], check=False)
    return path if done.returncode else longer  # AVI with B-frames has no times to copy


def measure(path: Path, *, rounds: int) -> tuple[int, dict[str, list[float]], dict[str, str]]:
    """Time every reader of a whole file.

    Returns:
        Number of frames; seconds of each round by reader; the reason for each reader that was left out.
    """
    n_frames = read_backend(path, "pyav")
    skipped: dict[str, str] = {}
    jobs: dict[str, Job] = {}
    for name, reader in READERS.items():  # the warm-up: caches, imports, and who can read it at all
        try:
            found = reader(path)
        except Exception as error:
            skipped[name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            continue
        if name != LIMIT and found != n_frames:
            skipped[name] = f"reads {found} of {n_frames} frames"
            continue
        jobs[name] = partial(reader, path)
    return n_frames, interleave(jobs, rounds=rounds), skipped


def interleave(jobs: dict[str, Job], *, rounds: int) -> dict[str, list[float]]:
    """Run every job once per round, each round beginning with another one; return their seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    names = list(jobs)
    for k in range(rounds):
        for name in names[k % len(names) :] + names[: k % len(names)]:
            start = time.perf_counter()
            jobs[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def measure_range(path: Path, *, rounds: int) -> dict[str, list[float]]:
    """Time a range from the middle: opened before (`warm`), and with opening the file (`cold`)."""
    from torchcodec.decoders import VideoDecoder

    reader = open_directly(path, "pyav", RULES)
    start = len(reader) // 2
    stop = min(len(reader), start + RANGE)
    settings: dict[str, Any] = {"num_ffmpeg_threads": 0, "dimension_order": "NHWC"}
    settings["stream_index"] = reader.index.stream_index
    theirs = VideoDecoder(str(path), **settings)
    jobs: dict[str, Job] = {
        "vidlab pyav": lambda: sum(1 for _ in reader.iter_range(start, stop)),
        "torchcodec": lambda: len(theirs.get_frames_in_range(start, stop).data.numpy()),
        "vidlab pyav, cold": lambda: sum(
            1 for _ in open_directly(path, "pyav", RULES).iter_range(start, stop)
        ),
        "torchcodec, cold": lambda: len(
            VideoDecoder(str(path), **settings).get_frames_in_range(start, stop).data.numpy()
        ),
    }
    begun = time.perf_counter()
    for job in jobs.values():
        if job() != stop - start:
            raise SystemExit(f"a range of {path} must hold {stop - start} frames")
    repeats = max(1, math.ceil(RANGE_S * len(jobs) / (time.perf_counter() - begun)))
    repeated: dict[str, Job] = {
        name: lambda job=job: sum(job() for _ in range(repeats)) for name, job in jobs.items()
    }
    took = interleave(repeated, rounds=rounds)
    return {name: [seconds / repeats for seconds in each] for name, each in took.items()}


def measure_worker(path: Path, *, rounds: int) -> dict[str, float]:
    """Time PyAV in this process and in one of its own: seconds to start, surplus in ms per frame."""
    start = time.perf_counter()
    isolated = open_backend(path, backend="pyav", rules=RULES.model_copy(update={"isolate": "always"}))
    start_s = time.perf_counter() - start
    direct = open_directly(path, "pyav", RULES)
    n_frames = sum(1 for _ in isolated)
    jobs: dict[str, Job] = {
        "direct": lambda: sum(1 for _ in direct),
        "isolated": lambda: sum(1 for _ in isolated),
    }
    took = {name: statistics.median(times) for name, times in interleave(jobs, rounds=rounds).items()}
    surplus_ms = 1e3 * (took["isolated"] - took["direct"]) / n_frames
    return {
        "start_s": round(start_s, 2),
        "surplus_ms_per_frame": round(surplus_ms, 3),
        "speed_to_direct": round(took["direct"] / took["isolated"], 3),
    }


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
        film = lengthen(path, min_frames=min_frames, folder=Path(folder))
        n_frames, seconds, skipped = measure(film, rounds=rounds)
        choice = choose_backend(film, rules=RULES)
        ranges = measure_range(film, rounds=rounds)
        worker = measure_worker(film, rounds=rounds)
    rates = {name: n_frames / statistics.median(times) for name, times in seconds.items()}
    given = {name: rate for name, rate in rates.items() if name.startswith(OURS)}
    range_s = {name: statistics.median(times) for name, times in ranges.items()}
    taken = f"{OURS} {choice.backend}"
    size_hw = open_directly(path, "pyav", RULES).info.size_hw
    return {
        "file": path.name,
        "size_hw": list(size_hw),
        "n_frames": n_frames,
        "rounds": rounds,
        "frames_per_s": {name: round(rate, 1) for name, rate in rates.items()},
        "spread": {name: round(max(times) / min(times), 2) for name, times in seconds.items()},
        "to_ffmpeg": {name: round(rate / rates[LIMIT], 3) for name, rate in rates.items() if LIMIT in rates},
        "auto": choice.backend,
        "auto_explanation": choice.explain(),
        "auto_to_fastest": round(rates[taken] / max(given.values()), 3),
        "range_ms": {name: round(1e3 * each_s, 1) for name, each_s in range_s.items()},
        "range_to_torchcodec": round(range_s["torchcodec"] / range_s["vidlab pyav"], 3),
        "cold_range_to_torchcodec": round(range_s["torchcodec, cold"] / range_s["vidlab pyav, cold"], 3),
        "worker": worker,
        "skipped": skipped,
    }


def limits(result: dict[str, Any]) -> list[tuple[str, float, float]]:
    """What is owed on a file: name, ratio reached, ratio owed."""
    owed = [("auto to the fastest backend", result["auto_to_fastest"], 0.95)]
    owed.append(("range from the middle to torchcodec", result["range_to_torchcodec"], 0.95))
    if result["size_hw"][0] >= 1080 and result["to_ffmpeg"]:
        best = max(ratio for name, ratio in result["to_ffmpeg"].items() if name.startswith(OURS))
        owed.append(("fastest of vidlab to ffmpeg -f null at 1080p", best, 0.9))
        owed.append(("vidlab pyav to ffmpeg -f null at 1080p", result["to_ffmpeg"][f"{OURS} pyav"], 0.9))
    return owed


def show(result: dict[str, Any]) -> None:
    """Print one file's table."""
    height, width = result["size_hw"]
    size = f"{width}×{height}, {result['n_frames']} frames"
    print(f"\n{result['file']}: {size}, medians of {result['rounds']} rounds")
    print(f"  {'reader':20}{'frames/s':>10}{'to ffmpeg':>11}{'slowest/fastest':>17}")
    for name, rate in result["frames_per_s"].items():
        ratio = result["to_ffmpeg"].get(name, float("nan"))
        print(f"  {name:20}{rate:10.1f}{ratio:11.3f}{result['spread'][name]:17.2f}")
    for name, reason in result["skipped"].items():
        print(f"  {name:20}left out: {reason}")
    print(f"  auto: {result['auto_explanation']}")
    print("  range:", ", ".join(f"{name} {took} ms" for name, took in result["range_ms"].items()))
    worker = result["worker"]
    print(
        f"  a process of its own: {worker['surplus_ms_per_frame']:+.3f} ms per frame, "
        f"{worker['speed_to_direct']:.2f} of the speed, {worker['start_s']} s to start"
    )
    for name, reached, owed in limits(result):
        print(f"  {name}: {reached:.3f}, owed {owed}: {'held' if reached >= owed else 'NOT held'}")


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
