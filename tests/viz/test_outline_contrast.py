"""Outlines are legible on any background: measured as WCAG 2.2 measures contrast, 3 : 1 for graphics."""

import cv2
import numpy as np
import pytest

from vidlab.jobs import overlays, trap_pictures
from vidlab.viz.colors import _CLASS_PALETTE
from vidlab.viz.outlines import draw_outlines

LEGIBLE = 3.0  # success criterion 1.4.11
SIZE_HW = (120, 160)
EDGE = 40  # the mask begins at this row, and the line runs between it and the one above
COLORS = sorted({*_CLASS_PALETTE, *overlays.COLORS.values(), trap_pictures.WRONG_COLOR})
FLAT = {f"gray {level}": (level, level, level) for level in range(0, 256, 15)} | {
    "red": (220, 30, 30), "blue": (30, 60, 220), "grass": (60, 150, 50), "sky": (130, 190, 240),
    "sand": (240, 220, 40), "skin": (200, 140, 110), "black": (0, 0, 0), "white": (255, 255, 255),
    "green": (0, 255, 0), "magenta": (255, 0, 255),
}  # fmt: skip


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Relative luminance of RGB, 0 to 1, by the definition of WCAG."""
    share = np.asarray(pixels, float) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def contrast(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Contrast ratio of pixels, 1 to 21."""
    pair = np.stack([luminance(one), luminance(other)])
    return (pair.max(axis=0) + 0.05) / (pair.min(axis=0) + 0.05)


def noise(rng: np.random.Generator, *, grain_px: int) -> np.ndarray:
    small = rng.integers(0, 256, (SIZE_HW[0] // grain_px, SIZE_HW[1] // grain_px, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, SIZE_HW[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def busy() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    checks = (np.indices(SIZE_HW) // 4).sum(axis=0) % 2 * 255
    grains = {f"noise of {grain} px": noise(rng, grain_px=grain) for grain in (1, 2, 4, 10)}
    return {"checks": np.repeat(checks[..., None], 3, axis=2).astype(np.uint8), **grains}


def band() -> np.ndarray:
    mask = np.zeros((1, *SIZE_HW), bool)
    mask[0, EDGE:] = True
    return mask


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast(np.zeros(3), np.full(3, 255)) == pytest.approx(21)
    assert contrast(np.full(3, 119), np.full(3, 255)) == pytest.approx(4.48, abs=0.01)  # WebAIM's example


@pytest.mark.parametrize("background", FLAT)
def test_line_or_its_rim_stands_out_from_a_flat_background(background: str) -> None:
    image = np.full((*SIZE_HW, 3), FLAT[background], np.uint8)
    for color in COLORS:
        drawn = draw_outlines(image, band(), colors=[color])
        line, rim = (contrast(drawn[row], image[row]).min() for row in (EDGE, EDGE + 1))
        assert max(line, rim) >= LEGIBLE, color


@pytest.mark.parametrize("background", busy())
def test_line_stands_out_from_its_rim_whatever_lies_behind(background: str) -> None:
    image = busy()[background]
    for color in COLORS:
        drawn = draw_outlines(image, band(), colors=[color])
        for line, rim in ((EDGE, EDGE + 1), (EDGE - 1, EDGE - 2)):
            assert contrast(drawn[line], drawn[rim]).min() >= LEGIBLE, color


@pytest.mark.parametrize("background", [*FLAT, *busy()])
def test_a_curved_outline_is_legible_nearly_everywhere(background: str) -> None:
    """A thin line is antialiased: somewhere along a circle it shares its pixels with the rim."""
    y, x = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    apart = np.hypot(y - 60, x - 80)
    image = busy()[background] if background in busy() else np.full((*SIZE_HW, 3), FLAT[background], np.uint8)
    line, rim = (np.abs(apart - 40.0) < 0.5), (np.abs(apart - 41.75) < 0.4)
    for color in COLORS:
        drawn = draw_outlines(image, (apart < 40)[None], colors=[color])
        assert np.percentile(luminance(drawn[line]), 5) >= LEGIBLE * 0.05
        assert np.median(luminance(drawn[line]) + 0.05) >= LEGIBLE * np.median(luminance(drawn[rim]) + 0.05)
