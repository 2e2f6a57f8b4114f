"""Folders of numbered PNGs: one mask or probability map per frame, or one folder per class of these."""

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from vidlab.classes import class_name
from vidlab.errors import MaskError, OutputError, ShapeError
from vidlab.masks.coco_entry import require_known_class
from vidlab.masks.png import read_mask_png, read_probs_png, write_probs_png
from vidlab.types import ClassProbs, Float32Array

logger = logging.getLogger(__name__)

CLASS_FOLDER = re.compile(r"(\d{3})_[a-z0-9_]+")  # such as 018_dog


def numbered_pngs(folder: str | Path) -> list[Path]:
    """List the PNGs of a folder, one per frame, in the order of their numbers.

    The last number in a name counts (`dog_0007.png` is 7). Numbers run from 0, or from 1 (then number 1 is
    frame 0), without a gap. Hidden files and other suffixes are passed over.

    Args:
        folder: Folder to look into, not below.

    Returns:
        Path of frame 0, 1, 2, …

    Raises:
        MaskError: There is no such folder, no PNG, a name without number, one number twice, or a gap.
    """
    folder = Path(folder)
    by_number: dict[int, Path] = {}
    for path in _pngs(folder):
        digits = re.findall(r"\d+", path.stem)
        if not digits:
            raise MaskError(f"mask files must have a frame number in their name, got {path}")
        number = int(digits[-1])
        if number in by_number:
            raise MaskError(
                f"every frame must have one mask, got {by_number[number].name} and {path.name} "
                f"for frame {number} in {folder}"
            )
        by_number[number] = path
    first = 1 if min(by_number) == 1 else 0
    for number in range(first, first + len(by_number)):
        if number not in by_number:
            raise MaskError(
                f"every frame must have a mask, got none for number {number} in {folder}, "
                f"which goes on to {max(by_number)}"
            )
    if first == 1:
        logger.info("numbers in %s start at 1: number 1 is frame 0", folder)
    return [by_number[number] for number in sorted(by_number)]


class PngMasks:
    """A folder of PNGs, one per frame: masks, or probabilities of one class. Read on demand.

    Attributes:
        path: The folder.
        kind: `probs`; a mask is a probability of exactly 0 or 1.
        size_hw: Height and width of every mask, in pixels.
        class_ids: The one class.
        n_frames: Files found.
        last_index: n_frames − 1.
    """

    kind: Literal["probs"] = "probs"

    def __init__(
        self,
        path: str | Path,
        *,
        values: Literal["mask", "probs"],
        size_hw: tuple[int, int] | None,
        class_id: int,
    ) -> None:
        """List the files and read the first.

        Args:
            path: Folder.
            values: What a pixel is: 0/255 (see `read_mask_png`), or a probability (see `read_probs_png`).
            size_hw: Height and width of the video, in pixels; None takes the size of the first file.
            class_id: COCO id of the masks, or OBJECT_CLASS_ID.

        Raises:
            MaskError: Files are missing (see `numbered_pngs`), or the first cannot be used.
        """
        self.path = Path(path)
        self.class_ids = (class_id,)
        self._values = values
        self._files = numbered_pngs(self.path)
        self.n_frames = len(self._files)
        self.last_index = self.n_frames - 1
        first = self._read(self._files[0], size_hw)
        self.size_hw = (first.shape[0], first.shape[1])

    def __iter__(self) -> Iterator[ClassProbs]:
        """Yield one probability map, float32 (1, H, W), per frame.

        Raises:
            MaskError: A file is damaged, has another size, or holds other values.
        """
        for file in self._files:
            yield ClassProbs(self._read(file, self.size_hw)[None], self.class_ids)

    def _read(self, file: Path, size_hw: tuple[int, int] | None) -> Float32Array:
        if self._values == "probs":
            return read_probs_png(file, size_hw=size_hw)
        return read_mask_png(file, size_hw=size_hw).astype(np.float32)


class ClassFolderProbs:
    """A folder with one folder of probability PNGs per class: `018_dog/00000.png`. Read on demand.

    Attributes:
        path: The folder.
        kind: `probs`.
        size_hw: Height and width of every map, in pixels.
        class_ids: COCO ids, ascending.
        n_frames: Frames in every class folder.
        last_index: n_frames − 1.
    """

    kind: Literal["probs"] = "probs"

    def __init__(self, path: str | Path, *, size_hw: tuple[int, int] | None) -> None:
        """List the class folders and their files, and read the first frame.

        Raises:
            MaskError: No class folders, unknown ids, files missing, or classes that differ in length.
        """
        self.path = Path(path)
        folders = class_folders(self.path)
        if not folders:
            raise MaskError(f"{path} must hold a folder per class, such as 018_dog, got none")
        self._maps = []
        for class_id, folder in folders.items():
            require_known_class(class_id, where=str(folder))
            self._maps.append(PngMasks(folder, values="probs", size_hw=size_hw, class_id=class_id))
            size_hw = self._maps[0].size_hw
        self.class_ids = tuple(folders)
        self.size_hw = self._maps[0].size_hw
        self.n_frames = self._maps[0].n_frames
        self.last_index = self.n_frames - 1
        for other in self._maps[1:]:
            if other.n_frames != self.n_frames:
                raise MaskError(
                    f"all classes must cover the same frames, got {self.n_frames} in {self._maps[0].path} "
                    f"and {other.n_frames} in {other.path}"
                )

    def __iter__(self) -> Iterator[ClassProbs]:
        """Yield the maps of all classes, float32 (K, H, W), frame by frame.

        Raises:
            MaskError: A file is damaged, has another size, or is not gray.
        """
        for frame in zip(*self._maps, strict=True):
            yield ClassProbs(np.concatenate([one.probs for one in frame]), self.class_ids)


class ClassFolderWriter:
    """Writes the class probabilities of a clip as one folder of 8-bit PNGs per class."""

    def __init__(
        self, path: str | Path, *, class_ids: tuple[int, ...], class_names: Mapping[int, str] | None = None
    ) -> None:
        """Make the folders, such as `018_dog`.

        Args:
            path: Folder for them.
            class_ids: The classes of every frame.
            class_names: Names of those classes that the vocabulary lacks, by id.

        Raises:
            OutputError: They cannot be made.
        """
        self.class_ids = class_ids
        self._folders = [Path(path) / class_folder_name(class_id, class_names) for class_id in class_ids]
        try:
            for folder in self._folders:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{path} must be writable, got: {error.strerror or error}") from None

    def write(self, probs: ClassProbs, *, index: int) -> None:
        """Write one frame as `00000.png` in every class folder.

        Raises:
            ShapeError: The classes are not those of the clip.
            OutputError: The disk refuses them.
        """
        if probs.class_ids != self.class_ids:
            raise ShapeError(f"all frames must have the classes {self.class_ids}, got {probs.class_ids}")
        for folder, one in zip(self._folders, probs.probs, strict=True):
            write_probs_png(folder / f"{index:05d}.png", one)


def class_folder_name(class_id: int, own: Mapping[int, str] | None = None) -> str:
    """Name the folder of a class, one of the user's own as well.

    >>> class_folder_name(10), class_folder_name(187), class_folder_name(201, {201: "Côte d'Azur"})
    ('010_traffic_light', '187_sky_other_merged', '201_c_te_d_azur')
    """
    return f"{class_id:03d}_{re.sub('[^a-z0-9]', '_', class_name(class_id, own).lower())}"


def class_folders(path: str | Path) -> dict[int, Path]:
    """Return the class folders inside a folder by COCO id, ascending; empty if there are none.

    Raises:
        MaskError: The folder cannot be read, or one id has two folders.
    """
    found: dict[int, Path] = {}
    for folder in _entries(Path(path)):
        name = CLASS_FOLDER.fullmatch(folder.name)
        if not name or not folder.is_dir():
            continue
        class_id = int(name[1])
        if class_id in found:
            raise MaskError(f"every class must have one folder, got {found[class_id]} and {folder}")
        found[class_id] = folder
    return found


def _pngs(folder: Path) -> list[Path]:
    entries = [path for path in _entries(folder) if not path.name.startswith(".")]
    paths = [path for path in entries if path.suffix.lower() == ".png"]
    if not paths:
        raise MaskError(f"{folder} must hold PNGs, one per frame, got none")
    return paths


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise MaskError(f"{folder} must be a folder of PNGs, got: {error.strerror or error}") from None
