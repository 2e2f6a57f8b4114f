"""Guided filter: around every pixel, a map is explained as a linear function of color.

K. He, J. Sun and X. Tang, "Guided Image Filtering", TPAMI 2013, with a color guide; solved at a smaller size
as in K. He and J. Sun, "Fast Guided Filter", 2015. OpenCV has it in `ximgproc`, which only its contrib wheel
holds; that wheel and the plain one overwrite each other's files, so no package should ask for both.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError
from vidlab.flow.warp import resize_map
from vidlab.types import Float32Array, UInt8Image

LEVELS = 255  # of a color: what its range of 1 is in the papers
LEAST_EPS = 1e-6  # below, rounding to whole gray levels says more than the picture does

Floats = NDArray[np.floating[Any]]


class Guide:
    """The colors around every pixel, ready to explain maps.

    In the precision of the picture: where few colors meet, as in a drawing, only double precision tells a
    neighborhood of two colors from a flat one; the noise of a camera lets single precision do.
    """

    def __init__(self, colors: Floats, *, reach: int, eps: float) -> None:
        """Take the picture.

        Args:
            colors: float32 or float64 (h, w, 3), 0..255.
            reach: Of a neighborhood, in pixels: its sides are 2 · reach + 1.
            eps: Variance of color, in gray levels squared, below which a neighborhood counts as flat.
        """
        self._reach = reach
        self._mean = box_mean(colors, reach)
        self._planes, self._means = _planes(colors), _planes(self._mean)
        planes, means = self._planes, self._means
        rr, rg, rb, gg, gb, bb = (
            box_mean(planes[i] * planes[j], reach) - means[i] * means[j] + (eps if i == j else 0)
            for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
        )
        # the inverse of a symmetric 3 × 3 matrix, written out: a thousandfold faster than one call per pixel
        xx, xy, xz = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
        yy, yz, zz = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
        self._inverse = ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))
        self._determinant = rr * xx + rg * xy + rb * xz

    def explain(self, values: Float32Array) -> tuple[Floats, Floats]:
        """Return slope over color, (h, w, 3), and offset, (h, w), of a map, float32 (h, w)."""
        reach, mean_values = self._reach, box_mean(values, self._reach)
        red, green, blue = (
            (box_mean(plane * values, reach) - mean * mean_values) / self._determinant
            for plane, mean in zip(self._planes, self._means, strict=True)
        )
        slopes = np.empty_like(self._mean)
        for channel, (x, y, z) in enumerate(self._inverse):
            slopes[..., channel] = x * red + y * green + z * blue
        return box_mean(slopes, reach), box_mean(mean_values - dot(self._mean, slopes), reach)


def guided_filter(
    maps: Float32Array, image: UInt8Image, *, radius_px: int, eps: float, shrink: int
) -> Float32Array:
    """Let maps follow the edges of a picture.

    Args:
        maps: float32 (K, H, W), [0, 1].
        image: uint8 (H, W, 3), RGB: the guide.
        radius_px: Reach of a neighborhood, pixels: its sides are 2 · radius_px + 1.
        eps: Variance of color (range [0, 1]) below which a neighborhood counts as flat; higher smooths over
            weaker edges.
        shrink: How much smaller the picture is at which the filter is solved; 1 solves it as it is.

    Returns:
        float32 (K, H, W), [0, 1].

    Raises:
        ShapeError: Maps or picture have another dtype or rank, or two sizes.
        ParameterError: A value outside its range.

    >>> ramp = np.linspace(0, 1, 9, dtype=np.float32).reshape(1, 1, 9).repeat(9, axis=1)
    >>> gray = np.rint(255 * ramp[0]).astype(np.uint8)[..., None].repeat(3, axis=2)
    >>> bool(np.allclose(guided_filter(ramp, gray, radius_px=1, eps=1e-6, shrink=1), ramp, atol=0.01))
    True
    """
    require_maps(maps, image)
    _require_values(radius_px=radius_px, eps=eps, shrink=shrink)
    height, width = image.shape[:2]
    small = max(1, height // shrink), max(1, width // shrink)
    reach = max(1, round(radius_px / shrink))
    guide = Guide(_shrunk(image, small).astype(np.float64), reach=reach, eps=eps * LEVELS**2)
    filtered = np.empty_like(maps)
    for out, values in zip(filtered, maps, strict=True):
        explained = guide.explain(_shrunk(values, small))
        slopes, offset = (resize_map(each.astype(np.float32), image.shape) for each in explained)
        np.clip(dot(image, slopes) + offset, 0, 1, out=out)
    return filtered


def box_mean(values: Floats, reach: int) -> Floats:
    """Return the mean of every neighborhood, of (h, w) or (h, w, C); the border mirrors the picture."""
    return np.asarray(cv2.blur(values, (2 * reach + 1, 2 * reach + 1)), values.dtype)


def dot(colors: Floats | UInt8Image, slopes: Floats) -> Floats:
    """Sum of the products of three channels, (h, w), as slopes are; OpenCV has a fast path for three."""
    products = cv2.multiply(colors, slopes, dtype=cv2.CV_64F if slopes.dtype == np.float64 else cv2.CV_32F)
    return np.asarray(cv2.transform(products, np.ones((1, 3), np.float32)), slopes.dtype)


def require_maps(maps: Float32Array, image: UInt8Image) -> None:
    """Check that maps are float32 (K, H, W), and the picture uint8 (H, W, 3) of their size.

    Raises:
        ShapeError: They are not.
    """
    if maps.dtype != np.float32 or maps.ndim != 3:
        raise ShapeError(f"maps must be float32 (K, H, W), got {maps.dtype.name} {maps.shape}")
    if image.dtype != np.uint8 or image.shape != (*maps.shape[1:], 3):
        wanted = (*maps.shape[1:], 3)
        raise ShapeError(f"image must be uint8 {wanted}, got {image.dtype.name} {image.shape}")


def _require_values(*, radius_px: int, eps: float, shrink: int) -> None:
    if radius_px < 1:
        raise ParameterError(f"radius_px must be at least 1, got {radius_px}")
    if not eps >= LEAST_EPS:
        raise ParameterError(f"eps must be at least {LEAST_EPS:g}, got {eps}")
    if shrink < 1:
        raise ParameterError(f"shrink must be at least 1, got {shrink}")


def _planes(colors: Floats) -> list[Floats]:
    return [np.asarray(plane, colors.dtype) for plane in cv2.split(colors)]


def _shrunk(values: Float32Array | UInt8Image, size_hw: tuple[int, int]) -> Float32Array:
    if values.shape[:2] == size_hw:
        return np.asarray(values, np.float32)
    return np.asarray(cv2.resize(values, size_hw[::-1], interpolation=cv2.INTER_AREA), np.float32)
