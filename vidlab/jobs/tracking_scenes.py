"""Trackers on scenes with exact identities: who was called what, how well, and what that does to masks."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import fmean

import numpy as np

from vidlab.jobs.smoothers import Score, score
from vidlab.jobs.trap_clips import DrawnClip
from vidlab.jobs.traps import exact_motions
from vidlab.metrics.tracking import TrackingMetrics, TrackingScore, mask_iou
from vidlab.params import EvidenceParams, MethodParams, TrackingJudgeParams
from vidlab.smoother import InstanceSmoother
from vidlab.synthetic.scene import SceneFrame
from vidlab.synthetic.suite import SuiteClip
from vidlab.temporal.evidence import to_evidence
from vidlab.tracking import Tracker, ids_of, one_each
from vidlab.types import BoolMask, Instances

Key = tuple[str, str]  # plot and looks of a scene

SCORE_HEADER = ("HOTA ↑", "DetA ↑", "AssA ↑", "IDF1 ↑", "MOTA ↑", "switches ↓")


@dataclass(frozen=True, slots=True)
class Scene:
    """A drawn clip in memory, with what a network says of it.

    Attributes:
        name: Plot, looks and detector.
        frames: Every frame, with exact identities and motion.
        found: The detections of each.
    """

    name: str
    frames: list[SceneFrame]
    found: list[Instances]

    @classmethod
    def of(cls, clip: SuiteClip) -> "Scene":
        """Draw a clip of detections."""
        frames, found = zip(*clip, strict=True)
        return cls(clip.name, list(frames), [each for each in found if isinstance(each, Instances)])


@dataclass(frozen=True, slots=True)
class Followed:
    """What a tracker made of a scene.

    Attributes:
        tracked: The detections of every frame, with identities.
        given: Number of each object → the identity it went by in every frame; None where by none.
        score: How well.
        ms_per_frame: What it took.
    """

    tracked: list[Instances]
    given: dict[int, list[int | None]]
    score: TrackingScore
    ms_per_frame: float


def follow(scene: Scene, tracker: Tracker) -> Followed:
    """Run a tracker over a scene and judge it by masks."""
    tracker.reset()
    start_s = time.perf_counter()
    tracked = [
        tracker.step(frame.image, found) for frame, found in zip(scene.frames, scene.found, strict=True)
    ]
    seconds = time.perf_counter() - start_s
    truth = [frame.instances for frame in scene.frames]
    ms_per_frame = 1000 * seconds / len(tracked)
    return Followed(tracked, _given(truth, tracked), judge(truth, tracked), ms_per_frame)


def judge(truth: Sequence[Instances], tracked: Sequence[Instances]) -> TrackingScore:
    """Score identities against exact ones, by masks; of several detections of one, the surest counts."""
    metrics = TrackingMetrics(**TrackingJudgeParams().model_dump())
    for there, said in zip(truth, map(one_each, tracked), strict=True):
        metrics.update(mask_iou(there.masks, said.masks), truth_ids=ids_of(there), ids=ids_of(said))
    return metrics.compute()


def stabilized(
    scene: Scene, tracked: Sequence[Instances], *, method: MethodParams
) -> tuple[TrackingScore, Score]:
    """Make masks stable under the identities that a tracker gave.

    Args:
        scene: The scene.
        tracked: What the tracker made of it.
        method: How masks are made stable.

    Returns:
        How well the stable masks keep identities, and what their union is worth, judged along exact motion.
    """
    smoother, done = InstanceSmoother(method, evidence=EvidenceParams()), []
    for frame, each in zip(scene.frames, tracked, strict=True):
        done += smoother.step(frame.image, each)
    done += smoother.flush()
    stable = [each.instances for each in done]
    return judge([frame.instances for frame in scene.frames], stable), worth(scene, [s.masks for s in stable])


def worth(scene: Scene, masks: Sequence[BoolMask]) -> Score:
    """Return what masks, bool (K, H, W) for each frame, are worth as one, along the exact motion."""
    truth = np.stack([frame.instances.masks.any(axis=0) for frame in scene.frames])
    clip = DrawnClip(scene.frames, truth, [])
    return score(np.stack([each.any(axis=0) for each in masks]), truth=truth, along=exact_motions(clip))


def raw_masks(scene: Scene) -> list[BoolMask]:
    """Return the detections that count, bool (K, H, W) for each frame: the masks before any method."""
    rules = EvidenceParams().model_dump()
    return [to_evidence(found, class_ids=None, **rules).raw for found in scene.found]


def mean_tracking(scores: Sequence[TrackingScore]) -> dict[str, float]:
    """Return the mean of each share over clips, undefined ones left out, and the sum of each count."""
    means: dict[str, float] = {}
    for field in fields(TrackingScore):
        values = [float(getattr(each, field.name)) for each in scores]
        defined = [value for value in values if value == value]
        is_count = field.name.startswith("n_")
        means[field.name] = sum(values) if is_count else fmean(defined) if defined else float("nan")
    return means


def cells(means: Mapping[str, float]) -> tuple[str, ...]:
    """Return the mean of some scores as the cells of a row under `SCORE_HEADER`."""
    shares = [f"{means[name]:.3f}" for name in ("hota", "deta", "assa", "idf1", "mota")]
    return (*shares, f"{means['n_switches']:.0f}")


def mean_hota(
    followed: Mapping[Key, Mapping[str, Followed]],
    tracker: str,
    *,
    plot: str | None = None,
    looks: str | None = None,
) -> float:
    """Return a tracker's mean HOTA over the scenes of a plot, of some looks, or over all.

    Args:
        followed: Plot and looks of each scene → name of each tracker → what it made of it.
        tracker: Name of the tracker.
        plot: The only plot that counts; None takes all.
        looks: The only looks that count; None takes all.
    """
    chosen = [each for key, each in followed.items() if plot in (None, key[0]) and looks in (None, key[1])]
    return mean_tracking([each[tracker].score for each in chosen])["hota"]


def beaten(followed: Mapping[Key, Mapping[str, Followed]], trackers: Sequence[str]) -> list[str]:
    """Return the plots in which the tracker that is best on average has not the best mean HOTA."""

    def best(plot: str | None) -> str:
        return max(trackers, key=lambda name: mean_hota(followed, name, plot=plot))

    plots = dict.fromkeys(plot for plot, _ in followed)
    return [plot for plot in plots if best(plot) != best(None)]


def answer(hota: Mapping[str, Sequence[float]], *, beaten_in: Sequence[str] = ()) -> str:
    """Say in one sentence which tracker keeps identities best.

    Args:
        hota: Name of each tracker → HOTA, clip by clip.
        beaten_in: Plots in which another one is better, to be named.

    >>> answer({"flow": [0.9, 0.8], "sort": [0.7, 0.9]}).partition("; ")[2]
    'then sort, 0.800.'
    """
    means = {name: fmean(values) for name, values in hota.items()}
    best, *others = sorted(means, key=lambda name: -means[name])
    won = int(np.sum(np.array(hota[best]) >= np.max(list(hota.values()), axis=0)))
    low, high = min(hota[best]), max(hota[best])
    rest = ", ".join(f"{name}, {means[name]:.3f}" for name in others)
    but = f" Another one is better in: {', '.join(beaten_in)}." if beaten_in else ""
    return (
        f"{best} keeps identities best: HOTA {means[best]:.3f} on average ({low:.3f} to {high:.3f}), best on "
        f"{won} of {len(hota[best])} clips; then {rest}.{but}"
    )


def _given(truth: Sequence[Instances], tracked: Sequence[Instances]) -> dict[int, list[int | None]]:
    """Return which identity each object went by: that of the detection that covers it best, at least half."""
    given: dict[int, list[int | None]] = {}
    for index, (there, said) in enumerate(zip(truth, map(one_each, tracked), strict=True)):
        overlap = mask_iou(there.masks, said.masks)
        for row, one in enumerate(ids_of(there).tolist()):
            names = given.setdefault(one, [None] * len(truth))
            if len(said) and overlap[row].max() >= TrackingJudgeParams().match_iou:
                names[index] = int(ids_of(said)[overlap[row].argmax()])
    return dict(sorted(given.items()))
