"""Every tracker by what all of them promise, and each by what its paper says."""

from dataclasses import replace

import numpy as np
import pytest
from crossing import as_instances, crossing
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.errors import MaskError, ParameterError, ShapeError
from vidlab.params import (
    METHODS,
    TRACKER_PARAMS,
    ByteTrackParams,
    DeepSortParams,
    EvidenceParams,
    SortParams,
    method_params,
    tracker_params,
)
from vidlab.synthetic.crossings import crossing_clip
from vidlab.tracking import (
    NOBODY,
    TRACKERS,
    Associator,
    create_associator,
    create_method_tracker,
    create_tracker,
    ids_of,
    one_each,
)
from vidlab.tracking.matching import best_pairs
from vidlab.types import Instances

DOG, CAT = 18, 17
SIZE = (80, 160)
GROUND = np.random.default_rng(3).integers(0, 255, (*SIZE, 3), np.uint8)
NAMES = [name for name in TRACKERS if name != "given"]
BOXES = ["sort", "deepsort", "bytetrack"]  # trackers that know boxes, not pixels
MIN_HITS = {name: getattr(TRACKER_PARAMS[name](), "min_hits", 1) for name in NAMES}
every_tracker = pytest.mark.parametrize("name", NAMES)
every_box_tracker = pytest.mark.parametrize("name", BOXES)


def box(x0: float, width: int = 20, y0: int = 20, height: int = 40) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[max(0, y0) : y0 + height, max(0, round(x0)) : max(0, round(x0) + width)] = True
    return mask


def found(*masks: np.ndarray, scores=None, classes=None) -> Instances:
    n = len(masks)
    return Instances(
        np.stack(masks) if n else np.zeros((0, *SIZE), bool),
        np.array(scores if scores is not None else [0.9] * n, np.float32),
        np.array(classes if classes is not None else [DOG] * n, np.int64),
    )


def ids(tracker, *masks: np.ndarray, image: np.ndarray = GROUND, **more) -> list[int]:
    return tracker.step(image, found(*masks, **more)).track_ids.tolist()


def settled(name: str, *masks: np.ndarray, **changed):
    """A tracker that has given every one of some detections an identity."""
    tracker = create_tracker(name, params=replaced(name, **changed))
    for _ in range(MIN_HITS[name]):
        had = ids(tracker, *masks)
    assert sorted(had) == list(range(1, len(masks) + 1))
    return tracker, had


def replaced(name: str, **changed):
    return TRACKER_PARAMS[name]().model_copy(update=changed)


# ── the registry ────────────────────────────────────────────────────────────────────────────────────────────
def test_every_name_has_numbers_and_a_builder() -> None:
    assert set(TRACKERS) == set(TRACKER_PARAMS)
    for name, spec in TRACKERS.items():
        tracker = create_tracker(name)
        tracker.reset()
        assert spec.description
        assert tracker.step(GROUND, found()).track_ids.tolist() == []


def test_unknown_names_and_foreign_numbers_are_refused() -> None:
    with pytest.raises(ParameterError, match="unknown tracker 'kcf'; choose from: flow, sort"):
        create_tracker("kcf")
    with pytest.raises(ParameterError, match="params of sort must be SortParams, got ByteTrackParams"):
        create_tracker("sort", params=ByteTrackParams())
    with pytest.raises(ParameterError, match="unknown setting 'gallery'"):
        tracker_params("sort", ["gallery=3"])


def test_the_numbers_are_those_of_the_papers() -> None:
    sort, deep, byte = SortParams(), DeepSortParams(), ByteTrackParams()
    assert (sort.max_missed, sort.min_hits) == (1, 3)
    assert (deep.gate, deep.gallery, deep.max_missed, deep.min_hits) == (9.4877, 100, 30, 3)
    assert (byte.min_score, byte.min_iou, byte.max_missed) == (0.6, 0.2, 30)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_follows_by_flow_unless_told_otherwise(method: str) -> None:
    params, evidence = method_params(method), EvidenceParams()
    assert params.tracker == "flow"
    chosen, known = (
        create_method_tracker(params, evidence=evidence),
        create_associator(params, evidence=evidence),
    )
    assert type(chosen) is Associator
    for image, masks in crossing(4, seed=2, apart_px=6, dropouts=0.1):
        seen = as_instances(masks)
        assert chosen.step(image, seen).track_ids.tolist() == known.step(image, seen).track_ids.tolist()


@pytest.mark.parametrize("name", [*NAMES, "given"])
def test_a_method_gives_its_tracker_its_own_numbers(name: str) -> None:
    params = method_params("median", [f"tracker={name}", "track_max_missed=2"])
    tracker = create_method_tracker(params, evidence=EvidenceParams())
    if name == "given":
        return
    for _ in range(4):
        ids(tracker, box(30))
    for _ in range(2):
        ids(tracker)
    assert ids(tracker, box(30)) == [1]
    for _ in range(3):
        ids(tracker)
    for _ in range(4):
        last = ids(tracker, box(30))
    assert last == [2]


# ── what all of them promise ────────────────────────────────────────────────────────────────────────────────
@every_tracker
@pytest.mark.parametrize("speed_px", [0, 1, 3])
def test_objects_that_never_meet_keep_their_names(name: str, speed_px: float) -> None:
    tracker = create_tracker(name)
    had = [
        ids(tracker, box(5 + speed_px * i, y0=4, height=30), box(110 - speed_px * i, y0=44, height=30))
        for i in range(25)
    ]
    assert all(sorted(one) == [1, 2] for one in had[MIN_HITS[name] :])
    assert len({tuple(one) for one in had[MIN_HITS[name] :]}) == 1


@every_tracker
@pytest.mark.parametrize("looks", ["unlike", "alike"])
def test_drawn_people_who_never_meet_are_perfect(name: str, looks: str) -> None:
    clip = crossing_clip("apart", looks=looks, detector="exact", seed=4, size_hw=(120, 214), n_frames=16)
    tracker = create_tracker(name)
    had: dict[int, set[int]] = {}
    for frame, seen in clip:
        tracked = tracker.step(frame.image, seen)
        if frame.index < MIN_HITS[name]:
            continue
        for mask, one in zip(frame.instances.masks, frame.instances.track_ids.tolist(), strict=True):
            (row,) = np.flatnonzero((tracked.masks & mask).sum(axis=(1, 2)) > 0.5 * mask.sum())
            had.setdefault(one, set()).add(int(tracked.track_ids[row]))
    assert sorted(len(names) for names in had.values()) == [1, 1]
    assert NOBODY not in set.union(*had.values())


@every_tracker
def test_detections_come_back_as_they_were(name: str) -> None:
    given_ones = found(box(10), box(60), scores=[0.7, 0.9], classes=[DOG, CAT])
    got = create_tracker(name).step(GROUND, given_ones)
    assert got.masks is given_ones.masks
    assert got.scores.tolist() == given_ones.scores.tolist()
    assert given_ones.track_ids is None


@every_tracker
def test_reset_begins_again_at_one(name: str) -> None:
    tracker, _ = settled(name, box(10), box(100))
    tracker.reset()
    for _ in range(MIN_HITS[name]):
        had = ids(tracker, box(60))
    assert had == [1]


@every_tracker
def test_no_name_is_given_twice(name: str) -> None:
    tracker, seen = create_tracker(name), []
    for i in range(60):
        seen.append(ids(tracker, box(10)) if i // 4 % 2 == 0 else ids(tracker, box(110, y0=30)))
    had = [one for (one,) in seen if one != NOBODY]
    firsts = [one for place, one in enumerate(had) if one not in had[:place]]
    assert firsts == list(range(1, len(firsts) + 1))


@every_tracker
def test_a_name_outlives_as_many_misses_as_it_may(name: str) -> None:
    for missed, comes_back in ((3, True), (4, False)):
        tracker, _ = settled(name, box(40), max_missed=3)
        for _ in range(missed):
            assert ids(tracker) == []
        for _ in range(MIN_HITS[name]):
            had = ids(tracker, box(40))
        assert had == [1 if comes_back else 2]


@every_tracker
def test_frames_without_anything_are_frames(name: str) -> None:
    tracker = create_tracker(name)
    for _ in range(3):
        assert tracker.step(GROUND, found()).track_ids.shape == (0,)


@every_tracker
def test_an_empty_mask_is_nobody(name: str) -> None:
    tracker = create_tracker(name)
    for _ in range(4):
        had = ids(tracker, np.zeros(SIZE, bool), box(40))
    assert had == [NOBODY, 1]


@every_box_tracker
@pytest.mark.parametrize("side", [1, 2, 4])
def test_the_smallest_boxes_are_followed(name: str, side: int) -> None:
    tracker = create_tracker(name)
    step = 1 if side > 2 else 0  # whole pixels: what is smaller would leave itself in one step
    had = [ids(tracker, box(20 + step * i, width=side, height=side)) for i in range(12)]
    assert {one for (one,) in had[MIN_HITS[name] :]} == {1}


@every_tracker
def test_what_fills_the_picture_is_followed(name: str) -> None:
    tracker, _ = settled(name, np.ones(SIZE, bool))
    assert ids(tracker, np.ones(SIZE, bool)) == [1]


@every_box_tracker
def test_another_class_in_the_same_place_is_another_object(name: str) -> None:
    tracker, _ = settled(name, box(40))
    for _ in range(MIN_HITS[name]):
        had = ids(tracker, box(40), classes=[CAT])
    assert had == [2]


@every_tracker
def test_memory_ends_with_the_tracks(name: str) -> None:
    tracker = create_tracker(name, params=replaced(name, max_missed=3))
    rng = np.random.default_rng(1)
    for _ in range(80):
        ids(tracker, box(float(rng.uniform(0, 140)), y0=int(rng.integers(0, 40))))
    assert len(tracker._tracks) < 30


@every_tracker
@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 130), st.integers(4, 30), st.sampled_from([0.15, 0.65, 0.9])),
            max_size=4,
            unique_by=lambda one: one[:2],
        ),
        min_size=2,
        max_size=6,
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=15, deadline=None)
def test_names_do_not_depend_on_the_order_of_detections(name: str, schedule, random) -> None:
    one, other = create_tracker(name), create_tracker(name)
    for frame in schedule:
        masks = [box(x, width) for x, width, _ in frame]
        scores = [score for *_, score in frame]
        order = random.sample(range(len(frame)), len(frame))
        first = ids(one, *masks, scores=scores)
        second = ids(other, *[masks[i] for i in order], scores=[scores[i] for i in order])
        shuffled = [frame[i] for i in order]
        assert sorted(zip(frame, first, strict=True)) == sorted(zip(shuffled, second, strict=True))
        named = [one_id for one_id in first if one_id != NOBODY]
        assert name == "flow" or len(set(named)) == len(named)


# ── each by its paper ───────────────────────────────────────────────────────────────────────────────────────
def crossed(name: str, *, speed_px: float, seed: int = 1, apart_px: int = 0) -> list[list[int]]:
    """The names that each of two discs had, in order, each once."""
    tracker, had = create_tracker(name), ([], [])
    for image, masks in crossing(speed_px, seed=seed, apart_px=apart_px):
        given_ids = tracker.step(image, as_instances(masks)).track_ids.tolist()
        for disc, one in zip(masks, given_ids, strict=True):
            if one != NOBODY and one not in had[disc]:
                had[disc].append(one)
    return list(had)


@every_tracker
@pytest.mark.parametrize(("speed_px", "apart_px"), [(3, 10), (8, 10), (4, 40)])
def test_those_who_pass_beside_one_another_keep_their_names(
    name: str, speed_px: float, apart_px: int
) -> None:
    assert sorted(crossed(name, speed_px=speed_px, apart_px=apart_px)) == [[1], [2]]


def test_sort_forgets_who_is_hidden_and_ours_does_not() -> None:
    """One disc hides the other for several frames: `T_lost` is 1, and boxes know no pixels."""
    assert sorted(crossed("flow", speed_px=2)) == [[1], [2]]
    assert max(len(names) for names in crossed("sort", speed_px=2)) > 1


def test_boxes_take_those_who_turn_around_for_those_who_pass() -> None:
    """A constant velocity says that they passed: the known failure of SORT and ByteTrack, not of looks."""

    def switches(name: str) -> int:
        clip = crossing_clip(
            "turn", looks="unlike", detector="exact", seed=11, size_hw=(180, 320), n_frames=40
        )
        tracker, had = create_tracker(name), {}
        for frame, seen in clip:
            tracked = one_each(tracker.step(frame.image, seen))
            for mask, one in zip(frame.instances.masks, frame.instances.track_ids.tolist(), strict=True):
                rows = np.flatnonzero((tracked.masks & mask).sum(axis=(1, 2)) > 0.5 * mask.sum())
                had.setdefault(one, set()).update(tracked.track_ids[rows].tolist())
        return sum(len(names) - 1 for names in had.values())

    assert switches("sort") > 0
    assert switches("bytetrack") > 0
    assert switches("deepsort") == 0


def test_sort_and_bytetrack_name_at_once_what_a_clip_begins_with() -> None:
    for name in ("sort", "bytetrack"):
        assert ids(create_tracker(name), box(10)) == [1]
    assert ids(create_tracker("deepsort"), box(10)) == [NOBODY]


@every_box_tracker
def test_what_comes_later_must_be_seen_often_enough(name: str) -> None:
    tracker, _ = settled(name, box(10))
    had = [ids(tracker, box(10), box(100))[1] for _ in range(4)]
    hits = MIN_HITS[name]
    assert had == [NOBODY] * (hits - 1) + [2] * (5 - hits)


@every_box_tracker
def test_what_flashes_up_gets_no_name(name: str) -> None:
    tracker, _ = settled(name, box(10))
    for i in range(12):
        had = ids(tracker, box(10), *([box(100)] if i % 2 else []))
        assert had[1:] in ([], [NOBODY])


def test_bytetrack_goes_on_with_doubtful_detections_and_sort_does_not() -> None:
    for name, goes_on in (("bytetrack", True), ("sort", False)):
        tracker, _ = settled(name, box(40))
        had = [ids(tracker, box(40), scores=[0.3]) for _ in range(8)]
        assert had == [[1 if goes_on else NOBODY]] * 8
        assert ids(tracker, box(100), scores=[0.3]) == [NOBODY]


def test_bytetrack_ignores_what_is_not_even_doubtful() -> None:
    tracker, _ = settled("bytetrack", box(40))
    assert ids(tracker, box(40), scores=[0.05]) == [NOBODY]


def test_bytetrack_begins_with_nothing_that_is_less_than_surely_sure() -> None:
    tracker = create_tracker("bytetrack")
    assert [ids(tracker, box(40), scores=[0.65]) for _ in range(5)] == [[NOBODY]] * 5
    tracker, _ = settled("bytetrack", box(40))
    assert ids(tracker, box(40), scores=[0.65]) == [1]  # but goes on with it


def painted(*colors: tuple[int, int, int], at: list[float], width: int = 20) -> np.ndarray:
    image = GROUND.copy()
    for color, x in zip(colors, at, strict=True):
        image[box(x, width)] = color
    return image


RED, BLUE = (200, 30, 30), (30, 30, 200)


def test_deepsort_knows_an_object_again_by_its_looks_when_places_lie() -> None:
    """Two change places in one frame, near enough for the gate: boxes keep the place, looks the object."""
    near, width = [50, 57], 6
    for name, keeps_looks in (("deepsort", True), ("bytetrack", False)):
        tracker = create_tracker(name)
        for _ in range(4):
            before = ids(
                tracker, *(box(x, width) for x in near), image=painted(RED, BLUE, at=near, width=width)
            )
        image = painted(BLUE, RED, at=near, width=width)
        after = ids(tracker, *(box(x, width) for x in near), image=image)
        assert (after == before[::-1]) is keeps_looks


def test_deepsort_believes_no_looks_beyond_the_gate() -> None:
    tracker = create_tracker("deepsort")
    for _ in range(4):
        ids(tracker, box(10), image=painted(RED, at=[10]))
    assert ids(tracker, box(130), image=painted(RED, at=[130])) == [NOBODY]


def test_deepsort_remembers_so_many_looks() -> None:
    tracker = create_tracker("deepsort", params=DeepSortParams(gallery=5))
    for _ in range(12):
        ids(tracker, box(40))
    assert [len(track.looks) for track in tracker._tracks] == [5]


def test_deepsort_asks_first_for_those_seen_last() -> None:
    """The matching cascade: of two tracks with one look, the one seen last has the first say."""
    same = np.ones((1, 1), np.float32)
    tracker = create_tracker("deepsort", embed=lambda image, seen: np.repeat(same, len(seen), axis=0))
    for _ in range(4):
        assert len(ids(tracker, box(40), box(48))) == 2
    stays = ids(tracker, box(48))  # the other one is hidden from now on, and its doubt grows
    for _ in range(4):
        assert ids(tracker, box(44)) == stays


@pytest.mark.parametrize("made", [np.ones((3, 2), np.float32), np.ones((1, 2)), np.ones(2, np.float32)])
def test_looks_of_another_form_are_refused(made: np.ndarray) -> None:
    tracker = create_tracker("deepsort", embed=lambda image, seen: made)
    with pytest.raises(ShapeError, match=r"embed must return float32 \(1, D\) for 1 detections"):
        ids(tracker, box(40))


def test_given_names_are_passed_on() -> None:
    tracker = create_tracker("given")
    named = replace(found(box(10), box(60)), track_ids=np.array([-7, 12]))
    assert tracker.step(GROUND, named).track_ids.tolist() == [NOBODY, 12]
    with pytest.raises(MaskError, match="must come with track_ids to be taken as given, got none"):
        tracker.step(GROUND, found(box(10)))


# ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_worthless_pairs_are_never_made() -> None:
    assert best_pairs(np.zeros((2, 2)), rows=[0, 1], columns=[0, 1]) == []
    assert best_pairs(np.array([[-1.0, 0.2]]), rows=[0], columns=[0, 1]) == [(0, 1)]
    assert best_pairs(np.ones((2, 2)), rows=[1], columns=[0]) == [(1, 0)]


def test_of_several_detections_of_one_object_the_surest_counts() -> None:
    named = replace(
        found(box(1), box(2), box(3), box(4), scores=[0.3, 0.9, 0.8, 0.5]),
        track_ids=np.array([4, 4, NOBODY, 2]),
    )
    kept = one_each(named)
    assert ids_of(kept).tolist() == [2, 4]
    assert kept.scores.tolist() == pytest.approx([0.5, 0.9])
    assert len(one_each(replace(found(), track_ids=np.zeros(0, np.int64)))) == 0
