"""Several classes share out a picture: no overlap, no hole between them, in any order of the classes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.params import METHODS, method_params
from vidlab.temporal import create_stabilizer
from vidlab.temporal.cleaning import clean
from vidlab.temporal.partition import partition
from vidlab.temporal.protocol import Evidence, StableFrame
from vidlab.temporal.record import Record, Seen, is_total, pack, renamed

HALF = np.array([0.5, 0.5])
SIZE_HW = (24, 32)


def blobs(rng, n_classes: int, size_hw=SIZE_HW, *, total: bool) -> np.ndarray:
    """Smooth random probabilities with a little noise: pieces, holes and specks of all sizes."""
    coarse = rng.normal(size=(n_classes + (not total), 4, 5)).astype(np.float32) * 3
    logits = np.stack([cv2.resize(one, size_hw[::-1], interpolation=cv2.INTER_CUBIC) for one in coarse])
    odds = np.exp(logits + rng.normal(size=logits.shape) * rng.choice([0, 0.5, 2]))
    return (odds / odds.sum(axis=0)).astype(np.float32)[:n_classes]


def halves(size_hw=(40, 40)) -> np.ndarray:
    probs = np.zeros((2, *size_hw), np.float32)
    probs[0, :, : size_hw[1] // 2] = probs[1, :, size_hw[1] // 2 :] = 1
    return probs


# ── by hand ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_speck_goes_to_the_class_that_surrounds_it():
    probs = halves()
    probs[:, 5, 5] = 0, 1
    masks = partition(probs, HALF, least_piece=0.01, background=True)
    assert np.array_equal(masks, halves() > 0.5)


def test_a_speck_between_two_classes_goes_to_the_more_probable_one():
    probs = np.concatenate([halves((120, 120)), np.zeros((1, 120, 120), np.float32)])
    probs[:2, 60:], probs[2, 60:] = 0, 1
    probs[:, 20:22, 59:61] = np.array([0.1, 0.3, 0.6])[:, np.newaxis, np.newaxis]
    masks = partition(probs, np.full(3, 0.5), least_piece=0.01, background=True)
    assert masks[1, 20:22, 59:61].all()
    probs[:, 20:22, 59:61] = np.array([0.3, 0.1, 0.6])[:, np.newaxis, np.newaxis]
    masks = partition(probs, np.full(3, 0.5), least_piece=0.01, background=True)
    assert masks[0, 20:22, 59:61].all()
    assert partition(probs, np.full(3, 0.5), least_piece=0.0, background=True)[2, 20:22, 59:61].all()


@pytest.mark.parametrize(("share", "taken"), [(0.3, True), (0.1, False)])
def test_a_speck_beside_background_goes_where_more_speaks_for(share, taken):
    """Without its own class it is part of the other one, or nothing: 0.3 against 0.15, 0.1 against 0.35."""
    probs = np.zeros((2, 60, 60), np.float32)
    probs[0, :30] = probs[1, 45:] = 1
    probs[:, 30, 7:9] = np.array([share, 0.55])[:, np.newaxis]
    masks = partition(probs, HALF, least_piece=0.01, background=True)
    assert masks[0, 30, 7:9].tolist() == [taken] * 2
    assert not masks[1, 30].any()


def test_a_hole_between_two_classes_is_closed_and_one_that_a_third_class_fills_is_not():
    probs = np.zeros((3, 120, 120), np.float32)
    probs[0, 10:60, 10:110] = probs[1, 60:110, 10:110] = 1
    probs[:2, 59:61, 20:22] = np.array([0.2, 0.1])[:, np.newaxis, np.newaxis]
    probs[:2, 50:70, 60:80], probs[2, 50:70, 60:80] = 0, 1
    masks = partition(probs, np.full(3, 0.5), least_piece=0.01, background=True)
    assert masks[0, 59:61, 20:22].all()
    assert np.array_equal(masks[2], probs[2] > 0.5)
    assert masks.sum() == 100 * 100


def test_specks_among_specks_go_to_what_surrounds_them_all():
    probs = np.zeros((3, 120, 120), np.float32)
    probs[0] = 1
    probs[0, 80:], probs[1, 80:, :60], probs[2, 80:, 60:] = 0, 1, 1
    probs[:, 20:23, 20:23] = np.array([0, 1, 0])[:, np.newaxis, np.newaxis]
    probs[:, 21, 21] = 0, 0, 1  # a speck inside a speck
    masks = partition(probs, np.full(3, 0.5), least_piece=0.01, background=False)
    assert masks[0, :80].all()


def test_a_large_hole_stays_where_there_is_background():
    probs = halves()
    probs[:, 10:30, 10:30] = 0.1
    assert not partition(probs, HALF, least_piece=0.01, background=True)[:, 12:28, 12:28].any()
    assert partition(probs, HALF, least_piece=0.01, background=False).any(axis=0).all()


def test_an_object_called_now_this_now_that_is_still_an_object():
    probs = np.full((2, 8, 8), 0.35, np.float32)
    probs[1] = 0.3
    masks = partition(probs, HALF, least_piece=0.0, background=True)
    assert masks[0].all()
    assert not masks[1].any()
    assert not partition(probs / 2, HALF, least_piece=0.0, background=True).any()


@pytest.mark.parametrize("n_classes", [0, 1, 3])
@pytest.mark.parametrize("size_hw", [(1, 1), (1, 7), (5, 4)])
def test_pictures_of_few_pixels_and_no_classes_are_shared_out_too(n_classes, size_hw):
    probs = np.random.default_rng(1).random((n_classes, *size_hw), dtype=np.float32)
    masks = partition(probs, np.full(n_classes, 0.4), least_piece=0.1, background=True)
    assert masks.shape == probs.shape
    assert masks.dtype == np.bool_


# ── properties ──────────────────────────────────────────────────────────────────────────────────────────────
CASES = st.tuples(
    st.integers(0, 10**6), st.integers(2, 5), st.sampled_from([0.0, 0.002, 0.01, 0.1]), st.booleans()
)


@given(CASES)
@settings(max_examples=25, deadline=None)
def test_classes_never_overlap_and_their_order_does_not_matter(case):
    seed, n_classes, least_piece, total = case
    rng = np.random.default_rng(seed)
    probs = blobs(rng, n_classes, (96, 128), total=total)
    thresholds = rng.uniform(0.45, 0.55, n_classes)
    kept = probs.copy()
    masks = partition(probs, thresholds, least_piece=least_piece, background=not total)
    assert masks.sum(axis=0).max() <= 1
    assert not total or masks.any(axis=0).all()
    assert np.array_equal(probs, kept)
    order = rng.permutation(n_classes)
    again = partition(probs[order], thresholds[order], least_piece=least_piece, background=not total)
    assert np.array_equal(again, masks[order])


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.002, 0.01]))
@settings(max_examples=30, deadline=None)
def test_one_class_alone_is_thresholded_and_cleaned(seed, least_piece):
    rng = np.random.default_rng(seed)
    probs = blobs(rng, 1, (96, 128), total=False)
    (threshold,) = thresholds = rng.uniform(0.45, 0.55, 1)
    (mask,) = partition(probs, thresholds, least_piece=least_piece, background=bool(seed % 2))
    assert np.array_equal(mask, clean(probs[0] > np.float32(threshold), least_share=least_piece))


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_classes_far_from_each_other_are_cleaned_as_if_alone(seed):
    rng = np.random.default_rng(seed)
    probs = np.zeros((2, 100, 300), np.float32)
    for k, x in ((0, 10), (1, 160)):
        probs[k, 10:90, x : x + 128] = cv2.GaussianBlur(rng.random((80, 128), np.float32), (0, 0), 3)
    probs = np.clip((probs - 0.5) * 20 + 0.5, 0, 1) * (probs > 0)
    for k in range(2):  # a speck with a hole of its own is drawn anew by `clean`: leave none
        probs[k] = cv2.morphologyEx(probs[k], cv2.MORPH_CLOSE, np.ones((3, 3)))
    masks = partition(probs, HALF, least_piece=0.0005, background=True)
    assert np.array_equal(masks, [clean(one > 0.5, least_share=0.0005) for one in probs])


@given(CASES)
@settings(max_examples=15, deadline=None)
def test_cleaning_takes_nothing_but_specks(case):
    """Reference: what changes hands lay in pieces, or in holes, that were small enough."""
    seed, n_classes, least_piece, total = case
    probs = blobs(np.random.default_rng(seed), n_classes, (96, 128), total=total)
    thresholds = np.full(n_classes, 0.5)
    before = partition(probs, thresholds, least_piece=0.0, background=not total)
    after = partition(probs, thresholds, least_piece=least_piece, background=not total)
    least = [min(least_piece * 96 * 128, 0.005 * mask.sum()) for mask in before]
    for k in range(n_classes):
        pieces = cv2.connectedComponents(before[k].view(np.uint8), connectivity=8)[1]
        for piece in np.unique(pieces[before[k] & ~after[k]]):
            assert np.count_nonzero(pieces == piece) < least[k]
    holes = cv2.connectedComponents((~after.any(axis=0)).view(np.uint8), connectivity=4)[1]
    inner = set(np.unique(holes)) - {0, *holes[[0, -1]].ravel(), *holes[:, [0, -1]].ravel()}
    for hole in inner:  # what is left is too large for at least one of those around
        ring = cv2.dilate((holes == hole).view(np.uint8), np.ones((3, 3))) > 0
        assert np.count_nonzero(holes == hole) + ring.sum() >= min(
            (least[k] for k in range(n_classes) if (after[k] & ring).any()), default=0
        )


# ── every method ────────────────────────────────────────────────────────────────────────────────────────────
FOLLOWING = [(m, ("follow_motion=true",)) for m in ("median", "gaussian", "exponential")]
SMOOTHING = [(name, ()) for name in METHODS if name != "none"] + FOLLOWING


def run(method, settings_, clip, images) -> list[StableFrame]:
    stabilizer = create_stabilizer(method_params(method, settings_))
    stabilizer.reset()
    results = [done for image, one in zip(images, clip, strict=True) for done in stabilizer.step(image, one)]
    return results + list(stabilizer.flush())


def clip_of(rng, *, total: bool, hard: bool, n_frames=9) -> list[Evidence]:
    classes = sorted(rng.choice([1, 2, 3, 18, 44], rng.integers(2, 5), replace=False).tolist())
    clip = []
    for _ in range(n_frames):
        probs = blobs(rng, len(classes), total=total)
        if hard:
            room = probs.sum(axis=0, keepdims=True) if not total else 1
            probs = ((probs == probs.max(axis=0)) & (probs > 1 - room)).astype(np.float32)
        clip.append(Evidence(tuple(classes), probs, probs > 0.5, rng.random(len(classes), dtype=np.float32)))
    return clip


@pytest.mark.parametrize(("method", "extra"), SMOOTHING)
@given(seed=st.integers(0, 10**6), total=st.booleans(), hard=st.booleans())
@settings(max_examples=4, deadline=None)
def test_total_in_total_out_and_never_two_classes_at_a_pixel(method, extra, seed, total, hard):
    rng = np.random.default_rng(seed)
    clip = clip_of(rng, total=total, hard=hard)
    images = [rng.integers(0, 256, (*SIZE_HW, 3), np.uint8)] * len(clip)
    for stable in run(method, extra, clip, images):
        assert stable.masks.sum(axis=0).max(initial=0) <= 1
        if total:
            assert stable.masks.any(axis=0).all()


@pytest.mark.parametrize(("method", "extra"), [*SMOOTHING, ("none", ())])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=3, deadline=None)
def test_the_order_of_classes_in_the_evidence_does_not_matter(method, extra, seed):
    rng = np.random.default_rng(seed)
    clip = clip_of(rng, total=bool(seed % 2), hard=bool(seed % 3))
    images = [rng.integers(0, 256, (*SIZE_HW, 3), np.uint8)] * len(clip)
    order = rng.permutation(len(clip[0].class_ids))
    turned = [
        Evidence(
            tuple(np.array(e.class_ids)[order].tolist()), e.probs[order], e.raw[order], e.strength[order]
        )
        for e in clip
    ]
    for one, other in zip(run(method, extra, clip, images), run(method, extra, turned, images), strict=True):
        assert sorted(one.class_ids) == sorted(other.class_ids)
        rows = [other.class_ids.index(class_id) for class_id in one.class_ids]
        assert np.array_equal(one.masks, other.masks[rows])


@pytest.mark.parametrize(("method", "extra"), SMOOTHING)
def test_one_pixel_per_class_each_frame_is_no_majority_but_no_hole(method, extra):
    """Every class has a turn: 2, 2 and 1 of five frames."""
    clip = []
    for turn in (0, 1, 0, 1, 2, 0, 1, 0, 1, 2):
        probs = np.zeros((3, *SIZE_HW), np.float32)
        probs[turn] = 1
        clip.append(Evidence((1, 2, 3), probs, probs > 0.5, probs.max(axis=(1, 2))))
    images = [np.random.default_rng(0).integers(0, 256, (*SIZE_HW, 3), np.uint8)] * len(clip)
    for stable in run(method, extra, clip, images):
        assert stable.masks.sum(axis=0).min() == 1


# ── what the evidence says ──────────────────────────────────────────────────────────────────────────────────
def evidence_of(*maps) -> Evidence:
    probs = np.array(maps, np.float32)
    return Evidence(tuple(range(1, len(maps) + 1)), probs, probs > 0.5, probs.max(axis=(1, 2)))


def test_a_frame_is_total_if_its_classes_add_up_to_one_everywhere():
    assert is_total(evidence_of([[1, 0.4]], [[0, 0.6]]))
    assert not is_total(evidence_of([[1, 0.4]], [[0, 0.3]]))
    assert not is_total(
        Evidence((), np.zeros((0, 2, 2), np.float32), np.zeros((0, 2, 2), bool), np.zeros(0, np.float32))
    )


def seen(mask: np.ndarray, strength: float) -> Seen:
    return Seen(mask.astype(np.uint8) * np.uint8(255), int(mask.sum()), strength, None)


def test_what_lies_all_around_a_missed_object_has_not_taken_its_name():
    expected = np.zeros((60, 60), bool)
    expected[20:40, 20:40] = True
    slightly_off = np.roll(expected, 2, axis=1)
    record = Record(
        (60, 60), np.zeros((60, 60, 3), np.uint8), None, True, False, {17: seen(slightly_off, 0.8)}
    )
    assert renamed(expected, record) == 0.8
    everywhere = np.ones_like(expected)
    ground = Record((60, 60), record.image, None, True, False, {3: seen(everywhere, 0.9)})
    assert renamed(expected, ground) == 0
    both = Record(
        (60, 60), record.image, None, True, False, {3: seen(everywhere & ~slightly_off, 0.9), **record.seen}
    )
    assert renamed(expected, both) == 0.8
    assert renamed(np.zeros_like(expected), record) == 0


def test_a_record_remembers_that_it_was_total():
    total = evidence_of(np.full(SIZE_HW, 0.4), np.full(SIZE_HW, 0.6))
    record = Record(
        SIZE_HW, np.zeros((*SIZE_HW, 3), np.uint8), None, True, False, pack(total), is_total(total)
    )
    assert record.is_total
    assert record.without_pixels().is_total
