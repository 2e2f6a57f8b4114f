"""Looks in numbers that need no weights: what makes them alike, and what does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from vidlab.tracking.appearance import N_NUMBERS, color_texture
from vidlab.types import Instances

SIZE = (60, 90)
RNG = np.random.default_rng(8)
RED, BLUE = np.array([200, 40, 40], np.uint8), np.array([30, 40, 210], np.uint8)


def instances(*masks: np.ndarray) -> Instances:
    n = len(masks)
    stacked = np.stack(masks) if n else np.zeros((0, *SIZE), bool)
    return Instances(stacked, np.ones(n, np.float32), np.ones(n, np.int64))


def block(x: int, y: int = 10, width: int = 20, height: int = 36) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y : y + height, x : x + width] = True
    return mask


def likeness(image: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    looks = color_texture(image, instances(first, second))
    return float(looks[0] @ looks[1])


def test_the_same_pattern_elsewhere_looks_the_same() -> None:
    image = np.full((*SIZE, 3), 100, np.uint8)
    pattern = RNG.integers(0, 255, (36, 20, 3), np.uint8)
    for x in (5, 50):
        image[10:46, x : x + 20] = pattern
    assert likeness(image, block(5), block(50)) > 0.97


def test_other_colors_look_different() -> None:
    image = np.full((*SIZE, 3), 100, np.uint8)
    image[block(5)], image[block(50)] = RED, BLUE
    assert likeness(image, block(5), block(50)) < 0.6


def test_other_stripes_look_different() -> None:
    """The same colors, in the other order from top to bottom."""
    image = np.full((*SIZE, 3), 100, np.uint8)
    for x, (top, low) in ((5, (RED, BLUE)), (50, (BLUE, RED))):
        image[10:28, x : x + 20], image[28:46, x : x + 20] = top, low
    assert likeness(image, block(5), block(50)) < 0.75


def test_other_textures_of_one_color_look_different() -> None:
    image = np.full((*SIZE, 3), 100, np.uint8)
    image[10:46:4, 5:25] = image[11:46:4, 5:25] = 140
    image[10:46, 50:70:4] = image[10:46, 51:70:4] = 140
    alike = image.copy()
    alike[:, 50:70] = alike[:, 5:25]
    assert likeness(image, block(5), block(50)) < likeness(alike, block(5), block(50)) - 0.1


def test_brighter_light_changes_less_than_another_object() -> None:
    image = np.full((*SIZE, 3), 100, np.uint8)
    pattern = RNG.integers(30, 150, (36, 20, 3), np.uint8)
    image[10:46, 5:25] = pattern
    image[10:46, 50:70] = np.clip(pattern * 1.1, 0, 255).astype(np.uint8)
    brighter = likeness(image, block(5), block(50))
    image[10:46, 50:70] = BLUE
    assert brighter > likeness(image, block(5), block(50)) + 0.3


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_descriptions_have_length_one_and_hear_only_what_is_inside(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 255, (*SIZE, 3), np.uint8)
    mask = rng.random(SIZE) < rng.uniform(0.001, 0.6)
    found = instances(mask)
    looks = color_texture(image, found)
    assert looks.shape == (1, N_NUMBERS)
    if not mask.any():
        assert not looks.any()
        return
    assert float(np.linalg.norm(looks)) == pytest.approx(1, abs=1e-5)
    far = ~binary_dilation(mask, np.ones((3, 3), bool))
    other = image.copy()
    other[far] = 255 - other[far]  # beyond the reach of an edge filter
    assert color_texture(other, found) == pytest.approx(looks, abs=1e-6)


def test_nothing_is_described_by_nothing() -> None:
    image = np.zeros((*SIZE, 3), np.uint8)
    assert color_texture(image, instances()).shape == (0, N_NUMBERS)
    assert not color_texture(image, instances(np.zeros(SIZE, bool))).any()
