"""What to try next, and what it should gain: each change is put into the arithmetic of the pipeline.

Where a change was tried, its effect is a measured share; where it was not, the assumption is part of the
sentence. The most that any change of a stage could gain, that stage for nothing, stands beside it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vidlab.profiling.overlap import CPU, StageCost, overlapped_s
from vidlab.profiling.verdict import Verdict

DECODE, PREPROCESS, INFER, POSTPROCESS = "decode", "preprocess", "infer", "postprocess"

NETWORK_CHANGES = {
    "smaller input": "give the network half the width and height",
    "bigger batch": "take twice the frames per call",
    "bfloat16": "run the network in bfloat16 (autocast)",
}
BY_PIXELS = "assumed: a quarter of the pixels takes a quarter of the time"
_WORTHWHILE = 1.05  # times as fast: less is lost in the noise of a run
QUARTER = 0.25  # half the width and height: a quarter of the pixels
HALF = 0.5
ON_GPU = 0.2  # of a preprocessing time: a guess, said wherever it is used
FREE = 0.0


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does to one stage.

    Attributes:
        time_share: What is left of its time.
        cores_share: What is left of the cores that it keeps busy; 2 for a second thread.
        device: Where it runs then; None leaves it.
    """

    time_share: float = 1.0
    cores_share: float = 1.0
    device: str | None = None

    def on(self, stage: StageCost) -> StageCost:
        """Return the stage after the change."""
        cores, device = stage.cores * self.cores_share, self.device or stage.device
        return replace(stage.scaled(self.time_share), cores=cores, device=device)


@dataclass(frozen=True, slots=True)
class Change:
    """Something to try.

    Attributes:
        title: What to do, in the imperative.
        effects: Stage → what happens to it.
        basis: `measured: …` or `assumed: …`, on which the effects rest.
        n_cores: Cores there would be; None leaves them.
        needs: What has to be bought for it; empty for what can be tried here.
    """

    title: str
    effects: Mapping[str, Effect]
    basis: str
    n_cores: float | None = None
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change with what it should gain.

    Attributes:
        change: What to try.
        gain: How many times faster the overlapped pipeline should be; 1 is no gain.
        ceiling: The same if the changed stages cost nothing: no change of them gains more; None where nothing
            would be left.
    """

    change: Change
    gain: float
    ceiling: float | None

    def __str__(self) -> str:
        """Say what to try and what it should gain."""
        most = "" if self.ceiling is None else f"; never more than {self.ceiling:.2f} times"
        return f"{self.change.title}: {self.gain:.2f} times as fast ({self.change.basis}{most})"


def suggest(verdict: Verdict, changes: Sequence[Change]) -> list[Suggestion]:
    """Put changes into the arithmetic, and order them by what speaks for them.

    What gains enough comes first; of that, what was tried, then what can be tried here, then what needs other
    hardware; and then by the gain.
    """
    found = []
    for change in changes:
        gain = _gain(verdict, change)
        free = {name: replace(effect, time_share=FREE) for name, effect in change.effects.items()}
        most = _gain(verdict, replace(change, effects=free)) if free else gain
        found.append(Suggestion(change, gain, max(gain, most) if most < math.inf else None))
    return sorted(found, key=_rank)


def _rank(suggestion: Suggestion) -> tuple[bool, bool, bool, float]:
    change, gain = suggestion.change, suggestion.gain
    is_tried = change.basis.startswith("measured")
    return gain < _WORTHWHILE, not is_tried, bool(change.needs), -round(gain, 3)


def standard_changes(
    verdict: Verdict, *, device: str, measured: Mapping[str, float] | None = None
) -> list[Change]:
    """Return what is worth trying for such stages; what does not apply is left out.

    Args:
        verdict: The pipeline as it is.
        device: Where the network runs.
        measured: Cheaper way to run the network, out of `NETWORK_CHANGES` → share of its time per frame that
            was measured; the others are assumed, or left out where no assumption is worth printing.
    """
    names = {stage.name for stage in verdict.stages}
    found: list[Change] = []
    if DECODE in names:
        by_pixels = {name: Effect(QUARTER) for name in (DECODE, PREPROCESS, POSTPROCESS) if name in names}
        title = "decode at lower resolution (half the width and height)"
        found.append(Change(title, by_pixels, BY_PIXELS))
    if INFER in names:
        found += _for_network(measured or {})
        if device == CPU:
            effect = Effect(ON_GPU, cores_share=ON_GPU, device="gpu")
            found.append(
                Change("infer on a GPU", {INFER: effect}, "assumed: a fifth of the time", needs="a GPU")
            )
    if device != CPU:
        found += _for_gpu(names, device)
    found += [_second_worker(stage) for stage in verdict.stages if stage.device == CPU]
    if len(verdict.limits[0].stages) > 1:
        basis, n_cores = "assumed: nothing else changes", 2 * verdict.n_cores
        found.append(Change("take twice the cores", {}, basis, n_cores=n_cores, needs="cores"))
    return found


def _for_network(measured: Mapping[str, float]) -> list[Change]:
    found = []
    for name, title in NETWORK_CHANGES.items():
        if name in measured:
            basis = f"measured: {100 * measured[name]:.0f} % of the time per frame"
            found.append(Change(title, {INFER: Effect(measured[name])}, basis))
        elif name == "smaller input":
            found.append(Change(title, {INFER: Effect(QUARTER)}, BY_PIXELS))
    return found


def _for_gpu(names: set[str], device: str) -> list[Change]:
    found = []
    if PREPROCESS in names:
        effect = Effect(ON_GPU, cores_share=ON_GPU, device=device)
        basis = "assumed: a fifth of the time, shared with the network's device"
        found.append(Change("preprocess on the GPU", {PREPROCESS: effect}, basis))
    if DECODE in names:
        effect = Effect(1.0, cores_share=ON_GPU, device=f"decoder of {device}")
        basis = "assumed: as fast as now, on the GPU's own decoder"
        found.append(Change("decode on the GPU", {DECODE: effect}, basis))
    return found


def _second_worker(stage: StageCost) -> Change:
    """Two threads that take turns: each item costs as much, twice as many are done."""
    effect = Effect(HALF, cores_share=2.0)
    basis = "assumed: both go as fast as one alone while cores are free"
    return Change(f"give {stage.name} a second thread", {stage.name: effect}, basis)


def _gain(verdict: Verdict, change: Change) -> float:
    nothing = Effect()
    stages = [change.effects.get(stage.name, nothing).on(stage) for stage in verdict.stages]
    cores = change.n_cores or verdict.n_cores
    after_s = overlapped_s(stages, n_items=verdict.n_items, queue_size=verdict.queue_size, n_cores=cores)
    return verdict.overlapped_s / after_s if after_s > 0 else math.inf
