"""Whole methods, driven as `jobs.drive` drives them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.jobs.drive import drive
from vidlab.params import METHODS, method_params
from vidlab.temporal import create_stabilizer
from vidlab.temporal.protocol import Evidence, StableFrame
from vidlab.types import Frame

SIZE = (48, 64)
DOG = 18


def picture(shift_px: int = 0, *, seed: int = 0) -> np.ndarray:
    """A textured picture, moved to the right."""
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.random((SIZE[0] // 4, SIZE[1] // 4)), np.ones((4, 4)))
    gray = (np.roll(coarse, shift_px, axis=1) * 255).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


def box(x0: int = 20, x1: int = 40) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[12:36, max(0, x0) : max(0, x1)] = True
    return mask


def evidence(*masks: np.ndarray, strength: float = 0.9, classes: tuple[int, ...] = (DOG,)) -> Evidence:
    raw = np.stack(masks)
    sure = np.array([strength if mask.any() else 0.0 for mask in masks], np.float32)
    return Evidence(classes, raw.astype(np.float32), raw, sure)


def run(method: str, clip: list[tuple[np.ndarray, Evidence]], *settings: str) -> list[StableFrame]:
    stabilizer = create_stabilizer(method_params(method, settings))
    frames = [Frame(image, i, i / 25) for i, (image, _) in enumerate(clip)]
    fed = zip(frames, (e for _, e in clip), range(len(clip)), strict=True)
    results = list(drive(stabilizer, fed))
    assert [kept for _, kept, _ in results] == list(range(len(clip)))
    return [stable for _, _, stable in results]


def union(frames: list[StableFrame]) -> list[np.ndarray]:
    return [frame.masks.any(axis=0) for frame in frames]


NOTHING = np.zeros(SIZE, bool)
STILL = [(picture(), evidence(box()))] * 12
FUSIONS = ["flow_fusion", "flow_fusion_two_pass"]


# ── every method ────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("method", METHODS)
def test_a_still_object_stays_as_it_is(method):
    assert all(np.array_equal(mask, box()) for mask in union(run(method, STILL)))


@pytest.mark.parametrize("method", METHODS)
def test_nothing_stays_nothing(method):
    assert not any(mask.any() for mask in union(run(method, [(picture(), evidence(NOTHING))] * 6)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_frames", [0, 1, 2, 3, 17, 41])
def test_every_frame_has_one_result(method, n_frames):
    assert len(run(method, [(picture(), evidence(box()))] * n_frames)) == n_frames


@pytest.mark.parametrize("method", METHODS)
def test_results_have_the_declared_form(method):
    clip = [(picture(i), evidence(box(), box(0, 10), classes=(1, DOG))) for i in range(5)]
    for stable in run(method, clip):
        assert stable.probs.dtype == np.float32
        assert stable.masks.dtype == bool
        assert stable.probs.shape == stable.masks.shape == (len(stable.class_ids), *SIZE)
        assert len(stable.states) == len(stable.class_ids)
        assert (stable.masks.sum(axis=0) <= 1).all()
        assert stable.probs.min() >= 0
        assert stable.probs.max() <= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_second_run_gives_the_same_bits(method):
    clip = [(picture(i), evidence(box(20 + i, 40 + i) if i % 3 else NOTHING)) for i in range(20)]
    first, second = run(method, clip), run(method, clip)
    assert all(np.array_equal(a.probs, b.probs) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_inputs_are_left_alone(method):
    image, found = picture(), evidence(box())
    before = image.copy(), found.probs.copy(), found.raw.copy()
    run(method, [(image, found)] * 4)
    assert np.array_equal(image, before[0])
    assert np.array_equal(found.probs, before[1])
    assert np.array_equal(found.raw, before[2])


# ── classical filters, by hand ──────────────────────────────────────────────────────────────────────────────
def blinking(pattern: str) -> list[tuple[np.ndarray, Evidence]]:
    return [(picture(), evidence(box() if sign == "x" else NOTHING)) for sign in pattern]


def shown(frames: list[StableFrame]) -> str:
    return "".join("x" if mask.any() else "." for mask in union(frames))


@pytest.mark.parametrize(
    ("method", "settings", "before", "after"),
    [
        ("none", [], "xx.xx", "xx.xx"),
        ("median", ["window=3"], "xx.xx..x..", "xxxxx....."),
        ("moving_average", ["window=5"], "xxx.x.....", "xxxx......"),
        ("gaussian", ["window=3", "sigma=0.3"], "xx.xx", "xx.xx"),  # the neighbors weigh next to nothing
        ("gaussian", ["window=3", "sigma=10"], "xx.xx", "xxxxx"),  # all three weigh alike
        ("exponential", ["alpha=0.4"], "xxx..xx", "xxxx.xx"),  # 1 1 1 .6 .36 .62 .77
    ],
)
def test_filters_by_hand(method, settings, before, after):
    assert shown(run(method, blinking(before), *settings)) == after


def test_a_window_filter_is_late_by_half_its_window():
    assert create_stabilizer(method_params("median", ["window=7"])).delay == 3
    assert create_stabilizer(method_params("exponential")).delay == 0


# ── the stabilizer ──────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("method", FUSIONS)
def test_missed_detections_of_a_moving_object_are_filled_in_where_it_went(method):
    clip = [
        (picture(2 * i), evidence(NOTHING if i in (6, 7, 11) else box(10 + 2 * i, 26 + 2 * i)))
        for i in range(16)
    ]
    for i, mask in enumerate(union(run(method, clip))):
        truth = box(10 + 2 * i, 26 + 2 * i)
        assert (mask & truth).sum() / (mask | truth).sum() > 0.8, i


@pytest.mark.parametrize("method", FUSIONS)
def test_a_false_positive_of_one_frame_is_not_kept(method):
    frames = union(run(method, blinking("..........x..........")))
    assert not any(mask.any() for mask in frames[12:])


@pytest.mark.parametrize("method", FUSIONS)
@given(gone_after=st.integers(1, 12), kept_for=st.integers(5, 25))
@settings(max_examples=12, deadline=None)
def test_a_mask_is_gone_within_the_stated_number_of_frames(method, gone_after, kept_for):
    clip = blinking("x" * kept_for + "." * 30)
    stable = union(run(method, clip, f"gone_after={gone_after}"))
    assert not any(mask.any() for mask in stable[kept_for + gone_after - 1 :])


@pytest.mark.parametrize("method", FUSIONS)
def test_a_doubtful_detection_where_the_object_is_expected_keeps_it(method):
    whisper = Evidence((DOG,), np.zeros((1, *SIZE), np.float32), NOTHING[None], np.zeros(1, np.float32),
                       (0.2 * box()).astype(np.float32)[None])  # fmt: skip
    clip = [(picture(), evidence(box()))] * 6 + [(picture(), whisper)] * 30
    alone = [(picture(), whisper)] * 12
    assert all(
        np.array_equal(mask, box()) for mask in union(run(method, clip, "gone_after=40", "fade_after=40"))
    )
    assert not any(mask.any() for mask in union(run(method, alone)))


def test_the_curves_tell_what_happened():
    states = [frame.states[0] for frame in run("flow_fusion", blinking("xxxx..x"))]
    assert [state.miss_streak for state in states] == [0, 0, 0, 0, 1, 2, 0]
    assert states[5].confidence < states[3].confidence <= 0.9
    assert states[3].area_px == box().sum()


@pytest.mark.parametrize("method", FUSIONS)
def test_nothing_is_carried_across_a_shot_cut(method):
    clip = [(picture(seed=1), evidence(box()))] * 6 + [(picture(seed=2), evidence(NOTHING))] * 6
    stable = run(method, clip)
    assert [frame.is_cut for frame in stable] == [i == 6 for i in range(12)]
    assert all(mask.any() for mask in union(stable)[:6])
    assert not any(mask.any() for mask in union(stable)[6:])
    assert stable[6].flow_to_prev is None


@pytest.mark.parametrize("method", FUSIONS)
def test_an_object_whose_name_changes_stays_one_object(method):
    cat = 17
    names = [DOG, DOG, DOG, cat, DOG, cat, DOG, DOG]
    clip = [
        (picture(), evidence(*(box() if name == c else NOTHING for c in (cat, DOG)), classes=(cat, DOG)))
        for name in names * 2
    ]
    stable = run(method, clip)
    assert all(np.array_equal(mask, box()) for mask in union(stable))
    labels = [frame.class_ids[int(frame.masks.any(axis=(1, 2)).argmax())] for frame in stable[2:]]
    assert set(labels) == {DOG}


@pytest.mark.parametrize("method", FUSIONS)
def test_a_class_that_is_gone_is_forgotten(method):
    clip = [(picture(), evidence(box(), classes=(1,)))] * 3 + [(picture(), evidence(box(0, 8)))] * 60
    assert run(method, clip)[-1].class_ids == (DOG,)


@pytest.mark.parametrize(
    ("switch", "pattern"),
    [("smooth", "xxxxx.xxxx"), ("area_control", "xxxxx.xxxx"), ("carry", "xxxxx.xxxx")],
)
def test_each_step_can_be_switched_off(switch, pattern):
    clip = [
        (picture(3 * i), evidence(box(10 + 3 * i, 20 + 3 * i) if sign == "x" else NOTHING))
        for i, sign in enumerate(pattern)
    ]
    on, off = run("flow_fusion", clip), run("flow_fusion", clip, f"{switch}=false")
    assert any(not np.array_equal(a.probs, b.probs) for a, b in zip(on, off, strict=True))


def test_without_memory_the_raw_masks_come_back():
    clip = [(picture(i), evidence(box(20 + i, 40 + i))) for i in range(6)]
    stable = run("flow_fusion", clip, "memory=0")
    assert all(np.array_equal(m, e.raw[0]) for m, (_, e) in zip(union(stable), clip, strict=True))


def test_the_delay_is_as_declared():
    params = ["look_ahead=5", "chunk=3"]
    stabilizer = create_stabilizer(method_params("flow_fusion_two_pass", params))
    assert stabilizer.delay == 7
    counts = [len(list(stabilizer.step(*one))) for one in STILL]
    assert counts == [0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 3, 0]
    assert len(list(stabilizer.flush())) == 6


# ── lag ─────────────────────────────────────────────────────────────────────────────────────────────────────
def flickering(n_frames: int = 14, *, seed: int = 0) -> list[tuple[np.ndarray, Evidence]]:
    """An object that moves to the right and is missed now and then."""
    rng = np.random.default_rng(seed)
    found = rng.random(n_frames) > 0.3
    return [(picture(t), evidence(box(10 + t, 30 + t) if found[t] else NOTHING)) for t in range(n_frames)]


@pytest.mark.parametrize("lag", range(9))
def test_result_waits_exactly_as_many_frames_as_the_lag_says(lag):
    stabilizer = create_stabilizer(method_params("flow_fusion", [f"lag={lag}"]))
    stabilizer.reset()
    returned = [len(list(stabilizer.step(image, seen))) for image, seen in flickering()]
    assert stabilizer.delay == lag
    assert returned == [0] * lag + [1] * (14 - lag)
    assert len(list(stabilizer.flush())) == lag


def test_no_lag_is_causal_bit_for_bit():
    """What comes later cannot have changed a result: every clip cut short gives the same frames."""
    whole = run("flow_fusion", flickering(), "lag=0")
    for n_frames in (1, 5, 9):
        for now, then in zip(run("flow_fusion", flickering()[:n_frames]), whole, strict=False):
            assert np.array_equal(now.probs, then.probs)
            assert np.array_equal(now.masks, then.masks)


def test_lag_lets_the_future_speak():
    clip = [(picture(), evidence(NOTHING))] * 2 + [(picture(), evidence(box()))] * 10
    assert not union(run("flow_fusion", clip, "lag=0"))[1].any()
    assert union(run("flow_fusion", clip, "lag=8"))[1].any()
