"""Fully connected CRF: every pixel asks all others, those near and of like color most, which class it is of.

P. Krähenbühl and V. Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials",
NIPS 2011: mean field with Potts compatibility and two kernels, of place and color and of place alone, each
normalized symmetrically. The high-dimensional filter is a bilateral grid, coarser than the paper's
permutohedral lattice. A pixel's own say stays in: it is one among thousands.
"""

import cv2
import numpy as np

from vidlab.errors import ParameterError
from vidlab.refinement.grid import BilateralGrid
from vidlab.refinement.guided import require_maps
from vidlab.types import Float32Array, UInt8Image

LEAST_PROB = 1e-4  # of a class: no network is so sure that nothing could change its mind
TINY = np.float32(1e-12)


def dense_crf(
    maps: Float32Array,
    image: UInt8Image,
    *,
    iterations: int,
    weight: float,
    color_levels: float,
    distance_px: float,
    smooth_weight: float,
    smooth_px: float,
) -> Float32Array:
    """Let pixels that are near each other, or of like color, agree on a class.

    Args:
        maps: float32 (K, H, W), [0, 1]: classes; what is left of 1 is background.
        image: uint8 (H, W, 3), RGB.
        iterations: Rounds of mean field.
        weight: Say of the pixels of like color; higher follows color more.
        color_levels: Standard deviation of the Gaussian over color, gray levels.
        distance_px: Standard deviation of the same Gaussian over place, pixels.
        smooth_weight: Say of the nearest pixels, whatever their color; higher is smoother.
        smooth_px: Standard deviation of their Gaussian, pixels.

    Returns:
        float32 (K, H, W), [0, 1]; the classes of a pixel together do not exceed 1.

    Raises:
        ShapeError: Maps or picture have another dtype or rank, or two sizes.
        ParameterError: A value outside its range.
    """
    require_maps(maps, image)
    _require_values(
        iterations=iterations, weight=weight, color_levels=color_levels, distance_px=distance_px,
        smooth_weight=smooth_weight, smooth_px=smooth_px,
    )  # fmt: skip
    if not maps.size:
        return maps.copy()
    grid = BilateralGrid(image, distance_px=distance_px, color_levels=color_levels)
    ones = np.ones((1, *maps.shape[1:]), np.float32)
    norm, smooth_norm = (_norm(sums) for sums in (grid(ones), _near(ones, smooth_px)))

    def heard(probs: Float32Array) -> Float32Array:
        of_color = norm * grid(norm * probs)
        nearest = smooth_norm * _near(smooth_norm * probs, smooth_px)
        return np.asarray(weight * of_color + smooth_weight * nearest, np.float32)

    own = np.log(_with_background(maps))
    everyone = heard(ones)
    probs = _softmax(own)
    for _ in range(iterations):
        # the background's share needs no filter: all classes together are 1 everywhere
        said = heard(probs[:-1])
        said = np.concatenate([said, everyone - said.sum(axis=0, keepdims=True)])
        probs = _softmax(own + said)
    return np.ascontiguousarray(probs[:-1])


def _with_background(maps: Float32Array) -> Float32Array:
    """Add what is left of 1, and keep every class possible: float32 (K + 1, H, W), sums of 1."""
    rest = np.maximum(1 - maps.sum(axis=0, keepdims=True), 0)
    every = np.maximum(np.concatenate([maps, rest]), np.float32(LEAST_PROB))
    return np.asarray(every / every.sum(axis=0), np.float32)


def _softmax(logits: Float32Array) -> Float32Array:
    grown = np.exp(logits - logits.max(axis=0))
    return np.asarray(grown / grown.sum(axis=0), np.float32)


def _norm(sums: Float32Array) -> Float32Array:
    """Return the factor that, before a filter and after it, normalizes sums of weights symmetrically."""
    return np.asarray(1 / np.sqrt(np.maximum(sums, TINY)), np.float32)


def _near(maps: Float32Array, sigma_px: float) -> Float32Array:
    """Sums weighted by a Gaussian over place; nothing lies outside the picture."""
    blurred = [cv2.GaussianBlur(m, (0, 0), sigma_px, borderType=cv2.BORDER_CONSTANT) for m in maps]
    return np.asarray(np.stack(blurred), np.float32)


def _require_values(*, iterations: int, **values: float) -> None:
    if iterations < 1:
        raise ParameterError(f"iterations must be at least 1, got {iterations}")
    for name, value in values.items():
        if not (value >= 0 if name.endswith("weight") else value > 0):
            raise ParameterError(
                f"{name} must be {'at least' if name.endswith('weight') else 'above'} 0, got {value}"
            )
