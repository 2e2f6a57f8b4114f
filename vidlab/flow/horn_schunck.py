"""Horn and Schunck, "Determining Optical Flow", Artificial Intelligence 1981; coarse to fine, with warping.

Minimized is ∫ (Ix u + Iy v + It)² + α² (|∇u|² + |∇v|²), by the paper's iteration, linearized anew around the
flow found so far; a median between the warps removes outliers (Sun, Roth and Black, CVPR 2010).
"""

from collections.abc import Hashable

import cv2
import numpy as np

from vidlab.flow.estimator import Picture, ScaledFlow, no_flow, pyramid
from vidlab.flow.warp import resample, resize_flow
from vidlab.types import Float32Array

NEIGHBORS = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]], np.float32) / 12  # the paper's local mean
SLOPE = np.array([[1, -8, 0, 8, -1]], np.float32) / 12  # central difference of fourth order
BLUR_PX = 0.8  # sigma: a slope needs a picture without steps
MEDIAN_PX = 5


class HornSchunckFlow(ScaledFlow):
    """Smooth flow that keeps brightness; a plain one with `levels=1, warps=1, median=False`."""

    def __init__(
        self, *, scale: float, smoothness: float, levels: int, warps: int, iterations: int, median: bool
    ) -> None:
        """Choose resolution and tunables; see `HornSchunckParams`.

        Raises:
            ParameterError: Scale outside (0, 1].
        """
        super().__init__(scale=scale)
        self._smoothness, self._levels, self._warps = smoothness, levels, warps
        self._iterations, self._median = iterations, median

    @property
    def identity(self) -> Hashable:
        """What decides the flow between two pictures of a given size."""
        return "horn_schunck", self._smoothness, self._levels, self._warps, self._iterations, self._median

    def small(self, picture_from: Picture, picture_to: Picture, *, scale: float) -> Float32Array:
        """Flow between two gray pictures that `shrink` returned, in their pixels; `scale` is theirs."""
        still = no_flow(picture_from)
        if still is not None:
            return still
        blurred = (
            np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), BLUR_PX), np.float32)
            for picture in (picture_from, picture_to)
        )
        fine = [pyramid(picture, levels=self._levels) for picture in blurred]
        flow: Float32Array = np.zeros((*fine[0][-1].shape, 2), np.float32)
        for here, there in zip(*(reversed(sizes) for sizes in fine), strict=True):
            flow = resize_flow(flow, (here.shape[0], here.shape[1]))
            for _ in range(self._warps):
                flow = self._improved(flow, here, there)
        return flow

    def _improved(self, flow: Float32Array, here: Float32Array, there: Float32Array) -> Float32Array:
        """Linearize around a flow, and solve."""
        warped = resample(there, flow, repeat_border=True)
        mean = (here + warped) * np.float32(0.5)
        slope_x = np.asarray(cv2.filter2D(mean, -1, SLOPE, borderType=cv2.BORDER_REPLICATE), np.float32)
        slope_y = np.asarray(cv2.filter2D(mean, -1, SLOPE.T, borderType=cv2.BORDER_REPLICATE), np.float32)
        constant = warped - here - slope_x * flow[..., 0] - slope_y * flow[..., 1]
        share = 1 / (np.float32(self._smoothness**2) + slope_x * slope_x + slope_y * slope_y)
        part_x, part_y = slope_x * share, slope_y * share
        u, v = (np.ascontiguousarray(flow[..., axis]) for axis in (0, 1))
        error = np.empty_like(u)
        for _ in range(self._iterations):
            u, v = _mean_around(u), _mean_around(v)
            np.multiply(slope_x, u, out=error)
            error += slope_y * v
            error += constant
            u -= part_x * error
            v -= part_y * error
        if self._median:
            return np.dstack([cv2.medianBlur(u, MEDIAN_PX), cv2.medianBlur(v, MEDIAN_PX)])
        return np.dstack([u, v])


def _mean_around(plane: Float32Array) -> Float32Array:
    """Return the paper's local mean, the pixel itself left out."""
    return np.asarray(cv2.filter2D(plane, -1, NEIGHBORS, borderType=cv2.BORDER_REPLICATE), np.float32)
