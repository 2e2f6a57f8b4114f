"""What refinement makes of instances and of class probabilities, and what it must leave alone."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.errors import ShapeError
from vidlab.metrics.boundary import boundary_f
from vidlab.params import RefineParams
from vidlab.refinement import create_refiner
from vidlab.refinement.outlines import bounded, near_outline
from vidlab.types import ClassProbs, Instances

SIZE = (120, 160)
METHODS = ("guided", "crf")
REACH_PX = 0.05 * SIZE[0]


def params(method):
    return RefineParams(refine=method, refine_reach=0.05)


def refined(method, observation, image, *, level=0.5):
    return create_refiner(params(method), level=level)(observation, image)


def disk(cx=80, cy=60, r=30):
    yy, xx = np.mgrid[: SIZE[0], : SIZE[1]]
    return (yy - cy) ** 2 + (xx - cx) ** 2 <= r * r


def photo(*masks, noise=5, seed=0):
    """Objects of a color of their own on green ground, with sensor noise."""
    image = np.full((*SIZE, 3), (60, 140, 70), np.float64)
    for mask, color in zip(masks, ((185, 60, 60), (60, 70, 190), (200, 190, 60)), strict=False):
        image[mask] = color
    return np.clip(image + np.random.default_rng(seed).normal(0, noise, image.shape), 0, 255).astype(np.uint8)


def coarse(mask, cells=10):
    """What a network of a coarse grid says of it: upsampled from blocks, at most 0.9 sure."""
    small = cv2.resize(
        mask.astype(np.float32), (SIZE[1] // cells, SIZE[0] // cells), interpolation=cv2.INTER_AREA
    )
    fine = cv2.resize(small, SIZE[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(0.05 + 0.85 * fine, np.float32)


def blobs(seed, share=0.3):
    """Pieces of any form, bool (H, W)."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random(SIZE, dtype=np.float32), (0, 0), 4)
    return noise > np.quantile(noise, 1 - share)


def found(*masks):
    n = len(masks)
    scores, ids = np.linspace(0.9, 0.3, n).astype(np.float32), np.arange(n, dtype=np.int64)
    return Instances(np.stack(masks), scores, ids + 1, ids + 40)


def pieces(mask):
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    return [labels == label for label in range(1, count)]


# ── what it is for ──────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("method", METHODS)
def test_coarse_probabilities_find_the_object(method):
    truth = disk()
    said = ClassProbs(coarse(truth, cells=14)[None], (3,))
    seen = refined(method, said, photo(truth))
    before, after = (boundary_f(each.probs[0] > 0.5, truth, tolerance_px=1) for each in (said, seen))
    assert before < 0.85
    assert after > 0.97
    assert seen.class_ids == (3,)


@pytest.mark.parametrize(("method", "reached"), [("guided", 0.95), ("crf", 0.8)])
def test_hard_masks_find_the_object(method, reached):
    truth = disk()
    frayed = truth ^ (blobs(1, share=0.4) & near_outline(truth, reach_px=4))
    seen = refined(method, found(frayed), photo(truth))
    before, after = (boundary_f(mask, truth, tolerance_px=1) for mask in (frayed, seen.masks[0]))
    assert before < 0.7
    assert after > reached


@pytest.mark.parametrize("method", METHODS)
def test_instances_keep_all_but_their_masks_and_may_overlap(method):
    left, right = disk(65), disk(95)
    given_ = found(left, right)
    seen = refined(method, given_, photo(left, right))
    for name in ("scores", "class_ids", "track_ids"):
        assert np.array_equal(getattr(seen, name), getattr(given_, name))
    assert seen.masks.dtype == np.bool_
    # the right one covers the left one: the left one follows the picture where it is seen
    alone = refined(method, found(right), photo(left, right))
    assert np.array_equal(seen.masks[1], alone.masks[0])


# ── what it leaves alone ────────────────────────────────────────────────────────────────────────────────────
def test_none_hands_on_what_comes():
    for observation in (found(disk()), ClassProbs(coarse(disk())[None], (1,))):
        assert refined("none", observation, photo(disk())) is observation


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("full", [True, False])
def test_masks_that_are_empty_or_fill_the_frame_stay(method, full):
    image, mask = photo(disk()), np.full(SIZE, full)
    assert np.array_equal(refined(method, found(mask, disk()), image).masks[0], mask)
    low, high = (0.5001, 0.9) if full else (0.1, 0.4999)
    probs = (low + (high - low) * coarse(disk())).astype(np.float32)[None]
    assert np.array_equal(refined(method, ClassProbs(probs, (1,)), image).probs, probs)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_found_stays_nothing(method):
    image = photo(disk())
    assert len(refined(method, Instances.empty(SIZE), image)) == 0
    none = ClassProbs(np.zeros((0, *SIZE), np.float32), ())
    assert refined(method, none, image).probs.shape == (0, *SIZE)


@settings(deadline=None, max_examples=12)
@given(st.sampled_from(METHODS), st.integers(0, 10_000), st.floats(0.02, 0.9))
def test_no_object_is_made_and_none_is_lost(method, seed, share):
    mask, image = blobs(seed, share), photo(blobs(seed + 1), blobs(seed + 2), seed=seed)
    seen = refined(method, found(mask), image).masks[0]
    assert all((piece & mask).any() for piece in pieces(seen))
    assert all((piece & seen).any() for piece in pieces(mask))


@settings(deadline=None, max_examples=12)
@given(st.sampled_from(METHODS), st.integers(0, 10_000), st.sampled_from([0.3, 0.5, 0.7]))
def test_only_what_is_near_an_outline_changes(method, seed, level):
    probs = cv2.GaussianBlur(blobs(seed).astype(np.float32), (0, 0), 2)[None]
    probs = np.concatenate([probs, 0.5 * (1 - probs)]).astype(np.float32)
    before = probs.copy()
    seen = refined(method, ClassProbs(probs, (1, 2)), photo(blobs(seed + 1), seed=seed), level=level).probs
    near = [near_outline(each > level, reach_px=REACH_PX) for each in probs]
    # where the classes together came to more than before, all of them give way
    assert np.array_equal(seen[:, ~(near[0] | near[1])], probs[:, ~(near[0] | near[1])])
    assert (seen.max(axis=(1, 2)) <= probs.max(axis=(1, 2))).all()
    assert (seen.sum(axis=0) <= np.maximum(probs.sum(axis=0), 1) + 1e-5).all()
    assert np.array_equal(probs, before)


@pytest.mark.parametrize("method", METHODS)
def test_classes_that_share_the_whole_frame_find_the_outline_between_them(method):
    truth = disk()
    probs = np.stack([coarse(truth, cells=14), 0.95 - coarse(truth, cells=14)])
    seen = refined(method, ClassProbs(probs, (1, 2)), photo(truth)).probs
    assert boundary_f(seen[0] > 0.5, truth, tolerance_px=1) > 0.97
    assert boundary_f(seen[1] > 0.5, ~truth, tolerance_px=1) > 0.97


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 3), (2, 2)])
def test_tiny_pictures_are_no_trouble(method, size):
    mask = np.zeros(size, bool)
    mask[0, 0] = True
    image = np.full((*size, 3), 99, np.uint8)
    assert refined(method, found(mask), image).masks.any()
    soft = ClassProbs(mask[None].astype(np.float32), (1,))
    assert np.isfinite(refined(method, soft, image).probs).all()


@pytest.mark.parametrize("method", METHODS)
def test_thin_objects_that_the_picture_does_not_show_stay(method):
    thin = np.zeros(SIZE, bool)
    thin[60, 40:120] = True
    assert refined(method, found(thin), photo(noise=0)).masks.any()


@pytest.mark.parametrize("method", METHODS)
def test_a_phantom_of_probabilities_below_the_level_makes_no_object(method):
    truth = disk()
    said = ClassProbs((0.55 * coarse(truth))[None], (1,))  # the picture shows it, the network does not
    assert refined(method, said, photo(truth)) is not None
    assert np.array_equal(refined(method, said, photo(truth)).probs, said.probs)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_frame_gives_the_same_bits(method):
    said = ClassProbs(coarse(disk())[None], (1,))
    first, second = (refined(method, said, photo(disk())).probs for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("axis", [0, 1])
def test_flips_commute(axis):
    truth = disk()
    said, image = coarse(truth), photo(truth)
    straight = refined("guided", ClassProbs(said[None], (1,)), image).probs[0]
    flipped = refined(
        "guided",
        ClassProbs(np.ascontiguousarray(np.flip(said, axis))[None], (1,)),
        np.ascontiguousarray(np.flip(image, axis)),
    ).probs[0]
    assert np.abs(np.flip(flipped, axis) - straight).mean() < 2e-3


@pytest.mark.parametrize("method", METHODS)
def test_masks_and_pictures_of_two_sizes_are_refused(method):
    with pytest.raises(ShapeError, match=r"masks and image must match, got \(120, 160\) and \(119, 160\)"):
        refined(method, found(disk()), photo(disk())[1:])


# ── the bounds, worked by hand ──────────────────────────────────────────────────────────────────────────────
def test_bounds_by_hand():
    before = np.array([[0.9, 0.9, 0.9, 0.2, 0.2, 0.2, 0.2, 0.2]], np.float32)
    after = np.array([[0.1, 0.1, 1.0, 1.0, 0.1, 0.8, 0.1, 0.8]], np.float32)
    # within 3 px of the outline between columns 2 and 3 lie columns 0 to 5; 1.0 is surer than the network
    # was; columns 0 and 1 leave the object to column 2; column 5 would be an object of its own
    assert bounded(before, after, level=0.5, reach_px=3).tolist() == [
        pytest.approx([0.2, 0.2, 0.9, 0.9, 0.2, 0.2, 0.2, 0.2])
    ]


def test_an_object_that_would_vanish_stays():
    before = np.array([[0.1, 0.9, 0.1]], np.float32)
    assert np.array_equal(
        bounded(before, np.full_like(before, 0.2), level=0.5, reach_px=2)[0] > 0.5, [0, 1, 0]
    )


def test_without_an_outline_nothing_is_near_one():
    for mask in (np.zeros((4, 4), bool), np.ones((4, 4), bool)):
        assert not near_outline(mask, reach_px=9).any()
