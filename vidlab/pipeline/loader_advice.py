"""Which setting of a loader to take on this machine, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from vidlab.errors import ParameterError
from vidlab.pipeline.loader_result import LoaderMeasurement
from vidlab.pipeline.torch_loader import LoaderSetting

NOISY = 0.2  # slowest and fastest round of a setting further apart than this share of its median


@dataclass(frozen=True, slots=True)
class Advice:
    """What to take.

    Attributes:
        chosen: The smallest setting that is fast enough.
        best: The fastest one.
        sentences: The reasons, with their numbers.
    """

    chosen: LoaderMeasurement
    best: LoaderMeasurement
    sentences: tuple[str, ...]


def recommend(measurements: Sequence[LoaderMeasurement], *, within: float, n_cores: float) -> Advice:
    """Choose the smallest setting whose median throughput comes within a share of the best.

    Small means, in this order: fewer workers, less memory for the queue, no page-locked memory.

    Args:
        measurements: At least one.
        within: Share of the best throughput that may be given up, [0, 1).
        n_cores: Processors that the loader may use.

    Raises:
        ParameterError: There are no measurements.
    """
    if not measurements:
        raise ParameterError("measurements must hold at least one setting, got none")
    best = max(measurements, key=lambda each: each.clips_per_s)
    fast = [each for each in measurements if each.clips_per_s >= (1 - within) * best.clips_per_s]
    chosen = min(fast, key=_size)
    sentences = [f"take {words(chosen.setting)}: {_speed(chosen)}"]
    if chosen is not best:
        more = best.clips_per_s / chosen.clips_per_s - 1
        sentences.append(f"the fastest, {words(best.setting)}, gives {_speed(best)}: {more:.1%} more")
    sentences.extend(_against_none(measurements, chosen))
    if _overlap(chosen, best) and chosen is not best:
        sentences.append("their rounds overlap: this run cannot tell the two apart")
    noise = max((each.spread[1] - each.spread[0]) / each.clips_per_s for each in measurements)
    if noise > NOISY:
        sentences.append(
            f"rounds of one setting differ by up to {noise:.0%}: take this with care, and measure again with "
            "more rounds or when the machine has less to do"
        )
    if chosen.setting.num_workers >= n_cores:
        sentences.append(
            f"the workers fill all {n_cores:g} cores; a model or a preprocessing on the CPU "
            "would have to share"
        )
    sentences.append(_memory(chosen))
    return Advice(chosen, best, tuple(sentence.replace("%", " %") for sentence in sentences))


def words(setting: LoaderSetting) -> str:
    """Name a setting.

    >>> words(LoaderSetting(2, 4, 8, False))
    '2 workers, prefetch 4, batches of 8'
    """
    workers = f"{setting.num_workers} worker{'s' * (setting.num_workers != 1)}"
    prefetch = f", prefetch {setting.prefetch_factor}" if setting.num_workers else ""
    pinned = ", pinned" if setting.pin_memory else ""
    return f"{workers}{prefetch}, batches of {setting.batch_size}{pinned}"


def _size(each: LoaderMeasurement) -> tuple[int, int, bool, int]:
    queue = each.predicted.shared + each.predicted.pinned
    return each.setting.num_workers, queue, each.setting.pin_memory, each.setting.batch_size


def _speed(each: LoaderMeasurement) -> str:
    low, high = each.spread
    rounds = f"{low:.1f} to {high:.1f} in {len(each.rounds)} rounds" if len(each.rounds) > 1 else "one round"
    return f"{each.clips_per_s:.1f} clips/s, {each.frames_per_s:.0f} frames/s ({rounds})"


def _against_none(measurements: Sequence[LoaderMeasurement], chosen: LoaderMeasurement) -> list[str]:
    """Compare with loading in the caller's process, at the same batch size."""
    alone = [
        each
        for each in measurements
        if not each.setting.num_workers and each.setting.batch_size == chosen.setting.batch_size
    ]
    if not alone or chosen in alone:
        return []
    ratio = chosen.clips_per_s / alone[0].clips_per_s
    return [f"that is {ratio:.2f} times the {alone[0].clips_per_s:.1f} clips/s without workers"]


def _overlap(one: LoaderMeasurement, other: LoaderMeasurement) -> bool:
    return one.spread[1] >= other.spread[0]


def _memory(each: LoaderMeasurement) -> str:
    if not each.setting.num_workers:
        return "without workers nothing is prefetched: the model waits while a batch is made"
    predicted, measured = each.predicted, each.measured
    parts = [f"its full queue takes {_mb(predicted.shared)} MB of shared memory by arithmetic"]
    if measured is not None:
        parts.append(f"{_mb(measured.shared)} MB as measured")
    if predicted.pinned:
        parts.append(f"and {_mb(predicted.pinned)} MB pinned")
    parts.append(f"the workers themselves {_mb(each.added_private)} MB")
    return ", ".join(parts)


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f}"
