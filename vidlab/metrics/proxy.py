"""A guess at quality without truth: does the outline separate colors, does the mask follow the motion?

How well it ranks masks is measured by `benchmarks/proxy.py`, and printed wherever the guess is.
"""

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from vidlab.errors import ShapeError
from vidlab.metrics.boundary import boundary_px
from vidlab.metrics.overlap import require_mask, window_of
from vidlab.metrics.running import RunningStats
from vidlab.types import BoolMask, Float32Array, UInt8Image

REACH_PX = 7  # on either side of the outline: more than DAVIS' tolerance would see other objects
HALF_CONTRAST = 30.0  # gray levels of color difference that count half: well above sensor noise
SEEN_SHARE = 0.05  # of a neighborhood must be mask, and as much background, for their colors to be compared
_MEASURED = Path(__file__).with_name("proxy.json")


def outline_contrast(mask: BoolMask, image: UInt8Image, *, reach_px: int = REACH_PX) -> float:
    """How different the colors are on the two sides of a mask's outline.

    After the color measure of Erdem, Sankur and Tekalp, "Performance Measures for Video Object Segmentation
    and Tracking", IEEE Transactions on Image Processing 2004: at every pixel of the outline, the mean color
    of the mask within a few pixels against the mean color of the background there. A difference of d gray
    levels counts d/(d + 30).

    Args:
        mask: bool (H, W).
        image: uint8 (H, W, 3), RGB, the frame it belongs to.
        reach_px: How far from the outline colors count, on either side; less asks for a sharper outline.

    Returns:
        [0, 1), the mean over the outline; no outline (empty, full): 0, for it separates nothing.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.

    >>> half = np.zeros((8, 8), bool)
    >>> half[:, :4] = True
    >>> outline_contrast(half, np.repeat(np.uint8(half)[..., None] * 30, 3, axis=2)) > 0.6
    True
    """
    require_mask(mask, "mask")
    if image.dtype != np.uint8 or image.shape != (*mask.shape, 3):
        raise ShapeError(f"image must be uint8 {(*mask.shape, 3)}, got {image.dtype.name} {image.shape}")
    window = window_of(boundary_px(mask), margin_px=reach_px + 1)
    if window is None:
        return 0.0
    inside = mask[window].astype(np.float32)
    colors = image[window].astype(np.float32)
    share, color = _mean_near(inside, colors, reach_px)
    share_out, color_out = _mean_near(1 - inside, colors, reach_px)
    judged = boundary_px(mask[window]) & (share > SEEN_SHARE) & (share_out > SEEN_SHARE)
    if not judged.any():
        return 0.0
    means = color[judged] / share[judged, None], color_out[judged] / share_out[judged, None]
    gap = np.linalg.norm(means[0] - means[1], axis=-1)
    return float(np.mean(gap / (gap + HALF_CONTRAST)))


def quality_proxy(*, contrast: float, flicker: float) -> float:
    """Guess the quality of masks without truth: contrast · (1 − flicker).

    Args:
        contrast: Mean outline contrast, [0, 1].
        flicker: Mean motion-compensated instability, [0, 1].

    Returns:
        [0, 1]; for ranking versions of one clip's masks only, its height means nothing. Either NaN: NaN.

    >>> quality_proxy(contrast=0.5, flicker=0.2)
    0.4
    """
    return contrast * (1 - flicker)


class OutlineContrast:
    """Mean outline contrast of a clip, one frame at a time.

    >>> metric = OutlineContrast()
    >>> metric.update(np.zeros((2, 2), bool), np.zeros((2, 2, 3), np.uint8)), metric.compute()
    (0.0, 0.0)
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._stats = RunningStats()

    def update(self, mask: BoolMask, image: UInt8Image | None) -> float:
        """Take the next frame: bool (H, W), and uint8 (H, W, 3) RGB or None; NaN without a picture.

        Raises:
            ShapeError: Another dtype, rank, or two sizes.
        """
        value = math.nan if image is None else outline_contrast(mask, image)
        self._stats.update(value)
        return value

    def compute(self) -> float:
        """Return the mean over the frames with a picture; NaN if there were none."""
        return self._stats.mean


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """How well the proxy ranks several versions of a clip's masks: Spearman's rho with true (J + F) / 2.

    Attributes:
        synthetic: Mean over the clips of the synthetic suite.
        n_synthetic: How many clips.
        real: Mean over real clips with real networks.
        n_real: How many clips and networks.
    """

    synthetic: float
    n_synthetic: int
    real: float
    n_real: int


@cache
def rank_correlation() -> RankCorrelation:
    """Return what `benchmarks/proxy.py --write` measured last."""
    return RankCorrelation(**json.loads(_MEASURED.read_text("utf-8"))["rank_correlation"])


def _mean_near(
    weight: Float32Array, colors: Float32Array, reach_px: int
) -> tuple[Float32Array, Float32Array]:
    """Mean weight, and mean weighted color, within the reach of each pixel."""
    size = (2 * reach_px + 1, 2 * reach_px + 1)
    share = np.asarray(cv2.blur(weight, size), np.float32)
    return share, np.asarray(cv2.blur(colors * weight[..., None], size), np.float32)
