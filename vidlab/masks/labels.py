"""Class labels in: folders of 8-bit PNGs whose values are class indices."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidlab.errors import MaskError
from vidlab.masks.folder import numbered_pngs
from vidlab.masks.png import UNREADABLE, require_size


def read_labels_png(path: str | Path, *, size_hw: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Read the class of every pixel from a gray or indexed 8-bit PNG; colors of a palette do not matter.

    Args:
        path: PNG file.
        size_hw: Height and width it must have, in pixels; None takes any.

    Returns:
        uint8 (H, W), classes 0..254; 255 = ignore.

    Raises:
        MaskError: The file is no readable PNG, has another size, or is neither gray nor indexed with 8 bits.
    """
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            require_size((picture.height, picture.width), size_hw, name=str(path))
            if picture.mode not in ("L", "P"):
                raise MaskError(f"{path} must hold one class index of 8 bits per pixel, got {picture.mode}")
            return np.array(picture)
    except FileNotFoundError:
        raise MaskError(f"{path} must be a PNG, but there is no such file") from None
    except UNREADABLE as error:
        raise MaskError(f"{path} must be a readable PNG, got a damaged or other file ({error})") from None


class LabelFolder:
    """Labels in step with a clip; read on demand.

    Attributes:
        path: The folder of PNGs.
        n_frames: Files found.
    """

    def __init__(self, path: Path) -> None:
        """List the files of a folder, or of a result folder's `labels/`.

        Raises:
            MaskError: Files are missing (see `numbered_pngs`).
        """
        self.path = path / "labels" if (path / "labels").is_dir() else path
        self._files = numbered_pngs(self.path)
        self.n_frames = len(self._files)

    def read(self, index: int, *, size_hw: tuple[int, int] | None) -> NDArray[np.uint8]:
        """Return the labels of a frame, uint8 (H, W).

        Raises:
            MaskError: There is no such frame, or it cannot be read or has another size than `size_hw`.
        """
        if index >= self.n_frames:
            raise MaskError(
                f"every frame must have labels, got {self.n_frames} in {self.path}, but the clip goes on"
            )
        return read_labels_png(self._files[index], size_hw=size_hw)

    def require_end(self, n_frames: int) -> None:
        """Check that no labels are left after a clip of so many frames.

        Raises:
            MaskError: There are.
        """
        if self.n_frames > n_frames:
            raise MaskError(
                f"labels must not outlast the clip of {n_frames} frames, got {self.n_frames} in {self.path}"
            )
