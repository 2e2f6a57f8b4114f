"""What `benchmarks/batch.py` measured, as tables of Markdown, and put into a page between its marks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidlab.viz.show import Table

BEGIN, END = "<!-- {} -->", "<!-- end -->"
EFFICIENCY = (
    "engine", "start, 1 process (s)", "start, 2 (s)", "all, 1 process (s)", "all, 2 (s)", "efficiency",
    "without the start",
)  # fmt: skip
OVERHEAD = ("by", "tasks", "start (s)", "per task (s)", "over this process (s)")
GROWTH = (
    "engine", "tasks", "plan (s)", "run and report (s)", "driver's CPU, ms per task",
    "again, all skipped (s)", "driver's memory at most (MB)", "report (MB)",
)  # fmt: skip
SCALE = ("videos", "at once", "hours", "efficiency", "driver busy", "driver's memory (MB)")
HOURS = (
    "video", "size", "frames", "frames/s", "worker's memory, first quarter (MB)", "last quarter", "at most",
    "driver's at most", "disk predicted (GB)", "at most on the way", "result", "result in blocks",
)  # fmt: skip
MEMORY = ("first_mb", "last_mb", "peak_mb", "driver_peak_mb")
DISK = ("predicted_bytes", "peak_bytes", "result_bytes", "result_blocks_bytes")


@dataclass(frozen=True)
class Found:
    """One table.

    Attributes:
        name: What marks its place in a page.
        text: The table and what it was measured on, Markdown.
    """

    name: str
    text: str


def tables(found: dict[str, Any]) -> Iterator[Found]:
    """Yield the tables of whatever was measured."""
    where = f"{found['hardware']}{'; quick: no figures to rely on' if found['quick'] else ''}."
    if "efficiency" in found:
        clips, (height, width) = found["clips"], found["size_hw"]
        work = (
            f"{clips['n_clips']} clips of {clips['n_frames']} frames, {width}×{height}, {found['method']}, "
            f"one thread each, {clips['rounds']} rounds interleaved, medians. {where}"
        )
        yield _found("efficiency", work, EFFICIENCY, map(_efficiency, found["efficiency"]))
        work = f"Clips of two frames, 64×36, one process. {where}"
        yield _found("overhead", work, OVERHEAD, map(_overhead, found["overhead"]))
        work = f"Clips of two frames, 64×36; instant: an engine that takes no time. {where}"
        yield _found("growth", work, GROWTH, map(_growth, (*found["growth"], *found["driven"])))
        work = f"Videos of a minute at {found['frames_per_s']:.0f} frames/s of one process. {where}"
        yield _found("scale", work, SCALE, map(_scale, found["scale"]))
    if "hours" in found:
        yield _found("hours", where, HOURS, map(_hours, found["hours"]))


def fill(page: Path, found: dict[str, Any]) -> None:
    """Put the tables into a page: what stands between `<!-- NAME -->` and `<!-- end -->` is replaced."""
    text = page.read_text("utf-8")
    for table in tables(found):
        before, begin, rest = text.partition(BEGIN.format(table.name))
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise SystemExit(f"{page} must have marks for {table.name!r}, got none")
        text = f"{before}{begin}\n{table.text}\n{end}{after}"
    page.write_text(text, "utf-8")


def _found(name: str, work: str, header: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Found:
    return Found(name, f"{work}\n\n{Table(header, list(rows)).to_markdown()}")


def _efficiency(one: dict[str, Any]) -> tuple[str, ...]:
    shares = f"{one['efficiency']:.2f}", f"{one['efficiency_after_start']:.2f}"
    return one["engine"], *(f"{value:.1f}" for value in (*one["start_s"], *one["total_s"])), *shares


def _overhead(one: dict[str, Any]) -> tuple[str, ...]:
    seconds = f"{one['start_s']:.1f}", f"{one['task_s']:.3f}", f"{one['over_s']:.3f}"
    return one["engine"], str(one["n_tasks"]), *seconds


def _growth(one: dict[str, Any]) -> tuple[str, ...]:
    per_task = f"{1000 * one['cpu_s'] / one['n_tasks']:.1f}"
    run = f"{one['plan_s']:.2f}", f"{one['run_s']:.1f}", per_task, f"{one['again_s']:.2f}"
    return one["engine"], f"{one['n_tasks']:,}", *run, f"{one['peak_mb']:.0f}", f"{one['report_mb']:.2f}"


def _scale(one: dict[str, Any]) -> tuple[str, ...]:
    share = f"{one['driver_busy']:.2%}".replace("%", " %")
    hours = f"{one['hours']:,.2f}", f"{one['efficiency']:.2f}"
    return f"{one['n_videos']:,}", str(one["at_once"]), *hours, share, f"{one['driver_mb']:,.0f}"


def _hours(one: dict[str, Any]) -> tuple[str, ...]:
    height, width = one["size_hw"]
    video = f"{one['video']}, masks {one['masks']}", f"{width}×{height}", f"{one['n_frames']:,}"
    memory, disk = (f"{one[name]:.0f}" for name in MEMORY), (f"{one[name] / 1e9:.3f}" for name in DISK)
    return *video, f"{one['frames_per_s']:.1f}", *memory, *disk
