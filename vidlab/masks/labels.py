"""Class labels in: folders of 8-bit PNGs whose values are class indices."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidlab.errors import MaskError
from vidlab.masks.folder import numbered_pngs
from vidlab.masks.png import UNREADABLE, require_size
from vidlab.types import ClassProbs

BACKGROUND, IGNORE = 0, 255  # labels that are no class


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


class LabelMasks:
    """A folder of class labels as masks of all its classes, read on demand; 0 is background, 255 is ignored.

    Attributes:
        path: The folder.
        kind: `probs`; a label is a probability of exactly 0 or 1.
        size_hw: Height and width of the labels, in pixels.
        class_ids: The labels that occur anywhere, ascending.
        n_frames: Files found.
        last_index: n_frames − 1.
    """

    kind: Literal["probs"] = "probs"

    def __init__(self, path: Path, *, size_hw: tuple[int, int] | None) -> None:
        """List the files, and look into each for its classes.

        Args:
            path: Folder, or a result folder with `labels/`.
            size_hw: Height and width of the video, in pixels; None takes the size of the first file.

        Raises:
            MaskError: Files are missing (see `numbered_pngs`), cannot be read or have another size.
        """
        self._folder = LabelFolder(path)
        self.path = self._folder.path
        self.n_frames = self._folder.n_frames
        self.last_index = self.n_frames - 1
        first = self._folder.read(0, size_hw=size_hw)
        self.size_hw = (first.shape[0], first.shape[1])
        self.class_ids = classes_in(self._labels())

    def __iter__(self) -> Iterator[ClassProbs]:
        """Yield the classes of every frame, those that are there, float32 (K, H, W).

        Raises:
            MaskError: A file cannot be read or has another size.
        """
        return map(to_class_probs, self._labels())

    def _labels(self) -> Iterator[NDArray[np.uint8]]:
        for index in range(self.n_frames):
            yield self._folder.read(index, size_hw=self.size_hw)


def classes_in(frames: Iterable[NDArray[Any]]) -> tuple[int, ...]:
    """Return the classes that occur in any of some label pictures, (H, W), values 0 to 255; ascending.

    >>> classes_in([np.array([[0, 18]]), np.array([[255, 3]])])
    (3, 18)
    """
    seen = np.zeros(256, np.bool_)
    for labels in frames:
        seen |= np.bincount(labels.ravel(), minlength=256) > 0
    return tuple(int(one) for one in np.flatnonzero(seen) if one not in (BACKGROUND, IGNORE))


def to_class_probs(labels: NDArray[Any]) -> ClassProbs:
    """Return one map per class of a label picture, (H, W), values 0 to 255; 0 and 255 are no class.

    >>> to_class_probs(np.array([[0, 18, 255, 18]])).probs.tolist()
    [[[0.0, 1.0, 0.0, 1.0]]]
    """
    classes = classes_in([labels])
    maps = labels == np.array(classes, labels.dtype)[:, np.newaxis, np.newaxis]
    return ClassProbs(maps.astype(np.float32), classes)
