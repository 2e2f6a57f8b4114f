"""Scores of identities: hand-worked cases, and slow references written from the definitions."""

import tracemalloc
from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.errors import ShapeError
from vidlab.metrics.hota import ALPHAS, HotaAccumulator
from vidlab.metrics.tracking import TrackingMetrics, TrackingScore, box_iou, mask_iou

Frame = tuple[np.ndarray, list[int], list[int]]  # overlap, who is there, who is said to be


def scored(frames: list[Frame], *, match_iou: float = 0.5) -> TrackingScore:
    metrics = TrackingMetrics(match_iou=match_iou)
    for overlap, truth_ids, ids in frames:
        metrics.update(
            np.asarray(overlap, np.float64).reshape(len(truth_ids), len(ids)),
            truth_ids=np.array(truth_ids, np.int64),
            ids=np.array(ids, np.int64),
        )
    return metrics.compute()


def alone(truth: int, said: int | None, overlap: float = 1.0) -> Frame:
    return (np.array([[overlap]]), [truth], [said]) if said is not None else (np.zeros((1, 0)), [truth], [])


# ── hand-worked cases ───────────────────────────────────────────────────────────────────────────────────────
def test_the_truth_is_perfect() -> None:
    score = scored([(np.eye(2), [1, 2], [7, 9])] * 5)
    assert (score.hota, score.deta, score.assa, score.loca) == pytest.approx((1, 1, 1, 1))
    assert (score.mota, score.motp, score.idf1) == pytest.approx((1, 1, 1))
    assert (score.n_switches, score.n_missed, score.n_false, score.n_broken) == (0, 0, 0, 0)
    assert (score.n_objects, score.n_appearances, score.n_frames) == (2, 10, 5)


def test_one_switch_halfway() -> None:
    """4 frames under one name, 4 under another: every TP has TPA 4, FNA 4, FPA 0."""
    score = scored([alone(1, 5)] * 4 + [alone(1, 6)] * 4)
    assert score.deta == pytest.approx(1)
    assert score.assa == pytest.approx(4 / 8)
    assert score.hota == pytest.approx(np.sqrt(1 / 2))
    assert score.n_switches == 1
    assert score.mota == pytest.approx(1 - 1 / 8)
    assert score.idf1 == pytest.approx(2 * 4 / (8 + 8))


def test_misses_and_false_ones() -> None:
    """Found in 6 of 8 frames, and 2 false ones under names of their own."""
    nobody = (np.zeros((0, 1)), [], [8])
    frames = (
        [alone(1, 5)] * 3 + [alone(1, None)] * 2 + [alone(1, 5)] * 3 + [nobody, (np.zeros((0, 1)), [], [9])]
    )
    score = scored(frames)
    assert score.deta == pytest.approx(6 / (6 + 2 + 2))
    assert score.assa == pytest.approx(6 / 8)
    assert score.mota == pytest.approx(1 - (2 + 2 + 0) / 8)
    assert score.idf1 == pytest.approx(2 * 6 / (8 + 8))
    assert (score.n_missed, score.n_false, score.n_switches, score.n_broken) == (2, 2, 0, 1)


def test_two_that_swap_names_after_meeting() -> None:
    """Of 10 frames 6 under the first name: TPA 6 of 6 + 4 + 4, and 4 of 4 + 6 + 6."""
    score = scored([(np.eye(2), [1, 2], [1, 2])] * 6 + [(np.eye(2), [1, 2], [2, 1])] * 4)
    assert score.deta == pytest.approx(1)
    assert score.assa == pytest.approx((6 * (6 / 14) + 4 * (4 / 16)) / 10)
    assert score.n_switches == 2
    assert score.idf1 == pytest.approx(12 / 20)


def test_overlap_decides_at_how_many_alphas_a_detection_is_found() -> None:
    """0.62 reaches 12 of the 19 values of α, 0.05 to 0.60."""
    score = scored([alone(1, 5, 0.62)] * 3)
    assert score.deta == pytest.approx(12 / 19)
    assert score.assa == pytest.approx(12 / 19)
    assert score.loca == pytest.approx((12 * 0.62 + 7) / 19)
    assert score.motp == pytest.approx(0.62)


def test_an_overlap_of_exactly_alpha_counts_at_every_alpha() -> None:
    for number, alpha in enumerate(ALPHAS.tolist(), start=1):
        assert scored([alone(1, 5, alpha)]).deta == pytest.approx(number / 19)


def test_too_little_overlap_is_a_miss_and_a_false_one() -> None:
    score = scored([alone(1, 5, 0.4)] * 2)
    assert (score.n_missed, score.n_false) == (2, 2)
    assert score.mota == pytest.approx(-1)
    assert scored([alone(1, 5, 0.4)] * 2, match_iou=0.3).mota == pytest.approx(1)


def test_as_many_as_possible_are_found_before_names_are_looked_at() -> None:
    """In the last frame name 1 fits both; matching it with its own object would leave the other one out."""
    crowded = (np.array([[0.9, 0.8], [0.7, 0.0]]), [1, 2], [1, 2])
    score = scored([(np.eye(2), [1, 2], [1, 2])] * 5 + [crowded])
    assert score.n_missed == 1  # CLEAR goes on with 1 as 1, and 2 fits nobody
    assert score.deta < 1
    both = (np.array([[0.9, 0.8], [0.7, 0.75]]), [1, 2], [1, 2])
    kept = scored([(np.eye(2), [1, 2], [1, 2])] * 5 + [both])
    assert kept.n_switches == 0


def test_nothing_there_and_nothing_said_is_undefined() -> None:
    score = scored([(np.zeros((0, 0)), [], [])] * 3)
    assert all(np.isnan([score.hota, score.deta, score.assa, score.loca, score.mota, score.idf1]))
    assert score.n_frames == 3


def test_nothing_found_of_what_is_there() -> None:
    score = scored([alone(1, None)] * 3)
    assert (score.hota, score.deta, score.assa, score.loca) == (0, 0, 0, 1)
    assert (score.mota, score.idf1) == (0, 0)
    assert np.isnan(score.motp)


def test_reset_forgets() -> None:
    metrics = TrackingMetrics(match_iou=0.5)
    metrics.update(np.zeros((1, 0)), truth_ids=np.array([1]), ids=np.zeros(0, np.int64))
    metrics.reset()
    metrics.update(np.ones((1, 1)), truth_ids=np.array([1]), ids=np.array([3]))
    assert metrics.compute() == scored([alone(1, 3)])


# ── slow references ─────────────────────────────────────────────────────────────────────────────────────────
def matchings(may_be: np.ndarray) -> Iterator[list[tuple[int, int]]]:
    """Every way to match rows with columns that may be matched, the empty one too."""
    n, m = may_be.shape
    for size in range(min(n, m) + 1):
        for rows in combinations(range(n), size):
            for columns in permutations(range(m), size):
                if all(may_be[i, j] for i, j in zip(rows, columns, strict=True)):
                    yield list(zip(rows, columns, strict=True))


def hota_by_definition(frames: list[Frame]) -> tuple[float, float, float]:
    objects = {one for _, there, _ in frames for one in there}
    tracks = {one for _, _, said in frames for one in said}
    of_object = {one: sum(one in there for _, there, _ in frames) for one in objects}
    of_track = {one: sum(one in said for _, _, said in frames) for one in tracks}
    results = []
    for alpha in [0.05 * k for k in range(1, 20)]:
        possible = {(o, t): 0 for o in objects for t in tracks}
        for overlap, there, said in frames:
            for (i, o), (j, t) in ((a, b) for a in enumerate(there) for b in enumerate(said)):
                possible[o, t] += overlap[i, j] >= alpha - 1e-9
        best = {(o, t): n / (of_object[o] + of_track[t] - n) for (o, t), n in possible.items()}
        found = []
        for overlap, there, said in frames:
            worth = lambda pairs, overlap=overlap, there=there, said=said, best=best: (  # noqa: E731
                len(pairs),
                round(sum(best[there[i], said[j]] for i, j in pairs), 9),  # equal ones are equal
                sum(overlap[i, j] for i, j in pairs),
            )
            found += [(there[i], said[j]) for i, j in max(matchings(overlap >= alpha - 1e-9), key=worth)]
        n_total = sum(of_object.values()) + sum(of_track.values())
        deta = len(found) / (n_total - len(found))
        shares = []
        for o, t in found:
            tpa = found.count((o, t))
            shares.append(tpa / (of_object[o] + of_track[t] - tpa))
        assa = float(np.mean(shares)) if shares else 0.0
        results.append((np.sqrt(deta * assa), deta, assa))
    return tuple(np.mean(results, axis=0))  # type: ignore[return-value]


def clear_by_definition(frames: list[Frame], *, match_iou: float) -> tuple[float, int]:
    """MOTA and switches: go on with what was matched before, then as many, then as near as possible."""
    last: dict[int, int] = {}
    wrong = n_switches = 0
    for overlap, there, said in frames:
        may_be = overlap >= match_iou
        kept = [
            (i, said.index(last[o]))
            for i, o in enumerate(there)
            if last.get(o) in said and may_be[i, said.index(last[o])]
        ]
        free = may_be.copy()
        for i, j in kept:
            free[i, :] = free[:, j] = False
        new = max(matchings(free), key=lambda pairs, o=overlap: (len(pairs), sum(o[i, j] for i, j in pairs)))
        n_switches += sum(there[i] in last and last[there[i]] != said[j] for i, j in new)
        last |= {there[i]: said[j] for i, j in kept + new}
        wrong += len(there) + len(said) - 2 * len(kept + new)
    n_appearances = sum(len(there) for _, there, _ in frames)
    return 1 - (wrong + n_switches) / n_appearances, n_switches


def idf1_by_definition(frames: list[Frame], *, match_iou: float) -> float:
    objects = sorted({one for _, there, _ in frames for one in there})
    tracks = sorted({one for _, _, said in frames for one in said})
    together = np.zeros((len(objects), len(tracks)))
    for overlap, there, said in frames:
        for i, o in enumerate(there):
            for j, t in enumerate(said):
                together[objects.index(o), tracks.index(t)] += overlap[i, j] >= match_iou
    idtp = max(sum(together[i, j] for i, j in pairs) for pairs in matchings(np.ones_like(together, bool)))
    return 2 * idtp / sum(len(there) + len(said) for _, there, said in frames)


def a_clip(seed: int) -> list[Frame]:
    rng = np.random.default_rng(seed)
    frames: list[Frame] = []
    for _ in range(int(rng.integers(1, 7))):
        there = rng.permutation([1, 2, 3])[: rng.integers(0, 4)].tolist()
        said = rng.permutation([4, 5, 6, 7])[: rng.integers(0, 4)].tolist()
        overlap = rng.uniform(0, 1, (len(there), len(said))) ** rng.choice([0.3, 1, 3])
        frames.append((overlap, there, said))
    return frames if any(there for _, there, _ in frames) else [*frames, alone(1, None)]


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_hota_is_what_its_definition_gives(seed: int) -> None:
    frames = a_clip(seed)
    score = scored(frames)
    assert (score.hota, score.deta, score.assa) == pytest.approx(hota_by_definition(frames))


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_mota_and_switches_are_what_their_definition_gives(seed: int) -> None:
    frames = a_clip(seed)
    score = scored(frames)
    assert (score.mota, score.n_switches) == pytest.approx(clear_by_definition(frames, match_iou=0.5))


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_idf1_is_what_its_definition_gives(seed: int) -> None:
    frames = a_clip(seed)
    assert scored(frames).idf1 == pytest.approx(idf1_by_definition(frames, match_iou=0.5))


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_numbers_are_those_of_motmetrics(seed: int) -> None:
    motmetrics = pytest.importorskip("motmetrics")
    frames, events = a_clip(seed), motmetrics.MOTAccumulator(auto_id=True)
    for overlap, there, said in frames:
        events.update(there, said, np.where(overlap >= 0.5, 1 - overlap, np.nan))
    asked = ["mota", "motp", "idf1", "idp", "idr", "num_switches", "num_misses", "num_false_positives"]
    asked += ["num_fragmentations", "num_objects", "num_unique_objects"]
    theirs = motmetrics.metrics.create().compute(events, metrics=asked, return_dataframe=False)
    ours = scored(frames)
    shares = (ours.mota, 1 - ours.motp, ours.idf1, ours.idp, ours.idr)
    counts = (ours.n_switches, ours.n_missed, ours.n_false, ours.n_broken, ours.n_appearances, ours.n_objects)
    assert (*shares, *counts) == pytest.approx(tuple(float(theirs[name]) for name in asked), nan_ok=True)


@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_names_and_order_do_not_matter(seed: int, random) -> None:
    frames = a_clip(seed)
    other = {one: 100 - one for one in range(10)}
    shuffled = []
    for overlap, there, said in frames:
        rows, columns = (random.sample(range(len(side)), len(side)) for side in (there, said))
        names = [other[said[j]] for j in columns]
        shuffled.append((overlap[np.ix_(rows, columns)], [there[i] for i in rows], names))
    first, second = scored(frames), scored(shuffled)
    assert second.hota == pytest.approx(first.hota)
    assert second.idf1 == pytest.approx(first.idf1)
    assert second.n_switches == first.n_switches


# ── overlaps ────────────────────────────────────────────────────────────────────────────────────────────────
@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_masks_overlap_as_counting_pixels_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks, others = (rng.random((int(rng.integers(0, 3)), 5, 6)) < 0.4 for _ in range(2))
    iou = mask_iou(masks, others)
    assert iou.shape == (len(masks), len(others))
    for i, a in enumerate(masks):
        for j, b in enumerate(others):
            assert iou[i, j] == pytest.approx((a & b).sum() / max(1, (a | b).sum()))


def test_boxes_overlap_as_areas_say() -> None:
    boxes = np.array([[0, 0, 4, 4], [2, 0, 6, 4], [9, 9, 9, 9]], np.float64)
    assert box_iou(boxes, boxes).tolist() == [[1, 8 / 24, 0], [8 / 24, 1, 0], [0, 0, 0]]
    assert box_iou(boxes[:0], boxes).shape == (0, 3)


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_one_overlap_for_each_pair_is_asked_for() -> None:
    with pytest.raises(
        ShapeError, match=r"one overlap for each object and detection, got \(2, 1\) for 1 and 1"
    ):
        TrackingMetrics(match_iou=0.5).update(np.ones((2, 1)), truth_ids=np.array([1]), ids=np.array([1]))


def test_nobody_is_in_a_frame_twice() -> None:
    with pytest.raises(ShapeError, match=r"identities must be in a frame once each, got \[4, 4\]"):
        TrackingMetrics(match_iou=0.5).update(np.ones((1, 2)), truth_ids=np.array([1]), ids=np.array([4, 4]))


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(ShapeError, match="masks must match"):
        mask_iou(np.ones((1, 2, 2), bool), np.ones((1, 2, 3), bool))


def test_old_frames_rest_on_disk() -> None:
    """HOTA alone needs every frame's overlaps once more: none of them stays in memory."""
    hota = HotaAccumulator()
    for _ in range(200):
        hota.update(np.eye(3), truth_ids=np.arange(3), ids=np.arange(3))
    assert hota._frames.n_bytes == 200 * 8 * (3 + 3 + 9)
    assert hota.compute().hota == pytest.approx(1)


def test_memory_is_for_who_was_there_not_for_when() -> None:
    metrics = TrackingMetrics(match_iou=0.5)

    def fed(n_frames: int) -> int:
        for _ in range(n_frames):
            metrics.update(np.eye(2), truth_ids=np.array([1, 2]), ids=np.array([1, 2]))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = fed(50)
        grown = fed(1000) - before
    finally:
        tracemalloc.stop()
    assert grown / 1000 < 200  # bytes per frame: an hour at 30 frames/s stays below 25 MB
