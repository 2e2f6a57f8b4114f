"""Is it the same picture, and which way up?"""

import numpy as np

from vidlab.errors import VideoError
from vidlab.types import UInt8Image
from vidlab.video.orientation import UPRIGHT, Orientation

PIXEL_TOLERANCE = 2.0  # mean absolute difference to the reference, of 255


def turn_of(image: UInt8Image, expected: UInt8Image, *, orientation: Orientation, name: str) -> Orientation:
    """Return how a backend's picture has still to be turned: not at all, or as the file says.

    Args:
        image: uint8 (H, W, 3), as the backend gives it.
        expected: uint8 (H, W, 3), the same frame, upright.
        orientation: How a stored frame of this file becomes upright.
        name: Backend and file, for the error.

    Raises:
        VideoError: Neither gives the expected picture.
    """
    found = {}
    for turn in (UPRIGHT, orientation):
        found[turn] = difference(turn.upright(image), expected)
    best = min(found, key=lambda turn: found[turn])
    if found[best] > PIXEL_TOLERANCE:
        shape = "×".join(map(str, image.shape))
        raise VideoError(
            f"{name} must show the picture that PyAV shows, got another ({shape}, mean difference "
            f"{found[best]:.1f} of 255), perhaps of another stream; use another backend"
        )
    return best


def difference(image: UInt8Image, expected: UInt8Image) -> float:
    """Mean absolute difference of two pictures, 0..255; 255 where their sizes differ."""
    if image.shape != expected.shape:
        return 255.0
    return float(np.abs(image.astype(np.int16) - expected).mean())
