"""Steps 2 to 4: the running state carried along the flow, weighted by motion, and joined with new evidence.

The state is a weighted mean kept as its two sums, along the motion of each pixel: `votes` is the sum of
weight × probability, `mass` the sum of weights. Their ratio is an exponential moving average in which frames
that say little count little, so a missed detection does not teach the average to forget the object.
"""

from dataclasses import dataclass

import numpy as np

from vidlab.flow.warp import resample, resize_flow, resize_map, sampling_map
from vidlab.types import BoolMask, Float32Array

TINY_MASS = 1e-6  # below any weight a frame can have; keeps 0 / 0 at 0


@dataclass(frozen=True, slots=True)
class FusedState:
    """Weighted sums over the frames seen so far.

    Attributes:
        sums: float32 (H, W, 2); [..., 0] the votes, [..., 1] the mass, both carried to the latest frame.
    """

    sums: Float32Array

    def ratio(self) -> Float32Array:
        """Return the mean probability, float32 (H, W), [0, 1]."""
        return np.asarray(self.sums[..., 0] / (self.sums[..., 1] + TINY_MASS), np.float32)


@dataclass(frozen=True, slots=True)
class Carrier:
    """Where a state comes from and how much of it survives the step to the next frame.

    Attributes:
        positions: float32 (H, W, 2), where to read the old state; None reads it in place.
        keep: float32 (H, W), [0, 1]; how far the carried state can be trusted.
    """

    positions: Float32Array | None
    keep: Float32Array


def carrier(
    flow: Float32Array,
    lost: BoolMask,
    *,
    size_hw: tuple[int, int],
    carry: bool,
    motion_weight: bool,
    motion_px: float,
    lost_keep: float,
) -> Carrier:
    """Prepare one step along a flow (steps 2 and 3).

    Args:
        flow: float32 (h, w, 2), in pixels of its own size: where this frame's pixels were.
        lost: bool (h, w), where the flow there and back disagrees.
        size_hw: Size of the state.
        carry: Follow the flow; False leaves the state in place.
        motion_weight: Trust the state less where motion is large or inconsistent.
        motion_px: Motion, in pixels of the state, at which the trust is one half.
        lost_keep: Trust where `lost`, [0, 1].
    """
    full = resize_flow(flow, size_hw)
    if motion_weight:
        scale = size_hw[1] / flow.shape[1]
        speed = np.sqrt(np.square(flow).sum(axis=-1)) * scale
        trust = 1 / (1 + np.square(speed / motion_px))
        trust[lost] *= lost_keep
        keep = resize_map(trust.astype(np.float32), size_hw)
    else:
        keep = np.ones(size_hw, np.float32)
    return Carrier(sampling_map(full) if carry else None, keep)


def fuse(
    state: FusedState | None,
    probs: Float32Array,
    *,
    weight: float,
    memory: float,
    step: Carrier | None,
) -> FusedState:
    """Join the carried state with a frame's evidence (step 4).

    Args:
        state: What the frames before say, None for the first frame of a shot.
        probs: float32 (H, W), [0, 1], this frame's evidence.
        weight: How much this frame has to say, > 0.
        memory: Weight of the carried state, [0, 1).
        step: How the state reaches this frame.

    Returns:
        The state that includes this frame; the inputs are untouched.
    """
    new = np.empty((*probs.shape, 2), np.float32)
    np.multiply(probs, np.float32(weight), out=new[..., 0])
    new[..., 1] = weight
    if state is None or step is None:
        return FusedState(new)
    old = state.sums if step.positions is None else resample(state.sums, step.positions)
    new += old * (step.keep * np.float32(memory))[..., None]
    return FusedState(new)


def joined(forward: FusedState, backward: FusedState, probs: Float32Array, *, weight: float) -> FusedState:
    """Join what past and future say; this frame's own evidence, in both, is counted once."""
    sums = forward.sums + backward.sums
    sums[..., 0] -= probs * np.float32(weight)
    sums[..., 1] -= np.float32(weight)
    np.maximum(sums, 0, out=sums)
    return FusedState(sums)
