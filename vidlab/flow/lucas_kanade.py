"""Pyramidal Lucas–Kanade: points followed by OpenCV, the trusted ones spread to all pixels.

B. D. Lucas and T. Kanade, "An Iterative Image Registration Technique with an Application to Stereo Vision",
IJCAI 1981; J.-Y. Bouguet, "Pyramidal Implementation of the Lucas Kanade Feature Tracker", Intel 2000.
"""

from collections.abc import Hashable

import cv2
import numpy as np

from vidlab.flow.estimator import Picture, ScaledFlow, no_flow
from vidlab.flow.spread import smoothed, spread
from vidlab.types import BoolMask, Float32Array

STEPS, STEP_PX = 20, 0.01  # a point has arrived after so many steps, or when they get shorter than this


class LucasKanadeFlow(ScaledFlow):
    """Dense flow from sparse: points on a grid, followed there and back; those that return speak."""

    def __init__(
        self,
        *,
        scale: float,
        spacing_px: int,
        window_px: int,
        levels: int,
        least_eigenvalue: float,
        round_trip_px: float,
        edge_levels: float,
    ) -> None:
        """Choose resolution and tunables; see `LucasKanadeParams`.

        Raises:
            ParameterError: Scale outside (0, 1].
        """
        super().__init__(scale=scale)
        self._spacing_px, self._window_px, self._levels = spacing_px, window_px, levels
        self._least_eigenvalue, self._round_trip_px = least_eigenvalue, round_trip_px
        self._edge_levels = edge_levels

    @property
    def identity(self) -> Hashable:
        """What decides the flow between two pictures of a given size."""
        return (
            "lucas_kanade", self._spacing_px, self._window_px, self._levels, self._least_eigenvalue,
            self._round_trip_px, self._edge_levels,
        )  # fmt: skip

    def small(self, picture_from: Picture, picture_to: Picture, *, scale: float) -> Float32Array:
        """Flow between two gray pictures that `shrink` returned, in their pixels; `scale` is theirs."""
        still = no_flow(picture_from)
        if still is not None:
            return still
        points, trusted = self.sparse(picture_from, picture_to)
        return spread(
            smoothed(points, trusted),
            picture_from,
            trusted=trusted,
            spacing_px=self._spacing_px,
            edge_levels=self._edge_levels,
        )

    def sparse(self, picture_from: Picture, picture_to: Picture) -> tuple[Float32Array, BoolMask]:
        """Follow the points in the middle of the cells of a grid, without spreading them.

        Args:
            picture_from: uint8 (H, W), the frame that the points are on.
            picture_to: uint8 (H, W), the frame they are followed into.

        Returns:
            float32 (h, w, 2), pixels, (dx, dy), of each point; bool (h, w), whether it is trusted: it has
            texture, came back to where it started, and stayed in the picture.
        """
        height, width = picture_from.shape
        across = np.minimum(np.arange(0, width, self._spacing_px) + self._spacing_px // 2, width - 1)
        down = np.minimum(np.arange(0, height, self._spacing_px) + self._spacing_px // 2, height - 1)
        start = np.dstack(np.meshgrid(across, down)).astype(np.float32)
        there, found = self._follow(picture_from, picture_to, start.reshape(-1, 1, 2))
        back, found_back = self._follow(picture_to, picture_from, there)
        there, back = there.reshape(start.shape), back.reshape(start.shape)
        astray = np.hypot(*np.moveaxis(back - start, -1, 0)) > self._round_trip_px
        outside = ((there < 0) | (there > (width - 1, height - 1))).any(axis=-1)
        trusted = (found & found_back).reshape(start.shape[:2]) & ~astray & ~outside
        return there - start, np.asarray(trusted, np.bool_)

    def _follow(
        self, picture_from: Picture, picture_to: Picture, points: Float32Array
    ) -> tuple[Float32Array, BoolMask]:
        window = min(self._window_px, min(picture_from.shape))  # OpenCV refuses a window beyond the picture
        moved, found, _ = cv2.calcOpticalFlowPyrLK(  # type: ignore[call-overload]  # no first guess
            picture_from, picture_to, points, None,
            winSize=(window, window), maxLevel=self._levels - 1, minEigThreshold=self._least_eigenvalue,
            criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, STEPS, STEP_PX),
        )  # fmt: skip
        return np.asarray(moved, np.float32), np.asarray(found, np.bool_).ravel()
