"""Masks in `.npz` files, streamed: each array is unpacked frame by frame, never whole.

The keys that are read (T frames, K classes, N instances):

    masks      bool or uint8 (T, H, W)       one mask per frame; 0 and 1, or 0 and 255
               bool or uint8 (T, N, H, W)    instances; an empty mask is no instance
    scores     float (T, N)                  of the instances, [0, 1]; default 1
    labels     whole numbers (T, H, W)       one class per pixel; 0 is background, 255 says nothing
    probs      float (T, H, W) or (T, K, H, W), [0, 1]; or uint8, 255 is 1.0
    class_ids  int (K,), (N,) or (T, N)      COCO ids; one class may do without
"""

import logging
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import MaskError
from vidlab.masks.coco_entry import require_known_class
from vidlab.masks.labels import IGNORE, classes_in, to_class_probs
from vidlab.masks.png import require_size, to_mask
from vidlab.types import BoolMask, ClassProbs, Float32Array, Instances, Observation

logger = logging.getLogger(__name__)

# What zipfile, zlib and NumPy raise on damaged files; RuntimeError: encrypted, or an unknown compression.
UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


class NpzMasks:
    """The masks of a `.npz` file, frame by frame.

    Attributes:
        path: The file.
        kind: `instances` for masks (T, N, H, W), else `probs` (masks and labels are probabilities of 0 or 1).
        size_hw: Height and width of every mask, in pixels.
        class_ids: COCO ids; for instances those that occur, ascending.
        n_frames: Frames held.
        last_index: n_frames − 1.
    """

    kind: Literal["instances", "probs"]

    def __init__(self, path: str | Path, *, key: str, size_hw: tuple[int, int] | None, class_id: int) -> None:
        """Read the headers and the small arrays.

        Args:
            path: File.
            key: `masks`, `labels` or `probs`.
            size_hw: Height and width of the video, in pixels; None takes any.
            class_id: COCO id of masks for which the file names none.

        Raises:
            MaskError: The file is missing, damaged, lacks the key, or holds arrays of another form.
        """
        self.path = Path(path)
        self._key = key
        self._shape, self._dtype = self._read_header(key)
        self._check_form()
        self.n_frames = self._shape[0]
        self.last_index = self.n_frames - 1
        self.size_hw = (self._shape[-2], self._shape[-1])
        require_size(self.size_hw, size_hw, name=str(self.path))
        self.kind = "instances" if key == "masks" and len(self._shape) == 4 else "probs"
        if key == "labels":
            self.class_ids = classes_in(
                _to_labels(frame, name=f"{self.path}, frame {index}") for frame, index in self._frames()
            )
        else:
            self._ids = self._read_class_ids(class_id)
            ids = np.unique(self._ids) if self.kind == "instances" else self._ids
            self.class_ids = tuple(ids.tolist())
        self._scores = self._read_scores() if self.kind == "instances" else None

    def __iter__(self) -> Iterator[Observation]:
        """Yield every frame; the file is open only while the loop runs.

        Raises:
            MaskError: The data are damaged, or hold other values.
        """
        for frame, index in self._frames():
            yield self._observation(frame, index)

    def _frames(self) -> Iterator[tuple[NDArray[Any], int]]:
        """Yield each frame as the file holds it, and its index."""
        with (
            _named(self.path),
            zipfile.ZipFile(self.path) as archive,
            archive.open(f"{self._key}.npy") as data,
        ):
            _read_npy_header(data)
            n_bytes = math.prod(self._shape[1:]) * self._dtype.itemsize
            for index in range(self.n_frames):
                chunk = data.read(n_bytes)
                if len(chunk) < n_bytes:
                    raise MaskError(
                        f"{self.path} must hold {self.n_frames} frames, got {index}; it is cut off"
                    )
                frame = np.frombuffer(chunk, self._dtype).reshape(self._shape[1:])
                yield frame, index

    def _observation(self, frame: NDArray[Any], index: int) -> Observation:
        name = f"{self.path}, frame {index}"
        if self._key == "probs":
            maps = _to_probs(frame, name=name)
            return ClassProbs(maps.reshape(-1, *self.size_hw), self.class_ids)
        if self._key == "labels":
            return to_class_probs(_to_labels(frame, name=name))
        masks = _to_masks(frame, name=name)
        if self._scores is None:
            return ClassProbs(masks.astype(np.float32)[None], self.class_ids)
        there: BoolMask = np.any(masks, axis=(1, 2))
        ids = np.broadcast_to(self._ids, self._scores.shape)[index]
        return Instances(masks, self._scores[index], ids.astype(np.int64)).where(there)

    def _check_form(self) -> None:
        kinds = {"masks": "bu", "labels": "iu", "probs": "fu"}[self._key]
        narrow = self._dtype.kind != "u" or self._dtype.itemsize == 1 or self._key == "labels"
        axes = (3,) if self._key == "labels" else (3, 4)
        full = len(self._shape) in axes and min(self._shape[-2:]) > 0
        if self._dtype.kind not in kinds or not narrow or not full:
            wanted = {
                "masks": "bool or uint8 (T, H, W) or (T, N, H, W)",
                "labels": "whole numbers (T, H, W)",
                "probs": "float (T, H, W) or (T, K, H, W)",
            }
            raise MaskError(
                f"{self._key} in {self.path} must be {wanted[self._key]}, got {self._dtype} {self._shape}"
            )

    def _read_class_ids(self, class_id: int) -> NDArray[np.int64]:
        n_maps = self._shape[1] if len(self._shape) == 4 else 1
        ids = self._read_small("class_ids")
        if ids is None:
            if n_maps > 1 and self.kind == "probs":
                raise MaskError(f"{self.path} must hold class_ids for its {n_maps} maps, got none")
            return np.full(n_maps, class_id, np.int64)
        fits = ids.shape == (n_maps,) or (self.kind == "instances" and ids.shape == self._shape[:2])
        if ids.dtype.kind not in "iu" or not fits:
            raise MaskError(
                f"class_ids in {self.path} must be {n_maps} whole numbers, got {ids.dtype} {ids.shape}"
            )
        for one in np.unique(ids):
            require_known_class(int(one), where=str(self.path))
        return ids.astype(np.int64)

    def _read_scores(self) -> Float32Array:
        scores = self._read_small("scores")
        if scores is None:
            return np.ones(self._shape[:2], np.float32)
        if scores.dtype.kind != "f" or scores.shape != self._shape[:2]:
            raise MaskError(
                f"scores in {self.path} must be float {self._shape[:2]}, got {scores.dtype} {scores.shape}"
            )
        if not ((scores >= 0) & (scores <= 1)).all():
            raise MaskError(f"scores in {self.path} must lie in [0, 1], got others")
        return scores.astype(np.float32)

    def _read_small(self, key: str) -> NDArray[Any] | None:
        with _named(self.path), np.load(self.path, allow_pickle=False) as content:
            return np.asarray(content[key]) if key in content.files else None

    def _read_header(self, key: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        with _named(self.path), zipfile.ZipFile(self.path) as archive:
            if f"{key}.npy" not in archive.namelist():
                found = ", ".join(name.removesuffix(".npy") for name in archive.namelist()) or "nothing"
                raise MaskError(f"{self.path} must hold an array named {key}, got {found}")
            with archive.open(f"{key}.npy") as data:
                shape, by_columns, dtype = _read_npy_header(data)
            if by_columns and len(shape) > 1:
                raise MaskError(
                    f"{key} in {self.path} must be stored frame by frame, got Fortran order; "
                    "save np.ascontiguousarray of it"
                )
            return shape, dtype


def npz_keys(path: str | Path) -> list[str]:
    """List the arrays of a `.npz` file.

    Raises:
        MaskError: The file is missing or damaged.
    """
    with _named(Path(path)), zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what zipfile and NumPy raise into one sentence that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise MaskError(f"{path} must be a .npz file, but there is no such file") from None
    except UNREADABLE as error:
        raise MaskError(
            f"{path} must be a readable .npz file, got a damaged or other file ({error})"
        ) from None


def _read_npy_header(data: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(data)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"array format {version} is not known")
    shape, by_columns, dtype = readers[version](data)
    return tuple(shape), bool(by_columns), dtype


def _to_masks(frame: NDArray[Any], *, name: str) -> BoolMask:
    if frame.dtype == np.bool_:
        return frame
    return to_mask(
        frame, name=name, hint="write probabilities under the key probs, class labels under labels"
    )


def _to_labels(frame: NDArray[Any], *, name: str) -> NDArray[np.uint8]:
    low, high = int(frame.min(initial=0)), int(frame.max(initial=0))
    if low < 0 or high > IGNORE:
        raise MaskError(f"{name} must hold labels from 0 to {IGNORE}, got {low if low < 0 else high}")
    return frame.astype(np.uint8)


def _to_probs(frame: NDArray[Any], *, name: str) -> Float32Array:
    if frame.dtype == np.uint8:
        return frame.astype(np.float32) / np.float32(255)
    probs = frame.astype(np.float32)
    if probs.size and not (probs.min() >= 0 and probs.max() <= 1):
        raise MaskError(f"{name} must hold probabilities in [0, 1], got [{probs.min():g}, {probs.max():g}]")
    return probs
