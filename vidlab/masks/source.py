"""Masks of the user's own, whatever they are stored in: one protocol, opened by `open_masks`."""

import contextlib
import logging
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Literal, Protocol

from vidlab.errors import MaskError
from vidlab.masks.coco import CocoMasks
from vidlab.masks.folder import ClassFolderProbs, PngMasks, class_folders, numbered_pngs
from vidlab.masks.labels import LabelMasks
from vidlab.masks.npz import NpzMasks, npz_keys
from vidlab.masks.panoptic import PanopticMasks, holds_panoptic
from vidlab.masks.png import holds_labels
from vidlab.types import Frame, Instances, Observation

logger = logging.getLogger(__name__)


class MaskSource(Protocol):
    """What a network (or the user) said about every frame, in order.

    Re-iterable and lazy: files are open only while the loop runs, and one frame is in memory at a time.
    """

    @property
    def path(self) -> Path:
        """File or folder, as the user gave it."""

    @property
    def kind(self) -> Literal["instances", "probs"]:
        """Type of what is yielded: `instances` yields Instances, `probs` yields ClassProbs."""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of every mask, in pixels."""

    @property
    def class_ids(self) -> tuple[int, ...]:
        """COCO ids (or OBJECT_CLASS_ID) that may occur."""

    @property
    def n_frames(self) -> int | None:
        """Frames held; None if frames without an entry are empty, so that any number will do."""

    @property
    def last_index(self) -> int:
        """Index of the last frame it says something about; −1 if there is none."""

    def __iter__(self) -> Iterator[Observation]:
        """Yield the observations of all frames, from frame 0 on."""


def open_masks(
    path: str | Path, *, probs: bool, size_hw: tuple[int, int] | None, n_frames: int | None, class_id: int
) -> MaskSource:
    """Open masks: a folder of PNGs, COCO results or panoptic JSON, `.npz`, or a result folder.

    Of a result folder, `instances.json` is taken if it is there, else `probs/`, `labels/` or `masks/`. A JSON
    is COCO's panoptic form if it lists segments and the folder of its pictures lies beside it. PNGs
    are class labels, 0 background and 255 nothing, if their folder is called `labels`, or if they are indexed
    and hold several labels.

    Args:
        path: File or folder.
        probs: PNGs hold probabilities (255 is 1.0), not masks; of a `.npz`, take the array `probs`.
        size_hw: Height and width of the video, in pixels; None takes that of the first mask.
        n_frames: Number of frames that the video declares, None where unknown. Declarations lie: a mismatch
            is only logged here; `match_frames` decides.
        class_id: COCO id of masks that name no class, or OBJECT_CLASS_ID.

    Returns:
        A source of the kind that fits.

    Raises:
        MaskError: Nothing there that can be read, or not for this video; names the file.
    """
    path = Path(path)
    source: MaskSource
    if path.is_dir():
        source = _open_folder(path, probs=probs, size_hw=size_hw, class_id=class_id)
    elif path.suffix.lower() == ".json":
        read = PanopticMasks if holds_panoptic(path) else CocoMasks
        source = read(path, size_hw=size_hw)
    elif path.suffix.lower() == ".npz":
        key = _npz_key(path, probs=probs)
        source = NpzMasks(path, key=key, size_hw=size_hw, class_id=class_id)
    elif not path.exists():
        raise MaskError(f"masks must be a file or folder that exists, got {path}")
    else:
        raise MaskError(f"masks must be a folder of PNGs, COCO results (.json) or .npz, got {path}")
    _log_mismatch(source, n_frames)
    return source


def open_png_masks(path: str | Path, *, size_hw: tuple[int, int] | None, class_id: int) -> PngMasks:
    """Open the final masks of a result folder (its `masks/`), or a folder of mask PNGs such as truth.

    Args:
        path: Result folder, or folder of PNGs.
        size_hw: Height and width they must have, in pixels; None takes that of the first.
        class_id: COCO id of the masks, or OBJECT_CLASS_ID.

    Raises:
        MaskError: Not a folder, files missing, or the first cannot be used.
    """
    inside = Path(path) / "masks"
    folder = inside if inside.is_dir() else Path(path)
    return PngMasks(folder, values="mask", size_hw=size_hw, class_id=class_id)


def match_frames(
    frames: Iterable[Frame], source: MaskSource, *, surplus: Literal["error", "ignore"]
) -> Generator[tuple[Frame, Observation], None, None]:
    """Pair every frame with its observation; the one place where the two lengths meet.

    Works while frames arrive: how many a video truly holds is known only at its end.

    Args:
        frames: Frames in order; each is paired by its place in this order.
        source: Masks in order.
        surplus: What to do about masks left over at the end: `ignore` where only part of a video is read.

    Yields:
        Frame and observation. Where `source.n_frames` is None, frames after its last entry are empty.

    Raises:
        MaskError: A frame without mask, masks left over, or another size.
    """
    n_frames = 0
    with contextlib.closing(_endless(source)) as observations:
        for frame in frames:
            observation = next(observations, None)
            if observation is None:
                raise MaskError(
                    f"every frame must have a mask, got {n_frames} in {source.path}, but the video goes on"
                )
            height, width = frame.image.shape[:2]
            if observation.size_hw != (height, width):
                raise MaskError(
                    f"masks must be as large as the video, got {observation.size_hw[1]}×"
                    f"{observation.size_hw[0]} in {source.path} for frame {n_frames} of {width}×{height}"
                )
            n_frames += 1
            yield frame, observation
    if surplus == "error" and source.last_index >= n_frames:
        raise MaskError(
            f"masks must not outlast the video of {n_frames} frames, got some for frame {source.last_index} "
            f"(frames count from 0) in {source.path}"
        )


def _endless(source: MaskSource) -> Generator[Observation, None, None]:
    yield from source
    while source.n_frames is None:
        yield Instances.empty(source.size_hw)


def _open_folder(path: Path, *, probs: bool, size_hw: tuple[int, int] | None, class_id: int) -> MaskSource:
    if (path / "instances.json").is_file():
        return CocoMasks(path / "instances.json", size_hw=size_hw)
    for folder in (path / "probs", path):
        if folder.is_dir() and class_folders(folder):
            return ClassFolderProbs(folder, size_hw=size_hw)
    if probs:
        return PngMasks(path, values="probs", size_hw=size_hw, class_id=class_id)
    if path.name == "labels" or (path / "labels").is_dir():
        return LabelMasks(path, size_hw=size_hw)
    if not (path / "masks").is_dir() and any(map(holds_labels, numbered_pngs(path))):
        return LabelMasks(path, size_hw=size_hw)
    return open_png_masks(path, size_hw=size_hw, class_id=class_id)


def _npz_key(path: Path, *, probs: bool) -> str:
    keys = npz_keys(path)
    if probs:
        return "probs"
    return next((key for key in ("masks", "labels", "probs") if key in keys), "masks")


def _log_mismatch(source: MaskSource, n_frames: int | None) -> None:
    if n_frames is None:
        return
    n_held = source.last_index + 1
    too_few = source.n_frames is not None and n_held < n_frames
    if too_few or n_held > n_frames:
        logger.warning(
            "%s holds masks for %d frames, but the video declares %d", source.path, n_held, n_frames
        )
