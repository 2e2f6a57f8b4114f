"""Steps 2 to 4: the running state carried along the flow, weighted by motion, and joined with new evidence.

The state is a weighted mean of the evidence along the motion of each pixel: `probs` is the mean, `mass` the
sum of the weights behind it. It is an exponential moving average in which frames that say little count
little, so that a missed detection does not teach the average to forget the object. The mass varies slowly
over the picture and is kept at the size of the flow. An object fills a small part of the picture; all work
is done in the window outside of which it is not.
"""

from dataclasses import dataclass

import numpy as np

from vidlab.flow.consistency import squared_length
from vidlab.flow.warp import resample, resize_flow, resize_map, source_planes
from vidlab.metrics.overlap import window_of
from vidlab.types import BoolMask, Float32Array

Window = tuple[slice, slice]
EMPTY: Window = (slice(0, 0), slice(0, 0))
LEAST_TRUST = 0.05  # in a flow that explains nothing: where nothing is seen anew, the old is better than none
NOTHING = 0.02  # probabilities below this are background
SLACK = 2  # small pixels: how far beside a window what is carried out of it is still looked for


@dataclass(frozen=True, slots=True)
class FusedState:
    """A weighted mean over frames.

    Attributes:
        probs: float32 (H, W), [0, 1], the mean probability.
        mass: float32 (h, w), > 0, the sum of the weights behind it, at the size of the flow.
        window: Rows and columns outside of which the mean is below NOTHING.
    """

    probs: Float32Array
    mass: Float32Array
    window: Window


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
    return FusedState(probs, np.full(mass_hw, weight, np.float32), _extent(probs))


def nothing(like: FusedState, mass: Float32Array) -> FusedState:
    """Return the state of a class that was not seen, at the size of another's."""
    return FusedState(np.zeros(like.probs.shape, np.float32), mass, EMPTY)


def carried(state: FusedState, step: Carrier, *, memory: float) -> FusedState:
    """Carry a state to the next frame (steps 2 and 3); what comes from outside the picture has no mass.

    Args:
        state: What the frames before say; untouched.
        step: How it reaches this frame.
        memory: Weight of the carried state, [0, 1).
    """
    if step.flow is None or step.small_flow is None:
        return FusedState(state.probs, state.mass * step.keep * np.float32(memory), state.window)
    mass = resample(state.mass, step.small_flow)
    mass *= step.keep
    mass *= np.float32(memory)
    window = _union(state.window, _reached(state, step.small_flow))
    probs: Float32Array = np.zeros(state.probs.shape, np.float32)
    if _is_something(window):
        probs[window] = resample(state.probs[window], step.flow[window])
    return FusedState(probs, mass, window)


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
    window = _union(before.window, _extent(probs))
    fused = _mixed(before.probs, probs, share=np.float32(weight) / mass, window=window)
    return FusedState(fused, mass, _extent(fused, window))


def joined(present: FusedState, future: FusedState) -> Float32Array:
    """Join the state of the pass from the past, this frame included, with what the future says of it.

    Args:
        present: Past and this frame.
        future: The frames after, carried back to this frame.

    Returns:
        float32 (H, W), [0, 1], the mean over past, present and future.
    """
    share = future.mass / (present.mass + future.mass)
    window = _union(present.window, future.window)
    return _mixed(present.probs, future.probs, share=share, window=window)


def _mixed(first: Float32Array, second: Float32Array, *, share: Float32Array, window: Window) -> Float32Array:
    """Mean of two maps in a window, 0 outside; `share`, float32 (h, w), is the weight of the second."""
    mean: Float32Array = np.zeros(first.shape, np.float32)
    inside = mean[window]
    np.subtract(second[window], first[window], out=inside)
    inside *= resize_map(share, first.shape)[window]
    inside += first[window]
    return mean


# ── windows ─────────────────────────────────────────────────────────────────────────────────────────────────
def _is_something(window: Window) -> bool:
    return all(side.stop > side.start for side in window)


def _extent(probs: Float32Array, window: Window | None = None) -> Window:
    """Return where, within a window, a map is more than nothing."""
    rows, columns = window or (slice(0, probs.shape[0]), slice(0, probs.shape[1]))
    found = window_of(np.asarray(probs[rows, columns] > NOTHING), margin_px=0)
    if found is None:
        return EMPTY
    top, left = rows.start, columns.start
    rows, columns = found
    return slice(rows.start + top, rows.stop + top), slice(columns.start + left, columns.stop + left)


def _union(first: Window, second: Window) -> Window:
    if not (_is_something(first) and _is_something(second)):
        return first if _is_something(first) else second
    rows, columns = (
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(first, second, strict=True)
    )
    return rows, columns


def _reached(state: FusedState, small_flow: Float32Array) -> Window:
    """Return where a state's window is carried to, found at the size of the flow and a pixel wider."""
    if not _is_something(state.window):
        return EMPTY
    sizes = list(zip(state.probs.shape, small_flow.shape[:2], strict=True))
    from_y, from_x = (
        (side.start * small / full - SLACK, side.stop * small / full + SLACK)
        for side, (full, small) in zip(state.window, sizes, strict=True)
    )
    x, y = source_planes(small_flow, top=0)
    comes = (x > from_x[0]) & (x < from_x[1]) & (y > from_y[0]) & (y < from_y[1])
    found = window_of(comes, margin_px=1)
    if found is None:
        return EMPTY
    rows, columns = (
        slice(side.start * full // small, min(-(-side.stop * full // small), full))
        for side, (full, small) in zip(found, sizes, strict=True)
    )
    return rows, columns
