"""Ways of running a network on fewer frames, and what each gives on a clip."""

import time
from dataclasses import dataclass, field
from functools import partial

import contest_films as films
from contest import run
from contest_clips import RULES, Clip, Seen

from vidlab.flow import FlowMemory, RememberedFlow, create_flow
from vidlab.metrics.accuracy import Accuracy
from vidlab.params import KeyframeParams
from vidlab.temporal.evidence import to_evidence
from vidlab.temporal.keyframes import Keyframes
from vidlab.types import BoolMask, Observation

RAW = "every frame"
EVERY = (2, 3, 4, 5, 6, 8)
QUICK_EVERY = (4,)
CAUSAL_EVERY = (4, 5)  # behind the stabilizer that is not the default: where the goal is
STABILIZERS = ("flow_fusion", "flow_fusion_two_pass")
# How much may change before the network runs early, with room for longer stretches where little does
CHANGES, AT_MOST = (0.2, 0.3, 0.4, 0.5), 8
FLOW_MB = 2000.0  # flows of a clip: every way follows the same ones


@dataclass(frozen=True)
class Way:
    """One way.

    Attributes:
        name: As the table prints it.
        family: Curve of the figure that it is a point of.
        params: How keyframes are chosen and carried.
        method: What stabilizes the masks after; None leaves them raw.
    """

    name: str
    family: str
    params: KeyframeParams = field(default_factory=KeyframeParams)
    method: str | None = None

    @property
    def every_frame(self) -> str:
        """Name of the way that it is compared with: the same, with the network run on every frame."""
        return f"{RAW}, {self.method}" if self.method else RAW


@dataclass(frozen=True)
class Measured:
    """What a way gave on one clip.

    Attributes:
        curve: (J + F) / 2 of each frame, points.
        n_calls: Frames that the network saw.
        delay: Frames between a frame and its masks, at most; stabilizing not counted.
        ms_per_frame: Time of the processor for carrying.
    """

    curve: list[float]
    n_calls: int
    delay: int
    ms_per_frame: float


def ways(*, quick: bool) -> list[Way]:
    """List all ways, the network run on every frame first."""
    found = [Way(RAW, RAW), *(Way(f"{RAW}, {method}", RAW, method=method) for method in STABILIZERS)]
    for method in (None, *STABILIZERS):
        after = f", {method}" if method else ""
        for family, all_params in _families(method, quick=quick).items():
            found += [Way(f"{family} {_told(p)}{after}", f"{family}{after}", p, method) for p in all_params]
    return found


def _families(method: str | None, *, quick: bool) -> dict[str, list[KeyframeParams]]:
    """List what is tried of each way before a stabilizer; None for none."""
    every = QUICK_EVERY if quick else EVERY
    if method == STABILIZERS[0]:
        return {"both sides": [_params(k) for k in CAUSAL_EVERY if k in every]}
    changes = CHANGES[:: 2 if quick else 1]
    found = {
        "both sides": [_params(k) for k in every],
        "adaptive": [_params(AT_MOST, change=change) for change in changes],
    }
    forward = {} if method else {"forward": [_params(k, look_ahead=False) for k in every]}
    return forward | found


def _params(every: int, *, look_ahead: bool = True, change: float = 1.0) -> KeyframeParams:
    return KeyframeParams(keyframe_every=every, keyframe_look_ahead=look_ahead, keyframe_change=change)


def _told(params: KeyframeParams) -> str:
    if params.keyframe_change < 1:
        return f"change={params.keyframe_change:g}"
    return f"k={params.keyframe_every}"


def measure(clip: Clip, entries: list[Way]) -> dict[str, Measured]:
    """Measure ways on a clip that is held in memory; those that differ in the stabilizer carry once."""
    seen, truth = list(clip.read()), list(clip.read_truth())
    memory = FlowMemory(memory_mb=FLOW_MB)
    carried: dict[KeyframeParams, tuple[list[Seen], int, int, float]] = {}
    found = {}
    for way in entries:
        if way.params not in carried:
            carried[way.params] = carry(seen, way.params, memory=memory)
        told, n_calls, delay, ms = carried[way.params]
        masks = stabilized(told, way.method) if way.method else [s.evidence.raw.any(axis=0) for s in told]
        found[way.name] = Measured(_curve(masks, truth[: len(seen)]), n_calls, delay, ms)
    return found


def carry(
    seen: list[Seen], params: KeyframeParams, *, memory: FlowMemory
) -> tuple[list[Seen], int, int, float]:
    """Use what the network said of keyframes only; return all frames, calls, delay, and ms per frame.

    Flows are looked up where another way followed them: the time is that of the first way.
    """
    preset, scale = params.keyframe_flow_preset, params.keyframe_flow_scale
    flow = RememberedFlow(create_flow("dis", scale=scale, preset=preset), memory=memory)
    keyframes, n_calls = Keyframes(params, flow=flow), 0
    found: list[Observation] = []

    def asked(one: Seen) -> Observation:
        nonlocal n_calls
        n_calls += 1
        return one.observation

    start_s = time.process_time()
    for one in seen:
        found += keyframes.step(one.frame.image, partial(asked, one))
    found += keyframes.flush()
    ms = 1e3 * (time.process_time() - start_s) / len(seen)
    told = [_told_again(one, observation) for one, observation in zip(seen, found, strict=True)]
    return told, n_calls, min(keyframes.delay, len(seen)), ms


def _told_again(one: Seen, observation: Observation) -> Seen:
    evidence = to_evidence(observation, class_ids=one.evidence.class_ids, **RULES.model_dump())
    return Seen(one.frame, evidence, observation)


def stabilized(told: list[Seen], method: str) -> list[BoolMask]:
    """Run a stabilizer as `vidlab stabilize` does."""
    return [packed.unpack() for packed in run(films.ours(method, method), told).masks]


def _curve(masks: list[BoolMask], truth: list[BoolMask]) -> list[float]:
    accuracy = Accuracy()
    scores = (accuracy.update(mask, target=target) for mask, target in zip(masks, truth, strict=True))
    return [50 * (score.j + score.f) for score in scores]
