"""Which way up a video was filmed, and how to turn its frames so."""

import math
from dataclasses import dataclass
from typing import Any, cast

import av
import numpy as np

from vidlab.types import UInt8Image


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored frame becomes upright: first mirrored left to right, then turned.

    Attributes:
        quarter_turns: Counter-clockwise quarter turns, 0..3.
        mirrored: Left and right are swapped before turning.
    """

    quarter_turns: int
    mirrored: bool

    def size_hw(self, stored_hw: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the upright frame."""
        return (stored_hw[1], stored_hw[0]) if self.quarter_turns % 2 else stored_hw

    def upright(self, image: UInt8Image) -> UInt8Image:
        """Turn a stored image, uint8 (H, W, 3); the image itself is returned where nothing is to be done."""
        if self == UPRIGHT:
            return image
        import cv2  # heavy, and needed by few files

        if self.mirrored:
            image = cast(UInt8Image, cv2.flip(image, 1))
        codes = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}
        if self.quarter_turns:
            image = cast(UInt8Image, cv2.rotate(image, codes[self.quarter_turns]))
        return image


UPRIGHT = Orientation(0, False)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Read a decoded frame's display matrix; without one the frame is upright as it is."""
    for side in cast(Any, frame.side_data):
        if getattr(side.type, "name", "") == "DISPLAYMATRIX":
            return _from_matrix(bytes(side))
    return UPRIGHT


def _from_matrix(matrix: bytes) -> Orientation:
    # 3 × 3 fixed point, row by row; a stored point (x, y), y down, is shown at (a·x + c·y, b·x + d·y):
    #   a b .
    #   c d .
    #   . . .
    a, b, _, c, d = (int(value) for value in np.frombuffer(matrix, np.int32, count=5))
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    clockwise_deg = math.degrees(math.atan2(b, a))
    return Orientation(round(-clockwise_deg / 90) % 4, mirrored)
