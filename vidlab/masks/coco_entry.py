"""One detection of a COCO file: every field checked, its mask kept as compressed counts."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidlab import classes
from vidlab.errors import MaskError, ParameterError
from vidlab.masks import rle
from vidlab.types import OBJECT_CLASS_ID

MAX_SIDE_PX = 32767  # OpenCV warps no larger pictures; beyond lies damage
MAX_OVERHANG = 10  # polygon points this many pictures away are damage, and cost pycocotools memory


@dataclass(frozen=True, slots=True)
class Detection:
    """One instance in one frame.

    Attributes:
        image_id: As written in the file.
        frame_index: Frame it belongs to, from 0.
        class_id: COCO category id, or OBJECT_CLASS_ID.
        score: Confidence, [0, 1]; 1 where the file gives none.
        counts: The mask as compressed counts.
        size_hw: Height and width of the mask, in pixels.
        track_id: Identity over time, None where the file gives none.
    """

    image_id: object
    frame_index: int
    class_id: int
    score: float
    counts: bytes
    size_hw: tuple[int, int]
    track_id: int | None


def read_detection(
    entry: object,
    *,
    where: str,
    size_hw: tuple[int, int] | None,
    order: dict[object, int] | None,
    categories: dict[object, int] | None,
) -> Detection:
    """Check one entry of a COCO file.

    Args:
        entry: What JSON gave.
        where: File and number, for errors.
        size_hw: Height and width of the video, in pixels; None where unknown.
        order: Frame index of every image id; None where the image id is the frame index.
        categories: COCO id of every category id; None where they are COCO ids.

    Raises:
        MaskError: A field is missing, of another type, out of range, unknown, or of another size.
    """
    if not isinstance(entry, dict):
        raise MaskError(f"{where} must be an object with image_id, got {type(entry).__name__}")
    image_id = entry.get("image_id")
    where = f"{where} (image_id {image_id})"
    score = entry.get("score", 1.0)
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise MaskError(f"{where}: score must lie in [0, 1], got {score!r}")
    track_id = entry.get("track_id")
    if track_id is not None and not (_is_int(track_id) and abs(track_id) < 2**63):
        raise MaskError(f"{where}: track_id must be a whole number of 64 bits, got {track_id!r:.40}")
    counts, found_hw = _read_segmentation(entry.get("segmentation"), where=where, size_hw=size_hw)
    return Detection(
        image_id=image_id,
        frame_index=_frame_index(image_id, where=where, order=order),
        class_id=_class_id(entry.get("category_id"), where=where, categories=categories),
        score=float(score),
        counts=counts,
        size_hw=found_hw,
        track_id=track_id,
    )


def frame_order(images: object, *, path: Path) -> dict[object, int] | None:
    """Return the frame index of every image id: its place in `images`; None where the file has no such list.

    Raises:
        MaskError: The list is of another form, or names an id twice.
    """
    if images is None:
        return None
    if not isinstance(images, list) or not all(isinstance(i, dict) and _is_int(i.get("id")) for i in images):
        raise MaskError(f"{path}: images must be a list of objects with a whole number id, got another form")
    order: dict[object, int] = {image["id"]: place for place, image in enumerate(images)}
    if len(order) != len(images):
        raise MaskError(f"{path}: image ids must differ, got {len(images)} images with {len(order)} ids")
    return order


def read_categories(categories: object, *, path: Path) -> dict[object, int] | None:
    """Return the COCO id of every category id, found by its name; None where the file has no such list.

    Raises:
        MaskError: The list is of another form, or neither COCO nor VOC knows a name.
    """
    if not categories:
        return None
    if not isinstance(categories, list) or not all(
        isinstance(one, dict) and _is_int(one.get("id")) for one in categories
    ):
        raise MaskError(f"{path}: categories must be a list of objects with id and name, got another form")
    try:
        return {one["id"]: classes.class_id(str(one.get("name"))) for one in categories}
    except ParameterError as error:
        raise MaskError(f"{path}: {error}") from None


def require_known_class(class_id: int, *, where: str) -> None:
    """Check that an id is COCO's, of a class of the user's own, or OBJECT_CLASS_ID: a mask without class.

    Raises:
        MaskError: It is not.
    """
    if class_id != OBJECT_CLASS_ID and not classes.is_known(class_id):
        own = classes.CUSTOM_IDS
        raise MaskError(
            f"{where}: category_id must be a COCO id (1 to 90, stuff to 200), an own one ({own[0]} to "
            f"{own[-1]}) or {OBJECT_CLASS_ID}, got {class_id}"
        )


def _class_id(value: object, *, where: str, categories: dict[object, int] | None) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise MaskError(f"{where}: category_id must be a whole number, got {value!r}")
    if categories is None:
        require_known_class(value, where=where)
        return value
    if value not in categories:
        raise MaskError(f"{where}: category_id must be one of the file's categories, got {value}")
    return categories[value]


def _frame_index(value: object, *, where: str, order: dict[object, int] | None) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MaskError(f"{where}: image_id must be the frame index, a whole number from 0, got {value!r}")
    if order is None:
        return value
    if value not in order:
        raise MaskError(f"{where}: image_id must be one of the file's images, got {value}")
    return order[value]


def _read_segmentation(
    value: object, *, where: str, size_hw: tuple[int, int] | None
) -> tuple[bytes, tuple[int, int]]:
    if isinstance(value, list):
        if size_hw is None:
            raise MaskError(f"{where}: polygons say nothing about the size of the picture; name a video")
        return rle.from_polygons(
            _read_polygons(value, where=where, size_hw=size_hw), size_hw=size_hw
        ), size_hw
    if not isinstance(value, dict):
        raise MaskError(f"{where}: segmentation must be run lengths or polygons, got {value!r:.40}")
    found_hw = _read_size(value.get("size"), where=where, size_hw=size_hw)
    counts: Any = value.get("counts")
    if isinstance(counts, str) and counts.isascii() and counts:
        return counts.encode("ascii"), found_hw
    if isinstance(counts, list) and all(_is_int(one) for one in counts):
        try:
            return rle.from_runs(counts, size_hw=found_hw), found_hw
        except MaskError as error:
            raise MaskError(f"{where}: {error}") from None
    raise MaskError(f"{where}: counts must be compressed text or whole numbers, got {counts!r:.40}")


def _read_size(size: object, *, where: str, size_hw: tuple[int, int] | None) -> tuple[int, int]:
    if (
        not isinstance(size, list)
        or len(size) != 2
        or not all(_is_int(side) and 0 < side <= MAX_SIDE_PX for side in size)
    ):
        raise MaskError(f"{where}: size must be [height, width] in pixels, got {size!r:.40}")
    found_hw = (size[0], size[1])
    if size_hw is not None and found_hw != size_hw:
        raise MaskError(
            f"{where}: masks must be as large as the video, got {size[1]}×{size[0]} "
            f"for a video of {size_hw[1]}×{size_hw[0]}"
        )
    return found_hw


def _read_polygons(value: list[Any], *, where: str, size_hw: tuple[int, int]) -> list[list[float]]:
    limit = MAX_OVERHANG * max(size_hw)
    for polygon in value:
        fits = isinstance(polygon, list) and len(polygon) >= 6 and len(polygon) % 2 == 0
        if not fits or not all(_is_coordinate(one, limit) for one in polygon):
            raise MaskError(
                f"{where}: a polygon must be x0, y0, x1, y1, x2, y2, … in pixels near the picture, "
                f"got {polygon!r:.60}"
            )
    return value


def _is_coordinate(value: object, limit: int) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= limit


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
