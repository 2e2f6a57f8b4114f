"""What a profile leaves in its folder: `profile.json`, `stages.png`, `timeline.png`, and the trace if any."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.jobs.record import describe_params, describe_run, write_json
from vidlab.models import describe_device
from vidlab.params import ProfileParams
from vidlab.profiling import stage_timings
from vidlab.viz.timeline import middle_of, plot_gantt, plot_stage_bars

if TYPE_CHECKING:
    from vidlab.jobs.profile import ProfileResult

SHOWN_ITEMS = 8  # of a timeline: more bars cannot be told apart
_DPI = 110


def write_profile(
    folder: Path, result: "ProfileResult", *, command: Sequence[str], video: Path, params: ProfileParams
) -> None:
    """Write numbers and pictures of a profile into a folder."""
    content = {
        **describe_run(job="profile", command=command, class_ids=None),
        "video": str(video),
        **describe_params(profile=params),
        **to_dict(result),
    }
    write_json(folder / "profile.json", content)
    write_json(folder / "timeline.json", {name: _spans(result, name) for name in result.spans})
    draw_stages(folder / "stages.png", result)
    draw_timeline(folder / "timeline.png", result)


def to_dict(result: "ProfileResult") -> dict[str, Any]:
    """Return a profile as plain numbers and words, for JSON."""
    verdict = result.verdict
    return {
        "size_hw": list(result.video.size_hw),
        "codec": result.video.codec,
        "model": result.model,
        "weights": result.weights,
        "device": result.device,
        "device_name": result.runs_on or describe_device(result.device),
        "n_frames": result.n_frames,
        "item_frames": result.item_frames,
        "n_cores": verdict.n_cores,
        "crowding": result.crowding,
        "stages": {stage.name: _stage(result, place) for place, stage in enumerate(verdict.stages)},
        "speeds": {name: speed.to_dict() for name, speed in result.speeds.items()},
        "clocks": None if result.clocks is None else str(result.clocks),
        "bottleneck": verdict.bottleneck,
        "limits": [
            {"name": limit.name, "item_ms": 1000 * limit.item_s, "stages": list(limit.stages)}
            for limit in verdict.limits
        ],
        "elapsed_s": result.elapsed_s,
        "predicted_overlapped_s": verdict.overlapped_s,
        "largest_speedup": verdict.largest_speedup,
        "predicted_speedup": verdict.predicted_speedup,
        "reached_speedup": result.reached_speedup,
        "next": [
            {
                "title": found.change.title,
                "gain": found.gain,
                "ceiling": found.ceiling,
                "basis": found.change.basis,
            }
            for found in result.suggestions
        ],
        "losses": list(result.losses),
    }


def draw_stages(path: Path, result: "ProfileResult") -> None:
    """Draw what an item takes: its stages, each alone; the same stage after stage; and overlapped."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3), layout="constrained")
    title = f"{result.verdict.bottleneck} bounds: overlap gives {result.reached_speedup:.2f} times"
    plot_stage_bars(figure.add_subplot(), stage_bars(result), title=title)
    figure.savefig(path, dpi=_DPI)


def stage_bars(result: "ProfileResult") -> dict[str, dict[str, float]]:
    """Return way to run → part → mean milliseconds per item, for `plot_stage_bars`."""
    n_items = result.n_frames // result.item_frames
    alone = {name: 1000 * timing.mean_s for name, timing in result.timings.items()}
    in_turn = stage_timings(result.spans["sequential"], n_warmup=0)
    return {
        "each alone": alone,
        "stage after stage": {name: 1000 * timing.mean_s for name, timing in in_turn.items()},
        "overlapped": {"all together": 1000 * result.elapsed_s["overlapped"] / n_items},
    }


def draw_timeline(path: Path, result: "ProfileResult") -> None:
    """Draw a stretch of items from the middle of each schedule, in the same scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained")
    for axes, (name, spans) in zip(figure.subplots(2, 1, sharex=True), result.spans.items(), strict=True):
        shown = middle_of(spans, n_items=SHOWN_ITEMS)
        n_shown = len({span.item for span in shown})
        whole = f"{result.elapsed_s[name]:.2f} s for {result.n_frames} frames"
        plot_gantt(axes, shown, title=f"{name}: {whole}; {n_shown} items from the middle")
    longest = max(_length_s(middle_of(spans, n_items=SHOWN_ITEMS)) for spans in result.spans.values())
    axes.set_xlim(0, 1000 * longest)
    figure.savefig(path, dpi=_DPI)


def _length_s(spans: Sequence[Any]) -> float:
    return float(max(span.end_s for span in spans) - min(span.start_s for span in spans))


def _stage(result: "ProfileResult", place: int) -> dict[str, Any]:
    stage = result.verdict.stages[place]
    timing = result.timings[stage.name]
    return {
        "median_ms": 1000 * timing.median_s,
        "p95_ms": 1000 * timing.p95_s,
        "mean_ms": 1000 * timing.mean_s,
        "n": timing.n,
        "n_warmup": timing.n_warmup,
        "warmup_s": timing.warmup_s,
        "cores": stage.cores,
        "device": stage.device,
    }


def _spans(result: "ProfileResult", name: str) -> list[list[Any]]:
    """Return stage, item, start and end of each span, in seconds from the first start."""
    spans = result.spans[name]
    origin_s = min(span.start_s for span in spans)
    return [
        [span.stage, span.item, round(span.start_s - origin_s, 6), round(span.end_s - origin_s, 6)]
        for span in spans
    ]
