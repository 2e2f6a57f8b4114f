"""`supervision.Detections` in and out: stable masks, boxes around them, and everything else carried along."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from tiny_clip import DOG, MISSED, N_FRAMES, PERSON, SIZE_HW, image, true_mask

sv = pytest.importorskip("supervision", reason="supervision is not installed")

from vidlab.errors import ParameterError, ShapeError, UsageError  # noqa: E402
from vidlab.masks.supervision import KEPT_FRAMES, DetectionsSmoother, boxes_of, to_instances  # noqa: E402

TRUTH = [true_mask(index) for index in range(N_FRAMES)]
CORNER = np.zeros(SIZE_HW, bool)
CORNER[2:10, 60:78] = True
IMAGES = [np.where(CORNER[..., np.newaxis], 255, image(index)).astype(np.uint8) for index in range(N_FRAMES)]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / max(1, (a | b).sum())


def detections(index: int, *, tracked: bool = False) -> "sv.Detections":
    """The dog (missed now and then) and the person, in changing order."""
    facts = [("person", PERSON, 0.5, CORNER, 70), ("dog", DOG, 0.9 - index / 100, TRUTH[index], 31)]
    facts = facts[: 1 if index in MISSED else 2]
    facts = facts[::-1] if index % 2 else facts
    names, classes, scores, masks, ids = zip(*facts, strict=True)
    return sv.Detections(
        xyxy=boxes_of(np.stack(masks)),
        mask=np.stack(masks),
        confidence=np.array(scores),
        class_id=np.array(classes),
        tracker_id=np.array(ids) if tracked else None,
        data={"class_name": np.array(names), "note": [f"{name} {index}" for name in names]},
        metadata={"frame": index},
    )


def by_name(found: "sv.Detections") -> dict[str, "sv.Detections"]:
    return {str(name): found[np.array([row])] for row, name in enumerate(found.data["class_name"])}


@pytest.mark.parametrize("method", ["flow_fusion", "flow_fusion_two_pass"])
@pytest.mark.parametrize("tracked", [False, True])
def test_objects_come_back_with_all_that_was_known_of_them(method, tracked):
    smoother = DetectionsSmoother(method)
    done = [one for i in range(N_FRAMES) for one in smoother.step(IMAGES[i], detections(i, tracked=tracked))]
    done += smoother.flush()
    assert [index for index, _ in done] == list(range(N_FRAMES))
    for index, found in done:
        last = index - 1 if index in MISSED else index  # the frame of the dog's last detection
        objects = by_name(found)
        assert set(objects) == {"dog", "person"}
        assert iou(objects["dog"].mask[0], TRUTH[index]) > 0.85
        assert iou(objects["person"].mask[0], CORNER) > 0.85
        assert objects["dog"].confidence[0] == pytest.approx(0.9 - last / 100)
        assert objects["dog"].data["note"] == [f"dog {last}"]
        assert objects["dog"].class_id.tolist() == [DOG]
        assert {int(one.tracker_id[0]) for one in objects.values()} == ({31, 70} if tracked else {1, 2})
        assert not tracked or objects["dog"].tracker_id[0] == 31
        assert found.metadata == {"frame": index}


def test_identities_are_the_same_in_every_frame():
    smoother = DetectionsSmoother()
    seen = {
        (name, int(one.tracker_id[0]))
        for i in range(N_FRAMES)
        for name, one in by_name(smoother(IMAGES[i], detections(i))).items()
    }
    assert len(seen) == 2


def test_boxes_are_those_of_the_stable_masks():
    smoother = DetectionsSmoother()
    for index in range(N_FRAMES):
        found = smoother(IMAGES[index], detections(index))
        assert found.xyxy.dtype == np.float32
        for mask, (x0, y0, x1, y1) in zip(found.mask, found.xyxy.astype(int), strict=True):
            y, x = np.nonzero(mask)
            assert (x.min(), y.min(), x.max() + 1, y.max() + 1) == (x0, y0, x1, y1)


def test_a_frame_without_detections_still_shows_what_is_bridged():
    smoother = DetectionsSmoother()
    for index in range(5):
        smoother(IMAGES[index], replace(detections(3), metadata={}))
    found = smoother(IMAGES[5], sv.Detections.empty())
    assert set(found.data["class_name"]) == {"dog", "person"}
    assert sorted(found.confidence.tolist()) == pytest.approx([0.5, 0.87])
    for _ in range(40):
        found = smoother(IMAGES[5], sv.Detections.empty())
    assert len(found) == 0
    assert found.mask.shape == (0, *SIZE_HW)
    assert found.tracker_id.shape == (0,)


def test_an_empty_clip_stays_empty_and_can_be_drawn():
    found = DetectionsSmoother()(IMAGES[0], sv.Detections.empty())
    assert len(found) == 0
    assert np.array_equal(sv.MaskAnnotator().annotate(IMAGES[0].copy(), found), IMAGES[0])


def test_supervisions_own_tools_take_the_result():
    smoother = DetectionsSmoother(channel_order="bgr")
    for index in range(3):
        found = smoother(IMAGES[index][..., ::-1], detections(index))
    drawn = sv.MaskAnnotator().annotate(IMAGES[0].copy(), found)
    assert not np.array_equal(drawn, IMAGES[0])
    assert len(found[found.class_id == DOG]) == 1
    assert len(sv.Detections.merge([found, found])) == 4


def test_what_is_none_stays_none():
    plain = replace(detections(0), confidence=None, class_id=None, data={}, metadata={})
    found = DetectionsSmoother()(IMAGES[0], plain)
    assert (found.confidence, found.class_id, found.data) == (None, None, {})
    assert len(found) == 2
    assert iou(found.mask.any(axis=0), CORNER | TRUTH[0]) > 0.85


def test_compact_masks_are_read():
    compact = pytest.importorskip("supervision.detection.compact_mask").CompactMask
    dense = detections(0)
    packed = replace(dense, mask=compact.from_dense(dense.mask, dense.xyxy, image_shape=SIZE_HW))
    got, expected = (to_instances(one, size_hw=SIZE_HW).masks for one in (packed, dense))
    assert np.array_equal(got, expected)


def test_weak_detections_do_not_begin_an_object():
    weak = replace(detections(0), confidence=np.array([0.1, 0.9]))
    assert set(DetectionsSmoother()(IMAGES[0], weak).data["class_name"]) == {"dog"}
    both = DetectionsSmoother(min_score=0.05)(IMAGES[0], weak)
    assert set(both.data["class_name"]) == {"dog", "person"}


def test_inputs_are_left_alone():
    given_one, before = detections(1), detections(1)
    smoother = DetectionsSmoother()
    found = smoother(IMAGES[1], given_one)
    found.mask[:], found.xyxy[:], found.confidence[:] = False, 0, 0
    assert given_one == before
    assert smoother(IMAGES[1], given_one).confidence.max() > 0.8


def test_the_memory_of_objects_is_bounded():
    smoother = DetectionsSmoother("none")
    for index in range(KEPT_FRAMES + 60):
        one = replace(detections(4, tracked=True), tracker_id=np.array([index]))
        smoother(IMAGES[4], one)
    assert len(smoother._of_track) == KEPT_FRAMES + 1


def test_reset_begins_another_clip():
    smoother = DetectionsSmoother()
    first = [smoother(IMAGES[i], detections(i)) for i in range(4)]
    smoother.reset()
    assert [smoother(IMAGES[i], detections(i)) for i in range(4)] == first


def test_mistakes_are_worded():
    boxes_only = replace(detections(0), mask=None)
    with pytest.raises(ShapeError, match="detections must have masks, got 2 with boxes only; take a network"):
        DetectionsSmoother()(IMAGES[0], boxes_only)
    with pytest.raises(
        ShapeError, match=r"masks must be as large as the image, \(2, 20, 80\), got \(2, 48, 80\)"
    ):
        DetectionsSmoother()(IMAGES[0][:20], detections(0))
    with pytest.raises(ShapeError, match=r"image must be uint8 \(H, W, 3\), got float64"):
        DetectionsSmoother()(IMAGES[0] / 255, detections(0))
    with pytest.raises(UsageError, match=r"no delay, got 'median' with 2 frames; use step\(\) and flush\(\)"):
        DetectionsSmoother("median")(IMAGES[0], detections(0))
    with pytest.raises(ParameterError, match="unknown setting 'length'"):
        DetectionsSmoother(length=5)
    smoother = DetectionsSmoother()
    smoother(IMAGES[0], detections(0, tracked=True))
    with pytest.raises(UsageError, match="track ids must be given in every frame or in none"):
        smoother(IMAGES[1], detections(1))


def test_without_supervision_the_extra_is_named():
    code = (
        "import sys; sys.modules['supervision'] = None\n"
        "try:\n    import vidlab.masks.supervision\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "needs extra packages; run: pip install 'vidlab[tracking]'" in done.stdout
