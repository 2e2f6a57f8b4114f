"""One vocabulary for what is seen: COCO's category ids, reachable by COCO name, VOC name, alias or number.

Things (what can be counted) have COCO's ids 1 to 90, stuff (road, sky, …) those of COCO's panoptic task, 92
to 200; what a network of the user's own calls by other names gets an id from `CUSTOM_IDS`.
"""

from collections.abc import Iterable, Iterator, Mapping

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

STUFF_NAMES: dict[int, str] = {
    92: "banner", 93: "blanket", 95: "bridge", 100: "cardboard", 107: "counter", 109: "curtain",
    112: "door-stuff", 118: "floor-wood", 119: "flower", 122: "fruit", 125: "gravel", 128: "house",
    130: "light", 133: "mirror-stuff", 138: "net", 141: "pillow", 144: "platform", 145: "playingfield",
    147: "railroad", 148: "river", 149: "road", 151: "roof", 154: "sand", 155: "sea", 156: "shelf",
    159: "snow", 161: "stairs", 166: "tent", 168: "towel", 171: "wall-brick", 175: "wall-stone",
    176: "wall-tile", 177: "wall-wood", 178: "water-other", 180: "window-blind", 181: "window-other",
    184: "tree-merged", 185: "fence-merged", 186: "ceiling-merged", 187: "sky-other-merged",
    188: "cabinet-merged", 189: "table-merged", 190: "floor-other-merged", 191: "pavement-merged",
    192: "mountain-merged", 193: "grass-merged", 194: "dirt-merged", 195: "paper-merged",
    196: "food-other-merged", 197: "building-other-merged", 198: "rock-merged", 199: "wall-other-merged",
    200: "rug-merged",
}  # fmt: skip  # of COCO's panoptic task (Kirillov et al., CVPR 2019)

CUSTOM_IDS = range(201, 255)  # above COCO's, and below 255, which label pictures keep for "ignore"

ALIASES = {
    "bike": "bicycle", "cattle": "cow", "cellular phone": "cell phone", "doughnut": "donut",
    "fridge": "refrigerator", "hair dryer": "hair drier", "human": "person", "knives": "knife",
    "mice": "mouse", "mobile phone": "cell phone", "monitor": "tv", "pedestrian": "person",
    "people": "person", "phone": "cell phone", "plane": "airplane", "ski": "skis", "television": "tv",
    **VOC_TO_COCO_NAME,
}  # fmt: skip  # what people say, and VOC


def _bare(text: str) -> str:
    """Return a name as it is compared: no case, no spaces, `_` or `-`."""
    return text.strip().lower().replace("_", "").replace("-", "").replace(" ", "")


def _spellings() -> Iterator[tuple[str, int]]:
    """Yield every way to write a name, bare, with its id; later ones win."""
    for class_id, name in STUFF_NAMES.items():  # `tree` will do for `tree-merged`
        short = name.removesuffix("-merged").removesuffix("-other").removesuffix("-stuff")
        yield from ((_bare(short), class_id), (_bare(name), class_id))
    for class_id, name in COCO_NAMES.items():
        yield _bare(name), class_id
    ids = {name: class_id for class_id, name in COCO_NAMES.items()}
    yield from ((_bare(alias), ids[name]) for alias, name in ALIASES.items())
    yield "object", OBJECT_CLASS_ID


_ID_BY_NAME = dict(_spellings())


def is_thing(class_id: int) -> bool:
    """Whether a class is a thing, which can be counted, rather than stuff such as road or sky.

    What COCO does not name is a thing: a mask of the user's own.

    >>> is_thing(18), is_thing(149)
    (True, False)
    """
    return class_id not in STUFF_NAMES


def is_known(class_id: int) -> bool:
    """Whether an id is COCO's, of a thing or of stuff, or one of `CUSTOM_IDS`.

    >>> is_known(18), is_known(12)
    (True, False)
    """
    return class_id in COCO_NAMES or class_id in STUFF_NAMES or class_id in CUSTOM_IDS


def class_name(class_id: int, own: Mapping[int, str] | None = None) -> str:
    """Return the COCO name of an id; `object` for OBJECT_CLASS_ID, `class 12` for an id COCO does not use.

    Args:
        class_id: The id.
        own: Names by id of the classes of a network of the user's own.

    >>> class_name(18), class_name(149), class_name(201), class_name(201, {201: "hair"})
    ('dog', 'road', 'class 201', 'hair')
    """
    if own and class_id in own:
        return own[class_id]
    if class_id == OBJECT_CLASS_ID:
        return "object"
    return COCO_NAMES.get(class_id) or STUFF_NAMES.get(class_id, f"class {class_id}")


def class_id(name: str) -> int:
    """Return the id for a COCO name, a VOC name, an alias, a plural, or a number written as text.

    Case, spaces, `_` and `-` do not matter.

    Raises:
        ParameterError: Nobody knows the name.

    >>> class_id("dog"), class_id("tvmonitor"), class_id("3"), class_id("Fire_Hydrants")
    (18, 72, 3, 11)
    """
    found = known_class_id(name)
    if found is None:
        known = ", ".join(list(COCO_NAMES.values())[:20])
        raise ParameterError(
            f"unknown class {name!r}; choose a COCO or VOC name or COCO id: {known}, …; other classes of a "
            f"network of your own go by their number, from {CUSTOM_IDS[0]}"
        )
    return found


def known_class_id(name: str) -> int | None:
    """Return what `class_id` does, None for a name that nobody knows."""
    text = name.strip()
    if text.isdecimal():
        number = int(text)
        return number if is_known(number) else None
    key = _bare(text)
    singular = (key, key.removesuffix("s"), key.removesuffix("es"))
    return next((_ID_BY_NAME[form] for form in singular if form in _ID_BY_NAME), None)


def class_ids(names: Iterable[str]) -> tuple[int, ...]:
    """Return the ids for names, in their order, repeats dropped."""
    return tuple(dict.fromkeys(class_id(name) for name in names))
