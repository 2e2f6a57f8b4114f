"""Who is who, to look at: instances in the color of their identity, and who had which identity when."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vidlab.types import Instances, UInt8Image
from vidlab.viz.colors import Color, class_color, class_hex
from vidlab.viz.overlay import BAR_COLOR, draw_masks, font_px

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOBODY_HEX = "#d9d9d9"  # found, and given no identity, or not found at all
_BAR_HEIGHT = 0.66
_TAG_MARGIN_PX = 2


def track_color(track_id: int) -> Color:
    """Return the RGB color of an identity, each channel 0..255; neighboring numbers never share one.

    >>> track_color(1) == track_color(1) != track_color(2)
    True
    """
    return class_color(track_id)


def draw_tracks(image: UInt8Image, tracked: Instances) -> UInt8Image:
    """Draw instances over an image in the colors of their identities, each with its number.

    Args:
        image: uint8 (H, W, 3), RGB.
        tracked: With `track_ids`; those below 0 are left out.

    Returns:
        uint8 (H, W, 3), a new image.
    """
    ids = [] if tracked.track_ids is None else tracked.track_ids.tolist()
    shown = [(row, one) for row, one in enumerate(ids) if one >= 0 and tracked.masks[row].any()]
    rows = [row for row, _ in shown]
    drawn = draw_masks(image, tracked.masks[rows], colors=[track_color(one) for _, one in shown])
    for row, one in shown:
        drawn = _tagged(drawn, str(one), tracked.masks[row].nonzero(), color=track_color(one))
    return drawn


def _tagged(
    image: UInt8Image, text: str, inside: tuple[np.ndarray, ...], *, color: Color
) -> UInt8Image:  # the number stands above the object, or as high as the picture lets it
    from PIL import Image, ImageDraw, ImageFont  # only pictures for people need text

    size_px = font_px(image.shape[1])
    picture = Image.fromarray(image)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size_px)
    ys, xs = inside
    width = pen.textlength(text, font=font) + 2 * _TAG_MARGIN_PX
    left = float(np.clip(xs.mean() - width / 2, 0, max(0.0, image.shape[1] - width)))
    top = max(0, int(ys.min()) - size_px - 2 * _TAG_MARGIN_PX)
    pen.rectangle((left, top, left + width, top + size_px + _TAG_MARGIN_PX), fill=BAR_COLOR)
    pen.text((left + _TAG_MARGIN_PX, top), text, font=font, fill=color)
    return np.asarray(picture, np.uint8)


def plot_identities(
    axes: "Axes", given: Mapping[str, Sequence[int | None]], *, title: str, labeled: bool = True
) -> "Axes":
    """Draw which identity each object went by, frame by frame: one bar in one color is a name that was kept.

    Args:
        axes: Where to draw.
        given: Name of each object → the identity that it went by in every frame, None where by none.
        title: What is to be seen.
        labeled: Write every identity on its stretch.
    """
    names = list(given)
    for place, name in enumerate(names):
        for first, length, identity in _stretches(given[name]):
            color = NOBODY_HEX if identity is None else class_hex(identity)
            axes.barh(
                place, length, left=first, height=_BAR_HEIGHT, color=color, edgecolor="white", linewidth=0.6
            )
            if labeled and identity is not None:
                axes.text(
                    first + length / 2,
                    place,
                    str(identity),
                    ha="center",
                    va="center",
                    color="white",
                    fontsize=8,
                )
    axes.set(title=title, xlabel="frame", ylim=(max(len(names), 1) - 0.5, -0.5))
    axes.set_yticks(range(len(names)), names)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return axes


def _stretches(given: Sequence[int | None]) -> list[tuple[int, int, int | None]]:
    """Return first frame, length and identity of every stretch of one identity.

    >>> _stretches([1, 1, None, 2])
    [(0, 2, 1), (2, 1, None), (3, 1, 2)]
    """
    found: list[tuple[int, int, int | None]] = []
    for index, identity in enumerate(given):
        if found and found[-1][2] == identity:
            found[-1] = (found[-1][0], found[-1][1] + 1, identity)
        else:
            found.append((index, 1, identity))
    return found
