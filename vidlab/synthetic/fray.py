"""Masks as a network draws them: frayed edges, lost limbs, missing pieces."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.synthetic.fates import Fate
from vidlab.synthetic.presets import CorruptionProfile
from vidlab.types import BoolMask, Float32Array


def seen_mask(mask: BoolMask, fate: Fate) -> BoolMask:
    """Draw one object's mask as the network would in this frame; moves its boundary noise on by one frame."""
    seen = fray(mask, fate.edge.step(), profile=fate.profile)
    for piece in (fate.piece, fate.hole):
        if piece is not None:
            seen &= ~_piece_of(mask, piece)
    return seen


def fray(mask: BoolMask, edge: Float32Array, *, profile: CorruptionProfile) -> BoolMask:
    """Move the boundary in and out by smooth noise, in proportion to the object's size."""
    area = int(mask.sum())
    if area == 0 or profile.jitter == profile.shrink == profile.smooth == 0:
        return mask.copy()
    scale = float(np.sqrt(area))
    window = box_of(mask, margin=int(scale * (3 * profile.jitter + profile.smooth * 2)) + 3)
    inside = mask[window].astype(np.uint8)
    if profile.smooth:  # thin limbs go first
        soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), max(profile.smooth * scale, 0.3))
        inside = (soft >= 0.5).astype(np.uint8)
    padded = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3) - cv2.distanceTransform(1 - padded, cv2.DIST_L2, 3)
    field = cv2.resize(edge, inside.shape[::-1], interpolation=cv2.INTER_CUBIC)
    limit = scale * (profile.shrink + profile.jitter * field)
    seen = np.zeros_like(mask)
    seen[window] = depth[1:-1, 1:-1] > limit
    return seen


def _piece_of(mask: BoolMask, piece: NDArray[np.float64]) -> BoolMask:
    window = box_of(mask, margin=0)
    height, width = mask[window].shape
    y = (np.arange(height) / max(height, 1) - piece[1]) / piece[3]
    x = (np.arange(width) / max(width, 1) - piece[0]) / piece[2]
    hit = np.zeros_like(mask)
    hit[window] = (y**2)[:, None] + (x**2)[None] < 1
    return hit


def box_of(mask: BoolMask, *, margin: int) -> tuple[slice, slice]:
    """Smallest rectangle that holds a mask, and `margin` pixels more; empty for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )
