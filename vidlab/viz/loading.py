"""Loaders as rows of text and as curves: throughput against workers, memory predicted against measured."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidlab.pipeline.loader_mistakes import Mistake
from vidlab.pipeline.loader_result import LoaderMeasurement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOADER_HEADER = (
    "workers", "prefetch", "batch", "pinned", "clips/s", "frames/s", "rounds (clips/s)", "first batch (ms)",
    "queue, predicted (MB)", "queue, measured (MB)", "memory beyond it (MB)",
)  # fmt: skip
MISTAKE_HEADER = ("what is timed", "without (ms)", "with (ms)", "ratio", "why")
MARKS = "os^DvP"
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito's palette
DODGE = 0.05  # workers between the lines: their bars would hide one another
HONEST, MISTAKEN = "#009e73", "#d55e00"


def loader_rows(measurements: Sequence[LoaderMeasurement]) -> list[tuple[str, ...]]:
    """Return what `LOADER_HEADER` names, a row for each setting."""
    return [_row(each) for each in measurements]


def mistake_rows(mistakes: Sequence[Mistake]) -> list[tuple[str, ...]]:
    """Return what `MISTAKE_HEADER` names, a row for each way to measure."""
    return [
        (each.name, _ms(each.without_ms), _ms(each.with_ms), f"{each.ratio:.2f}×", each.explanation)
        for each in mistakes
    ]


def plot_workers(axes: "Axes", measurements: Sequence[LoaderMeasurement], *, title: str) -> "Axes":
    """Draw throughput over the number of workers, one line per prefetch factor, batch size and pinning.

    A bar at each point spans the rounds. What is measured without workers begins every line.

    Args:
        axes: Where to draw.
        measurements: Any settings.
        title: The finding.
    """
    families: dict[tuple[int, int, bool], list[LoaderMeasurement]] = {}
    for each in measurements:
        if each.setting.num_workers:
            families.setdefault(_family(each), []).append(each)
    for place, (family, members) in enumerate(families.items()):
        shift = (place - (len(families) - 1) / 2) * DODGE
        line = [*_alone(measurements, batch_size=family[1]), *members]
        line.sort(key=lambda each: each.setting.num_workers)
        speeds = [each.clips_per_s for each in line]
        ends = [[each.clips_per_s - each.spread[0], each.spread[1] - each.clips_per_s] for each in line]
        axes.errorbar(
            [each.setting.num_workers + shift for each in line],
            speeds,
            yerr=list(zip(*ends, strict=True)),
            label=_family_label(family),
            color=COLORS[place % len(COLORS)],
            marker=MARKS[place % len(MARKS)],
            capsize=3,
            linewidth=1.6,
        )
    axes.set_ylim(bottom=0)
    axes.set_xticks(sorted({each.setting.num_workers for each in measurements}))
    return _finish(axes, xlabel="workers", ylabel="throughput (clips/s)", title=title)


def plot_queue(axes: "Axes", measurements: Sequence[LoaderMeasurement], *, title: str) -> "Axes":
    """Draw the measured memory of full queues over the predicted; on the line they agree.

    Args:
        axes: Where to draw.
        measurements: Those without workers, which have no queue, are left out.
        title: The finding.
    """
    queued = [each for each in measurements if each.setting.num_workers and each.measured is not None]
    points = [
        ((each.predicted.shared + each.predicted.pinned) / 1e6, (shown.shared + shown.pinned) / 1e6)
        for each in queued
        if (shown := each.measured) is not None
    ]
    end = 1.15 * max((max(point) for point in points), default=1.0)
    axes.plot((0, end), (0, end), color="#999999", linewidth=1, label="measured = predicted")
    for place, workers in enumerate(sorted({each.setting.num_workers for each in queued})):
        own = [
            point for each, point in zip(queued, points, strict=True) if each.setting.num_workers == workers
        ]
        axes.scatter(
            *zip(*own, strict=True),
            color=COLORS[place % len(COLORS)],
            marker=MARKS[place % len(MARKS)],
            label=f"{workers} worker{'s' * (workers != 1)}",
            zorder=3,
        )
    axes.set(xlim=(0, end), ylim=(0, end))
    return _finish(axes, xlabel="predicted (MB)", ylabel="measured (MB)", title=title)


def plot_mistakes(axes: "Axes", mistakes: Sequence[Mistake], *, title: str) -> "Axes":
    """Draw how many times faster workers seem, a bar for each way to measure, on a logarithmic axis.

    Args:
        axes: Where to draw.
        mistakes: The ways, honest ones included.
        title: The finding.
    """
    for honest, color, label in ((True, HONEST, "what a user gains"), (False, MISTAKEN, "a mistake")):
        shown = [(place, each) for place, each in enumerate(mistakes) if each.honest == honest]
        if shown:
            bars = axes.barh(
                [place for place, _ in shown], [each.ratio for _, each in shown], color=color, label=label
            )
            axes.bar_label(bars, [f"{each.ratio:.1f}×" for _, each in shown], padding=3, fontsize="small")
    axes.axvline(1, color="#222222", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(mistakes)), [each.name for each in mistakes])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    return _finish(axes, xlabel="times faster than without workers", ylabel="", title=title)


def _row(each: LoaderMeasurement) -> tuple[str, ...]:
    setting, measured = each.setting, each.measured
    low, high = each.spread
    predicted = each.predicted.shared + each.predicted.pinned
    return (
        str(setting.num_workers),
        str(setting.prefetch_factor) if setting.num_workers else "–",
        str(setting.batch_size),
        "yes" if setting.pin_memory else "no",
        f"{each.clips_per_s:.1f}",
        f"{each.frames_per_s:.0f}",
        f"{low:.1f} to {high:.1f}",
        f"{each.first_batch_s * 1e3:.0f}",
        f"{predicted / 1e6:.2f}",
        "–" if measured is None else f"{(measured.shared + measured.pinned) / 1e6:.2f}",
        f"{each.added_private / 1e6:.0f}",
    )


def _family(each: LoaderMeasurement) -> tuple[int, int, bool]:
    return each.setting.prefetch_factor, each.setting.batch_size, each.setting.pin_memory


def _family_label(family: tuple[int, int, bool]) -> str:
    prefetch, batch_size, pinned = family
    return f"prefetch {prefetch}, batches of {batch_size}{', pinned' if pinned else ''}"


def _alone(measurements: Sequence[LoaderMeasurement], *, batch_size: int) -> list[LoaderMeasurement]:
    found = [
        each
        for each in measurements
        if not each.setting.num_workers and each.setting.batch_size == batch_size
    ]
    return found[:1]


def _ms(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _finish(axes: "Axes", *, xlabel: str, ylabel: str, title: str) -> "Axes":
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    named = bool(axes.get_legend_handles_labels()[0])
    axes.set_title(title, fontsize="medium", loc="left")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if named:
        axes.legend(frameon=False, fontsize="small")
    return axes
