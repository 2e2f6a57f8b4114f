"""Masks drawn over pictures: translucent fill, outlines legible on any background, panels side by side.

Every function takes and returns arrays: images uint8 (H, W, 3) RGB, masks bool. Nothing here opens a file.
"""

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np

from vidlab.errors import ShapeError
from vidlab.types import BoolMask, UInt8Image
from vidlab.viz.colors import Color
from vidlab.viz.outlines import draw_outlines, require_image

Caption: TypeAlias = str | Sequence[tuple[str, Color]]  # words, or words each in a color of its own

_FILL = 0.22  # weight of the color inside a mask: the object stays recognizable under it
BAR_COLOR: Color = (24, 24, 24)
TEXT_COLOR: Color = (245, 245, 245)
_GAP_PX = 4  # dark line between panels
_MIN_PANEL_PX = 320  # narrower pictures are enlarged, or captions and contours could not be read
_MAX_ENLARGE = 8


def draw_masks(image: UInt8Image, masks: BoolMask, *, colors: Sequence[Color]) -> UInt8Image:
    """Draw masks over an image: a translucent fill and an outline, bright between two black lines.

    Args:
        image: uint8 (H, W, 3), RGB.
        masks: bool (K, H, W), drawn in order, later ones on top, all outlines above all fills.
        colors: One RGB color for each mask.

    Returns:
        uint8 (H, W, 3), a new image.

    Raises:
        ShapeError: Sizes differ, or there is not one color per mask.
    """
    return draw_outlines(fill_masks(image, masks, colors=colors), masks, colors=colors)


def fill_masks(image: UInt8Image, masks: BoolMask, *, colors: Sequence[Color]) -> UInt8Image:
    """Tint masks over an image; arguments, result and errors are those of `draw_masks`."""
    _require_masks(image, masks)
    if len(colors) != len(masks):
        raise ShapeError(f"there must be one color per mask, got {len(colors)} for {len(masks)}")
    drawn = image.copy()
    for mask, color in zip(masks, colors, strict=True):
        _fill(drawn, mask, color)
    return drawn


def draw_difference(image: UInt8Image, raw: BoolMask, stable: BoolMask) -> UInt8Image:
    """Show where two masks disagree, over a grey picture.

    Args:
        image: uint8 (H, W, 3), RGB.
        raw: bool (H, W).
        stable: bool (H, W).

    Returns:
        uint8 (H, W, 3): kept pixels grey-green, pixels that were removed red, pixels that were added blue.

    Raises:
        ShapeError: Sizes differ.
    """
    _require_masks(image, np.stack([raw, stable]))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) // 2 + 64
    drawn: UInt8Image = np.repeat(grey[:, :, np.newaxis], 3, axis=2).astype(np.uint8)
    for region, color in (
        (raw & stable, (150, 190, 150)),
        (raw & ~stable, (220, 40, 40)),
        (stable & ~raw, (40, 90, 240)),
    ):
        drawn[region] = color
    return drawn


def panel_size(size_hw: tuple[int, int], *, n_panels: int, max_width_px: int) -> tuple[int, int]:
    """Return height and width for each of several panels of pictures of one size.

    Wide pictures shrink until all panels fit in `max_width_px`; tiny ones grow by a whole factor.

    >>> panel_size((480, 854), n_panels=2, max_width_px=1920)
    (480, 854)
    >>> panel_size((1080, 1920), n_panels=2, max_width_px=1920)
    (538, 958)
    >>> panel_size((60, 80), n_panels=2, max_width_px=1920)
    (240, 320)
    """
    height, width = size_hw
    room = (max_width_px - _GAP_PX * (n_panels - 1)) / n_panels
    scale = min(1.0, room / width)
    if scale == 1.0:
        scale = max(1, min(-(-_MIN_PANEL_PX // width), _MAX_ENLARGE, int(room // width)))
    return (max(1, int(height * scale)), max(1, int(width * scale)))


def resize_image(image: UInt8Image, *, size_hw: tuple[int, int]) -> UInt8Image:
    """Resize an image: averaged when it shrinks, whole pixels when it grows."""
    if image.shape[:2] == size_hw:
        return image
    shrinks = size_hw[0] < image.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, size_hw[::-1], interpolation=how), np.uint8)


def resize_masks(masks: BoolMask, *, size_hw: tuple[int, int]) -> BoolMask:
    """Resize masks, bool (K, H, W), by nearest pixel."""
    if masks.shape[1:] == size_hw:
        return masks
    resized = np.zeros((len(masks), *size_hw), bool)
    for target, mask in zip(resized, masks, strict=True):
        target[:] = cv2.resize(
            np.ascontiguousarray(mask).view(np.uint8), size_hw[::-1], interpolation=cv2.INTER_NEAREST
        )
    return resized


def side_by_side(panels: Sequence[UInt8Image], *, captions: Sequence[Caption]) -> UInt8Image:
    """Compose panels of one size into one picture, each under its caption.

    Args:
        panels: uint8 (H, W, 3), RGB, all of one size.
        captions: One line of text for each panel, or words in colors; what does not fit is cut.

    Returns:
        uint8 (H', W', 3), height and width even, as H.264 wants them.

    Raises:
        ShapeError: Panels differ in size, or there is not one caption per panel.
    """
    if len({panel.shape for panel in panels}) != 1 or len(panels) != len(captions):
        raise ShapeError(
            f"panels must have one size and one caption each, "
            f"got {[panel.shape for panel in panels]} and {len(captions)} captions"
        )
    height, width = panels[0].shape[:2]
    bars = [text_bar(caption, width_px=width, size_px=font_px(width)) for caption in captions]
    bar_px = bars[0].shape[0]
    full_hw = (bar_px + height, len(panels) * (width + _GAP_PX) - _GAP_PX)
    picture: UInt8Image = np.full((*(side + side % 2 for side in full_hw), 3), BAR_COLOR, np.uint8)
    for place, (panel, bar) in enumerate(zip(panels, bars, strict=True)):
        left = place * (width + _GAP_PX)
        picture[:bar_px, left : left + width] = bar
        picture[bar_px : bar_px + height, left : left + width] = panel
    return picture


def stacked(rows: Sequence[UInt8Image]) -> UInt8Image:
    """Compose pictures of one width into one, above one another, uint8 (H', W', 3); its height is even.

    Raises:
        ShapeError: They differ in width.
    """
    if len({row.shape[1:] for row in rows}) != 1:
        raise ShapeError(f"rows must have one width, got {[row.shape for row in rows]}")
    picture = np.concatenate(rows)
    if len(picture) % 2:
        picture = np.concatenate([picture, np.full_like(picture[:1], BAR_COLOR)])
    return picture


def _fill(drawn: UInt8Image, mask: BoolMask, color: Color) -> None:
    inside = drawn[mask].astype(np.float32)
    drawn[mask] = (inside * (1 - _FILL) + np.array(color, np.float32) * _FILL + 0.5).astype(np.uint8)


def font_px(width_px: int) -> int:
    """Return the height of text that suits a panel of this width, in pixels."""
    return int(np.clip(width_px / 30, 13, 24))


def text_bar(caption: Caption, *, width_px: int, size_px: int) -> UInt8Image:
    """Return a dark bar with one line of text, uint8 (h, `width_px`, 3); what does not fit is cut."""
    from PIL import Image, ImageDraw, ImageFont  # only videos need text

    bar = Image.new("RGB", (width_px, size_px + 12), BAR_COLOR)
    font, pen, left = ImageFont.load_default(size_px), ImageDraw.Draw(bar), 8.0
    for words, color in [(caption, TEXT_COLOR)] if isinstance(caption, str) else caption:
        pen.text((left, bar.height // 2), words, font=font, fill=color, anchor="lm")
        left += pen.textlength(words, font=font)
    return np.asarray(bar, np.uint8)


def _require_masks(image: UInt8Image, masks: BoolMask) -> None:
    require_image(image)
    if masks.ndim != 3 or masks.dtype != np.bool_ or masks.shape[1:] != image.shape[:2]:
        raise ShapeError(
            f"masks must be bool (K, {image.shape[0]}, {image.shape[1]}), got {masks.dtype} {masks.shape}"
        )
