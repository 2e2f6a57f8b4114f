"""Pictures with their masks, decoded when asked for; those that fit into memory stay there."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vidlab.masks.labels import IGNORE, read_labels_png
from vidlab.training.pairs import Pair
from vidlab.types import UInt8Image
from vidlab.video.images import read_image


class Pictures:
    """A list of pictures and their class indices.

    The first ones that are asked for are kept until memory is full, the others decoded anew each time: where
    every epoch goes through all of them, what was used last is not what is used next.

    Attributes:
        n_bytes: What is kept now.
    """

    def __init__(self, pairs: Sequence[Pair], *, binary: bool, cache_mb: float) -> None:
        """Say which.

        Args:
            pairs: Pictures with their masks.
            binary: 255 in a mask is the class 1.
            cache_mb: What may be kept, 1 MB = 10⁶ bytes.
        """
        self._pairs, self._binary = list(pairs), binary
        self._room = cache_mb * 1e6
        self._kept: dict[int, tuple[UInt8Image, NDArray[np.uint8]]] = {}
        self.n_bytes = 0

    def __len__(self) -> int:
        return len(self._pairs)

    def read(self, index: int) -> tuple[UInt8Image, NDArray[np.uint8]]:
        """Return a picture, uint8 (H, W, 3), RGB, and its classes, uint8 (H, W), 255 = ignore.

        Both are shared with later calls: do not write into them.

        Raises:
            SourceError: One of the files cannot be read.
        """
        if index in self._kept:
            return self._kept[index]
        pair = self._pairs[index]
        image = read_image(pair.image)
        labels = read_labels_png(pair.mask, size_hw=(image.shape[0], image.shape[1]))
        if self._binary:
            labels = (labels == IGNORE).astype(np.uint8)
        size = image.nbytes + labels.nbytes
        if self.n_bytes + size <= self._room:
            self._kept[index] = image, labels
            self.n_bytes += size
        return image, labels
