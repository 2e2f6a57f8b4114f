"""What every optical flow offers: two pictures in, displacements out, at a fraction of the pictures' size."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ShapeError
from vidlab.flow.warp import require_scale, resize_flow, shrink
from vidlab.types import Float32Array, UInt8Image

Picture = NDArray[np.uint8]  # (H, W) gray, or (H, W, 3) RGB

MIN_SIDE_PX = 120  # a shorter side than this is not reduced further: small objects would be lost
SEARCH_SIDE_PX = 16  # smaller pictures are not searched; OpenCV's DIS refuses them, others find noise


class FlowEstimator(Protocol):
    """Estimates optical flow; one thread uses it at a time.

    A stream of frames is best served in two steps: `shrink` each picture once, then `small` for each pair.

    Attributes:
        sees_color: It looks at RGB; others look at luma alone. Each takes both, and converts.
    """

    sees_color: bool

    @property
    def identity(self) -> Hashable:
        """What decides the flow between two pictures of a given size: equal for equal estimators."""

    def scale_for(self, size_hw: tuple[int, ...]) -> float:
        """Return the share of their size, (0, 1], at which the flow of frames of this size is estimated."""

    def small_hw(self, size_hw: tuple[int, ...]) -> tuple[int, int]:
        """Return the height and width, in pixels, at which the flow of frames of this size is estimated."""

    def shrink(self, picture: Picture) -> Picture:
        """Resize uint8 (H, W) or (H, W, 3) to the size at which flow is estimated."""

    def small(self, picture_from: Picture, picture_to: Picture, *, scale: float) -> Float32Array:
        """Flow between two pictures that `shrink` returned, in pixels of that size; `scale` is theirs."""

    def __call__(self, picture_from: Picture, picture_to: Picture) -> Float32Array:
        """Estimate where each pixel of one picture lies in the other, float32 (H, W, 2), pixels."""


class ScaledFlow(ABC):
    """What the estimators share: the size at which they work, and the way there and back."""

    sees_color = False

    def __init__(self, *, scale: float, least_side_px: int = MIN_SIDE_PX) -> None:
        """Choose the resolution.

        Args:
            scale: Size at which flow is estimated, (0, 1]; smaller is faster and coarser.
            least_side_px: Pictures are not reduced so far that a side is shorter than this.

        Raises:
            ParameterError: Scale outside (0, 1].
        """
        require_scale(scale)
        self._scale = scale
        self._least_side_px = least_side_px

    @property
    @abstractmethod
    def identity(self) -> Hashable:
        """What decides the flow between two pictures of a given size: equal for equal estimators."""

    @abstractmethod
    def small(self, picture_from: Picture, picture_to: Picture, *, scale: float) -> Float32Array:
        """Flow between two pictures that `shrink` returned, in pixels of that size; `scale` is theirs.

        Zeros for pictures too small to be searched.
        """

    def scale_for(self, size_hw: tuple[int, ...]) -> float:
        """Return the share of their size, (0, 1], at which the flow of frames of this size is estimated."""
        return min(1.0, max(self._scale, self._least_side_px / min(size_hw)))

    def small_hw(self, size_hw: tuple[int, ...]) -> tuple[int, int]:
        """Return the height and width, in pixels, at which the flow of frames of this size is estimated."""
        scale = self.scale_for(size_hw)
        return max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))

    def shrink(self, picture: Picture) -> Picture:
        """Resize uint8 (H, W) or (H, W, 3) to the size at which flow is estimated."""
        return shrink(picture, self.small_hw(picture.shape[:2]))

    def __call__(self, picture_from: Picture, picture_to: Picture) -> Float32Array:
        """Estimate where each pixel of one picture lies in the other.

        Args:
            picture_from: uint8 (H, W) gray or (H, W, 3) RGB, the frame on whose grid the flow is given.
            picture_to: Of the same shape, the frame the flow points into.

        Returns:
            float32 (H, W, 2), pixels, (dx, dy): `picture_from[y, x]` is found at
            `picture_to[y + dy, x + dx]`. Zeros for pictures too small to be searched.

        Raises:
            ShapeError: The pictures differ in size, or are neither uint8 (H, W) nor (H, W, 3).
        """
        return between(self, picture_from, picture_to)


def between(flow: FlowEstimator, picture_from: Picture, picture_to: Picture) -> Float32Array:
    """Do the work of an estimator's call with its parts: check, convert, shrink, estimate, enlarge."""
    require_pictures(picture_from, picture_to)
    height, width = picture_from.shape[:2]
    scale = flow.scale_for((height, width))
    pair = [flow.shrink(as_seen(picture, color=flow.sees_color)) for picture in (picture_from, picture_to)]
    return resize_flow(flow.small(pair[0], pair[1], scale=scale), (height, width))


def no_flow(picture: Picture) -> Float32Array | None:
    """Return zeros, float32 (H, W, 2), for a picture too small to be searched; None for others."""
    height, width = picture.shape[:2]
    return np.zeros((height, width, 2), np.float32) if min(height, width) < SEARCH_SIDE_PX else None


def pyramid(gray: Float32Array, *, levels: int) -> list[Float32Array]:
    """Return float32 (H, W) and its halves, finest first; none is too small to be searched."""
    found = [gray]
    while len(found) < levels and min(found[-1].shape) >= 2 * SEARCH_SIDE_PX:
        found.append(np.asarray(cv2.pyrDown(found[-1]), np.float32))
    return found


def to_gray(image: UInt8Image) -> NDArray[np.uint8]:
    """Turn an RGB image, uint8 (H, W, 3), into luma, uint8 (H, W)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def as_seen(picture: Picture, *, color: bool) -> Picture:
    """Return a picture as an estimator looks at it: RGB, uint8 (H, W, 3), or luma, uint8 (H, W)."""
    if color and picture.ndim == 2:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
    return picture if color or picture.ndim == 2 else to_gray(picture)


def require_pictures(picture_from: Picture, picture_to: Picture) -> None:
    """Raise ShapeError unless two pictures are uint8 (H, W), or (H, W, 3), of one size, and hold a pixel."""
    shape = picture_from.shape
    is_gray, is_color = len(shape) == 2, len(shape) == 3 and shape[2] == 3
    right = (is_gray or is_color) and picture_from.dtype == picture_to.dtype == np.uint8
    if not right or shape != picture_to.shape or 0 in shape:
        raise ShapeError(
            f"images must be two uint8 (H, W), got {shape} and {picture_to.shape}; or two (H, W, 3), RGB"
        )
