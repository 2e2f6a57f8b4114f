"""Polynomial expansion (Farnebäck, SCIA 2003), OpenCV's implementation."""

from collections.abc import Hashable

import cv2
import numpy as np

from vidlab.flow.estimator import Picture, ScaledFlow
from vidlab.types import Float32Array

# OpenCV's example values, but for the window: neighborhoods of 21 pixels bear noise and larger motion.
PYRAMID_SCALE = 0.5
LEVELS = 5
WINDOW_PX = 21
ITERATIONS = 3
POLY_N = 7
POLY_SIGMA = 1.5


class FarnebackFlow(ScaledFlow):
    """Optical flow between two gray images, estimated at a fraction of their size.

    >>> flat = np.zeros((32, 32), np.uint8)
    >>> float(np.abs(FarnebackFlow(scale=1.0)(flat, flat)).max())
    0.0
    """

    def __init__(
        self,
        *,
        scale: float,
        window_px: int = WINDOW_PX,
        levels: int = LEVELS,
        iterations: int = ITERATIONS,
        least_side_px: int = 1,
    ) -> None:
        """Choose resolution and effort; without them it is the flow that judges masks (`EvaluateParams`).

        Args:
            scale: Size at which flow is estimated, (0, 1]; smaller is faster and coarser.
            window_px: Neighborhood averaged; larger bears noise and large motion, blurs motion edges.
            levels: Sizes of the pyramid; more follow larger motion.
            iterations: Steps at each size.
            least_side_px: Pictures are not reduced so far that a side is shorter than this.

        Raises:
            ParameterError: Scale outside (0, 1].
        """
        super().__init__(scale=scale, least_side_px=least_side_px)
        self._window_px, self._levels, self._iterations = window_px, levels, iterations

    @property
    def identity(self) -> Hashable:
        """What decides the flow between two pictures of a given size."""
        return "farneback", self._window_px, self._levels, self._iterations

    def shrink(self, picture: Picture) -> Picture:
        """Resize uint8 (H, W) or (H, W, 3) to the size at which flow is estimated."""
        height, width = self.small_hw(picture.shape[:2])
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)

    def small(self, picture_from: Picture, picture_to: Picture, *, scale: float) -> Float32Array:
        """Flow between two gray pictures that `shrink` returned, in their pixels; `scale` is theirs."""
        flow = cv2.calcOpticalFlowFarneback(  # type: ignore[call-overload]  # no first guess
            picture_from, picture_to, None, PYRAMID_SCALE, self._levels, self._window_px, self._iterations,
            POLY_N, POLY_SIGMA, 0,
        )  # fmt: skip
        return np.asarray(flow, np.float32)
