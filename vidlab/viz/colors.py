"""One color per method and per class, the same in every plot and every picture."""

from collections.abc import Iterable, Mapping

from vidlab.types import OBJECT_CLASS_ID

Color = tuple[int, int, int]

METHOD_COLORS: Mapping[str, str] = {
    "none": "#d55e00",
    "moving_average": "#e69f00",
    "median": "#56b4e9",
    "gaussian": "#cc79a7",
    "exponential": "#8a6d3b",
    "flow_fusion": "#0072b2",
    "flow_fusion_two_pass": "#009e73",
}  # Okabe and Ito's palette: told apart by color-blind readers too
RAW_COLOR = METHOD_COLORS["none"]

# Far apart in hue, and so bright that either a line of it or the black beside it contrasts 3 : 1 with any
# background (WCAG 2.2, 1.4.11): a relative luminance of 0.42 at least.
_CLASS_PALETTE: tuple[Color, ...] = (
    (255, 210, 0), (0, 220, 255), (255, 134, 220), (120, 255, 80), (255, 147, 40), (170, 160, 255),
    (255, 141, 130), (0, 255, 180), (240, 240, 120), (90, 180, 255), (255, 200, 210),
)  # fmt: skip


def class_color(class_id: int) -> Color:
    """Return the RGB color of a class, each channel 0..255.

    >>> class_color(18) == class_color(18) != class_color(1)
    True
    """
    if class_id == OBJECT_CLASS_ID:
        return _CLASS_PALETTE[0]
    return _CLASS_PALETTE[class_id % len(_CLASS_PALETTE)]


def distinct_colors(class_ids: Iterable[int]) -> list[Color]:
    """Return one RGB color per class for a picture with a legend: its own, or where that is taken the next.

    No two are the same while there are no more classes than the palette has colors, which are eleven; equal
    lists of classes get equal colors.

    >>> distinct_colors([1, 12, 3]) == [class_color(1), class_color(2), class_color(3)]
    True
    """
    places: list[int] = []
    for class_id in class_ids:
        wanted = _CLASS_PALETTE.index(class_color(class_id))
        tried = [(wanted + further) % len(_CLASS_PALETTE) for further in range(len(_CLASS_PALETTE))]
        places.append(next((place for place in tried if place not in places), wanted))
    return [_CLASS_PALETTE[place] for place in places]


def class_hex(class_id: int) -> str:
    """Return the color of a class as matplotlib takes it, darkened to be legible on white.

    >>> class_hex(0)
    '#b29300'
    """
    return to_hex(class_color(class_id))


def to_hex(color: Color) -> str:
    """Return a color as matplotlib takes it, darkened to be legible on white."""
    return "#" + "".join(f"{int(channel * 0.7):02x}" for channel in color)
