"""Claims made for video pipelines, checked: what honest clocks give, and where the other number comes from.

    python benchmarks/pipeline_claims.py [--video FILE] [--frames 60] [--json OUT]

For each claim the likely mistake and the truth are measured on the same work, in one run. The work is LRASPP
with random weights (or the published ones, if torch's cache holds them) on small frames. What needs a GPU is
measured where there is one, and is otherwise said to be not measured: the mistakes are the same, since work
that was handed to a thread and work that was launched on a GPU look alike to a clock that does not wait.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
from rich.console import Console
from rich.table import Table

from vidlab.jobs.story import hardware
from vidlab.models import resolve_device
from vidlab.params import DEFAULT_NETWORK, PreprocessParams, ScheduleParams, StreamParams
from vidlab.pipeline import Step
from vidlab.pipeline.compare import run_offline, run_stream
from vidlab.pipeline.latency import HEADER, latency_rows
from vidlab.pipeline.mistakes import (
    Misread,
    count_lazily,
    count_submitted,
    time_submitting,
    watch_overlapped,
)
from vidlab.pipeline.networks import timed_network
from vidlab.pipeline.preprocess import preprocessor
from vidlab.profiling import measure_both_ways, synchronizer
from vidlab.types import Frame
from vidlab.video import PyavReader

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "video.mp4"
BATCH = 64  # frames
REPEATS = 10
WINDOW = 10  # frames in the mean of a smoothed counter
SHOW_S = 0.05  # what a slow consumer of an overlapped run takes for a frame
EASE = 0.6  # of the offline speed at which the stream is played, so that it can keep up
ROUNDS = 5
NO_GPU = "not measured: torch sees no GPU"


@dataclass(frozen=True)
class Finding:
    """What is to be said of one claim."""

    claim: str
    careless: str
    honest: str
    why: str


class Bench:
    """The video, the frames and the work that all claims are checked on."""

    def __init__(self, video: Path, *, n_frames: int) -> None:
        self.video, self.n_frames, self.device = video, n_frames, resolve_device("auto")
        self.network = timed_network(DEFAULT_NETWORK, device=self.device)
        self.params = PreprocessParams(height=120, width=216)
        self.prepare = self._prepare("opencv", self.device)
        self.source = PyavReader(video)
        self.frames = list(islice(self.source, n_frames))
        self.wait = synchronizer(self.device)
        for frame in self.frames[:3]:
            self.work(frame)

    def _prepare(self, way: Any, device: str) -> Callable[[list[Any]], Any]:
        return preprocessor(
            way,
            size_hw=self.params.size_hw,
            resampling=self.params.resampling,
            mean=self.network.mean,
            std=self.network.std,
            device=device,
        )

    def steps(self) -> list[Step]:
        """Preprocess and infer, one frame at a time."""
        return [
            Step("preprocess", lambda frame: self.prepare([frame.image])),
            Step("infer", lambda batch: self.network.to_labels(self.network(batch))),
        ]

    def work(self, frame: Frame) -> Any:
        """All of it for one frame."""
        value: Any = frame
        for step in self.steps():
            value = step.work(value)
        return value


def gpu_preprocessing(bench: Bench) -> list[Finding]:
    """Check: GPU preprocessing is 1600 times faster."""
    claim = "GPU preprocessing 1600× faster"
    findings, images = [], [[frame.image] for frame in bench.frames]
    for batch in (1, BATCH):
        handed = time_submitting(bench.prepare, [one * batch for one in images[:REPEATS]])
        where = f"{batch} frames handed to a thread, as to a GPU; handing over takes no longer for more"
        findings.append(said(claim, handed, where=where))
    if not bench.device.startswith("cuda"):
        return [*findings, Finding(claim, "–", NO_GPU, "CPU against GPU, synchronized, needs one")]
    on_cpu, on_gpu = bench._prepare("opencv", "cpu"), bench._prepare("device", bench.device)
    cpu = measure_both_ways(
        lambda: on_cpu(images[0]), synchronize=bench.wait, n_warmup=3, n_repeats=30
    ).synchronized.median_s
    gpu = measure_both_ways(lambda: on_gpu(images[0]), synchronize=bench.wait, n_warmup=3, n_repeats=30)
    why = "launching is timed instead of the work; the copy of the frame belongs to it, too"
    careless = f"{cpu / gpu.unsynchronized.median_s:,.1f} × the CPU"
    return [*findings, Finding(claim, careless, f"{cpu / gpu.synchronized.median_s:,.1f} × the CPU", why)]


def overlap_latency(bench: Bench) -> list[Finding]:
    """Check: overlap brings latency down to 2 ms, and jitter to 0.3 ms."""
    slow, fast = (
        watch_overlapped(
            islice(bench.source, bench.n_frames),
            bench.steps(),
            queue_size=ScheduleParams().queue_size,
            consume=consume,
        )
        for consume in (lambda _: time.sleep(SHOW_S), lambda _: None)
    )
    shown = f"with a consumer that takes {1000 * SHOW_S:g} ms a frame"
    return [
        said("overlap latency 2 ms", slow.latency, where=shown),
        said("jitter 0.3 ms", fast.jitter(window=WINDOW), where="with a consumer that takes no time"),
    ]


def offline_speed(bench: Bench) -> list[Finding]:
    """Check: offline processing reaches 16000 frames per second."""
    claim = "offline 16000 FPS"
    begun_s = time.perf_counter()
    with av.open(str(bench.video)) as container:
        n_packets = sum(packet.size > 0 for packet in container.demux(video=0))
    read = n_packets / (time.perf_counter() - begun_s)
    honest = run_offline(
        bench.source, bench.steps(), schedule="overlapped", params=ScheduleParams(), n_frames=bench.n_frames
    ).frames_per_s
    packets = Misread("frames per second", read, honest, "packets are read, and no picture is decoded")
    return [
        said(claim, count_submitted(bench.work, bench.frames), where="frames handed to a thread"),
        said(claim, count_lazily(bench.work, bench.frames), where="a `map` over frames"),
        said(claim, packets, where="the file's packets against the whole pipeline"),
    ]


def steadiness(bench: Bench) -> list[Finding]:
    """Check: offline is faster, but less steady."""
    options: dict[str, Any] = {"n_frames": bench.n_frames}
    schedule = ScheduleParams()
    offline = run_offline(bench.source, bench.steps(), schedule="overlapped", params=schedule, **options)
    speed = EASE * offline.frames_per_s / bench.source.info.fps
    streamed = run_stream(
        bench.source, bench.steps(), params=StreamParams(policy="block", speed=speed), **options
    )
    reports = {"offline, overlapped": offline, f"streamed, block, {speed:.2g} × real time": streamed}
    print_table("offline against streamed, the same clip", HEADER, latency_rows(reports))
    faster = offline.frames_per_s / streamed.frames_per_s
    honest = (
        f"{faster:.2f} × the frames per second; latency {offline.percentile_ms(50):,.0f} against "
        f"{streamed.percentile_ms(50):,.0f} ms; latency SD {offline.latency_sd_ms:.1f} against "
        f"{streamed.latency_sd_ms:.1f} ms; interval jitter {offline.interval_jitter_ms:.1f} against "
        f"{streamed.interval_jitter_ms:.1f} ms"
    )
    why = (
        "a stream waits for its frames, so it can never be faster than they come; offline, a frame's age is "
        "that of the queues it lay in, and which of the two is steadier depends on the jitter that is meant"
    )
    return [Finding("offline is faster but less steady", "–", honest, why)]


def decoders(bench: Bench) -> list[Finding]:
    """Check: PyAV is faster than decord on the CPU, decord when decoding on the GPU."""
    claim = "PyAV faster than decord on the CPU"
    on_gpu = Finding(
        "decord faster when decoding on the GPU", "–", "not measured here", "needs a GPU build of decord"
    )
    try:
        import decord
    except ImportError:
        return [Finding(claim, "–", "not measured: decord is not installed", ""), on_gpu]

    def read_decord() -> int:
        reader = decord.VideoReader(str(bench.video))
        return sum(len(reader.next().asnumpy()) > 0 for _ in range(len(reader)))

    def read_decord_in_batches() -> int:
        reader = decord.VideoReader(str(bench.video))
        places = range(len(reader))
        return sum(len(reader.get_batch(places[start : start + 32]).asnumpy()) for start in places[::32])

    def read_plainly() -> int:
        with av.open(str(bench.video)) as container:
            return sum(len(frame.to_ndarray(format="rgb24")) > 0 for frame in container.decode(video=0))

    readers = {
        "PyAV (this package)": lambda: sum(1 for _ in bench.source),
        "PyAV as in tutorials": read_plainly,
        "decord next": read_decord,
        "decord get_batch": read_decord_in_batches,
    }
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(ROUNDS):
        for name, reader in readers.items():
            begun_s = time.perf_counter()
            n_frames = reader()
            seconds[name].append((time.perf_counter() - begun_s) / n_frames)
    rates = {name: 1 / statistics.median(values) for name, values in seconds.items()}
    best = max(rates["decord next"], rates["decord get_batch"])
    honest = ", ".join(f"{name} {rate:,.0f} frames/s" for name, rate in rates.items())
    careless = f"PyAV {rates['PyAV as in tutorials'] / best:.2f} × decord, if PyAV is used as in tutorials"
    why = (
        f"this package's PyAV is {rates['PyAV (this package)'] / best:.2f} × the best of decord on this "
        "file: which is ahead depends on how each is used (threads of the decoder, of the conversion to "
        "RGB, batches)"
    )
    return [Finding(claim, careless, honest, why), on_gpu]


def said(claim: str, misread: Misread, *, where: str) -> Finding:
    """Word a quantity that was read off twice."""
    unit = misread.quantity
    factor = f"{misread.factor:,.0f} times apart"
    return Finding(
        claim,
        f"{misread.careless:,.3g} {unit}",
        f"{misread.honest:,.3g} {unit}",
        f"{misread.mistake} ({where}; {factor})",
    )


def print_table(title: str, header: Any, rows: Any, *, lines: bool = False) -> None:
    """Print a table as wide as a report."""
    table = Table(title=title, show_lines=lines)
    for name in header:
        table.add_column(name, overflow="fold")
    for cells in rows:
        table.add_row(*cells)
    Console(width=160).print(table)


def main() -> None:
    """Check every claim, print, and write the findings if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--video", type=Path, default=SAMPLE)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--json", type=Path, help="write the findings to this file")
    options = parser.parse_args()
    bench = Bench(options.video, n_frames=options.frames)
    height, width = bench.params.size_hw
    network = f"{bench.network.name} at {width}×{height}, weights {bench.network.weights}"
    print(f"{hardware(device=bench.device)}; {options.video.name}, {len(bench.frames)} frames; {network}")
    findings: list[Finding] = []
    for check in (gpu_preprocessing, overlap_latency, offline_speed, steadiness, decoders):
        findings += check(bench)
    header = ("claim", "the mistake shows", "measured honestly", "why the other number appears")
    rows = [(one.claim, one.careless, one.honest, one.why) for one in findings]
    print_table("claims", header, rows, lines=True)
    if options.json:
        content = {"hardware": hardware(device=bench.device), "claims": [vars(one) for one in findings]}
        options.json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
