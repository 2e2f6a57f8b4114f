"""Outlines that find the edges of the picture, and stay where there are none."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.metrics.boundary import boundary_f
from vidlab.temporal.cleaning import clean
from vidlab.temporal.edges import GATE_EVERY, EdgeSnapper, snap

SIZE = (240, 320)
RADIUS = 0.025


def disk(cx=160, r=60):
    yy, xx = np.mgrid[: SIZE[0], : SIZE[1]]
    return (yy - 120) ** 2 + (xx - cx) ** 2 <= r * r


def photo(mask, *, seed=0, noise=6):
    """A red object on green ground, with sensor noise."""
    rng = np.random.default_rng(seed)
    image = np.where(mask[..., None], (180, 60, 60), (60, 140, 70)) + rng.normal(0, noise, (*SIZE, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


def coarse(mask, cells=12):
    """What a network of a coarse grid says of it: probabilities upsampled from blocks."""
    height, width = mask.shape
    small = cv2.resize(
        mask.astype(np.float32), (width // cells, height // cells), interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.float32)


def slow_snap(probs, image, reach, flatness=1e-4):
    """The guided filter by a least-squares fit of its own in every neighborhood, at full size."""
    guide = image.astype(np.float64) / 255
    height, width = probs.shape
    slopes, offsets = np.zeros((height, width, 3)), np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            rows, columns = slice(max(y - reach, 0), y + reach + 1), slice(max(x - reach, 0), x + reach + 1)
            colors, values = guide[rows, columns].reshape(-1, 3), probs[rows, columns].reshape(-1)
            centered = colors - colors.mean(axis=0)
            covariance = centered.T @ centered / len(colors) + flatness * np.eye(3)
            slopes[y, x] = np.linalg.solve(covariance, centered.T @ (values - values.mean()) / len(colors))
            offsets[y, x] = values.mean() - slopes[y, x] @ colors.mean(axis=0)
    filtered = np.empty_like(probs, np.float64)
    for y in range(height):
        for x in range(width):
            rows, columns = slice(max(y - reach, 0), y + reach + 1), slice(max(x - reach, 0), x + reach + 1)
            filtered[y, x] = (
                slopes[rows, columns].mean(axis=(0, 1)) @ guide[y, x] + offsets[rows, columns].mean()
            )
    return np.clip(filtered, 0, 1)


@pytest.mark.parametrize("width", [4, 6, 8])
def test_thin_object_is_kept_whose_color_is_near_by(width):
    """Were the reach larger than the object, its color would explain what lies beside it as well."""
    image, mask = np.full((*SIZE, 3), 60, np.uint8), np.zeros(SIZE, bool)
    mask[40:200, 160 : 160 + width] = True
    image[mask] = image[:, 140:154] = image[:, 166 + width : 180 + width] = 200
    noisy = image + np.random.default_rng(0).normal(0, 4, image.shape)
    pulled = snap(mask.astype(np.float32), np.clip(noisy, 0, 255).astype(np.uint8), radius=0.05) > 0.5
    assert np.logical_xor(pulled, mask).sum() <= 0.02 * mask.sum()


def test_filter_equals_a_slow_reference_away_from_the_border():
    rng = np.random.default_rng(3)
    probs = cv2.GaussianBlur(rng.random((40, 44)).astype(np.float32), (0, 0), 2)
    image = rng.integers(0, 256, (40, 44, 3)).astype(np.uint8)
    # a reach of 2.4 px is too short to shrink the picture: the filter runs at full size, reach 2
    ours = snap(probs, image, radius=0.06)
    inner = np.s_[5:-5, 5:-5]
    np.testing.assert_allclose(ours[inner], slow_snap(probs, image, 2)[inner], atol=2e-3)


def test_coarse_outline_finds_the_object():
    truth = disk()
    probs = coarse(truth)
    snapped = snap(probs, photo(truth), radius=RADIUS)
    before, after = (boundary_f(p > 0.5, truth, tolerance_px=1) for p in (probs, snapped))
    assert before < 0.6
    assert after > 0.95


def test_large_pictures_are_filtered_at_a_smaller_size_and_as_well():
    size = (SIZE[1] * 4, SIZE[0] * 4)
    truth = cv2.resize(disk().astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    image = cv2.resize(photo(disk()), size, interpolation=cv2.INTER_NEAREST)
    probs = cv2.resize(coarse(disk()), size, interpolation=cv2.INTER_NEAREST)
    snapped = snap(probs, image, radius=RADIUS)
    before, after = (boundary_f(p > 0.5, truth, tolerance_px=4) for p in (probs, snapped))
    assert before < 0.6
    assert after > 0.95


def test_what_is_far_from_the_object_stays():
    truth = disk(cx=70, r=30)
    probs = np.maximum(coarse(truth), np.float32(0.15))
    far = np.s_[:, 70 + 30 + 12 + 2 * 6 + 8 :]
    assert np.array_equal(snap(probs, photo(truth), radius=RADIUS)[far], probs[far])


def test_gate_that_is_shut_looks_again_after_some_frames():
    truth = disk()
    snapper = EdgeSnapper(radius=RADIUS, weight=1.0)
    exact = truth.astype(np.float32)
    assert snapper.step(1, exact, photo(truth)) is exact
    kept = [snapper.step(1, p, photo(truth)) is p for p in (coarse(truth) for _ in range(4 * GATE_EVERY))]
    assert all(kept[: GATE_EVERY - 1])
    assert not any(kept[-GATE_EVERY:])


def test_flat_picture_gives_no_edges_and_the_gate_stays_shut():
    probs, gray = coarse(disk()), np.full((*SIZE, 3), 128, np.uint8)
    snapper = EdgeSnapper(radius=RADIUS, weight=1.0)
    assert snapper.step(1, probs, gray) is probs


def test_outline_on_the_edge_already_stays():
    truth = disk()
    snapper = EdgeSnapper(radius=RADIUS, weight=1.0)
    kept = snapper.step(1, truth.astype(np.float32), photo(truth)) > 0.5
    assert np.array_equal(kept, truth)


def test_gate_opens_for_coarse_outlines_and_forgets_at_a_cut():
    truth = disk()
    snapper = EdgeSnapper(radius=RADIUS, weight=1.0)
    opened = snapper.step(1, coarse(truth), photo(truth)) > 0.5
    assert boundary_f(opened, truth, tolerance_px=1) > 0.95
    exact = truth.astype(np.float32)
    still_open = snapper.step(1, exact, photo(truth, seed=1))
    snapper.reset()
    assert still_open is not exact
    assert snapper.step(1, exact, photo(truth, seed=1)) is exact


def test_weight_zero_is_off_and_empty_maps_pass():
    nothing, image = np.zeros(SIZE, np.float32), photo(disk())
    probs = coarse(disk())
    assert EdgeSnapper(radius=RADIUS, weight=0.0).step(1, probs, image) is probs
    assert EdgeSnapper(radius=RADIUS, weight=1.0).step(1, nothing, image) is nothing
    tiny = np.ones((12, 12), np.float32)
    assert snap(tiny, np.zeros((12, 12, 3), np.uint8), radius=RADIUS) is tiny


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.integers(0, 300))
def test_snapped_probabilities_stay_probabilities(seed, cx):
    rng = np.random.default_rng(seed)
    probs = cv2.GaussianBlur(disk(cx, 30).astype(np.float32), (0, 0), 4)
    before = probs.copy()
    snapped = snap(probs, rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8), radius=RADIUS)
    assert snapped.dtype == np.float32
    assert (snapped >= 0).all()
    assert (snapped <= 1).all()
    np.testing.assert_array_equal(probs, before)


# ── specks ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_specks_and_pinholes_go_and_everything_else_stays():
    mask = disk()
    specked = mask.copy()
    specked[5:8, 5:8] = True
    specked[118:120, 158:160] = False
    assert np.array_equal(clean(specked, least_share=0.0002), mask)
    assert clean(specked, least_share=0) is specked
    assert np.array_equal(clean(mask, least_share=0.0002), mask)


def test_small_objects_alone_are_no_specks():
    mask = np.zeros(SIZE, bool)
    mask[10:13, 10:13] = True
    assert np.array_equal(clean(mask, least_share=0.01), mask)
    assert not clean(np.zeros(SIZE, bool), least_share=0.01).any()


@pytest.mark.parametrize("full", [True, False])
def test_whole_and_empty_pictures_stay(full):
    mask = np.full(SIZE, full)
    assert np.array_equal(clean(mask, least_share=0.1), mask)
