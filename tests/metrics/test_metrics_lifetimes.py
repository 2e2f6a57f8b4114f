import math
from collections import deque
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics.lifetimes import Lifetimes, LifetimeSummary
from vidlab.metrics.overlap import iou

CLIP_PAIRS = st.tuples(st.integers(1, 8), st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape), st.lists(
        st.booleans(), min_size=shape[0], max_size=shape[0]
    ))
)  # fmt: skip
NOTHING = LifetimeSummary(0, 0, 0, math.nan, 0, 0, 0, 0.0, 0, 0.0)


def summarize(preds, targets, *, found_iou=0.5, kept_frames=3):
    metric = Lifetimes(found_iou=found_iou, kept_frames=kept_frames)
    fates = [metric.update(pred, target=target) for pred, target in zip(preds, targets, strict=True)]
    return fates, metric.compute()


def flags(text: str) -> np.ndarray:
    """One frame per letter: # shows the object, which is one pixel."""
    return np.array([[[letter == "#"]] for letter in text.replace(" ", "")])


def pieces(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    """Flood fill over eight neighbours."""
    left, found = {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}, []
    while left:
        queue, piece = deque([left.pop()]), set()
        while queue:
            y, x = queue.popleft()
            piece.add((y, x))
            neighbours = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= neighbours
            queue.extend(neighbours)
        found.append(piece)
    return found


def slow_areas(preds, targets):
    """Ghost and false area of each frame, piece by piece and pixel by pixel."""
    for t, pred in enumerate(preds):
        ghost = false = 0
        for piece in pieces(pred):
            if any(abs(y - v) <= 1 and abs(x - u) <= 1 for y, x in piece for v, u in np.argwhere(targets[t])):
                continue
            seen = sum(any(targets[k, y, x] for k in range(t)) for y, x in piece)
            if 2 * seen >= len(piece):
                ghost += len(piece)
            else:
                false += len(piece)
        yield ghost, false


def slow_runs(preds, targets, *, found_iou, kept_frames):
    """Latency, births, unborn, dropouts and dropout frames, looking at whole runs at once."""
    present = "".join("#" if target.any() else " " for target in targets)
    found = "".join(
        "+" if target.any() and iou(pred, target) >= found_iou else "-"
        for pred, target in zip(preds, targets, strict=True)
    )
    latencies, unborn, dropouts, dropout_frames, start = [], 0, 0, 0, 0
    for run in present.split(" "):
        seen = found[start : start + len(run)]
        start += len(run) + 1
        if not run:
            continue
        born = next(
            (i for i in range(len(seen)) if all(c == "+" for c in seen[i : i + kept_frames])), len(seen)
        )
        latencies.append(born)
        unborn += born == len(seen)
        dropout_frames += seen[born:].count("-")
        dropouts += sum(map(bool, seen[born:].split("+")))
    mean = sum(latencies) / len(latencies) if latencies else math.nan
    return (present.count("#"), len(latencies) - unborn, unborn, mean, dropouts, dropout_frames)


def test_the_picture_of_the_docstring():
    targets, preds = flags(". . # # # # # # # # # # . . ."), flags(". # . . # # # # . . # # # # .")
    fates, summary = summarize(preds, targets)
    assert summary == LifetimeSummary(
        present_frames=10, births=1, unborn=0, birth_latency_frames=2.0, dropouts=1, dropout_frames=2,
        ghost_frames=2, ghost_area_px=1.0, false_frames=1, false_area_px=1.0,
    )  # fmt: skip
    assert [t for t, fate in enumerate(fates) if fate.dropout] == [8, 9]
    assert [t for t, fate in enumerate(fates) if fate.ghost] == [12, 13]
    assert [t for t, fate in enumerate(fates) if fate.false] == [1]
    assert [t for t, fate in enumerate(fates) if fate.found] == [4, 5, 6, 7, 10, 11]


@pytest.mark.parametrize(
    ("target", "pred", "latency", "unborn", "dropouts", "dropout_frames"),
    [
        ("######", "######", 0, 0, 0, 0),  # there before the clip began, and found at once
        ("######", "..####", 2, 0, 0, 0),
        ("######", "##.###", 3, 0, 0, 0),  # two frames are not kept
        ("######", "###.#.", 0, 0, 2, 2),
        ("######", "###...", 0, 0, 1, 3),
        ("######", "#.#.#.", 6, 1, 0, 0),
        ("######", "#.#..#", 5, 0, 0, 0),  # found up to the end of its run, which leaves no more frames
        ("######", "......", 6, 1, 0, 0),
        ("##.###", "##.###", 0, 0, 0, 0),  # two runs, each shorter than or as long as what is kept
        ("###.###", "######.", 1.5, 1, 0, 0),  # the absence of one frame ends a run: found anew, not kept
        ("##.##", "....#", 1.5, 1, 0, 0),
        ("....", "....", math.nan, 0, 0, 0),
    ],
)
def test_hand_worked_runs(target, pred, latency, unborn, dropouts, dropout_frames):
    _, summary = summarize(flags(pred), flags(target))
    assert summary.birth_latency_frames == pytest.approx(latency, nan_ok=True)
    assert (summary.unborn, summary.dropouts, summary.dropout_frames) == (unborn, dropouts, dropout_frames)


def test_an_object_that_left_and_whose_mask_stays_is_a_ghost_to_the_end():
    targets = np.zeros((8, 9, 12), bool)
    targets[:3, 2:6, 3:8] = True
    preds = np.broadcast_to(targets[0], targets.shape)
    fates, summary = summarize(preds, targets)
    assert [fate.ghost_area_px for fate in fates] == [0, 0, 0, 20, 20, 20, 20, 20]
    assert (summary.ghost_frames, summary.ghost_area_px, summary.false_frames) == (5, 20.0, 0)


def test_a_mask_where_no_object_has_been_is_a_false_alarm_and_no_ghost():
    targets, preds = np.zeros((2, 4, 9), bool), np.zeros((2, 4, 9), bool)
    targets[0, 1:3, 1:3] = True
    preds[1, 1:3, 6:8] = True
    fates, summary = summarize(preds, targets)
    assert (fates[1].false, fates[1].false_area_px, fates[1].ghost) == (True, 4, False)
    assert (summary.false_frames, summary.false_area_px, summary.ghost_area_px) == (1, 4.0, 0.0)


def test_a_piece_is_a_ghost_if_half_of_it_lies_where_an_object_has_been():
    targets = np.zeros((2, 1, 12), bool)
    targets[0, 0, 2:4] = True
    for columns, ghost in ((slice(0, 4), True), (slice(0, 5), False), (slice(3, 5), True)):
        preds = np.zeros_like(targets)
        preds[1, 0, columns] = True
        fates, _ = summarize(preds, targets)
        assert (fates[1].ghost, fates[1].false) == (ghost, not ghost)


def test_what_lags_behind_but_still_touches_its_object_is_no_ghost():
    targets = np.zeros((2, 5, 12), bool)
    targets[0, 1:4, 0:4] = targets[1, 1:4, 4:8] = True
    for gap, ghost in ((0, False), (1, True)):
        preds = np.zeros_like(targets)
        preds[1, 1:4, 0 : 4 - gap] = True
        assert summarize(preds, targets)[0][1].ghost is ghost


def test_two_objects_share_one_union_but_not_one_ghost():
    targets = np.zeros((3, 4, 12), bool)
    targets[:, :, 0:3] = targets[0, :, 8:11] = True
    preds = np.broadcast_to(targets[0], targets.shape)
    fates, summary = summarize(preds, targets, found_iou=0.4)
    assert [fate.found for fate in fates] == [True] * 3
    assert [fate.ghost_area_px for fate in fates] == [0, 12, 12]
    assert (summary.births, summary.unborn, summary.dropouts) == (1, 0, 0)


@given(CLIP_PAIRS, st.sampled_from([0.1, 0.4, 1.0]), st.integers(1, 4))
def test_it_equals_a_slow_reference(case, found_iou, kept_frames):
    preds, targets, absent = case
    targets = targets & ~np.array(absent)[:, None, None]
    fates, summary = summarize(preds, targets, found_iou=found_iou, kept_frames=kept_frames)
    areas = list(slow_areas(preds, targets))
    assert [(fate.ghost_area_px, fate.false_area_px) for fate in fates] == areas
    assert [(fate.ghost, fate.false) for fate in fates] == [(a > 0, b > 0) for a, b in areas]
    expected = slow_runs(preds, targets, found_iou=found_iou, kept_frames=kept_frames)
    values = list(asdict(summary).values())
    assert values[:6] == pytest.approx(list(expected), nan_ok=True)
    for column, (n_frames, mean) in enumerate((values[6:8], values[8:10])):
        some = [area[column] for area in areas if area[column]]
        assert (n_frames, mean) == (len(some), pytest.approx(sum(some) / max(len(some), 1)))


@given(CLIP_PAIRS)
def test_the_truth_itself_is_found_at_once_and_never_lost(case):
    _, targets, absent = case
    targets = targets & ~np.array(absent)[:, None, None]
    _, summary = summarize(targets, targets, found_iou=1.0)
    n_present, n_runs = sum(bool(target.any()) for target in targets), summary.births
    latency = 0.0 if n_present else math.nan
    expected = replace(NOTHING, present_frames=n_present, births=n_runs, birth_latency_frames=latency)
    assert repr(summary) == repr(expected)
    assert (n_runs > 0) == (n_present > 0)


@given(CLIP_PAIRS)
def test_an_empty_prediction_is_never_born(case):
    _, targets, _ = case
    _, summary = summarize(np.zeros_like(targets), targets)
    assert (summary.births, summary.dropouts, summary.ghost_frames, summary.false_frames) == (0, 0, 0, 0)
    present = [False, *(bool(target.any()) for target in targets)]
    assert summary.unborn == sum(now and not before for before, now in pairwise(present))


@given(CLIP_PAIRS)
def test_looking_at_a_summary_and_starting_again_change_nothing(case):
    preds, targets, _ = case
    fates, summary = summarize(preds, targets)
    metric = Lifetimes(found_iou=0.5, kept_frames=3)
    for _ in range(2):
        metric.reset()
        again = []
        for pred, target in zip(preds, targets, strict=True):
            again.append(metric.update(pred, target=target))
            metric.compute()
        assert again == fates
        assert repr(metric.compute()) == repr(summary)


def test_inputs_are_left_alone_and_not_kept():
    pred, target = np.ones((2, 2), bool), np.ones((2, 2), bool)
    metric = Lifetimes(found_iou=0.5, kept_frames=1)
    metric.update(pred, target=target)
    assert pred.all()
    assert target.all()
    target[:] = False
    assert metric.update(pred, target=target).ghost_area_px == 4


def test_nothing_and_one_frame():
    metric = Lifetimes(found_iou=0.1, kept_frames=3)
    assert repr(metric.compute()) == repr(NOTHING)
    one = np.ones((1, 2, 2), bool)
    _, summary = summarize(one, one)
    assert (summary.births, summary.birth_latency_frames) == (1, 0.0)


def test_wrong_input_is_refused():
    with pytest.raises(ParameterError, match=r"found_iou must lie in \(0, 1\], got 0"):
        Lifetimes(found_iou=0, kept_frames=3)
    with pytest.raises(ParameterError, match="kept_frames must be at least 1, got 0"):
        Lifetimes(found_iou=0.1, kept_frames=0)
    metric = Lifetimes(found_iou=0.1, kept_frames=3)
    mask = np.zeros((2, 3), bool)
    with pytest.raises(ShapeError, match=r"target must be bool \(H, W\), got uint8 \(2, 3\)"):
        metric.update(mask, target=mask.view(np.uint8))
    with pytest.raises(ShapeError, match=r"got pred \(2, 3\) and target \(3, 2\)"):
        metric.update(mask, target=mask.T)
    metric.update(mask, target=mask)
    with pytest.raises(ShapeError, match=r"the frames before \(2, 3\) and pred \(3, 2\)"):
        metric.update(mask.T, target=mask.T)
