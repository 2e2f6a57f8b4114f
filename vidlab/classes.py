"""One vocabulary for objects: COCO category ids, reachable by COCO name, VOC name or number."""

from collections.abc import Iterable

from vidlab.errors import ParameterError
from vidlab.types import OBJECT_CLASS_ID

COCO_NAMES: dict[int, str] = {
    1: "person", 2: "bicycle", 3: "car", 4: "motorcycle", 5: "airplane", 6: "bus", 7: "train", 8: "truck",
    9: "boat", 10: "traffic light", 11: "fire hydrant", 13: "stop sign", 14: "parking meter", 15: "bench",
    16: "bird", 17: "cat", 18: "dog", 19: "horse", 20: "sheep", 21: "cow", 22: "elephant", 23: "bear",
    24: "zebra", 25: "giraffe", 27: "backpack", 28: "umbrella", 31: "handbag", 32: "tie", 33: "suitcase",
    34: "frisbee", 35: "skis", 36: "snowboard", 37: "sports ball", 38: "kite", 39: "baseball bat",
    40: "baseball glove", 41: "skateboard", 42: "surfboard", 43: "tennis racket", 44: "bottle",
    46: "wine glass", 47: "cup", 48: "fork", 49: "knife", 50: "spoon", 51: "bowl", 52: "banana", 53: "apple",
    54: "sandwich", 55: "orange", 56: "broccoli", 57: "carrot", 58: "hot dog", 59: "pizza", 60: "donut",
    61: "cake", 62: "chair", 63: "couch", 64: "potted plant", 65: "bed", 67: "dining table", 70: "toilet",
    72: "tv", 73: "laptop", 74: "mouse", 75: "remote", 76: "keyboard", 77: "cell phone", 78: "microwave",
    79: "oven", 80: "toaster", 81: "sink", 82: "refrigerator", 84: "book", 85: "clock", 86: "vase",
    87: "scissors", 88: "teddy bear", 89: "hair drier", 90: "toothbrush",
}  # fmt: skip

VOC_NAMES: tuple[str, ...] = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip  # in the order of the 20 VOC labels, after background

VOC_TO_COCO_NAME = {
    "aeroplane": "airplane", "diningtable": "dining table", "motorbike": "motorcycle",
    "pottedplant": "potted plant", "sofa": "couch", "tvmonitor": "tv",
}  # fmt: skip

_ID_BY_NAME = {name.replace(" ", ""): class_id for class_id, name in COCO_NAMES.items()}


def class_name(class_id: int) -> str:
    """Return the COCO name of an id; `object` for OBJECT_CLASS_ID, `class 12` for an id COCO does not use.

    >>> class_name(18)
    'dog'
    """
    if class_id == OBJECT_CLASS_ID:
        return "object"
    return COCO_NAMES.get(class_id, f"class {class_id}")


def class_id(name: str) -> int:
    """Return the COCO id for a COCO name, a VOC name or a number written as text.

    Case, spaces, `_` and `-` do not matter.

    Raises:
        ParameterError: Neither COCO nor VOC knows the name.

    >>> class_id("dog"), class_id("tvmonitor"), class_id("3")
    (18, 72, 3)
    """
    text = name.strip().lower()
    if text.isdecimal() and int(text) in COCO_NAMES:
        return int(text)
    key = text.replace("_", "").replace("-", "").replace(" ", "")
    if key == "object":
        return OBJECT_CLASS_ID
    key = VOC_TO_COCO_NAME.get(key, key).replace(" ", "")
    if key not in _ID_BY_NAME:
        known = ", ".join(list(COCO_NAMES.values())[:20])
        raise ParameterError(f"unknown class {name!r}; choose a COCO or VOC name or COCO id: {known}, …")
    return _ID_BY_NAME[key]


def class_ids(names: Iterable[str]) -> tuple[int, ...]:
    """Return the COCO ids for names, in their order, repeats dropped."""
    return tuple(dict.fromkeys(class_id(name) for name in names))
