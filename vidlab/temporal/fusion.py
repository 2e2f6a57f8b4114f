"""Steps 2 to 4: the running state carried along the flow, weighted by motion, and joined with new evidence.

The state is a weighted mean of the evidence along the motion of each pixel: `probs` is the mean, `mass` the
sum of the weights behind it. It is an exponential moving average in which frames that say little count
little, so that a missed detection does not teach the average to forget the object. The mass varies slowly
over the picture and is kept at the size of the flow.
"""

from dataclasses import dataclass

import numpy as np

from vidlab.flow.consistency import squared_length
from vidlab.flow.warp import resample, resize_flow, resize_map
from vidlab.temporal.extent import EMPTY, Window, extent, union
from vidlab.temporal.neighbors import Source, Trail, aged, mean_of, with_newest
from vidlab.types import BoolMask, Float32Array

LEAST_TRUST = 0.05  # in a flow that explains nothing: where nothing is seen anew, the old is better than none


@dataclass(frozen=True, slots=True)
class FusedState:
    """A weighted mean over frames.

    Attributes:
        probs: float32 (H, W), [0, 1], the mean probability.
        mass: float32 (h, w), > 0, the sum of the weights behind it, at the size of the flow.
        window: Rows and columns outside of which the mean is below `vidlab.temporal.extent.NOTHING`.
        sources: The maps that are carried on in its place; none if it is carried itself.
    """

    probs: Float32Array
    mass: Float32Array
    window: Window
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Carrier:
    """How a state reaches the next frame.

    Attributes:
        flow: float32 (H, W, 2), pixels: where each pixel was; None leaves the state in place.
        small_flow: The same at the size of the mass, float32 (h, w, 2), in pixels of that size.
        keep: float32 (h, w), [0, 1]; how far the carried state can be trusted.
    """

    flow: Float32Array | None
    small_flow: Float32Array | None
    keep: Float32Array


def carrier(
    flow: Float32Array,
    lost: BoolMask,
    *,
    error: Float32Array,
    size_hw: tuple[int, int],
    carry: bool,
    motion_weight: bool,
    motion_px: float,
    lost_keep: float,
    flow_error: float,
) -> Carrier:
    """Prepare one step along a flow (steps 2 and 3).

    Args:
        flow: float32 (h, w, 2), in pixels of its own size: where this frame's pixels were.
        lost: bool (h, w), where the flow there and back disagrees.
        error: float32 (h, w), how badly the flow explains the picture (see `vidlab.flow.color_error`).
        size_hw: Size of the state.
        carry: Follow the flow; False leaves the state in place.
        motion_weight: Trust the state less where motion is large or the flow disagrees.
        motion_px: Motion, in pixels of the state, at which the trust is one half.
        lost_keep: Trust where `lost`, [0, 1].
        flow_error: Error at which the trust falls to 1/e, > 0.
    """
    keep: Float32Array = np.ones(lost.shape, np.float32)
    if motion_weight:
        scale = size_hw[1] / flow.shape[1]
        keep /= 1 + squared_length(flow) * np.float32((scale / motion_px) ** 2)
        keep[lost] *= np.float32(lost_keep)
        keep *= np.maximum(np.exp(-np.square(error / np.float32(flow_error))), np.float32(LEAST_TRUST))
    return Carrier(resize_flow(flow, size_hw), flow, keep) if carry else Carrier(None, None, keep)


def begin(probs: Float32Array, *, weight: float, mass_hw: tuple[int, int]) -> FusedState:
    """Start a state from the first frame of a shot.

    Args:
        probs: float32 (H, W), [0, 1]; not copied.
        weight: How much this frame has to say, > 0.
        mass_hw: Size at which the mass is kept.
    """
    return FusedState(probs, np.full(mass_hw, weight, np.float32), extent(probs))


def nothing(like: FusedState, mass: Float32Array) -> FusedState:
    """Return the state of a class that was not seen, at the size of another's."""
    return FusedState(np.zeros(like.probs.shape, np.float32), mass, EMPTY)


def carried(state: FusedState, step: Carrier, *, memory: float, trail: Trail) -> FusedState:
    """Carry a state to the next frame (steps 2 and 3); what comes from outside the picture has no mass.

    Args:
        state: What the frames before say; untouched.
        step: How it reaches this frame.
        memory: Weight of the carried state, [0, 1).
        trail: Ends in this frame, unless the state stays in place.
    """
    if step.flow is None or step.small_flow is None:
        return FusedState(state.probs, state.mass * step.keep * np.float32(memory), state.window)
    mass = resample(state.mass, step.small_flow)
    mass *= step.keep
    mass *= np.float32(memory)
    sources = aged(state.sources or (Source(state.probs, state.window),), step.small_flow)
    probs, window = mean_of(sources, trail)
    return FusedState(probs, mass, window, sources)


def fuse(before: FusedState, probs: Float32Array, *, weight: float, neighbors: int) -> FusedState:
    """Join a carried state with a frame's evidence (step 4).

    Args:
        before: What the frames before say, carried to this frame; untouched.
        probs: float32 (H, W), [0, 1], this frame's evidence.
        weight: How much this frame has to say, > 0.
        neighbors: Maps that are carried on each by itself, at most; more become one.

    Returns:
        The state that includes this frame.
    """
    mass = before.mass + np.float32(weight)
    share = np.float32(weight) / mass
    here = extent(probs)
    window = union(before.window, here)
    fused = _mixed(before.probs, probs, share=share, window=window)
    is_full = len(before.sources) in (0, neighbors)
    sources = () if is_full else with_newest(before.sources, probs, window=here, share=share)
    return FusedState(fused, mass, extent(fused, window), sources)


def joined(present: FusedState, future: FusedState) -> Float32Array:
    """Join the state of the pass from the past, this frame included, with what the future says of it.

    Args:
        present: Past and this frame.
        future: The frames after, carried back to this frame.

    Returns:
        float32 (H, W), [0, 1], the mean over past, present and future.
    """
    share = future.mass / (present.mass + future.mass)
    window = union(present.window, future.window)
    return _mixed(present.probs, future.probs, share=share, window=window)


def _mixed(first: Float32Array, second: Float32Array, *, share: Float32Array, window: Window) -> Float32Array:
    """Mean of two maps in a window, 0 outside; `share`, float32 (h, w), is the weight of the second."""
    mean: Float32Array = np.zeros(first.shape, np.float32)
    inside = mean[window]
    np.subtract(second[window], first[window], out=inside)
    inside *= resize_map(share, first.shape)[window]
    inside += first[window]
    return mean
