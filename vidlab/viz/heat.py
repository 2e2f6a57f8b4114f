"""Where masks flicker: how often each place changes in a way that its motion does not explain.

    heat ──carried along the flow, fading──▶ heat + changes of this frame, in changes per second

Carried along, what flickers on a moving object stays on it, and reads as one warm rim instead of a smear.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError
from vidlab.flow.warp import nearest, require_flow, resample
from vidlab.types import BoolMask, Float32Array, UInt8Image
from vidlab.viz.colors import Color
from vidlab.viz.outlines import draw_outlines
from vidlab.viz.overlay import BAR_COLOR, text_bar

MEMORY_S = 1.0  # about as long as a person remembers that something flickered there
SLACK_PX = 1  # no flow is exact to a pixel: an outline that moved by no more has not flickered
FULL_PER_S = 6.0  # changes per second drawn in full color: a mask that is lost and found every eighth frame
_DOUBTED = (
    0.5  # share of the heat kept where the flow fails: none would be a hole that looks calm, all a trail
)
_DIM = 0.45  # brightness of the picture under the heat: cold places must not compete with warm ones
_OPAQUE = 3  # times as fast as the color rises, the heat covers the picture
_OUTLINE: Color = (200, 200, 200)  # the mask itself, to see whether heat lies in it or on its rim


class FlickerHeat:
    """Changes per second that motion does not explain, per pixel, over about the last second; holds two maps.

    A running mean with a time constant of `MEMORY_S`: where something changes r times a second it settles at
    r. At pixels that the flow cannot follow no change is counted, and the heat fades faster.
    """

    def __init__(self) -> None:
        """Set up a map that has seen no frame."""
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._heat: Float32Array | None = None
        self._previous: BoolMask | None = None

    def update(
        self, mask: BoolMask, *, flow_to_prev: Float32Array | None, hidden: BoolMask | None, elapsed_s: float
    ) -> Float32Array:
        """Take one frame.

        Args:
            mask: bool (H, W).
            flow_to_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel was in the previous frame;
                None where a shot starts: nothing is carried over.
            hidden: bool (H, W), pixels that the previous frame does not show; None if all are visible.
            elapsed_s: Time since the previous frame, seconds.

        Returns:
            float32 (H, W), changes per second, 0 or more; 0 in the first frame of a shot.

        Raises:
            ShapeError: Another dtype, rank, or sizes that differ.
            ParameterError: `elapsed_s` is not positive.
        """
        if mask.dtype != np.bool_ or mask.ndim != 2:
            raise ShapeError(f"mask must be bool (H, W), got {mask.dtype} {mask.shape}")
        before, heat = self._previous, self._heat
        self._previous = mask.copy()
        if before is None or heat is None or flow_to_prev is None:
            self._heat = np.zeros(mask.shape, np.float32)
            return self._heat.copy()
        if not elapsed_s > 0:
            raise ParameterError(f"elapsed_s must be positive, got {elapsed_s:g}")
        changed = unexplained(mask, before, flow_to_prev=flow_to_prev, hidden=hidden)
        keep = math.exp(-elapsed_s / MEMORY_S)
        carried = resample(heat, flow_to_prev)
        if hidden is not None:
            carried[hidden] *= np.float32(_DOUBTED)
        new = carried * np.float32(keep) + changed * np.float32((1 - keep) / elapsed_s)
        self._heat = np.asarray(new, np.float32)
        return self._heat.copy()


def unexplained(
    mask: BoolMask, previous: BoolMask, *, flow_to_prev: Float32Array, hidden: BoolMask | None
) -> BoolMask:
    """Mark the pixels whose label changed although motion says it should not have.

    Args:
        mask: bool (H, W), this frame.
        previous: bool (H, W), the frame before.
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy).
        hidden: bool (H, W), pixels to leave out: the previous frame does not show them; None leaves out none.

    Returns:
        bool (H, W): pixels that came or went and lie farther than `SLACK_PX` from where the carried mask has
        the same label.

    Raises:
        ShapeError: Another dtype, rank, or sizes that differ.

    >>> still = np.zeros((3, 9, 2), np.float32)
    >>> before, now = np.zeros((3, 9), bool), np.zeros((3, 9), bool)
    >>> before[:, :3] = now[:, :4] = now[:, 7:] = True  # an outline that moved by one pixel, and a new piece
    >>> unexplained(now, before, flow_to_prev=still, hidden=None)[1].astype(int)
    array([0, 0, 0, 0, 0, 0, 0, 1, 1])
    """
    if not mask.dtype == previous.dtype == np.bool_ or mask.shape != previous.shape or mask.ndim != 2:
        raise ShapeError(
            "masks must be bool (H, W) and match, "
            f"got {mask.dtype} {mask.shape} and {previous.dtype} {previous.shape}"
        )
    require_flow(flow_to_prev, mask.shape, "flow_to_prev")
    carried = nearest(previous.astype(np.float32), flow_to_prev) > 0
    came, went = mask & ~_grown(carried), ~mask & ~_grown(~carried)
    changed = came | went
    return changed if hidden is None else changed & ~hidden


def draw_heat(image: UInt8Image, heat: Float32Array, *, mask: BoolMask) -> UInt8Image:
    """Lay a flicker heat map over a dim grey picture, with the outline of the mask.

    Args:
        image: uint8 (H, W, 3), RGB.
        heat: float32 (H, W), changes per second; `FULL_PER_S` and more look the same.
        mask: bool (h, w), the mask of this frame, at any size.

    Returns:
        uint8 (H, W, 3): nothing added where nothing changes, then violet, red, orange, pale yellow.

    Raises:
        ShapeError: Image and heat differ in size.
    """
    if image.shape[:2] != heat.shape:
        raise ShapeError(f"image and heat must match, got {image.shape} and {heat.shape}")
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., np.newaxis] * np.float32(_DIM)
    share = np.clip(heat / np.float32(FULL_PER_S), 0, 1)
    cover = np.minimum(share * _OPAQUE, 1)[..., np.newaxis]
    drawn = gray * (1 - cover) + _colors_of(share).astype(np.float32) * cover
    return draw_outlines((drawn + 0.5).astype(np.uint8), mask[np.newaxis], colors=[_OUTLINE])


def heat_legend(*, width_px: int, size_px: int) -> UInt8Image:
    """Draw the color bar of `draw_heat` with its unit.

    Args:
        width_px: Width of the bar.
        size_px: Height of its text.

    Returns:
        uint8 (h, `width_px`, 3).
    """
    low, high = "flicker  0", f"{FULL_PER_S:g} or more changes per second that motion does not explain"
    left_px, ramp_px = min(6 * size_px, width_px // 3), min(10 * size_px, width_px // 3)
    left = text_bar(low, width_px=left_px, size_px=size_px)
    right = text_bar(high, width_px=width_px - left_px - ramp_px, size_px=size_px)
    share = np.linspace(0, 1, ramp_px, dtype=np.float32)[np.newaxis]
    cover = np.minimum(share * _OPAQUE, 1)[..., np.newaxis]
    ramp = np.full((len(left), ramp_px, 3), BAR_COLOR, np.uint8)
    edge = (len(left) - size_px) // 2
    ramp[edge:-edge] = np.rint(np.array(BAR_COLOR) * (1 - cover) + _colors_of(share) * cover)
    return np.concatenate([left, ramp, right], axis=1)


def _colors_of(share: Float32Array) -> NDArray[np.uint8]:
    """Return the color of each share of the full heat, [0, 1]: uint8 (H, W, 3), RGB."""
    steps: NDArray[np.uint8] = np.rint(share * 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(steps, cv2.COLORMAP_INFERNO), np.uint8)[..., ::-1]


def _grown(mask: BoolMask) -> BoolMask:
    side = 2 * SLACK_PX + 1
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((side, side), np.uint8)) > 0)
