"""Where an object is going: a Kalman filter of constant velocity, which sees places and the flow.

It is what carries an identity through an occlusion: while nothing is seen of the object, it moves on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Standard deviations as shares of the object's height, as in SORT and its descendants (Bewley et al., 2016;
# Zhang et al., ByteTrack, ECCV 2022): of a measured place, of what a frame adds to place and to velocity.
SEEN, DRIFT, SWERVE = 1 / 20, 1 / 20, 1 / 160
FLOW = 1 / 40  # of a velocity that the flow inside the mask tells
UNKNOWN = 1 / 2  # of the velocity of an object that was seen once, where no flow tells it
PART = 1.5  # an object that appears so many times smaller or larger is partly hidden, or merged with another
LEARN, LEARN_PART, LEARN_CROWDED = 0.5, 0.1, 0.02  # how quickly the usual size follows what is seen
NEAR = 0.5  # of its width and height: others so near disturb the flow
CROWDED = 10.0  # how many times worse the flow is beside others, whose motion it takes in
LEAST_PX = 4.0  # an object smaller than this is not localized better

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Course:
    """The place of a box over time.

    Attributes:
        center: float64 (2,), pixels, (x, y).
        velocity: float64 (2,), pixels per frame.
        size: float64 (2,), pixels, usual width and height of the whole object.
        spread: float64 (2, 2), covariance of place and velocity along either axis, pixels².
    """

    center: Vector
    velocity: Vector
    size: Vector
    spread: NDArray[np.float64]

    @classmethod
    def starting(cls, box: Vector, *, velocity: Vector | None) -> "Course":
        """Begin with a box that was seen once; `velocity` as in `seen`."""
        center, size = _center_and_size(box)
        height = _height(size)
        course = cls(center, np.zeros(2), size, np.diag(np.square([SEEN * height, UNKNOWN * height])))
        return course if velocity is None else course._corrected(velocity, row=1, deviation=FLOW * height)

    def onwards(self) -> "Course":
        """Predict the next frame."""
        step = np.array([[1.0, 1.0], [0.0, 1.0]])
        height = _height(self.size)
        spread = step @ self.spread @ step.T + np.diag(np.square([DRIFT * height, SWERVE * height]))
        return Course(self.center + self.velocity, self.velocity, self.size, spread)

    def seen(self, box: Vector, *, velocity: Vector | None, is_crowded: bool) -> "Course":
        """Take in where the object was seen in the frame that was predicted, and how it moved.

        A box that is smaller than the object is a part of it, a larger one has others in it: all that it says
        is that one contains the other, and the object is where that agrees best with what was predicted.

        Args:
            box: float64 (4,), (x0, y0, x1, y1), around its mask.
            velocity: float64 (2,), pixels per frame, as the flow inside the mask tells it; None without.
            is_crowded: Others are so near that they may hide a part of it, or that it may be taken for one
                with them: its size is not learned, and the flow is not trusted much.
        """
        _, size = _center_and_size(box)
        height = _height(self.size)
        ends = np.sort([box[:2] + self.size / 2, box[2:] - self.size / 2], axis=0)
        course = self._corrected(np.clip(self.center, ends[0], ends[1]), row=0, deviation=SEEN * height)
        if velocity is not None:
            deviation = FLOW * height * (CROWDED if is_crowded else 1)
            course = course._corrected(velocity, row=1, deviation=deviation)
        ratio = float(np.max(np.maximum(size / self.size, self.size / size)))
        gain = LEARN_CROWDED if is_crowded else LEARN if ratio < PART else LEARN_PART
        return Course(course.center, course.velocity, self.size + gain * (size - self.size), course.spread)

    @property
    def box(self) -> Vector:
        """Where the whole object is expected, float64 (4,), (x0, y0, x1, y1)."""
        return np.concatenate([self.center - self.size / 2, self.center + self.size / 2])

    @property
    def surroundings(self) -> Vector:
        """Where others disturb what is seen of the object, float64 (4,), (x0, y0, x1, y1)."""
        reach = NEAR * self.size
        return np.concatenate([self.center - self.size / 2 - reach, self.center + self.size / 2 + reach])

    def _corrected(self, measured: Vector, *, row: int, deviation: float) -> "Course":
        """Correct by a measured place (row 0) or velocity (row 1)."""
        gain = self.spread[:, row] / (self.spread[row, row] + deviation**2)
        error = measured - (self.center, self.velocity)[row]
        spread = self.spread - np.outer(gain, self.spread[row])
        return Course(self.center + gain[0] * error, self.velocity + gain[1] * error, self.size, spread)


def _center_and_size(box: Vector) -> tuple[Vector, Vector]:
    return (box[:2] + box[2:]) / 2, np.maximum(box[2:] - box[:2], 1.0)


def _height(size: Vector) -> float:
    return max(float(size[1]), LEAST_PX)
