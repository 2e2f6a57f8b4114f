"""From tracks back to classes."""

import numpy as np
import pytest

from vidlab.jobs.tracks import by_class, drive_tracks, only_track
from vidlab.params import EvidenceParams, method_params
from vidlab.temporal import create_stabilizer
from vidlab.temporal.evidence import track_evidence
from vidlab.temporal.protocol import ClassState, StableFrame
from vidlab.types import Frame, Instances

DOG, CAT = 18, 17
CLASSES = {3: DOG, 5: CAT, 8: DOG}


def state(area_px: int, **changed) -> ClassState:
    facts = {"weight": 0.5, "threshold": 0.5, "confidence": 0.2, "miss_streak": 4, **changed}
    return ClassState(area_px=area_px, **facts)


def frame() -> StableFrame:
    probs = np.array([[[0.9, 0.4, 0.0, 0.0]], [[0.0, 0.1, 0.8, 0.0]], [[0.3, 0.3, 0.0, 0.7]]], np.float32)
    masks = np.array([[[1, 1, 0, 0]], [[0, 0, 1, 0]], [[0, 0, 0, 1]]], bool)
    states = (state(2, threshold=0.45), state(1), state(1, confidence=0.9, miss_streak=0))
    return StableFrame((3, 5, 8), probs, masks, states, None, is_cut=True)


def test_tracks_of_a_class_are_joined():
    joined = by_class(frame(), CLASSES.__getitem__)
    assert joined.class_ids == (CAT, DOG)
    assert joined.probs[0] == pytest.approx(frame().probs[1])
    assert joined.probs[1] == pytest.approx(np.array([[1.0, 0.7, 0.0, 0.7]]))  # a sum, and at most 1
    assert np.array_equal(joined.masks[1], frame().masks[0] | frame().masks[2])
    assert joined.states[1] == state(3, threshold=0.45, confidence=0.9, miss_streak=0)
    assert joined.is_cut


def test_the_union_stays_what_it_was():
    assert np.array_equal(by_class(frame(), CLASSES.__getitem__).masks.any(axis=0), frame().masks.any(axis=0))


def test_inputs_are_left_alone():
    before = frame()
    by_class(before, CLASSES.__getitem__)
    assert np.array_equal(before.probs, frame().probs)
    assert np.array_equal(before.masks, frame().masks)


def test_one_track_alone():
    alone = only_track(frame(), 5)
    assert (alone.class_ids, alone.masks.shape) == ((5,), (1, 1, 4))
    gone = only_track(frame(), 6)
    assert (gone.class_ids, gone.masks.shape, gone.probs.shape) == ((), (0, 1, 4), (0, 1, 4))


def test_nothing_gives_nothing():
    nothing = by_class(only_track(frame(), 6), CLASSES.__getitem__)
    assert (nothing.class_ids, nothing.masks.shape) == ((), (0, 1, 4))


# ── there and back ──────────────────────────────────────────────────────────────────────────────────────────
def detections(track_ids: list[int], scores: list[float]) -> Instances:
    masks = np.eye(len(track_ids), 4, dtype=bool)[:, np.newaxis]
    classes = [CLASSES[track_id] for track_id in track_ids]
    return Instances(masks, np.float32(scores), np.array(classes), np.array(track_ids))


def test_each_track_is_evidence_of_its_own():
    evidence = track_evidence(detections([8, 3], [0.9, 0.8]), rules=EvidenceParams())
    assert evidence.class_ids == (3, 8)
    assert evidence.raw[:, 0].argmax(axis=1).tolist() == [1, 0]


@pytest.mark.parametrize("method", ["none", "flow_fusion_two_pass"])
def test_a_driven_stabilizer_hears_tracks_and_shows_classes(method):
    image = np.zeros((1, 4, 3), np.uint8)
    objects = detections([3, 5, 8], [0.9, 0.9, 0.9])
    evidence = track_evidence(objects, rules=EvidenceParams())
    items = [(Frame(image, index, index / 25), evidence, objects) for index in range(3)]
    stabilizer = create_stabilizer(method_params(method))
    named = [stable for _, _, stable in drive_tracks(stabilizer, items, tracked_of=lambda kept: kept)]
    assert [stable.class_ids for stable in named] == [(CAT, DOG)] * 3
    plain = drive_tracks(stabilizer, items, tracked_of=lambda kept: None)
    assert [stable.class_ids for _, _, stable in plain] == [(3, 5, 8)] * 3
