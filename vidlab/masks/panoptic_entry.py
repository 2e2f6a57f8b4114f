"""The JSON of COCO's panoptic form: every field checked."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidlab.classes import CUSTOM_IDS, is_known, is_thing, known_class_id
from vidlab.errors import MaskError
from vidlab.masks.coco_entry import frame_order
from vidlab.types import Segment

logger = logging.getLogger(__name__)
Classes = dict[int, tuple[int, bool]]  # category id → class id, and whether it is a thing


@dataclass(frozen=True, slots=True)
class Picture:
    """What the JSON says of one frame.

    Attributes:
        png: File with the ids of its segments.
        segments: The segments, without crowds.
        crowds: Ids of crowds: regions of many things, which are no segment.
    """

    png: Path
    segments: tuple[Segment, ...]
    crowds: tuple[int, ...]


def read_pictures(path: Path) -> tuple[list[Picture], dict[int, str]]:
    """Read COCO's panoptic JSON.

    Frames come in the order of `images`; without that list, in the order of the file names.

    Args:
        path: The JSON; PNGs lie in the folder beside it that has its name.

    Returns:
        What is said of every frame, one at least; and the names of classes that the vocabulary lacks, by id.

    Raises:
        MaskError: The file cannot be read, is of another form, or a value lies out of range.
    """
    content = _load(path)
    annotations = content.get("annotations")
    if not isinstance(annotations, list) or not annotations or not all(map(_is_annotation, annotations)):
        raise MaskError(
            f"{path} must list annotations with image_id, file_name and segments_info, got another form"
        )
    order = frame_order(content.get("images"), path=path)
    if order is None:
        annotations.sort(key=lambda annotation: str(annotation["file_name"]))
    else:
        by_id = {annotation["image_id"]: annotation for annotation in annotations}
        missing = [image_id for image_id in order if image_id not in by_id]
        if missing or len(by_id) != len(annotations):
            raise MaskError(
                f"{path} must have one annotation for each image, got none or two for {missing[:1]}"
            )
        annotations = [by_id[image_id] for image_id in order]
    classes, names = _classes(content.get("categories"), path=path)
    return [_picture(annotation, path=path, classes=classes) for annotation in annotations], names


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise MaskError(f"{path} must be readable, got: {error.strerror or error}") from None
    except ValueError as error:
        raise MaskError(f"{path} must be JSON, got a damaged or other file ({error})") from None
    if not isinstance(content, dict):
        raise MaskError(f"{path} must be an object with annotations, got {type(content).__name__}")
    return content


def _is_annotation(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("image_id"), int | str)
        and isinstance(value.get("file_name"), str)
        and isinstance(value.get("segments_info"), list)
    )


def _classes(categories: object, *, path: Path) -> tuple[Classes | None, dict[int, str]]:
    """Return what the categories mean, by their names; names that nobody knows get ids of their own."""
    if not categories:
        return None, {}
    if not isinstance(categories, list) or not all(
        isinstance(one, dict) and isinstance(one.get("id"), int) for one in categories
    ):
        raise MaskError(f"{path}: categories must be a list of objects with id and name, got another form")
    free = iter(CUSTOM_IDS)
    classes: Classes = {}
    names: dict[int, str] = {}
    for one in categories:
        name = str(one.get("name"))
        class_id = known_class_id(name)
        if class_id is None:
            class_id = next(free, None)
            if class_id is None:
                raise MaskError(f"{path}: at most {len(CUSTOM_IDS)} categories may be unknown to COCO")
            logger.warning("%s: the class %r goes by the number %d", path, name, class_id)
            names[class_id] = name
        classes[one["id"]] = (class_id, bool(one.get("isthing", is_thing(class_id))))
    return classes, names


def _picture(annotation: dict[str, Any], *, path: Path, classes: Classes | None) -> Picture:
    name = annotation["file_name"]
    where = f"{path}, {name}"
    told = annotation["segments_info"]
    segments = [_segment(one, where=where, classes=classes) for one in told]
    ids = [segment.id for segment in segments]
    if len(set(ids)) < len(ids):
        raise MaskError(f"{where}: ids of segments must differ, got one twice")
    crowds = tuple(one["id"] for one in told if one.get("iscrowd"))
    kept = tuple(segment for segment in segments if segment.id not in crowds)
    return Picture(path.with_suffix("") / name, kept, crowds)


def _segment(one: object, *, where: str, classes: Classes | None) -> Segment:
    if not isinstance(one, dict) or not _is_int(one.get("id")) or not _is_int(one.get("category_id")):
        raise MaskError(
            f"{where}: segments_info must have id and category_id, whole numbers, got {one!r:.60}"
        )
    if one["id"] < 1:
        raise MaskError(f"{where}: ids of segments must start at 1, got {one['id']}")
    score = one.get("score", 1.0)
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise MaskError(f"{where}: score must lie in [0, 1], got {score!r}")
    category = one["category_id"]
    if classes is not None:
        if category not in classes:
            raise MaskError(f"{where}: category_id must be one of the file's categories, got {category}")
        class_id, thing = classes[category]
    elif is_known(category):
        class_id, thing = category, is_thing(category)
    else:
        raise MaskError(
            f"{where}: category_id must be COCO's where categories are not listed, got {category}"
        )
    return Segment(one["id"], class_id, float(score), thing)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
