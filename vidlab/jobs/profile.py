"""Where the time goes for a video and a model, and what overlapping the stages gives: measured and judged."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidlab.errors import VideoError
from vidlab.jobs.output import optional_result_folder
from vidlab.jobs.profile_report import write_profile
from vidlab.jobs.profile_work import (
    NONE,
    Runs,
    WarmUp,
    Workload,
    items_in,
    warm_up,
    workload,
)
from vidlab.jobs.progress import Progress, silent
from vidlab.models import StagedSegmenter, create_for_timing, resolve_device_of
from vidlab.params import DEFAULT_NETWORK, NetworkParams, ProfileParams, SegmentParams, SourceParams
from vidlab.profiling import (
    Span,
    SpeedReport,
    Suggestion,
    Timeline,
    Timing,
    TwoClocks,
    Verdict,
    available_cores,
    elapsed_s,
    judge,
    measure,
    measure_both_ways,
    standard_changes,
    suggest,
    synchronizer,
)
from vidlab.profiling.next_steps import INFER, NETWORK_CHANGES
from vidlab.types import VideoInfo
from vidlab.video import open_source

_TRIAL_SHARE = 0.25  # of the time, kept for trying cheaper ways to run the network
_TRIAL_REPEATS = 2
_TRIAL_CALLS = 14  # of the network as it is that the trials take, about, warm-up included
_CLOCK_REPEATS = 2


@dataclass(frozen=True, slots=True)
class ProfileResult:
    """What a profile found.

    Attributes:
        folder: The result folder; None where nothing was written.
        video: What the video declares.
        model: Name of the network, or `none`.
        weights: Label of its weights.
        device: Where it ran.
        crowding: Share of the time that a stage, alone, wanted cores in which other programs had them.
        n_frames: Frames that each run took.
        item_frames: Frames in an item.
        timings: Stage → seconds per item, alone.
        verdict: What follows from them.
        elapsed_s: Schedule → seconds that the whole took.
        clocks: The network timed without and with waiting for the device; None without a model.
        suggestions: What to try next, most promising first.
        spans: Schedule → what ran when.
        losses: What the source could not give.
    """

    folder: Path | None
    video: VideoInfo
    model: str
    weights: str
    device: str
    crowding: float
    n_frames: int
    item_frames: int
    timings: dict[str, Timing]
    verdict: Verdict
    elapsed_s: dict[str, float]
    clocks: TwoClocks | None
    suggestions: list[Suggestion]
    spans: dict[str, tuple[Span, ...]]
    losses: tuple[str, ...]

    @property
    def speeds(self) -> dict[str, SpeedReport]:
        """Schedule → model only and end to end; empty without a model."""
        if INFER not in self.timings:
            return {}
        return {
            name: SpeedReport(
                model=self.timings[INFER],
                n_frames=self.n_frames,
                end_to_end_s=seconds,
                item_frames=self.item_frames,
                device=self.device,
                note=name,
            )
            for name, seconds in self.elapsed_s.items()
        }

    @property
    def reached_speedup(self) -> float:
        """How many times faster overlap made it."""
        return self.elapsed_s["sequential"] / self.elapsed_s["overlapped"]

    @property
    def prediction_error(self) -> float:
        """How far the predicted time of the overlapped run is from the measured one; 0.1 is 10 % too long."""
        return self.verdict.overlapped_s / self.elapsed_s["overlapped"] - 1


def profile(
    video: Path,
    *,
    model: str = DEFAULT_NETWORK,
    weights: str | None = None,
    options: NetworkParams | None = None,
    out: Path | None = None,
    params: ProfileParams | None = None,
    source: SourceParams | None = None,
    segment: SegmentParams | None = None,
    force: bool = False,
    progress: Progress = silent,
    command: Sequence[str] = (),
) -> ProfileResult:
    """Time the stages of a video and a model: each alone, one after the other, and overlapped.

    Args:
        video: Video file, or folder of numbered images.
        model: A network of the registry, or `none` for decoding and preparing alone.
        weights: A file, `random`, or None: the model's own if they are on this machine, else random ones.
        options: What else the network is told; None takes the defaults of `NetworkParams`.
        out: Folder for numbers and pictures; appears when they are complete; None writes nothing.
        params: How long is watched; None takes the defaults of `ProfileParams`, and so on.
        source: How a folder of images is read.
        segment: The device.
        force: Replace a non-empty `out`.
        progress: Told how many frames are done, of all runs together.
        command: Command line, for `profile.json`.

    Raises:
        UsageError: Model or value is wrong.
        SourceError: The video cannot be used.
        OutputError: `out` is not empty, touches an input, or cannot be written.
        WeightsError: The weights cannot be had.
        DeviceError: The device is not here.
    """
    params, source = params or ProfileParams(), source or SourceParams()
    with optional_result_folder(out, force=force, inputs=[video]) as folder:
        clip = open_source(video, fps=source.fps)
        network, device = _network(
            model, weights, options or NetworkParams(), device=(segment or SegmentParams()).device
        )
        work = workload(clip, segmenter=network, item_frames=params.batch_frames, device=device)
        deadline_s = time.perf_counter() + params.seconds
        warmed, runs = _measured(work, params=params, progress=progress, deadline_s=deadline_s)
        verdict = judge(
            runs.costs(n_cores=available_cores()),
            n_items=runs.n_items,
            queue_size=params.queue_size,
            n_cores=available_cores(),
        )
        shares, clocks = _network_facts(network, runs, device=device, deadline_s=deadline_s)
        elapsed = {name: _middle_s(timelines) for name, timelines in runs.timelines.items()}
        changes = standard_changes(verdict, device=device, measured=shares)
        result = ProfileResult(
            folder=out,
            video=clip.info,
            model=model,
            weights=NONE if network is None else network.weights,
            device=device,
            crowding=runs.crowding(),
            n_frames=runs.n_items * params.batch_frames,
            item_frames=params.batch_frames,
            timings=runs.timings(warmed),
            verdict=verdict,
            elapsed_s=elapsed,
            clocks=clocks,
            suggestions=[found for found in suggest(verdict, changes) if found.gain > 1],
            spans={name: timelines[-1].spans for name, timelines in runs.timelines.items()},
            losses=tuple(clip.losses),
        )
        if folder is not None:
            write_profile(folder, result, command=command, video=video, params=params)
    return result


def _network(
    model: str, weights: str | None, options: NetworkParams, *, device: str
) -> tuple[StagedSegmenter | None, str]:
    if model == NONE:
        return None, "cpu"
    resolved = resolve_device_of(model, device)
    return create_for_timing(model, weights=weights, device=resolved, options=options), resolved


def _measured(
    work: Workload, *, params: ProfileParams, progress: Progress, deadline_s: float
) -> tuple[WarmUp, Runs]:
    """Warm up, see how many items fit into the time, and run them in all ways."""
    warmed = warm_up(work, n_items=params.warmup_items)
    if not warmed.n_items:
        raise VideoError(
            f"{work.source.info.path} must hold at least one item of {work.item_frames} frames, got fewer; "
            "take a longer video, or a smaller --batch-frames"
        )
    seconds = (deadline_s - time.perf_counter()) * (1 - _TRIAL_SHARE)
    most = max(1, params.max_frames // work.item_frames)
    runs = Runs(work, queue_size=params.queue_size, progress=progress)
    runs.run(items_in(seconds, item_s=warmed.item_s, most=most))
    return warmed, runs


def _middle_s(timelines: Sequence[Timeline]) -> float:
    return statistics.median(elapsed_s(timeline.spans, n_warmup=0) for timeline in timelines)


def _network_facts(
    network: StagedSegmenter | None, runs: Runs, *, device: str, deadline_s: float
) -> tuple[dict[str, float], TwoClocks | None]:
    """Return what cheaper ways to run the network take, if there is time to try them, and both clocks."""
    if network is None:
        return {}, None
    prepared, wait = network.prepare(runs.sample), synchronizer(device)
    clocks = measure_both_ways(
        lambda: network.infer(prepared), synchronize=wait, n_warmup=1, n_repeats=_CLOCK_REPEATS
    )
    if time.perf_counter() + _TRIAL_CALLS * clocks.synchronized.median_s > deadline_s:
        return {}, clocks
    if not hasattr(network, "network"):  # no module of torch's, to which those ways belong
        return {}, clocks
    from vidlab.models.variants import AS_IS, infer_variants  # loads torch, as the network already did

    calls = infer_variants(network, runs.sample, device=device)
    per_frame = {
        name: measure(call, synchronize=wait, n_warmup=1, n_repeats=_TRIAL_REPEATS).median_s / n_frames
        for name, (call, n_frames) in calls.items()
    }
    return {name: per_frame[name] / per_frame[AS_IS] for name in NETWORK_CHANGES}, clocks
