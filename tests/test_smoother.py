"""`vidlab.MaskSmoother`: every form of masks, every method, and the mistakes of newcomers."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_clip import DOG, MISSED, N_FRAMES, PERSON, SIZE_HW, image, true_mask

import vidlab
from vidlab.errors import ParameterError, ShapeError, UsageError
from vidlab.jobs.drive import drive
from vidlab.params import METHODS, EvidenceParams, method_params
from vidlab.smoother import InstanceSmoother, StableMasks
from vidlab.smoother.forms import MOST_LABELS
from vidlab.smoother.instances import NOT_DETECTED
from vidlab.temporal import create_stabilizer
from vidlab.temporal.evidence import to_evidence
from vidlab.types import OBJECT_CLASS_ID, ClassProbs, Frame, Instances

TRUTH = [true_mask(index) for index in range(N_FRAMES)]
RAW = [mask & (index not in MISSED) for index, mask in enumerate(TRUTH)]
CORNER = np.zeros(SIZE_HW, bool)
CORNER[2:10, 60:78] = True
IMAGES = [np.where(CORNER[..., np.newaxis], 255, image(index)).astype(np.uint8) for index in range(N_FRAMES)]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / max(1, (a | b).sum())


def run(smoother: vidlab.MaskSmoother, masks: list[np.ndarray], **more) -> list[StableMasks]:
    done = [
        one for frame, mask in zip(IMAGES, masks, strict=True) for one in smoother.step(frame, mask, **more)
    ]
    return done + smoother.flush()


def in_form(masks: list[np.ndarray], form: str) -> list[np.ndarray]:
    """The same masks as people might hold them."""
    return {
        "mask": lambda: masks,
        "objects": lambda: [
            mask[np.newaxis] if mask.any() else np.zeros((0, *SIZE_HW), bool) for mask in masks
        ],
        "map": lambda: [np.where(mask, 0.9, 0.1).astype(np.float32) for mask in masks],
        "float64": lambda: [mask.astype(np.float64) for mask in masks],
        "maps": lambda: [np.stack([~mask, mask]).astype(np.float32) for mask in masks],
        "labels": lambda: [mask.astype(np.uint8) for mask in masks],
        "0 and 255": lambda: [mask.astype(np.uint8) * np.uint8(255) for mask in masks],
        "int64": lambda: [mask.astype(np.int64) * 18 for mask in masks],
    }[form]()


def as_mask(masks: np.ndarray, form: str) -> np.ndarray:
    """The inverse of `in_form`."""
    if form == "objects":
        return masks.any(axis=0)
    if form == "maps":
        return masks.argmax(axis=0) == 1
    return masks > (0.5 if np.issubdtype(masks.dtype, np.floating) else 0)


FORMS = ("mask", "objects", "map", "float64", "maps", "labels", "0 and 255", "int64")


# ── what it is for ──────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("form", FORMS)
def test_gaps_are_bridged_in_the_form_that_was_given(form):
    smoother = vidlab.MaskSmoother()
    for index, masks in enumerate(in_form(RAW, form)):
        stable = smoother(IMAGES[index], masks)
        assert stable.dtype == masks.dtype
        assert stable.ndim == masks.ndim
        assert stable.shape[-2:] == SIZE_HW
        assert iou(as_mask(stable, form), TRUTH[index]) > 0.85


@pytest.mark.parametrize("form", FORMS)
def test_the_base_line_returns_what_it_was_given(form):
    smoother = vidlab.MaskSmoother("none")
    for index, masks in enumerate(in_form(RAW, form)):
        assert np.array_equal(smoother(IMAGES[index], masks), masks)


@pytest.mark.parametrize("method", METHODS)
def test_it_is_the_stabilizer_of_the_jobs(method):
    params = method_params(method)
    items = []
    for index, mask in enumerate(RAW):
        soft = ClassProbs(mask[np.newaxis].astype(np.float32), (OBJECT_CLASS_ID,))
        rules = EvidenceParams().model_dump()
        items.append(
            (Frame(IMAGES[index], index, index / 25), to_evidence(soft, class_ids=None, **rules), None)
        )
    expected = [stable.masks[0] for _, _, stable in drive(create_stabilizer(params), items)]
    got = run(vidlab.MaskSmoother(method), RAW)
    assert [one.index for one in got] == list(range(N_FRAMES))
    assert all(np.array_equal(one.masks, mask) for one, mask in zip(got, expected, strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_results_come_at_most_delay_frames_late(method):
    smoother = vidlab.MaskSmoother(method)
    n_done = 0
    for n_given, (frame, mask) in enumerate(zip(IMAGES, RAW, strict=True), start=1):
        n_done += len(smoother.step(frame, mask))
        assert n_given - smoother.delay <= n_done <= n_given
    assert n_done + len(smoother.flush()) == N_FRAMES


@pytest.mark.parametrize("method", ["flow_fusion", "flow_fusion_two_pass", "median"])
def test_a_clip_leaves_nothing_behind(method):
    fresh = run(vidlab.MaskSmoother(method), RAW)
    used = vidlab.MaskSmoother(method)
    run(used, in_form(TRUTH[::-1], "labels"))  # flush begins another clip, in another form
    for frame, mask in zip(IMAGES[:3], TRUTH[:3], strict=True):
        used.step(frame, mask)
    used.reset()
    assert used.last is None
    again = run(used, RAW)
    assert [one.index for one in again] == list(range(N_FRAMES))
    assert all(np.array_equal(a.masks, b.masks) for a, b in zip(fresh, again, strict=True))


@pytest.mark.parametrize("method", ["flow_fusion", "flow_fusion_two_pass"])
def test_a_stream_comes_back_with_its_images(method):
    pairs = list(vidlab.MaskSmoother(method).over(zip(IMAGES, RAW, strict=True)))
    assert [frame is own for (frame, _), own in zip(pairs, IMAGES, strict=True)] == [True] * N_FRAMES
    by_step = run(vidlab.MaskSmoother(method), RAW)
    assert all(np.array_equal(mask, one.masks) for (_, mask), one in zip(pairs, by_step, strict=True))


def test_results_unpack_as_index_and_masks():
    (first,) = vidlab.MaskSmoother("none").step(IMAGES[0], RAW[0])
    index, masks = first
    assert (index, masks is first.masks, first.track_ids, first.rows) == (0, True, None, None)


def test_inputs_are_left_alone_and_not_held():
    smoother = vidlab.MaskSmoother("flow_fusion_two_pass", background=None)
    expected = run(vidlab.MaskSmoother("flow_fusion_two_pass", background=None), in_form(RAW, "labels"))
    done = []
    for frame, masks in zip(IMAGES, in_form(RAW, "labels"), strict=True):
        own_image, own_masks = frame.copy(), masks.copy()
        done += smoother.step(own_image, own_masks)
        assert np.array_equal(own_image, frame)
        assert np.array_equal(own_masks, masks)
        own_image[:], own_masks[:] = 0, 7  # a camera's buffer is used again
    done += smoother.flush()
    assert all(np.array_equal(a.masks, b.masks) for a, b in zip(done, expected, strict=True))


def test_channel_order_matters_only_as_it_should():
    rgb, bgr = vidlab.MaskSmoother(), vidlab.MaskSmoother(channel_order="bgr")
    for frame, mask in zip(IMAGES, RAW, strict=True):
        assert np.array_equal(rgb(frame, mask), bgr(frame[..., ::-1], mask))


def test_settings_reach_the_method_and_the_evidence():
    assert vidlab.MaskSmoother("gaussian", window=9).delay == 4
    high = vidlab.MaskSmoother("none", min_score=0.6)
    assert len(high(IMAGES[0], in_form(RAW, "objects")[0], scores=[0.5])) == 0
    assert len(vidlab.MaskSmoother("none")(IMAGES[0], in_form(RAW, "objects")[0], scores=[0.5])) == 1


# ── probabilities and labels ────────────────────────────────────────────────────────────────────────────────
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    threshold=st.sampled_from([0.2, 0.5, 0.7]),
    method=st.sampled_from(["flow_fusion", "exponential", "none"]),
)
def test_a_map_is_above_the_callers_threshold_where_its_mask_is(seed, threshold, method):
    rng = np.random.default_rng(seed)
    probs = rng.random((3, 24, 32)).astype(np.float32)
    smoother = vidlab.MaskSmoother(method, prob_threshold=threshold)
    params = create_stabilizer(method_params(method))
    rules = EvidenceParams(prob_threshold=threshold).model_dump()
    frame = rng.integers(0, 255, (24, 32, 3), np.uint8)
    for soft in probs:
        evidence = to_evidence(ClassProbs(soft[np.newaxis], (OBJECT_CLASS_ID,)), class_ids=None, **rules)
        (stable,) = params.step(frame, evidence)
        got = smoother(frame, soft)
        assert np.array_equal(got > np.float32(threshold), stable.masks[0])
        assert got.min() >= 0
        assert got.max() <= 1


def test_every_pixel_keeps_a_class_without_background():
    rng = np.random.default_rng(2)
    smoother = vidlab.MaskSmoother(background=None)
    for index, truth in enumerate(TRUTH):
        labels = np.where(truth, 3, np.where(CORNER, 7, 0)).astype(np.uint8)
        noisy = np.where(rng.random(SIZE_HW) < 0.1, 7, labels).astype(np.uint8)
        stable = smoother(IMAGES[index], noisy)
        assert set(np.unique(stable)) <= {0, 3, 7}
    assert (stable != labels).mean() < 0.5 * (noisy != labels).mean()


def test_background_may_have_another_label():
    smoother = vidlab.MaskSmoother(background=255)
    for index, mask in enumerate(RAW):
        stable = smoother(IMAGES[index], np.where(mask, 0, 255).astype(np.uint8))
        assert iou(stable == 0, TRUTH[index]) > 0.85


def test_a_class_that_was_never_seen_stays_zero():
    smoother = vidlab.MaskSmoother()
    for index, mask in enumerate(RAW):
        stable = smoother(IMAGES[index], np.stack([mask, np.zeros_like(mask)]).astype(np.float32))
        assert stable.shape == (2, *SIZE_HW)
        assert not stable[1].any()


@pytest.mark.parametrize("form", ["mask", "map", "maps", "labels", "objects"])
@pytest.mark.parametrize("method", ["flow_fusion", "flow_fusion_two_pass", "gaussian", "none"])
def test_nothing_in_gives_nothing_out(form, method):
    nothing = [np.zeros(SIZE_HW, bool)] * N_FRAMES
    masks = [m * 0 for m in in_form(nothing, form)] if form == "maps" else in_form(nothing, form)
    got = run(vidlab.MaskSmoother(method), masks)
    assert len(got) == N_FRAMES
    assert not any(as_mask(one.masks, form).any() for one in got)


# ── objects ─────────────────────────────────────────────────────────────────────────────────────────────────
def two_objects(index: int) -> np.ndarray:
    """The square and the corner, in changing order; the square is missed now and then."""
    rows = [CORNER] if index in MISSED else [TRUTH[index], CORNER]
    return np.stack(rows[::-1] if index % 2 else rows)


def test_objects_keep_their_identity_in_whatever_order_they_come():
    smoother = vidlab.MaskSmoother()
    for index in range(N_FRAMES):
        given_masks = two_objects(index)
        stable = smoother(IMAGES[index], given_masks)
        assert smoother.last.track_ids.tolist() == [1, 2]
        assert not (stable[0] & stable[1]).any()
        for mask, row in zip(stable, smoother.last.rows, strict=True):
            if row != NOT_DETECTED:
                assert iou(mask, given_masks[row]) > 0.85
        by_size = sorted(stable, key=np.count_nonzero)
        assert iou(by_size[0], CORNER) > 0.85
        assert iou(by_size[1], TRUTH[index]) > 0.85
        assert (NOT_DETECTED in smoother.last.rows) == (index in MISSED)


def test_two_objects_of_one_frame_are_two_results_also_when_they_come_late():
    got = run(vidlab.MaskSmoother("flow_fusion_two_pass"), [two_objects(i) for i in range(N_FRAMES)])
    assert [one.index for one in got] == list(range(N_FRAMES))
    assert {tuple(one.track_ids) for one in got} == {(1, 2)}
    assert sum(NOT_DETECTED in one.rows for one in got) == len(MISSED)


def instances(index: int, *, with_ids: bool) -> Instances:
    masks = two_objects(index)
    is_corner = [np.array_equal(mask, CORNER) for mask in masks]
    return Instances(
        masks,
        np.array([0.5 if corner else 0.9 for corner in is_corner], np.float32),
        np.array([PERSON if corner else DOG for corner in is_corner], np.int64),
        np.array([70 if corner else 31 for corner in is_corner], np.int64) if with_ids else None,
    )


@pytest.mark.parametrize("method", ["flow_fusion", "flow_fusion_two_pass"])
@pytest.mark.parametrize("with_ids", [False, True])
def test_instances_keep_class_score_and_the_callers_identity(method, with_ids):
    smoother = InstanceSmoother(method_params(method), evidence=EvidenceParams())
    done = [one for i in range(N_FRAMES) for one in smoother.step(IMAGES[i], instances(i, with_ids=with_ids))]
    done += smoother.flush()
    assert [one.index for one in done] == list(range(N_FRAMES))
    for one in done:
        found = one.instances
        facts = dict(zip(found.class_ids.tolist(), found.scores.tolist(), strict=True))
        assert facts == {DOG: pytest.approx(0.9), PERSON: pytest.approx(0.5)}
        if with_ids:
            ids = dict(zip(found.class_ids.tolist(), found.track_ids.tolist(), strict=True))
            assert ids == {DOG: 31, PERSON: 70}
        own = instances(one.index, with_ids=with_ids)
        for row, class_id in zip(one.rows, found.class_ids, strict=True):
            assert (row == NOT_DETECTED) == (class_id not in own.class_ids)
            assert row == NOT_DETECTED or own.class_ids[row] == class_id


def test_crossing_tracks_of_the_caller_stay_apart():
    def band(x: int) -> np.ndarray:
        mask = np.zeros(SIZE_HW, bool)
        mask[10:40, max(0, x) : x + 12] = True
        return mask

    smoother = InstanceSmoother(method_params("flow_fusion"), evidence=EvidenceParams())
    still = np.full((*SIZE_HW, 3), 90, np.uint8)
    for i in range(20):
        masks = np.stack([band(2 + 3 * i), band(62 - 3 * i)])
        found = Instances(masks, np.ones(2, np.float32), np.full(2, DOG), np.array([5, 6]))
        (one,) = smoother.step(still, found)
    ends = dict(zip(one.instances.track_ids.tolist(), one.instances.masks, strict=True))
    assert np.nonzero(ends[5])[1].mean() > np.nonzero(ends[6])[1].mean()


def test_memory_of_tracks_ends_with_them():
    smoother = InstanceSmoother(method_params("flow_fusion"), evidence=EvidenceParams())
    still = np.full((*SIZE_HW, 3), 90, np.uint8)
    for i in range(200):
        found = Instances(
            CORNER[np.newaxis], np.ones(1, np.float32), np.full(1, DOG), np.array([i // 2], np.int64)
        )
        smoother.step(still, found)
    assert len(smoother._book) < 40


def test_detections_too_weak_to_count_are_not_rows():
    found = Instances(np.stack([CORNER, TRUTH[0]]), np.array([0.01, 0.9], np.float32), np.full(2, DOG))
    (one,) = InstanceSmoother(method_params("none"), evidence=EvidenceParams()).step(IMAGES[0], found)
    assert one.rows.tolist() == [1]
    assert np.array_equal(one.instances.masks[0], TRUTH[0])


def test_of_several_detections_of_one_object_the_surest_is_its_row():
    part = TRUTH[0].copy()
    part[:, : 8 + 12] = False
    masks = np.stack([part, TRUTH[0], CORNER])
    found = Instances(masks, np.array([0.5, 0.9, 0.8], np.float32), np.full(3, DOG))
    (one,) = InstanceSmoother(method_params("none"), evidence=EvidenceParams()).step(IMAGES[0], found)
    assert one.rows.tolist() == [1, 2]
    assert one.instances.scores == pytest.approx([0.9, 0.8])


# ── mistakes ────────────────────────────────────────────────────────────────────────────────────────────────
PICTURE, MASK = IMAGES[0], RAW[0]


@pytest.mark.parametrize(
    ("frame", "masks", "sentence"),
    [
        ("clip.mp4", MASK, r"image must be a NumPy array, uint8 \(H, W, 3\), got str"),
        (PICTURE.astype(np.float32), MASK, r"got float32 \(48, 80, 3\); if it lies in \[0, 1\]"),
        (PICTURE[..., 0], MASK, r"got uint8 \(48, 80\); of a gray picture make three channels"),
        (PICTURE.transpose(2, 0, 1), MASK, r"move the channels to the end, image.transpose\(1, 2, 0\)"),
        (np.zeros((48, 80, 4), np.uint8), MASK, r"leave the fourth channel out, image\[..., :3\]"),
        (PICTURE, [MASK], r"masks must be a NumPy array, bool \(H, W\), .*; got list"),
        (PICTURE, MASK[:9], r"must be \(48, 80\) or \(N, 48, 80\), as large as the image, got \(9, 80\)"),
        (PICTURE, np.zeros((48, 80, 2), bool), r"move the last axis to the front, masks.transpose"),
        (PICTURE, np.zeros((2, 1, 48, 80), bool), r"drop the axis of length 1, masks\[:, 0\]"),
        (PICTURE, np.zeros((2, 48, 80), np.uint8), r"got uint8 \(2, 48, 80\); .* must be bool, write masks"),
        (PICTURE, MASK * 3.5, r"probabilities must lie in \[0, 1\], got 3.5; of logits take the sigmoid"),
        (PICTURE, MASK * -1.0, r"probabilities must lie in \[0, 1\], got -1"),
        (PICTURE, np.full(SIZE_HW, np.nan), r"probabilities must lie in \[0, 1\], got nan"),
        (PICTURE, MASK * -1, r"labels must be 0 or more, got -1"),
        (
            PICTURE,
            np.arange(48 * 80).reshape(48, 80).astype(np.uint8),
            rf"at most {MOST_LABELS} different labels, got 256; if these are probabilities, .* / 255",
        ),
    ],
)  # fmt: skip
def test_wrong_arrays_are_named_with_what_to_do(frame, masks, sentence):
    with pytest.raises(ShapeError, match=sentence):
        vidlab.MaskSmoother()(frame, masks)


def test_methods_that_wait_are_not_called():
    with pytest.raises(
        UsageError, match=r"no delay, got 'gaussian' with 2 frames; use step\(\) and flush\(\)"
    ):
        vidlab.MaskSmoother("gaussian")(PICTURE, MASK)


@pytest.mark.parametrize(
    "second", [MASK.astype(np.uint8), MASK[np.newaxis], MASK.astype(np.float32), np.zeros((2, *SIZE_HW))]
)
def test_the_form_does_not_change_within_a_clip(second):
    smoother = vidlab.MaskSmoother()
    smoother(PICTURE, MASK)
    with pytest.raises(ShapeError, match=r"masks must keep the form and size .* call reset\(\) before"):
        smoother(PICTURE, second)
    with pytest.raises(ShapeError, match="masks must keep the form and size"):
        smoother(PICTURE[:20], MASK[:20])
    smoother.reset()
    smoother(PICTURE, second)


def test_a_wrong_frame_leaves_the_smoother_as_it_was():
    expected = run(vidlab.MaskSmoother("gaussian"), RAW)
    smoother = vidlab.MaskSmoother("gaussian")
    done = []
    for frame, mask in zip(IMAGES, RAW, strict=True):
        with pytest.raises(ShapeError):
            smoother.step(frame, mask[:5])
        done += smoother.step(frame, mask)
    done += smoother.flush()
    assert all(np.array_equal(a.masks, b.masks) for a, b in zip(done, expected, strict=True))


def test_wrong_settings_are_named():
    with pytest.raises(ParameterError, match="unknown method 'magic'; choose from: none"):
        vidlab.MaskSmoother("magic")
    with pytest.raises(ParameterError, match="unknown setting 'memroy'; choose from: "):
        vidlab.MaskSmoother(memroy=0.5)
    with pytest.raises(ParameterError, match=r"memory must lie in \[0, 1\), got 2"):
        vidlab.MaskSmoother(memory=2)
    with pytest.raises(ParameterError, match=r"min_score must lie in \[0, 1\], got 2"):
        vidlab.MaskSmoother(min_score=2)
    with pytest.raises(ParameterError, match="channel_order must be 'rgb' or 'bgr', got 'gbr'"):
        vidlab.MaskSmoother(channel_order="gbr")


def test_scores_belong_to_objects():
    with pytest.raises(
        ShapeError, match=r"scores must come with masks of objects, bool \(N, H, W\), got bool"
    ):
        vidlab.MaskSmoother()(PICTURE, MASK, scores=[0.5])
    with pytest.raises(ShapeError, match=r"one score per mask, got \(2,\) for 1 masks"):
        vidlab.MaskSmoother()(PICTURE, MASK[np.newaxis], scores=[0.5, 0.6])


def test_track_ids_come_in_every_frame_or_in_none():
    smoother = InstanceSmoother(method_params("flow_fusion"), evidence=EvidenceParams())
    smoother.step(IMAGES[0], Instances.empty(SIZE_HW))  # says nothing about ids
    smoother.step(IMAGES[0], instances(0, with_ids=True))
    smoother.step(IMAGES[1], Instances.empty(SIZE_HW))
    with pytest.raises(UsageError, match="every frame or in none, got none in this frame and ids before"):
        smoother.step(IMAGES[2], instances(2, with_ids=False))


def test_the_package_offers_it_without_loading_it():
    code = (
        "import sys, vidlab; before = 'cv2' in sys.modules; "
        "print(before, 'MaskSmoother' in vidlab.__all__, vidlab.MaskSmoother.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "MaskSmoother"]
    with pytest.raises(AttributeError, match="module 'vidlab' has no attribute 'MaskSmother'"):
        _ = vidlab.MaskSmother
