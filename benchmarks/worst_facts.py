"""What happened in a frame of a clip, measured and then said: the words under pictures of worst clips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from vidlab.metrics.accuracy import FrameAccuracy
from vidlab.metrics.overlap import iou
from vidlab.params import EvaluateParams
from vidlab.types import BoolMask, Float32Array

HARM = 0.02  # of (J + F) / 2: a clip whose stable masks lose less against raw in every frame is not harmed
MUCH_LOST = 0.15  # of the object: a flow that is lost on less carries the mask well enough
FAST = 0.1  # of the object's size per frame
SIZES = (0.8, 1.25)  # of the true area: a mask between these has about the right size
TINY = 0.005  # of the picture
RECENT = 5  # frames
PERFECT = 0.995  # J
NO_CAUSE = "Nothing that is measured here stands out."


@dataclass(frozen=True)
class Facts:
    """One frame of a clip, and how often the network missed the object; shares lie in [0, 1].

    Attributes:
        frame: Which, from 0.
        raw: Accuracy of the raw mask in this frame.
        stable: The same of the stable mask.
        raw_area: Area of the raw mask over the true one; 0 where there is no object.
        stable_area: The same of the stable mask.
        raw_px: Area of the raw mask, in pixels.
        stable_px: The same of the stable mask.
        gone_frames: Frames since the object left; 0 while it is there.
        new_frames: Frames it has been there, this one included; 0 where there is none.
        missed_here: Frames in a row around this one in which the network did not find the object.
        missed: Frames in which it did not, of those that show it.
        shown: Frames that show the object.
        lost: Share of the object on which the flow there and back disagrees.
        speed_px: Median motion of the object, pixels per frame.
        size: Area of the object, as a share of the picture.
        claimed: Share of what is too much in the stable mask that is in the raw mask too.
        claimed_before: Share of it that was in the raw masks of the frames just before.
    """

    frame: int
    raw: FrameAccuracy
    stable: FrameAccuracy
    raw_area: float
    stable_area: float
    raw_px: int
    stable_px: int
    gone_frames: int
    new_frames: int
    missed_here: int
    missed: int
    shown: int
    lost: float
    speed_px: float
    size: float
    claimed: float
    claimed_before: float


def worst_frame(raw: Sequence[FrameAccuracy], stable: Sequence[FrameAccuracy]) -> int:
    """Return the frame in which stable loses most against raw; if in none, the one it is worst in."""
    losses = [jf(one) - jf(other) for one, other in zip(raw, stable, strict=True)]
    if max(losses) >= HARM:
        return losses.index(max(losses))
    found = [jf(one) for one in stable]
    return found.index(min(found))


def facts_of(
    frame: int,
    masks: dict[str, BoolMask],
    *,
    accuracy: dict[str, Sequence[FrameAccuracy]],
    flow_to_prev: Float32Array | None,
    lost: BoolMask | None,
) -> Facts:
    """Measure one frame.

    Args:
        frame: Which.
        masks: bool (T, H, W) for `raw`, `stable` and `truth`.
        accuracy: Of `raw` and `stable`, frame by frame.
        flow_to_prev: float32 (H, W, 2), pixels; None in the first frame.
        lost: bool (H, W), where the flow there and back disagrees; None in the first frame.
    """
    raw, stable, truth = (masks[name][frame] for name in ("raw", "stable", "truth"))
    here = truth if truth.any() else stable
    shown = masks["truth"].any(axis=(1, 2))
    too_much = stable & ~truth
    before = masks["raw"][max(0, frame - RECENT) : frame].any(axis=0)
    missed = [
        bool(there) and iou(one, true) < EvaluateParams().found_iou
        for there, one, true in zip(shown, masks["raw"], masks["truth"], strict=True)
    ]
    speed = None if flow_to_prev is None else np.linalg.norm(flow_to_prev, axis=-1)
    return Facts(
        frame, accuracy["raw"][frame], accuracy["stable"][frame],
        raw_area=_ratio(raw, truth), stable_area=_ratio(stable, truth),
        raw_px=int(raw.sum()), stable_px=int(stable.sum()),
        gone_frames=_run(~shown[: frame + 1]) if shown[:frame].any() else 0,
        new_frames=_run(shown[: frame + 1]),
        missed_here=_run(missed[: frame + 1]) + _run(missed[:frame:-1]) if missed[frame] else 0,
        missed=sum(missed), shown=int(shown.sum()),
        lost=0.0 if lost is None else _share(lost, here),
        speed_px=float(np.median(speed[here])) if speed is not None and here.any() else 0.0,
        size=float(truth.mean()),
        claimed=_share(raw, too_much), claimed_before=_share(before, too_much),
    )  # fmt: skip


def in_words(facts: Facts, *, gain: float, picture_px: int) -> str:
    """Say what happened.

    Args:
        facts: The frame.
        gain: Of the clip, in points of (J + F) / 2.
        picture_px: Pixels of the picture.
    """
    change = 100 * (jf(facts.stable) - jf(facts.raw))
    areas = f"area of raw {facts.raw_area:.2f}, of stable {facts.stable_area:.2f} times the true one."
    if not facts.size:
        areas = f"nothing is there, raw shows {facts.raw_px} px, stable {facts.stable_px} px."
    causes = " ".join(_causes(facts, picture_px)) or NO_CAUSE
    return f"Clip {gain:+.1f} points, this frame {change:+.1f}; {areas} {causes}"


def _causes(facts: Facts, picture_px: int) -> Iterator[str]:
    yield from _of_presence(facts)
    yield from _of_shape(facts)
    if facts.lost > MUCH_LOST:
        yield f"The flow there and back disagrees on {facts.lost:.0%} of the object."
    length_px = (facts.size * picture_px) ** 0.5
    if length_px and facts.speed_px > FAST * length_px:
        yield f"It moves fast: {facts.speed_px:.0f} px per frame, its size is {length_px:.0f} px."
    if 0 < facts.size < TINY:
        yield f"It is tiny: {facts.size:.2%} of the picture."


def _of_presence(facts: Facts) -> Iterator[str]:
    if facts.gone_frames:
        yield f"The object is gone for {_frames(facts.gone_frames)}: what is drawn is left behind."
    elif facts.missed_here:
        yield (
            f"The network misses the object here, {_frames(facts.missed_here)} in a row "
            f"({facts.missed} of {facts.shown} in the clip): the mask is carried, not seen."
        )
    elif facts.missed:
        yield f"The network misses the object in {facts.missed} of {facts.shown} frames, not in this one."
    if 0 < facts.new_frames <= RECENT < facts.frame:
        yield f"It has been there for {_frames(facts.new_frames)} only."


def _of_shape(facts: Facts) -> Iterator[str]:
    small, large = SIZES
    if facts.size and facts.raw.j >= PERFECT:
        yield "The raw mask is perfect here: every change is for the worse."
    if facts.stable_area > large:
        yield (
            f"Of what is too much, the raw mask claims {facts.claimed:.0%} here too, "
            f"and claimed {facts.claimed_before:.0%} in the {RECENT} frames before."
        )
    elif 0 < facts.stable_area < small and facts.raw_area > facts.stable_area:
        yield "Part of what the raw mask shows is held back."
    elif 0 < facts.stable_area < small:
        yield "The raw mask is smaller still: what a network does not show can hardly be found."


def _frames(count: int) -> str:
    return f"{count} frame{'s' if count > 1 else ''}"


def jf(accuracy: FrameAccuracy) -> float:
    """Return (J + F) / 2 of a frame."""
    return fmean((accuracy.j, accuracy.f))


def _ratio(mask: BoolMask, truth: BoolMask) -> float:
    return float(mask.sum() / truth.sum()) if truth.any() else 0.0


def _share(mask: BoolMask, of: BoolMask) -> float:
    return float(mask[of].mean()) if of.any() else 0.0


def _run(flags: Sequence[bool]) -> int:
    """Return how many of the last are set, in a row.

    >>> _run([True, False, True, True])
    2
    """
    places = [place for place, flag in enumerate(reversed([*flags])) if not flag]
    return places[0] if places else len(flags)
