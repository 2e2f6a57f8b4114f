"""Block matching by normalized cross-correlation, coarse to fine, with parabolas between the pixels.

Correlation that takes out mean and contrast bears lights that change (J. P. Lewis, "Fast Normalized
Cross-Correlation", Vision Interface 1995); sizes and windows as in P. Anandan, IJCV 1989.
"""

from collections.abc import Hashable

import cv2
import numpy as np

from vidlab.flow.estimator import Picture, ScaledFlow, no_flow, pyramid
from vidlab.flow.warp import resample, resize_flow
from vidlab.types import Float32Array

LEAST_SPREAD = 0.1  # gray levels: a flatter block correlates with nothing
NOISE_LEVELS2 = (
    100.0  # variance at which noise may be half of what a block shows: its correlation counts half
)
MEDIAN_PX = 5


class BlockMatchingFlow(ScaledFlow):
    """Each block goes where it correlates best, at each size of a pyramid within a few pixels."""

    def __init__(self, *, scale: float, window_px: int, reach_px: int, levels: int, stay: float) -> None:
        """Choose resolution and tunables; see `BlockMatchingParams`.

        Raises:
            ParameterError: Scale outside (0, 1].
        """
        super().__init__(scale=scale)
        self._window_px, self._reach_px, self._levels, self._stay = window_px, reach_px, levels, stay

    @property
    def identity(self) -> Hashable:
        """What decides the flow between two pictures of a given size."""
        return "block_matching", self._window_px, self._reach_px, self._levels, self._stay

    def small(self, picture_from: Picture, picture_to: Picture, *, scale: float) -> Float32Array:
        """Flow between two gray pictures that `shrink` returned, in their pixels; `scale` is theirs."""
        still = no_flow(picture_from)
        if still is not None:
            return still
        sizes = [
            pyramid(picture.astype(np.float32), levels=self._levels) for picture in (picture_from, picture_to)
        ]
        flow: Float32Array = np.zeros((*sizes[0][-1].shape, 2), np.float32)
        for here, there in zip(*(reversed(each) for each in sizes), strict=True):
            flow = resize_flow(flow, (here.shape[0], here.shape[1]))
            warped = resample(there, flow, repeat_border=True)
            step = self._matched(here, warped)
            planes = (flow[..., axis] + step[..., axis] for axis in (0, 1))
            flow = np.dstack([cv2.medianBlur(np.ascontiguousarray(p), MEDIAN_PX) for p in planes])
        return np.asarray(flow, np.float32)

    def _matched(self, here: Float32Array, there: Float32Array) -> Float32Array:
        """Return the displacement within reach at which each block correlates best, in parts of a pixel."""
        scores = self._scores(here, there)
        side, (height, width) = 2 * self._reach_px + 1, here.shape
        best = scores.reshape(side * side, height, width).argmax(axis=0)
        row, column = np.divmod(best, side)
        y, x = np.ogrid[:height, :width]
        top = scores[row, column, y, x]
        inner_row, inner_column = (np.clip(place, 1, side - 2) for place in (row, column))
        step = np.empty((height, width, 2), np.float32)
        left, right = (scores[row, inner_column + k, y, x] for k in (-1, 1))
        above, below = (scores[inner_row + k, column, y, x] for k in (-1, 1))
        step[..., 0] = column - self._reach_px + _peak(left, top, right) * (inner_column == column)
        step[..., 1] = row - self._reach_px + _peak(above, top, below) * (inner_row == row)
        return step

    def _scores(self, here: Float32Array, there: Float32Array) -> Float32Array:
        """Correlation of each block at every displacement, float32 (side, side, H, W), less what it costs."""
        reach, (height, width) = self._reach_px, here.shape
        mean_here, spread_here = self._moments(here)
        # the same for all displacements, or blocks beside strong contrast would be drawn to it
        share = spread_here / (spread_here * spread_here + np.float32(NOISE_LEVELS2))
        mean_there, spread_there = self._moments(np.pad(there, reach, "edge"))
        # borders are repeated before, not after, they are multiplied: moments and products see the same
        around = self._window_px // 2
        wide_here, wide_there = np.pad(here, around, "edge"), np.pad(there, around + reach, "edge")
        side = 2 * reach + 1
        scores = np.empty((side, side, height, width), np.float32)
        for row in range(side):
            for column in range(side):
                part = np.s_[row : row + height, column : column + width]
                wide = np.s_[row : row + height + 2 * around, column : column + width + 2 * around]
                products = self._mean(wide_here * wide_there[wide])
                score = (
                    products[around : around + height, around : around + width] - mean_here * mean_there[part]
                )
                score *= share / spread_there[part]
                score -= np.float32(self._stay * np.hypot(row - reach, column - reach))
                scores[row, column] = score
        return scores

    def _moments(self, values: Float32Array) -> tuple[Float32Array, Float32Array]:
        mean = self._mean(values)
        variance = self._mean(values * values) - mean * mean
        return mean, np.sqrt(np.maximum(variance, np.float32(LEAST_SPREAD**2)))

    def _mean(self, values: Float32Array) -> Float32Array:
        window = (self._window_px, self._window_px)
        return np.asarray(cv2.blur(values, window, borderType=cv2.BORDER_REPLICATE), np.float32)


def _peak(before: Float32Array, top: Float32Array, after: Float32Array) -> Float32Array:
    """Return where a parabola through three neighboring scores is highest, [-0.5, 0.5] from the middle."""
    bend = before - 2 * top + after
    offset = np.where(bend < 0, 0.5 * (before - after) / np.minimum(bend, -1e-9), 0)
    return np.clip(offset, -0.5, 0.5).astype(np.float32)
