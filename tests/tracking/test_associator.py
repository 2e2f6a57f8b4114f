"""`tracking.Associator`: who is who, before anything is smoothed."""

import numpy as np
import pytest
from conftest import REAL, needs_real
from crossing import as_instances, crossing
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.masks.coco import CocoMasks
from vidlab.params import EvidenceParams, FlowFusionParams, method_params
from vidlab.tracking import NOBODY, Associator, create_associator
from vidlab.types import Instances
from vidlab.video import read_image

DOG, CAT, MAX_MISSED = 18, 17, 5
SIZE = (80, 120)
GROUND = np.random.default_rng(3).integers(0, 255, (*SIZE, 3), np.uint8)


def associator(**changed) -> Associator:
    return Associator(
        **{"iou": 0.3, "max_missed": MAX_MISSED, "min_score": 0.25, "cut_similarity": 0.85, **changed}
    )


def box(x0: int, x1: int, y0: int = 20, y1: int = 60) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, max(0, x0) : max(0, x1)] = True
    return mask


def found(*masks: np.ndarray, scores=None, classes=None) -> Instances:
    n = len(masks)
    return Instances(
        np.stack(masks) if n else np.zeros((0, *SIZE), bool),
        np.array(scores if scores is not None else [0.9] * n, np.float32),
        np.array(classes if classes is not None else [DOG] * n, np.int64),
    )


def ids(tracks: Associator, *masks: np.ndarray, image: np.ndarray = GROUND, **more) -> list[int]:
    return tracks.step(image, found(*masks, **more)).track_ids.tolist()


# ── crossings ───────────────────────────────────────────────────────────────────────────────────────────────
def identities(clip) -> dict[int, list[int]]:
    """Which identities each disc had, in order."""
    still = FlowFusionParams(
        cut_similarity=0.5
    )  # two discs that move fill so small a picture like a new shot
    tracks = create_associator(still, evidence=EvidenceParams())
    had: dict[int, list[int]] = {0: [], 1: []}
    for image, masks in clip:
        given = tracks.step(image, as_instances(masks)).track_ids.tolist()
        for disc, track_id in zip(masks, given, strict=True):
            had[disc].append(track_id)
    return had


@pytest.mark.parametrize("speed_px", [1, 2, 3, 5, 8, 12])
@pytest.mark.parametrize("apart_px", [0, 8])
def test_objects_that_cross_and_hide_one_another_keep_their_identities(speed_px, apart_px):
    for front in (0, 1):
        had = identities(crossing(speed_px, seed=front, apart_px=apart_px, front=front))
        assert [set(one) for one in had.values()] in ([{1}, {2}], [{2}, {1}])


@pytest.mark.parametrize("speed_px", [2, 4, 8])
def test_dropouts_on_the_way_change_nothing(speed_px):
    for seed in range(3):
        had = identities(crossing(speed_px, seed=seed, apart_px=12, dropouts=0.15))
        assert [set(one) for one in had.values()] in ([{1}, {2}], [{2}, {1}])


def test_the_crossings_do_hide():
    """Or else the tests above would say nothing."""
    for apart_px in (0, 8):
        areas = [masks[1].sum() if 1 in masks else 0 for _, masks in crossing(4, seed=1, apart_px=apart_px)]
        assert min(areas) < 0.4 * max(areas)
    assert any(1 not in masks for _, masks in crossing(3, seed=1))


# ── what founds a track, and what does not ──────────────────────────────────────────────────────────────────
def test_identities_count_from_one_the_surest_first():
    assert ids(associator(), box(5, 25), box(60, 80), scores=[0.5, 0.8]) == [2, 1]


def test_a_repeated_detection_founds_no_track():
    tracks = associator()
    assert ids(tracks, box(10, 40), box(11, 39), scores=[0.9, 0.4]) == [1, 1]
    assert ids(tracks, box(10, 40), box(12, 24), scores=[0.9, 0.4]) == [1, 1]
    assert ids(tracks, box(11, 39), box(10, 40), scores=[0.4, 0.9]) == [1, 1]


def test_two_names_of_one_object_are_one_track():
    assert ids(associator(), box(10, 40), box(10, 39), scores=[0.9, 0.4], classes=[DOG, CAT]) == [1, 1]


def test_an_object_of_another_class_inside_is_an_object():
    assert sorted(ids(associator(), box(10, 60), box(20, 35), classes=[DOG, CAT])) == [1, 2]


def test_a_doubtful_detection_goes_on_with_an_object_and_begins_none():
    tracks = associator()
    assert ids(tracks, box(10, 40), scores=[0.1]) == [NOBODY]
    assert ids(tracks, box(10, 40), scores=[0.9]) == [1]
    for _ in range(2 * MAX_MISSED):
        assert ids(tracks, box(10, 40), scores=[0.1]) == [1]
    assert ids(tracks, box(10, 40), box(70, 90), scores=[0.9, 0.1]) == [1, NOBODY]


def test_a_misnamed_object_keeps_its_identity_and_a_stranger_gets_none():
    tracks = associator()
    assert ids(tracks, box(10, 40), classes=[DOG]) == [1]
    assert ids(tracks, box(10, 40), classes=[CAT]) == [1]
    assert ids(tracks, box(10, 40), classes=[DOG]) == [1]
    assert ids(tracks, box(30, 70), classes=[CAT]) == [2]  # beside it, another animal


def test_an_empty_mask_is_nobody():
    assert ids(associator(), np.zeros(SIZE, bool), box(10, 40)) == [NOBODY, 1]


# ── what ends a track ───────────────────────────────────────────────────────────────────────────────────────
@given(missed=st.integers(0, 2 * MAX_MISSED))
@settings(max_examples=12, deadline=None)
def test_an_identity_outlives_as_many_misses_as_it_may(missed):
    tracks = associator()
    assert ids(tracks, box(10, 40)) == [1]
    for _ in range(missed):
        assert ids(tracks) == []
    assert ids(tracks, box(10, 40)) == [1 if missed <= MAX_MISSED else 2]


def test_a_cut_ends_every_identity():
    tracks = associator()
    assert ids(tracks, box(10, 40)) == [1]
    other = np.random.default_rng(9).integers(0, 255, (*SIZE, 3), np.uint8)
    assert ids(tracks, box(10, 40), image=other) == [2]


def test_another_picture_size_is_another_clip():
    tracks = associator()
    ids(tracks, box(10, 40))
    small = Instances(np.ones((1, 30, 40), bool), np.ones(1, np.float32), np.array([DOG]))
    assert tracks.step(GROUND[:30, :40], small).track_ids.tolist() == [2]


def test_reset_begins_again_at_one():
    tracks = associator()
    ids(tracks, box(10, 40))
    tracks.reset()
    assert ids(tracks, box(60, 90)) == [1]


def test_memory_ends_with_the_tracks():
    tracks = associator()
    for i in range(60):
        ids(tracks, box(0, 10) if i % 12 == 0 else box(50, 60, 2 * (i % 12), 2 * (i % 12) + 3))
    assert len(tracks._tracks) <= 2 * MAX_MISSED


# ── order ───────────────────────────────────────────────────────────────────────────────────────────────────
@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 100), st.integers(5, 30), st.sampled_from([0.1, 0.5, 0.9])), max_size=5
        ),
        min_size=1,
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=40, deadline=None)
def test_identities_do_not_depend_on_the_order_of_detections(schedule, random):
    one, other = associator(), associator()
    for frame in schedule:
        masks = [box(x, x + width) for x, width, _ in frame]
        scores = [score for *_, score in frame]
        order = random.sample(range(len(frame)), len(frame))
        first = ids(one, *masks, scores=scores)
        second = ids(other, *[masks[i] for i in order], scores=[scores[i] for i in order])
        shuffled = [frame[i] for i in order]  # which of two equal detections is which, nobody can tell
        assert sorted(zip(frame, first, strict=True)) == sorted(zip(shuffled, second, strict=True))


def test_detections_come_back_as_they_were():
    given_ones = found(box(10, 40), box(60, 80), scores=[0.4, 0.9], classes=[DOG, CAT])
    got = associator().step(GROUND, given_ones)
    assert got.masks is given_ones.masks
    assert got.scores.tolist() == given_ones.scores.tolist()
    assert given_ones.track_ids is None


# ── real ────────────────────────────────────────────────────────────────────────────────────────────────────
@needs_real
@pytest.mark.parametrize(
    ("name", "class_id"), [("lucia", 1), ("rollerblade", 1), ("dog", 18), ("blackswan", 16)]
)
def test_the_object_of_a_real_clip_is_one_track(name, class_id):
    folder = REAL / "sequences" / name
    tracks = create_associator(method_params("median"), evidence=EvidenceParams())
    seen = set()
    detected = CocoMasks(folder / "yolov8n_seg.json", size_hw=None)
    for path, detections in zip(sorted((folder / "frames").iterdir())[:25], detected, strict=False):
        wanted = detections.where((detections.class_ids == class_id) & (detections.scores >= 0.05))
        tracked = tracks.step(read_image(path), wanted)
        seen |= set(tracked.track_ids[tracked.scores >= 0.25].tolist())
    assert len(seen) == 1
