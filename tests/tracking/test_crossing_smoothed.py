"""Objects that cross, through the whole drop-in smoother: who is who, and whose pixels are whose."""

import numpy as np
import pytest
from crossing import as_instances, crossing

from vidlab.params import METHODS, EvidenceParams, method_params
from vidlab.smoother import InstanceSmoother
from vidlab.smoother.instances import NOT_DETECTED

SETTINGS = {
    "none": [],
    "moving_average": ["follow_motion=true"],
    "median": ["follow_motion=true"],
    "gaussian": ["follow_motion=true"],
    "exponential": ["follow_motion=true"],
    "flow_fusion": [],
    "flow_fusion_two_pass": ["look_ahead=6", "chunk=4"],
}


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


def smoothed(method: str, *, speed_px: float, apart_px: int, missed=frozenset()):
    """Every frame's true masks and what is made of them; disc 1 is missed in some frames."""
    smoother = InstanceSmoother(method_params(method, SETTINGS[method]), evidence=EvidenceParams())
    truth, done, orders = [], [], []
    for index, (image, masks) in enumerate(crossing(speed_px, seed=2, apart_px=apart_px)):
        seen = {disc: mask for disc, mask in masks.items() if disc == 0 or index not in missed}
        truth.append(masks)
        orders.append(list(seen))
        done += smoother.step(image, as_instances(seen))
    return truth, orders, done + smoother.flush()


def test_every_method_is_tried():
    assert set(SETTINGS) == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("speed_px", "apart_px"), [(3, 0), (3, 10), (7, 10)])
def test_objects_that_cross_keep_identity_and_pixels(method, speed_px, apart_px):
    truth, orders, done = smoothed(method, speed_px=speed_px, apart_px=apart_px)
    assert [one.index for one in done] == list(range(len(truth)))
    of_disc: dict[int, set[int]] = {0: set(), 1: set()}
    for one, order in zip(done, orders, strict=True):
        for track_id, row in zip(one.instances.track_ids.tolist(), one.rows.tolist(), strict=True):
            if row != NOT_DETECTED:
                of_disc[order[row]].add(track_id)
    assert sorted(map(len, of_disc.values())) == [1, 1]
    names = {disc: ids.pop() for disc, ids in of_disc.items()}
    assert names[0] != names[1]
    for one, masks in ((done[index], truth[index]) for index in (2, len(truth) - 3)):
        stable = dict(zip(one.instances.track_ids.tolist(), one.instances.masks, strict=True))
        for disc, mask in masks.items():
            assert iou(stable[names[disc]], mask) > 0.7


@pytest.mark.parametrize("method", ["flow_fusion", "flow_fusion_two_pass"])
def test_a_dropout_is_bridged_under_the_same_name(method):
    missed = frozenset({8, 9, 15})
    truth, _, done = smoothed(method, speed_px=2, apart_px=10, missed=missed)
    ids = {tuple(one.instances.track_ids.tolist()) for one in done[:20]}
    assert ids == {(1, 2)}
    for index in missed:
        assert NOT_DETECTED in done[index].rows
        assert max(iou(mask, truth[index][1]) for mask in done[index].instances.masks) > 0.8


def test_what_the_callers_tracker_does_not_follow_is_left_out():
    image, masks = next(iter(crossing(3, seed=2)))
    found = as_instances(masks)
    named = type(found)(found.masks, found.scores, found.class_ids, np.array([-1, 8]))
    (one,) = InstanceSmoother(method_params("none"), evidence=EvidenceParams()).step(image, named)
    assert one.instances.track_ids.tolist() == [8]
    assert one.rows.tolist() == [1]


@pytest.mark.parametrize("method", METHODS)
def test_objects_that_come_and_go_are_forgotten(method):
    smoother = InstanceSmoother(method_params(method, SETTINGS[method]), evidence=EvidenceParams())
    image, masks = next(iter(crossing(3, seed=2)))
    most = 0
    for number in range(160):
        found = as_instances({0: masks[0]})
        named = type(found)(found.masks, found.scores, found.class_ids, np.array([number // 2]))
        smoother.step(image, named)
        most = max(most, len(smoother._book))
    assert most < 60
