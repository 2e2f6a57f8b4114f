"""Which pixels a flow cannot be trusted at."""

import numpy as np

from vidlab.errors import ShapeError
from vidlab.flow.warp import resample, sampling_map
from vidlab.types import BoolMask, Float32Array

RELATIVE_ERROR = 0.01  # Sundaram et al., ECCV 2010: share of the squared flow lengths …
ABSOLUTE_ERROR_PX2 = 0.5  # … plus half a squared pixel


def inconsistent(forward: Float32Array, backward: Float32Array) -> BoolMask:
    """Mark pixels whose way there and back does not end where it began: occlusions and lost tracks.

    The forward-backward test of Sundaram, Brox and Keutzer (ECCV 2010):
    |f + b'|² > 0.01 (|f|² + |b'|²) + 0.5, with b' the backward flow at the forward target.

    Args:
        forward: float32 (H, W, 2), pixels, from this frame into the other.
        backward: float32 (H, W, 2), pixels, from the other frame into this.

    Returns:
        bool (H, W); pixels whose target lies outside the picture are marked too.

    Raises:
        ShapeError: The flows differ in shape.
    """
    if forward.shape != backward.shape:
        raise ShapeError(f"flows must match, got {forward.shape} and {backward.shape}")
    positions = sampling_map(forward)
    back = resample(backward, positions)
    error = np.square(forward + back).sum(axis=-1)
    length = np.square(forward).sum(axis=-1) + np.square(back).sum(axis=-1)
    height, width = forward.shape[:2]
    x, y = positions[..., 0], positions[..., 1]
    outside = (x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)
    return np.asarray((error > RELATIVE_ERROR * length + ABSOLUTE_ERROR_PX2) | outside)
