"""The Kalman filter of a box (Kalman, 1960), and the two ways in which trackers write a box down.

    AreaMotion    center, area and aspect, of which the aspect stands still: SORT (Bewley et al., ICIP 2016)
    HeightMotion  center, aspect and height: DeepSORT (Wojke et al., ICIP 2017), ByteTrack (ECCV 2022)

All numbers of a state follow a constant velocity. The papers name no noise: here every deviation is a share
of the object's own size, so that near and far objects are treated alike.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vidlab.tracking.course import DRIFT, LEAST_PX, SEEN, SWERVE, UNKNOWN

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

ASPECT = 1 / 10  # deviation of a measured width over height; it drifts by a tenth of that per frame
AREA = 2  # width and height are both off by the same share: an area by twice that
LEAST_AREA_PX = LEAST_PX**2
LEAST_ASPECT = 1e-3  # width over height; a mean that drifts below it is rounding


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of a box, a normal distribution.

    Attributes:
        mean: float64 (D,): what is measured, then the velocities, per frame.
        spread: float64 (D, D), covariance.
    """

    mean: Vector
    spread: Matrix


class BoxMotion(Protocol):
    """How a box moves; boxes are float64 (4,), (x0, y0, x1, y1) in pixels."""

    def starting(self, box: Vector) -> Belief:
        """Begin with a box that was seen once and stands still, as far as is known."""

    def onwards(self, belief: Belief) -> Belief:
        """Predict the next frame."""

    def seen(self, belief: Belief, box: Vector) -> Belief:
        """Take in where the object was seen in the frame that was predicted."""

    def box(self, belief: Belief) -> Vector:
        """Return the box that is expected."""

    def distances(self, belief: Belief, boxes: Matrix) -> Vector:
        """Return squared Mahalanobis distances of boxes, (N, 4), from what is expected: float64 (N,)."""


def predict(belief: Belief, *, step: Matrix, noise: Vector) -> Belief:
    """Move a belief on by one frame.

    Args:
        belief: Before.
        step: float64 (D, D), what a frame makes of a state.
        noise: float64 (D,), standard deviations of what a frame adds to it.
    """
    return Belief(step @ belief.mean, step @ belief.spread @ step.T + np.diag(np.square(noise)))


def correct(belief: Belief, measured: Vector, *, noise: Vector) -> Belief:
    """Correct a belief by a measurement of its first numbers.

    Args:
        belief: Predicted.
        measured: float64 (M,), M ≤ D.
        noise: float64 (M,), standard deviations of the measurement.
    """
    n = len(measured)
    expected = belief.spread[:n, :n] + np.diag(np.square(noise))
    gain = np.linalg.solve(expected, belief.spread[:n]).T
    mean = belief.mean + gain @ (measured - belief.mean[:n])
    spread = belief.spread - gain @ belief.spread[:n]
    return Belief(mean, (spread + spread.T) / 2)  # rounding must not make it lopsided


def mahalanobis(belief: Belief, measured: Matrix, *, noise: Vector) -> Vector:
    """Return squared Mahalanobis distances of measurements, float64 (N, M), from a belief: float64 (N,).

    >>> sure = Belief(np.zeros(2), np.diag([3.0, 1.0]))
    >>> mahalanobis(sure, np.array([[4.0]]), noise=np.array([1.0])).tolist()
    [4.0]
    """
    n = measured.shape[1]
    expected = belief.spread[:n, :n] + np.diag(np.square(noise))
    off = measured - belief.mean[:n]
    return np.asarray((off * np.linalg.solve(expected, off.T).T).sum(axis=1))


class AreaMotion:
    """Center x and y, area, aspect; the first three with velocities: the state of SORT, (7,)."""

    def __init__(self) -> None:
        self._step = np.eye(7)
        self._step[:3, 4:] += np.eye(3)

    def starting(self, box: Vector) -> Belief:
        """See `BoxMotion`."""
        measured = self._measured(box[np.newaxis])[0]
        side, area = _sizes(measured)
        unknown = [UNKNOWN * side, UNKNOWN * side, AREA * UNKNOWN * area]
        deviations = np.array([*self._noise(measured), *unknown])
        return Belief(np.concatenate([measured, np.zeros(3)]), np.diag(np.square(deviations)))

    def onwards(self, belief: Belief) -> Belief:
        """See `BoxMotion`; an area that would vanish keeps still."""
        mean = belief.mean.copy()
        if mean[2] + mean[6] < 1:
            mean[6] = 0.0
        side, area = _sizes(mean)
        drift = [DRIFT * side, DRIFT * side, AREA * DRIFT * area, ASPECT / 10]
        noise = np.array([*drift, SWERVE * side, SWERVE * side, AREA * SWERVE * area])
        return predict(Belief(mean, belief.spread), step=self._step, noise=noise)

    def seen(self, belief: Belief, box: Vector) -> Belief:
        """See `BoxMotion`."""
        measured = self._measured(box[np.newaxis])[0]
        return correct(belief, measured, noise=self._noise(measured))

    def box(self, belief: Belief) -> Vector:
        """See `BoxMotion`."""
        x, y, area, aspect = belief.mean[:4]
        area, aspect = max(area, 1.0), max(aspect, LEAST_ASPECT)
        width = np.sqrt(area * aspect)
        return _around(x, y, width=width, height=area / width)

    def distances(self, belief: Belief, boxes: Matrix) -> Vector:
        """See `BoxMotion`."""
        return mahalanobis(belief, self._measured(boxes), noise=self._noise(belief.mean))

    def _measured(self, boxes: Matrix) -> Matrix:
        width, height = _width_and_height(boxes)
        return np.stack([*_centers(boxes), width * height, width / height], axis=1)

    def _noise(self, state: Vector) -> Vector:
        side, area = _sizes(state)
        return np.array([SEEN * side, SEEN * side, AREA * SEEN * area, ASPECT])


class HeightMotion:
    """Center x and y, aspect, height, all with velocities: the state of DeepSORT, (8,)."""

    def __init__(self) -> None:
        self._step = np.eye(8)
        self._step[:4, 4:] += np.eye(4)

    def starting(self, box: Vector) -> Belief:
        """See `BoxMotion`."""
        measured = self._measured(box[np.newaxis])[0]
        side = max(float(measured[3]), LEAST_PX)
        unknown = [UNKNOWN * side, UNKNOWN * side, ASPECT / 100, UNKNOWN * side / 4]
        deviations = np.array([*self._noise(measured), *unknown])
        return Belief(np.concatenate([measured, np.zeros(4)]), np.diag(np.square(deviations)))

    def onwards(self, belief: Belief) -> Belief:
        """See `BoxMotion`; a height that would vanish keeps still."""
        mean = belief.mean.copy()
        if mean[3] + mean[7] < 1:
            mean[7] = 0.0
        side = max(float(mean[3]), LEAST_PX)
        drift = [DRIFT * side, DRIFT * side, ASPECT / 10, DRIFT * side]
        swerve = [SWERVE * side, SWERVE * side, ASPECT / 1000, SWERVE * side]
        return predict(Belief(mean, belief.spread), step=self._step, noise=np.array(drift + swerve))

    def seen(self, belief: Belief, box: Vector) -> Belief:
        """See `BoxMotion`."""
        measured = self._measured(box[np.newaxis])[0]
        return correct(belief, measured, noise=self._noise(measured))

    def box(self, belief: Belief) -> Vector:
        """See `BoxMotion`."""
        x, y, aspect, height = belief.mean[:4]
        height = max(height, 1.0)
        return _around(x, y, width=max(aspect * height, 1.0), height=height)

    def distances(self, belief: Belief, boxes: Matrix) -> Vector:
        """See `BoxMotion`."""
        return mahalanobis(belief, self._measured(boxes), noise=self._noise(belief.mean))

    def _measured(self, boxes: Matrix) -> Matrix:
        width, height = _width_and_height(boxes)
        return np.stack([*_centers(boxes), width / height, height], axis=1)

    def _noise(self, state: Vector) -> Vector:
        side = max(float(state[3]), LEAST_PX)
        return np.array([SEEN * side, SEEN * side, ASPECT, SEEN * side])


def _sizes(state: Vector) -> tuple[float, float]:
    """Return the height, and the area, of a state of `AreaMotion`, at least as large as can be localized."""
    area = max(float(state[2]), LEAST_AREA_PX)
    return max(float(np.sqrt(area / max(float(state[3]), LEAST_ASPECT))), LEAST_PX), area


def _centers(boxes: Matrix) -> tuple[Vector, Vector]:
    return (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2


def _width_and_height(boxes: Matrix) -> tuple[Vector, Vector]:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
    return sides[:, 0], sides[:, 1]


def _around(x: float, y: float, *, width: float, height: float) -> Vector:
    return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2], np.float64)
