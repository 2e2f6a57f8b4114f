"""The guided filter: worked by hand, against a slow reference, and against OpenCV's own where it is."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.errors import ParameterError, ShapeError
from vidlab.refinement import guided_filter

SETTINGS = {"radius_px": 3, "eps": 1e-4, "shrink": 1}


def colored(seed, size=(24, 32)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def soft(seed, size=(24, 32), n_maps=1):
    noise = np.random.default_rng(seed).random((n_maps, *size), dtype=np.float32)
    return np.stack([cv2.GaussianBlur(each, (0, 0), 2) for each in noise])


def slow_guided(values, image, *, radius_px, eps):
    """A least-squares fit of its own in every neighborhood; neighborhoods end at the border."""
    guide = image.astype(np.float64) / 255
    height, width = values.shape
    slopes, offsets = np.zeros((height, width, 3)), np.zeros((height, width))

    def around(y, x):
        return np.s_[max(y - radius_px, 0) : y + radius_px + 1, max(x - radius_px, 0) : x + radius_px + 1]

    for y, x in np.ndindex(height, width):
        colors, there = guide[around(y, x)].reshape(-1, 3), values[around(y, x)].reshape(-1)
        centered = colors - colors.mean(axis=0)
        covariance = centered.T @ centered / len(colors) + eps * np.eye(3)
        slopes[y, x] = np.linalg.solve(covariance, centered.T @ (there - there.mean()) / len(colors))
        offsets[y, x] = there.mean() - slopes[y, x] @ colors.mean(axis=0)
    result = np.empty((height, width))
    for y, x in np.ndindex(height, width):
        result[y, x] = slopes[around(y, x)].mean(axis=(0, 1)) @ guide[y, x] + offsets[around(y, x)].mean()
    return np.clip(result, 0, 1)


# ── worked by hand ──────────────────────────────────────────────────────────────────────────────────────────
def test_flat_picture_gives_the_mean_of_means():
    line = np.zeros((1, 9, 9), np.float32)
    line[:, :, 4] = 1  # a column: means over 3 × 3 are 1/3, means of these 1/9, 2/9, 3/9, 2/9, 1/9
    flat = np.full((9, 9, 3), 90, np.uint8)
    filtered = guided_filter(line, flat, radius_px=1, eps=1e-4, shrink=1)
    np.testing.assert_allclose(filtered[0, 4] * 9, [0, 0, 1, 2, 3, 2, 1, 0, 0], atol=1e-4)


def test_two_colors_take_the_mean_of_the_map_on_their_side():
    # Left half black, right half white; the map says 0.2 and 0.8 with its edge two columns too far right. In
    # a neighborhood that spans the edge, least squares on two colors is the mean over each of them.
    image = np.zeros((9, 12, 3), np.uint8)
    image[:, 6:] = 255
    said = np.full((1, 9, 12), 0.2, np.float32)
    said[:, :, 8:] = 0.8
    filtered = guided_filter(said, image, radius_px=5, eps=1e-6, shrink=1)[0, 4]
    np.testing.assert_allclose(filtered[:6], 0.2, atol=2e-3)
    assert filtered[6] > filtered[5] + 0.3
    assert (filtered[6:] > 0.5).all()


def test_small_eps_keeps_the_edges_of_the_picture_and_a_large_one_blurs_them():
    mask = np.zeros((24, 32), np.float32)
    mask[:, 13:] = 1
    image = np.where(mask[..., None] > 0, (180, 60, 60), (60, 140, 70)).astype(np.uint8)
    sharp, blurred = (
        guided_filter(mask[None], image, radius_px=4, eps=eps, shrink=1)[0] for eps in (1e-6, 1.0)
    )
    np.testing.assert_allclose(sharp, mask, atol=1e-3)
    assert blurred[12, 13] - blurred[12, 12] < 0.3


# ── references ──────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("eps", [1e-6, 1e-4, 1e-2])
def test_filter_equals_a_slow_reference_away_from_the_border(eps):
    values, image = soft(3)[0], colored(4)
    ours = guided_filter(values[None], image, radius_px=2, eps=eps, shrink=1)[0]
    inner = np.s_[4:-4, 4:-4]
    slow = slow_guided(values, image, radius_px=2, eps=eps)
    np.testing.assert_allclose(ours[inner], slow[inner], atol=2e-3)


@pytest.mark.skipif(not hasattr(cv2, "ximgproc"), reason="this OpenCV comes without its contrib modules")
@pytest.mark.parametrize("radius_px", [2, 5])
def test_filter_equals_opencv_contrib_away_from_the_border(radius_px):
    values, image = soft(5, (60, 80))[0], cv2.GaussianBlur(colored(6, (60, 80)), (0, 0), 2)
    theirs = cv2.ximgproc.guidedFilter(image.astype(np.float32), values, radius_px, 1e-3 * 255**2)
    ours = guided_filter(values[None], image, radius_px=radius_px, eps=1e-3, shrink=1)[0]
    margin = 2 * radius_px
    inner = np.s_[margin:-margin, margin:-margin]
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=2e-3)


def test_smaller_size_gives_nearly_the_same_on_a_smooth_picture():
    values = cv2.GaussianBlur(soft(7, (96, 128))[0], (0, 0), 6)[None]
    image = cv2.GaussianBlur(colored(8, (96, 128)), (0, 0), 8)
    whole, small = (guided_filter(values, image, radius_px=12, eps=1e-3, shrink=shrink) for shrink in (1, 4))
    assert np.abs(whole - small).mean() < 0.2 * whole.std()


# ── properties ──────────────────────────────────────────────────────────────────────────────────────────────
@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0, 1), st.sampled_from([1, 2, 4]))
def test_constant_probabilities_stay(seed, value, shrink):
    said = np.full((1, 24, 32), value, np.float32)
    filtered = guided_filter(said, colored(seed), radius_px=4, eps=1e-4, shrink=shrink)
    np.testing.assert_allclose(filtered, said, atol=2e-3)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([1e-6, 1e-4, 1e-1]))
def test_probabilities_stay_probabilities_and_inputs_stay_as_they_were(seed, eps):
    said, image = soft(seed, n_maps=2), colored(seed + 1)
    before = said.copy(), image.copy()
    filtered = guided_filter(said, image, radius_px=3, eps=eps, shrink=2)
    assert filtered.dtype == np.float32
    assert filtered.shape == said.shape
    assert (filtered >= 0).all()
    assert (filtered <= 1).all()
    assert np.array_equal(said, before[0])
    assert np.array_equal(image, before[1])


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("shrink", [1, 2, 4])
def test_flips_commute(axis, shrink):
    said, image = soft(9, n_maps=2), colored(10)
    flipped = guided_filter(
        np.ascontiguousarray(np.flip(said, axis)),
        np.ascontiguousarray(np.flip(image, axis - 1)),
        **{**SETTINGS, "shrink": shrink},
    )
    straight = guided_filter(said, image, **{**SETTINGS, "shrink": shrink})
    np.testing.assert_allclose(flipped, np.flip(straight, axis), atol=2e-3)


def test_maps_do_not_hear_of_one_another():
    said, image = soft(11, n_maps=3), colored(12)
    together = guided_filter(said, image, **SETTINGS)
    for each, alone in zip(together, said, strict=True):
        assert np.array_equal(each, guided_filter(alone[None], image, **SETTINGS)[0])


def test_no_maps_give_none():
    assert guided_filter(np.zeros((0, 24, 32), np.float32), colored(0), **SETTINGS).shape == (0, 24, 32)


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("said", "image", "words"),
    [
        (
            np.zeros((24, 32), np.float32),
            colored(0),
            r"maps must be float32 \(K, H, W\), got float32 \(24, 32\)",
        ),
        (np.zeros((1, 24, 32)), colored(0), "maps must be float32 .*, got float64"),
        (soft(0), colored(0, (24, 31)), r"image must be uint8 \(24, 32, 3\), got uint8 \(24, 31, 3\)"),
        (soft(0), colored(0).astype(np.float32), "image must be uint8 .*, got float32"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(said, image, words):
    with pytest.raises(ShapeError, match=words):
        guided_filter(said, image, **SETTINGS)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"radius_px": 0}, "radius_px must be at least 1, got 0"),
        ({"eps": 0.0}, "eps must be at least 1e-06, got 0.0"),
        ({"eps": float("nan")}, "eps must be at least 1e-06, got nan"),
        ({"shrink": 0}, "shrink must be at least 1, got 0"),
    ],
)
def test_values_out_of_range_are_refused(setting, words):
    with pytest.raises(ParameterError, match=words):
        guided_filter(soft(0), colored(0), **{**SETTINGS, **setting})
