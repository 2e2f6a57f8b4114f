"""Gaussian filter over place and color together, by a coarse grid of five axes of which few cells are used.

pixels ── gathered ──▶ cells (y, x, three of color) ── blurred along each axis ──▶ cells ── read ──▶ pixels

J. Chen, S. Paris and F. Durand, "Real-time Edge-aware Image Processing with the Bilateral Grid", SIGGRAPH
2007; only cells that hold a pixel are kept, as in J. Barron and B. Poole, "The Fast Bilateral Solver", ECCV
2016. A pixel is shared by the four cells around its place, and belongs to the one cell of its color. That,
and colors alike with no pixel of a color between them, is what is coarse here.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vidlab.types import Float32Array, UInt8Image

# Red, green and blue turned so that brightness is one axis: distances stay, and colors that differ in
# brightness alone, as most neighbors do, are neighbors along an axis.
TURN = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
# Each axis is blurred there and back by (1, 2, 1) / 4, together a variance of one cell squared. Sharing a
# pixel by place, twice, adds one third; rounding its color, twice, one sixth. A cell is so large that the sum
# is the variance of the Gaussian.
PLACE_CELL, COLOR_CELL = (1 + 1 / 3) ** -0.5, (1 + 1 / 6) ** -0.5  # of its standard deviation


class BilateralGrid:
    """Sums over all pixels of a picture, weighted by a Gaussian of how far and how different they are.

    Approximate, up to a factor that is the same everywhere; the weights are symmetric.
    """

    def __init__(self, image: UInt8Image, *, distance_px: float, color_levels: float) -> None:
        """Sort the pixels into cells.

        Args:
            image: uint8 (H, W, 3), RGB.
            distance_px: Standard deviation over place, pixels.
            color_levels: Standard deviation over color, gray levels.
        """
        height, width = image.shape[:2]
        turned = image.reshape(-1, 3).astype(np.float32) @ TURN.T.astype(np.float32)
        colors = np.rint(turned / np.float32(COLOR_CELL * color_levels)).astype(np.int64)
        y, x = (np.arange(n, dtype=np.float32) / (PLACE_CELL * distance_px) for n in (height, width))
        rows, columns = (np.floor(place).astype(np.int64) for place in (y, x))
        places = [np.repeat(rows, width), np.tile(columns, height)]
        axes = [*places, *(colors - colors.min(axis=0)).T]
        # two cells more than there are: no neighbor of a cell is taken for one at the other end of the axis
        self._strides = np.cumprod([1, *(int(axis.max()) + 3 for axis in axes[:-1])])
        keys = sum(axis * stride for axis, stride in zip(axes, self._strides, strict=True))
        low = (
            np.repeat(np.asarray(y - rows, np.float32), width),
            np.tile(np.asarray(x - columns, np.float32), height),
        )
        self._build(np.asarray(keys), low)

    def _build(self, keys: NDArray[np.int64], shares: tuple[Float32Array, Float32Array]) -> None:
        """Find the cells in use, whose they are, and their neighbors."""
        used, of_pixel = np.unique(keys, return_inverse=True)
        down, right = int(self._strides[0]), int(self._strides[1])
        corners = used[:, None] + np.array([0, down, right, down + right])
        cells, of_used = np.unique(corners, return_inverse=True)
        y, x = shares
        weights = np.stack([(1 - y) * (1 - x), y * (1 - x), (1 - y) * x, y * x], axis=1)
        columns = of_used.reshape(corners.shape)[of_pixel]
        starts = np.arange(0, 4 * len(keys) + 1, 4)
        shape = len(keys), len(cells)
        self._read = csr_array((weights.ravel(), columns.ravel(), starts), shape=shape)
        self._neighbors = [
            tuple(_places(cells, cells + step) for step in (-stride, stride)) for stride in self._strides
        ]

    def __call__(self, maps: Float32Array) -> Float32Array:
        """Return the weighted sums, float32 (K, H, W), of maps, float32 (K, H, W)."""
        cells = np.zeros(
            (self._read.shape[1] + 1, len(maps)), np.float32
        )  # the last stays empty: no neighbor
        cells[:-1] = self._read.T @ maps.reshape(len(maps), -1).T
        # back in the order opposite to there: the weight of a pixel for another is that of the other for it
        for before, after in [*self._neighbors, *reversed(self._neighbors)]:
            cells[:-1] = 0.5 * cells[:-1] + 0.25 * (cells[before] + cells[after])
        return np.ascontiguousarray((self._read @ cells[:-1]).T).reshape(maps.shape)


def _places(cells: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where cells lie in the sorted list of those in use; beyond its end if they are not in it."""
    places = np.minimum(np.searchsorted(cells, wanted), len(cells) - 1)
    return np.where(cells[places] == wanted, places, len(cells))
