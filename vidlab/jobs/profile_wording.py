"""A profile in words and rows of text: one wording for the command line and the notebooks."""

from typing import TYPE_CHECKING

from vidlab.jobs.profile_work import N_ROUNDS, NONE
from vidlab.models import describe_device
from vidlab.profiling import SpeedReport, Suggestion

if TYPE_CHECKING:
    from vidlab.jobs.profile import ProfileResult

STAGE_HEADER = ("stage, alone", "median ms", "p95 ms", "share", "cores wanted")
SPEED_HEADER = ("schedule", "model only, frames/s", "end to end, frames/s", "model's share")
SUGGESTION_HEADER = ("try", "times as fast", "at most", "basis")
_CROWDED = 0.1  # of the time that cores are wanted: then others spoil the times


def title_lines(result: "ProfileResult", *, name: str) -> list[str]:
    """Say what was profiled, on what, and how often."""
    height, width = result.video.size_hw
    model = "no network" if result.model == NONE else f"{result.model} with weights {result.weights}"
    batch = "" if result.item_frames == 1 else f" in items of {result.item_frames}"
    warmup = next(iter(result.timings.values())).warmup_text
    where = f"{result.runs_on or describe_device(result.device)}, {result.verdict.n_cores:g} cores"
    lines = [
        f"{name}: {width}×{height} {result.video.codec}, {model}, on {where}",
        f"{result.n_frames} frames{batch} in each run, {N_ROUNDS} interleaved rounds; {warmup}",
    ]
    if result.crowding > _CROWDED:
        share = f"{100 * result.crowding:.0f} % of the time that a stage wanted them"
        lines.append(f"other programs had the cores {share}: all times are longer, and predictions hold less")
    return lines


def stage_rows(result: "ProfileResult") -> list[tuple[str, ...]]:
    """Return what `STAGE_HEADER` names for each stage."""
    whole_s = sum(stage.mean_s for stage in result.verdict.stages)
    return [
        (
            stage.name,
            f"{1000 * result.timings[stage.name].median_s:.2f}",
            f"{1000 * result.timings[stage.name].p95_s:.2f}",
            f"{100 * stage.mean_s / whole_s:.0f} %",
            f"{stage.cores:.1f}",
        )
        for stage in result.verdict.stages
    ]


def speed_row(name: str, speed: SpeedReport) -> tuple[str, ...]:
    """Return what `SPEED_HEADER` names: model and whole, never one of them."""
    model_s, whole_s = speed.model.median_s / speed.item_frames, speed.end_to_end_s / speed.n_frames
    return name, f"{1 / model_s:.1f}", f"{1 / whole_s:.1f}", f"{100 * model_s / whole_s:.0f} %"


def suggestion_row(found: Suggestion) -> tuple[str, ...]:
    """Return what `SUGGESTION_HEADER` names."""
    most = "–" if found.ceiling is None else f"{found.ceiling:.2f}"
    return found.change.title, f"{found.gain:.2f}", most, found.change.basis


def gave_text(result: "ProfileResult") -> str:
    """Say what overlap gave, beside what was predicted."""
    elapsed, off = result.elapsed_s, 100 * result.prediction_error
    taken = f"{elapsed['sequential']:.2f} s stage after stage, {elapsed['overlapped']:.2f} s overlapped"
    direction = "longer" if off >= 0 else "shorter"
    return (
        f"overlap did make it {result.reached_speedup:.2f} times as fast: {taken}; "
        f"predicted {result.verdict.overlapped_s:.2f} s, {abs(off):.0f} % {direction}"
    )
