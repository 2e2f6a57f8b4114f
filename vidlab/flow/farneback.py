"""Polynomial expansion (Farnebäck, SCIA 2003), OpenCV's implementation."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.flow.warp import require_grays, require_scale, resize_flow
from vidlab.types import Float32Array

# OpenCV's example values, but for the window: neighborhoods of 21 pixels bear noise and larger motion.
PYRAMID_SCALE = 0.5
LEVELS = 5
WINDOW_PX = 21
ITERATIONS = 3
POLY_N = 7
POLY_SIGMA = 1.5


class FarnebackFlow:
    """Optical flow between two gray images, estimated at a fraction of their size."""

    def __init__(self, *, scale: float) -> None:
        """Choose the resolution.

        Args:
            scale: Size at which flow is estimated, (0, 1]; smaller is faster and coarser.

        Raises:
            ParameterError: Scale outside (0, 1].
        """
        require_scale(scale)
        self._scale = scale

    def __call__(self, gray_from: NDArray[np.uint8], gray_to: NDArray[np.uint8]) -> Float32Array:
        """Estimate where each pixel of one image lies in the other.

        Args:
            gray_from: uint8 (H, W), the frame on whose grid the flow is given.
            gray_to: uint8 (H, W), the frame the flow points into.

        Returns:
            float32 (H, W, 2), pixels, (dx, dy): `gray_from[y, x]` is found at `gray_to[y + dy, x + dx]`.

        Raises:
            ShapeError: The images differ in size, or are not uint8 (H, W).

        >>> flat = np.zeros((32, 32), np.uint8)
        >>> float(np.abs(FarnebackFlow(scale=1.0)(flat, flat)).max())
        0.0
        """
        require_grays(gray_from, gray_to)
        height, width = gray_from.shape
        small = (max(1, round(width * self._scale)), max(1, round(height * self._scale)))
        pair = [cv2.resize(gray, small, interpolation=cv2.INTER_AREA) for gray in (gray_from, gray_to)]
        flow = cv2.calcOpticalFlowFarneback(  # type: ignore[call-overload]  # no first guess
            pair[0], pair[1], None, PYRAMID_SCALE, LEVELS, WINDOW_PX, ITERATIONS, POLY_N, POLY_SIGMA, 0
        )
        return resize_flow(np.asarray(flow, np.float32), (height, width))
