"""Masks drawn over pictures: translucent fill, contours legible on any background, panels side by side.

Every function takes and returns arrays: images uint8 (H, W, 3) RGB, masks bool. Nothing here opens a file.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from vidlab.errors import ShapeError
from vidlab.types import BoolMask, UInt8Image
from vidlab.viz.colors import Color

_FILL = 0.3  # weight of the colour inside a mask: the object stays recognizable under it
_BAR_COLOR: Color = (24, 24, 24)
_GAP_PX = 4  # dark line between panels
_MIN_PANEL_PX = 320  # narrower pictures are enlarged, or captions and contours could not be read
_MAX_ENLARGE = 8


def draw_masks(image: UInt8Image, masks: BoolMask, *, colors: Sequence[Color]) -> UInt8Image:
    """Draw masks over an image: a translucent fill and a contour, dark outside and bright inside.

    Args:
        image: uint8 (H, W, 3), RGB.
        masks: bool (K, H, W), drawn in order, later ones on top.
        colors: One RGB color for each mask.

    Returns:
        uint8 (H, W, 3), a new image.

    Raises:
        ShapeError: Sizes differ, or there is not one color per mask.
    """
    _require_masks(image, masks)
    if len(colors) != len(masks):
        raise ShapeError(f"there must be one color per mask, got {len(colors)} for {len(masks)}")
    drawn = image.copy()
    for mask, color in zip(masks, colors, strict=True):
        if mask.any():
            _fill(drawn, mask, color)
            _contour(drawn, mask, color)
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


def side_by_side(panels: Sequence[UInt8Image], *, captions: Sequence[str]) -> UInt8Image:
    """Compose panels of one size into one picture, each under its caption.

    Args:
        panels: uint8 (H, W, 3), RGB, all of one size.
        captions: One line of text for each panel; what does not fit is cut.

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
    bars = [_caption_bar(caption, width_px=width) for caption in captions]
    bar_px = bars[0].shape[0]
    full_hw = (bar_px + height, len(panels) * (width + _GAP_PX) - _GAP_PX)
    picture: UInt8Image = np.full((*(side + side % 2 for side in full_hw), 3), _BAR_COLOR, np.uint8)
    for place, (panel, bar) in enumerate(zip(panels, bars, strict=True)):
        left = place * (width + _GAP_PX)
        picture[:bar_px, left : left + width] = bar
        picture[bar_px : bar_px + height, left : left + width] = panel
    return picture


def _fill(drawn: UInt8Image, mask: BoolMask, color: Color) -> None:
    inside = drawn[mask].astype(np.float32)
    drawn[mask] = (inside * (1 - _FILL) + np.array(color, np.float32) * _FILL + 0.5).astype(np.uint8)


def _contour(drawn: UInt8Image, mask: BoolMask, color: Color) -> None:
    # a wide dark line under a thin bright one: one of the two stands out, whatever lies behind
    width = max(1, round(max(drawn.shape[:2]) / 640))
    outlines, _ = cv2.findContours(
        np.ascontiguousarray(mask).view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(drawn, outlines, -1, (0, 0, 0), 2 * width + 1, cv2.LINE_AA)
    cv2.drawContours(drawn, outlines, -1, color, width, cv2.LINE_AA)


def _caption_bar(text: str, *, width_px: int) -> UInt8Image:
    from PIL import Image, ImageDraw, ImageFont  # only videos need text

    size_px = int(np.clip(width_px / 30, 13, 24))
    bar = Image.new("RGB", (width_px, size_px + 12), _BAR_COLOR)
    font = ImageFont.load_default(size_px)
    ImageDraw.Draw(bar).text((8, bar.height // 2), text, font=font, fill=(245, 245, 245), anchor="lm")
    return np.asarray(bar, np.uint8)


def _require_masks(image: UInt8Image, masks: BoolMask) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ShapeError(f"image must be uint8 (H, W, 3), got {image.dtype} {image.shape}")
    if masks.ndim != 3 or masks.dtype != np.bool_ or masks.shape[1:] != image.shape[:2]:
        raise ShapeError(
            f"masks must be bool (K, {image.shape[0]}, {image.shape[1]}), got {masks.dtype} {masks.shape}"
        )
