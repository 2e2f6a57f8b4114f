"""The dense CRF and its grid, against sums over all pairs of pixels on tiny pictures."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.errors import ParameterError, ShapeError
from vidlab.refinement import dense_crf
from vidlab.refinement.crf import LEAST_PROB
from vidlab.refinement.grid import BilateralGrid

SIZE = (36, 48)
SETTINGS = {
    "iterations": 5, "weight": 4.0, "color_levels": 20.0, "distance_px": 12.0, "smooth_weight": 2.0,
    "smooth_px": 1.0,
}  # fmt: skip


def disk(radius=11):
    yy, xx = np.mgrid[: SIZE[0], : SIZE[1]]
    return (yy - 18) ** 2 + (xx - 24) ** 2 <= radius**2


def photo(seed=0, noise=4):
    """A red disk on green ground that both grow brighter to one side, with sensor noise."""
    rng = np.random.default_rng(seed)
    flat = np.where(disk()[..., None], (170, 60, 55), (60, 125, 70)).astype(np.float64)
    light = np.linspace(-15, 15, SIZE[1])[None, :, None]
    return np.clip(flat + light + rng.normal(0, noise, (*SIZE, 3)), 0, 255).astype(np.uint8)


def coarse(cells=6, sure=0.8):
    """What a network of a coarse grid says of the disk."""
    small = cv2.resize(
        disk().astype(np.float32), (SIZE[1] // cells, SIZE[0] // cells), interpolation=cv2.INTER_AREA
    )
    fine = cv2.resize(small, SIZE[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray((1 - sure) + (2 * sure - 1) * fine, np.float32)[None]


# ── all pairs ───────────────────────────────────────────────────────────────────────────────────────────────
def all_pairs(*features):
    """Gaussian weight of every pixel for every other, float64 (N, N)."""
    joined = np.concatenate(features, axis=1)
    return np.exp(-((joined[:, None] - joined[None]) ** 2).sum(axis=2) / 2)


def kernels(image, settings_):
    yx = np.stack(np.mgrid[: image.shape[0], : image.shape[1]], axis=-1).reshape(-1, 2).astype(np.float64)
    colors = image.reshape(-1, 3) / settings_["color_levels"]
    return all_pairs(yx / settings_["distance_px"], colors), all_pairs(yx / settings_["smooth_px"])


def normalized(kernel):
    root = np.sqrt(kernel.sum(axis=1))
    return kernel / root[:, None] / root[None]


def slow_crf(maps, image, **settings_):
    """Mean field by its definition, over all pairs of pixels."""
    by_color, near = (normalized(kernel) for kernel in kernels(image, settings_))
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    every = np.concatenate([flat, 1 - flat.sum(axis=0, keepdims=True)]).clip(LEAST_PROB)
    own = np.log(every / every.sum(axis=0))
    probs = np.exp(own)
    for _ in range(settings_["iterations"]):
        said = settings_["weight"] * probs @ by_color + settings_["smooth_weight"] * probs @ near
        probs = np.exp(own + said)
        probs /= probs.sum(axis=0)
    return probs[:-1].reshape(maps.shape)


def test_grid_means_are_those_of_all_pairs():
    image, values = photo(), np.random.default_rng(1).random((1, *SIZE), dtype=np.float32)
    values = cv2.GaussianBlur(values[0], (0, 0), 3)[None]
    kernel, _ = kernels(image, SETTINGS)
    slow = (kernel @ values.ravel() / kernel.sum(axis=1)).reshape(SIZE)
    grid = BilateralGrid(image, distance_px=12, color_levels=20)
    ours = (grid(values) / grid(np.ones_like(values)))[0]
    assert np.abs(ours - slow).max() < 0.35 * np.ptp(slow)
    assert np.corrcoef(ours.ravel(), slow.ravel())[0, 1] > 0.97


def test_grid_keeps_to_the_color_of_a_pixel():
    grid = BilateralGrid(photo(), distance_px=12, color_levels=10)
    red = grid(disk().astype(np.float32)[None])[0]
    assert red[disk()].min() > 100 * red[~disk()].max()


def test_grid_is_symmetric():
    grid = BilateralGrid(photo(), distance_px=7, color_levels=8)
    one, other = np.random.default_rng(2).random((2, 1, *SIZE), dtype=np.float32)
    assert float((one * grid(other)).sum()) == pytest.approx(float((other * grid(one)).sum()), rel=1e-4)


def test_grid_of_a_flat_picture_is_a_blur_as_wide_as_was_asked_for():
    flat, dot = np.full((81, 81, 3), 77, np.uint8), np.zeros((1, 81, 81), np.float32)
    dot[0, 40, 40] = 1
    spread = BilateralGrid(flat, distance_px=6, color_levels=10)(dot)[0]
    places = np.arange(81) - 40
    for profile in (spread.sum(axis=0), spread.sum(axis=1)):
        shares = profile / profile.sum()
        mean = (shares * places).sum()
        assert np.sqrt((shares * (places - mean) ** 2).sum()) == pytest.approx(6, rel=0.1)


@pytest.mark.parametrize("n_maps", [1, 2])
def test_labels_are_those_of_mean_field_over_all_pairs(n_maps):
    maps = coarse()
    if n_maps == 2:  # the ground is a class of its own in the left half
        ground = (1 - maps) * 0.9 * (np.arange(SIZE[1]) < 24)
        maps = np.concatenate([maps, ground.astype(np.float32)])
    ours, slow = (of(maps, photo(), **SETTINGS) for of in (dense_crf, slow_crf))
    labels = [
        np.concatenate([each, 1 - each.sum(axis=0, keepdims=True)]).argmax(axis=0) for each in (ours, slow)
    ]
    assert np.mean(labels[0] == labels[1]) > 0.98
    assert np.abs(ours - slow).mean() < 0.03


def test_without_colors_it_is_mean_field_over_all_pairs_to_the_last_digits():
    maps, image = coarse(), photo()
    only_near = {**SETTINGS, "weight": 0.0}
    # OpenCV's Gaussian ends after four standard deviations
    np.testing.assert_allclose(
        dense_crf(maps, image, **only_near), slow_crf(maps, image, **only_near), atol=2e-3
    )


# ── properties ──────────────────────────────────────────────────────────────────────────────────────────────
def test_coarse_outline_finds_the_object():
    maps = coarse()
    before, after = (np.mean((m[0] > 0.5) != disk()) for m in (maps, dense_crf(maps, photo(), **SETTINGS)))
    assert before > 0.03
    assert after < 0.25 * before


def test_with_no_say_of_others_probabilities_stay():
    maps = coarse()
    silent = {**SETTINGS, "weight": 0.0, "smooth_weight": 0.0}
    np.testing.assert_allclose(dense_crf(maps, photo(), **silent), maps, atol=1e-5)


def test_one_half_everywhere_stays_one_half():
    maps = np.full((1, *SIZE), 0.5, np.float32)
    np.testing.assert_allclose(dense_crf(maps, photo(), **SETTINGS), maps, atol=1e-3)


@pytest.mark.parametrize("axis", [1, 2])
def test_classes_may_come_in_any_order_and_flips_nearly_commute(axis):
    maps, image = np.concatenate([coarse(), 0.1 * (1 - coarse())]), photo()
    straight = dense_crf(maps, image, **SETTINGS)
    swapped = dense_crf(np.ascontiguousarray(maps[::-1]), image, **SETTINGS)
    np.testing.assert_allclose(swapped[::-1], straight, atol=1e-3)
    flipped = dense_crf(
        np.ascontiguousarray(np.flip(maps, axis)), np.ascontiguousarray(np.flip(image, axis - 1)), **SETTINGS
    )
    # the cells of the grid begin in one corner
    assert np.abs(np.flip(flipped, axis) - straight).mean() < 0.01


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_probabilities_stay_probabilities_and_inputs_stay_as_they_were(seed, n_maps):
    rng = np.random.default_rng(seed)
    maps, image = (
        rng.random((n_maps, *SIZE), dtype=np.float32),
        rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8),
    )
    before = maps.copy()
    found = dense_crf(maps, image, **SETTINGS)
    assert found.dtype == np.float32
    assert (found >= 0).all()
    assert (found.sum(axis=0) <= 1 + 1e-5).all()
    assert np.array_equal(maps, before)
    assert np.array_equal(found, dense_crf(maps, image, **SETTINGS))


def test_no_maps_give_none_and_a_single_pixel_stays():
    assert dense_crf(np.zeros((0, *SIZE), np.float32), photo(), **SETTINGS).shape == (0, *SIZE)
    one = dense_crf(np.full((1, 1, 1), 0.5, np.float32), photo()[:1, :1], **SETTINGS)
    assert one[0, 0, 0] == pytest.approx(0.5, abs=1e-4)


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
        ({"weight": -1.0}, "weight must be at least 0, got -1.0"),
        ({"smooth_weight": float("nan")}, "smooth_weight must be at least 0, got nan"),
        ({"color_levels": 0.0}, "color_levels must be above 0, got 0.0"),
        ({"distance_px": 0.0}, "distance_px must be above 0, got 0.0"),
        ({"smooth_px": -2.0}, "smooth_px must be above 0, got -2.0"),
    ],
)
def test_values_out_of_range_are_refused(setting, words):
    with pytest.raises(ParameterError, match=words):
        dense_crf(coarse(), photo(), **{**SETTINGS, **setting})


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"image must be uint8 \(36, 48, 3\), got uint8 \(35, 48, 3\)"):
        dense_crf(coarse(), photo()[1:], **SETTINGS)
