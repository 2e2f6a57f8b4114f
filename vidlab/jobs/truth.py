"""True masks, or any masks from a folder, one union per frame."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vidlab.errors import MaskError
from vidlab.masks.source import open_png_masks
from vidlab.types import OBJECT_CLASS_ID, BoolMask


class MaskFolder:
    """Masks in step with a clip.

    Iterate, or take one mask per frame with `next_mask` and say `finish` after the last.
    """

    def __init__(self, path: Path, *, size_hw: tuple[int, int] | None) -> None:
        """Open a folder.

        Args:
            path: Folder of PNGs, or a result folder.
            size_hw: Size that the masks must have; None takes that of the first.

        Raises:
            MaskError: The folder holds no masks, or one of another size.
        """
        self.path = path
        self._masks = iter(open_png_masks(path, size_hw=size_hw, class_id=OBJECT_CLASS_ID))
        self._n = 0

    def __iter__(self) -> Iterator[BoolMask]:
        for pixels in self._masks:  # a mask read from a file is a probability of exactly 0 or 1
            self._n += 1
            yield np.asarray(pixels.probs[0] > 0)

    def next_mask(self) -> BoolMask:
        """Return the mask of the next frame, bool (H, W).

        Raises:
            MaskError: There are fewer masks than frames.
        """
        for mask in self:
            return mask
        raise MaskError(f"every frame must have a mask, got {self._n} in {self.path}, but the clip goes on")

    def finish(self) -> None:
        """Check that no mask is left.

        Raises:
            MaskError: There are more masks than frames.
        """
        n_frames = self._n
        for _ in self:
            raise MaskError(f"masks must not outlast the clip of {n_frames} frames, got more in {self.path}")
