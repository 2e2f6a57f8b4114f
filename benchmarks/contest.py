"""Methods on the clips of one film, measured; what was measured before, with the same code, is looked up.

    record    what one method made of one clip: a row of numbers, kept in runs/leaderboard/records

Optical flow judges, and costs more than most methods: all clips and methods of a film are judged in one pass.
"""

import inspect
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from contest_clips import Clip, Seen
from contest_methods import Method
from numpy.typing import NDArray
from versions import ROOT, code_version, digest

from vidlab.flow import DisFlow, to_gray
from vidlab.jobs.measuring import FLOW_PRESET, FLOW_SCALE, judging_flow, pair_motion
from vidlab.jobs.packing import PackedMasks, strongest
from vidlab.jobs.tracks import drive_tracks
from vidlab.metrics.accuracy import Accuracy
from vidlab.metrics.clip import PairMotion
from vidlab.metrics.consistency import Consistency
from vidlab.metrics.headline import headline
from vidlab.metrics.lifetimes import Lifetimes
from vidlab.metrics.stability import Stability
from vidlab.params import EvaluateParams
from vidlab.temporal.protocol import StableFrame
from vidlab.types import BoolMask, Frame

CACHE = ROOT / "runs" / "leaderboard" / "records"
JUDGED_BY = (
    *(f"vidlab.metrics.{name}" for name in ("accuracy", "consistency", "headline", "lifetimes", "stability")),
    *(f"vidlab.flow.{name}" for name in ("consistency", "dis", "farneback")),
)

Record = dict[str, float | None]


# ── running and judging ─────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Run:
    """What one method made of one clip.

    Attributes:
        masks: Union of the classes of each frame, packed.
        ms_per_frame: Time of the processor, all threads together.
        delay: Frames between a frame and its result, at most.
        probs_l1: Mean absolute difference of neighbouring probability maps.
    """

    masks: list[PackedMasks]
    ms_per_frame: float
    delay: int
    probs_l1: float


def run(method: Method, seen: list[Seen]) -> Run:
    """Run a method over a clip held in memory."""
    stabilizer, masks = method.make(), []
    steps: list[float] = []
    before: NDArray[np.float32] | None = None
    clock_s = 0.0
    driven = drive_tracks(stabilizer, method.told(seen), tracked_of=lambda objects: objects)
    while True:
        start_s = time.process_time()
        result = next(driven, None)
        clock_s += time.process_time() - start_s
        if result is None:
            break
        stable: StableFrame = result[2]
        masks.append(PackedMasks.of(stable.masks.any(axis=0)))
        probs = strongest(stable.probs)
        steps += [] if before is None else [float(np.abs(probs - before).mean())]
        before = probs
    owed = min(stabilizer.delay, len(seen))
    return Run(masks, 1e3 * clock_s / len(seen), owed, float(np.mean(steps)) if steps else 0.0)


class Judge:
    """The metrics of one clip's masks, frame by frame."""

    def __init__(self) -> None:
        params = EvaluateParams()
        self._accuracy, self._calm, self._calm_judged = Accuracy(), Consistency(), Consistency()
        self._still = Stability()
        self._lives = Lifetimes(found_iou=params.found_iou, kept_frames=params.kept_frames)
        self._was_here = False
        self._left_behind = self._gone = 0

    def update(
        self, mask: BoolMask, *, truth: BoolMask, motion: PairMotion | None, judge: PairMotion | None
    ) -> None:
        """Take a frame: what it is, what it should be, and how it moved as two optical flows see it."""
        self._accuracy.update(mask, target=truth)
        self._still.update(mask, probs=None)
        fate = self._lives.update(mask, target=truth)
        self._calm.update(mask, **_seen_by(motion))
        self._calm_judged.update(mask, **_seen_by(judge))
        self._was_here |= bool(truth.any())
        gone = self._was_here and not truth.any()
        self._gone += gone
        self._left_behind += gone and fate.ghost

    @property
    def instability(self) -> float:
        """What the judging flow does not explain; less that of the truth, it is excess flicker."""
        return 1.0 - self._calm_judged.compute()

    def compute(self, *, true_instability: float) -> Record:
        """Return the numbers of all frames so far."""
        right, still = self._accuracy.compute(), self._still.compute()
        excess = self.instability - true_instability
        return {
            "j": right["j"],
            "f": right["f"],
            "f_2px": right["f_2px"],
            "jf": right["jf"],
            "mc": self._calm.compute(),
            "excess_flicker": excess,
            "headline": headline(j=right["j"], f_2px=right["f_2px"], excess_flicker=excess),
            "iou_prev": still["iou_prev"],
            "mask_l1": still["changed_share"],
            "area_cv": still["area_cv"],
            "left_behind": float(self._left_behind),
            "gone": float(self._gone),
        }


def _seen_by(motion: PairMotion | None) -> dict[str, Any]:
    if motion is None:
        return {"flow_to_prev": None, "occluded": None}
    return {"flow_to_prev": motion.flow_to_prev, "occluded": motion.occluded}


def contest(clips: list[Clip], methods: list[Method]) -> dict[str, Any]:
    """Measure every method on every clip of one film, or look up what was measured before.

    Args:
        clips: Clips of one film.
        methods: The contestants; the truth itself enters by itself, as a yardstick.

    Returns:
        Clip → method → record; "truth" is a method.
    """
    cv2.setNumThreads(1)
    names = {"truth": digest("truth"), **{method.name: method.version for method in methods}}
    files = {(clip, name): _file(clip, version) for clip in clips for name, version in names.items()}
    missing = {key for key, path in files.items() if not path.is_file()}
    if missing:
        for key, record in _measure(clips, methods, missing).items():
            _write(files[key], record)
    return {
        clip.name: {name: json.loads(files[clip, name].read_text("utf-8")) for name in names}
        for clip in clips
    }


def _measure(
    clips: list[Clip], methods: list[Method], missing: set[tuple[Clip, str]]
) -> dict[tuple[Clip, str], Record]:
    truth = [PackedMasks.of(mask) for mask in clips[0].read_truth()]
    runs: dict[tuple[Clip, str], Run] = {}
    for clip in clips:
        seen = list(clip.read())
        for method in methods:
            if (clip, method.name) in missing:
                runs[clip, method.name] = run(method, seen)
        if (clip, "truth") in missing:
            runs[clip, "truth"] = Run(truth[: len(seen)], 0.0, 0, float("nan"))
    judged = judge_runs(
        [frame for frame, *_ in seen], truth, {key: found.masks for key, found in runs.items()}
    )
    return {
        key: {
            **judged[key],
            "probs_l1": found.probs_l1,
            "delay": float(found.delay),
            "ms": found.ms_per_frame,
            "n_frames": float(len(found.masks)),
        }
        for key, found in runs.items()
    }


def judge_runs(
    frames: list[Frame], truth: list[PackedMasks], masks: Mapping[Any, list[PackedMasks]]
) -> dict[Any, Record]:
    """Judge several versions of the masks of one film, all along the same two flows."""
    judges, yardstick = {key: Judge() for key in masks}, Judge()
    stabilizing, judging = DisFlow(preset=FLOW_PRESET, scale=FLOW_SCALE), judging_flow(EvaluateParams())
    grays = [to_gray(frame.image) for frame in frames]
    for t, gray in enumerate(grays):
        motion = pair_motion(stabilizing, gray, grays[t - 1]) if t else None
        judge = pair_motion(judging, gray, grays[t - 1]) if t else None
        target = truth[t].unpack()
        yardstick.update(target, truth=target, motion=motion, judge=judge)
        for key, packed in masks.items():
            judges[key].update(packed[t].unpack(), truth=target, motion=motion, judge=judge)
    true = yardstick.instability
    return {key: judge.compute(true_instability=true) for key, judge in judges.items()}


# ── what was measured before ────────────────────────────────────────────────────────────────────────────────
def _file(clip: Clip, version: str) -> Path:
    return CACHE / f"{digest(clip.name, clip.version, version, _judges_version())}.json"


@cache
def _judges_version() -> str:
    own = [inspect.getsource(part) for part in (Judge, judge_runs, run, Method)]
    return digest(own, code_version(*JUDGED_BY), EvaluateParams().model_dump())


def _write(path: Path, record: Record) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_path = path.with_suffix(".partial")
    partial_path.write_text(json.dumps(record), "utf-8")
    partial_path.replace(path)
