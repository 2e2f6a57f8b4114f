"""Steps 2 to 4: the running state carried along the flow, weighted by motion, and joined with new evidence.

The state is a weighted mean of the evidence along the motion of each pixel: `probs` is the mean, `mass` the
sum of the weights behind it. It is an exponential moving average in which frames that say little count
little, so that a missed detection does not teach the average to forget the object. The mass varies slowly
over the picture and is kept at the size of the flow.
"""

from dataclasses import dataclass

import numpy as np

from vidlab.flow.warp import resample, resize_flow, resize_map
from vidlab.types import BoolMask, Float32Array

LEAST_TRUST = 0.05  # in a flow that explains nothing: where nothing is seen anew, the old is better than none


@dataclass(frozen=True, slots=True)
class FusedState:
    """A weighted mean over frames.

    Attributes:
        probs: float32 (H, W), [0, 1], the mean probability.
        mass: float32 (h, w), > 0, the sum of the weights behind it, at the size of the flow.
    """

    probs: Float32Array
    mass: Float32Array


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
    keep = np.ones(lost.shape, np.float32)
    if motion_weight:
        scale = size_hw[1] / flow.shape[1]
        speed2 = np.square(flow).sum(axis=-1) * np.float32(scale * scale)
        keep = 1 / (1 + speed2 / np.float32(motion_px * motion_px))
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
    return FusedState(probs, np.full(mass_hw, weight, np.float32))


def carried(state: FusedState, step: Carrier, *, memory: float) -> FusedState:
    """Carry a state to the next frame (steps 2 and 3); what comes from outside the picture has no mass.

    Args:
        state: What the frames before say; untouched.
        step: How it reaches this frame.
        memory: Weight of the carried state, [0, 1).
    """
    if step.flow is None or step.small_flow is None:
        return FusedState(state.probs, state.mass * step.keep * np.float32(memory))
    mass = resample(state.mass, step.small_flow)
    mass *= step.keep
    mass *= np.float32(memory)
    return FusedState(resample(state.probs, step.flow), mass)


def fuse(before: FusedState, probs: Float32Array, *, weight: float) -> FusedState:
    """Join a carried state with a frame's evidence (step 4).

    Args:
        before: What the frames before say, carried to this frame; untouched.
        probs: float32 (H, W), [0, 1], this frame's evidence.
        weight: How much this frame has to say, > 0.

    Returns:
        The state that includes this frame.
    """
    mass = before.mass + np.float32(weight)
    fused = np.subtract(probs, before.probs)
    fused *= resize_map(np.float32(weight) / mass, probs.shape)  # the new frame's share in the mean
    fused += before.probs
    return FusedState(fused, mass)


def joined(present: FusedState, future: FusedState) -> Float32Array:
    """Join the state of the pass from the past, this frame included, with what the future says of it.

    Args:
        present: Past and this frame.
        future: The frames after, carried back to this frame.

    Returns:
        float32 (H, W), [0, 1], the mean over past, present and future.
    """
    share = resize_map(future.mass / (present.mass + future.mass), present.probs.shape)
    mean = np.subtract(future.probs, present.probs)
    mean *= share
    mean += present.probs
    return mean
