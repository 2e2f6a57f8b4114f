"""The rivals of the leaderboard are what their published definitions say, checked by hand."""

import sys

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(ROOT / "benchmarks"))

from rivals import FlowEma, MediapipeSmoothing, ObsEma, Prototype, SupervisionMean, carry_on

from vidlab.jobs.drive import drive
from vidlab.temporal.protocol import Evidence
from vidlab.types import Frame

DOG, CAT = 18, 17
SIZE_HW = (32, 40)
RIVALS = (
    MediapipeSmoothing(ratio=0.7),
    ObsEma(factor=0.85),
    SupervisionMean(length=5),
    FlowEma(alpha=0.3),
    Prototype(memory=0.85),
)


def flat(value, *, strength=1.0, class_id=DOG):
    """Evidence that says the same everywhere."""
    probs = np.full((1, *SIZE_HW), value, np.float32)
    raw = probs > 0.5
    return Evidence((class_id,), probs, raw, np.array([strength * raw.any()], np.float32))


def textured(rng):
    return rng.integers(0, 256, (*SIZE_HW, 3)).astype(np.uint8)


def smoothed(rival, evidence, images=None):
    """Drive a rival over a clip; still pictures, unless others are given."""
    still = textured(np.random.default_rng(0))
    frames = [Frame(still if images is None else images[i], i, i / 25) for i in range(len(evidence))]
    items = zip(frames, evidence, [None] * len(evidence), strict=True)
    return [stable for *_, stable in drive(rival, items)]


def values(rival, evidence):
    """The smoothed probability of each frame, in the middle of the picture."""
    return [float(stable.probs[0, 16, 20]) for stable in smoothed(rival, evidence)]


# ── MediaPipe ───────────────────────────────────────────────────────────────────────────────────────────────
def test_mediapipe_is_least_sure_in_the_middle_and_sure_at_both_ends():
    u = MediapipeSmoothing.uncertainty(np.float32([0.5, 0.0, 1.0, 0.25, 0.75]))
    assert u[0] == 1
    assert u[1:3] == pytest.approx([0, 0], abs=1e-3)
    assert u[3] == u[4]


def test_mediapipe_uncertainty_is_the_squared_entropy_that_it_approximates():
    p = np.linspace(0.001, 0.999, 999)
    entropy = -p * np.log2(p) - (1 - p) * np.log2(1 - p)
    u = MediapipeSmoothing.uncertainty(p.astype(np.float32))
    np.testing.assert_allclose(u, entropy**2, atol=0.03)


def test_mediapipe_by_hand():
    # at p = 0.6: x = 0.01, u = 1 − (0.0568842 − 0.0000748699 − 0.0000578051 + 0.0000029131 − 0.0000000625)
    u = 1 - 0.0567543756
    assert values(MediapipeSmoothing(ratio=0.7), [flat(0.9), flat(0.6)]) == pytest.approx(
        [0.9, 0.6 + 0.3 * 0.7 * u], abs=1e-6
    )


def test_mediapipe_keeps_its_own_result_as_its_past():
    first, second, third = values(MediapipeSmoothing(ratio=1.0), [flat(0.9), flat(0.5), flat(0.5)])
    assert [first, second, third] == pytest.approx(
        [0.9, 0.9, 0.9]
    )  # as unsure as can be: nothing but the past


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.sampled_from(["mediapipe", "obs"]))
@settings(max_examples=25, deadline=None)
def test_hard_masks_pass_mediapipe_and_obs_unchanged(shown, name):
    rival = MediapipeSmoothing(ratio=0.7) if name == "mediapipe" else ObsEma(factor=0.85)
    evidence = [flat(float(here)) for here in shown]
    assert [bool(stable.masks.all()) for stable in smoothed(rival, evidence)] == shown


# ── OBS, supervision ────────────────────────────────────────────────────────────────────────────────────────
def test_obs_ema_by_hand():
    found = values(ObsEma(factor=0.85), [flat(0.0), flat(1.0), flat(0.0)])
    assert found == pytest.approx([0.0, 0.85, 0.1275])


def test_supervision_mean_leaves_out_the_frames_without_the_object():
    shown = [0.6, 0.0, 1.0, 0.8]
    found = values(SupervisionMean(length=5), [flat(p) for p in shown])
    assert found == pytest.approx([0.6, 0.6, 0.8, 0.8])


def test_supervision_mean_forgets_what_is_five_frames_old():
    found = values(SupervisionMean(length=5), [flat(p) for p in (0.6, 1.0, 0, 0, 0, 0, 0)])
    assert found == pytest.approx([0.6, 0.8, 0.8, 0.8, 0.8, 1.0, 0.0])


# ── along the flow ──────────────────────────────────────────────────────────────────────────────────────────
def test_carry_on_follows_the_flow_and_keeps_a_fifth_where_it_is_lost():
    before, now = np.float32([[0, 1, 0, 0]]), np.zeros((1, 4), np.float32)
    flow = np.zeros((1, 4, 2), np.float32) + np.float32([-1, 0])  # everything came from the left
    visible, lost = np.zeros((1, 4), bool), np.ones((1, 4), bool)
    np.testing.assert_allclose(carry_on(before, now, (flow, visible), keep=np.float32(0.7)), [[0, 0, 0.7, 0]])
    np.testing.assert_allclose(
        carry_on(before, now, (flow, lost), keep=np.float32(0.7)), [[0, 0, 0.14, 0]], rtol=1e-6
    )


def test_flow_ema_on_a_still_picture_is_an_ema():
    found = values(FlowEma(alpha=0.3), [flat(1.0), flat(0.0), flat(1.0)])
    assert found == pytest.approx([1.0, 0.7, 0.79], abs=1e-5)


def test_flow_ema_carries_a_moving_square():
    rng = np.random.default_rng(1)
    size_hw = (96, 128)
    world = np.repeat(np.repeat(rng.integers(0, 256, (24, 40), np.uint8), 4, 0), 4, 1)[..., None].repeat(3, 2)
    images = [world[:, 12 - 3 * t : 140 - 3 * t].copy() for t in range(4)]  # all moves right, 3 px per frame
    evidence = []
    for t in range(4):
        probs = np.zeros((1, *size_hw), np.float32)
        if t < 3:  # the last frame shows nothing
            probs[0, 30:60, 40 + 3 * t : 80 + 3 * t] = 1
        evidence.append(Evidence((DOG,), probs, probs > 0.5, np.float32([t < 3])))
    last = smoothed(FlowEma(alpha=0.3), evidence, images)[-1].masks[0]
    expected = np.zeros(size_hw, bool)
    expected[30:60, 49:89] = True
    assert (last & expected).sum() / (last | expected).sum() > 0.9


def test_prototype_by_hand():
    # strengths 1, 0.5 and 0 (nothing found): e = 1, 0.5, 0; with memory 0.8 the new frame weighs 0.2, 0.1, 0
    evidence = [flat(1.0), flat(0.6, strength=0.5), flat(0.0)]
    forwards = [1.0, 0.9 * 1.0 + 0.1 * 0.6, 0.96]
    last = 0.0  # the backward pass begins with the last frame
    middle = 0.9 * last + 0.1 * 0.6
    backwards = [0.8 * middle + 0.2 * 1.0, middle, last]
    expected = [(a + b) / 2 for a, b in zip(forwards, backwards, strict=True)]
    assert values(Prototype(memory=0.8), evidence) == pytest.approx(expected, abs=1e-5)


def test_prototype_lets_a_small_mask_vote_by_its_share_of_the_usual_area():
    whole, half = flat(1.0), flat(1.0)
    half.probs[:, :, 20:] = 0
    half.raw[:, :, 20:] = False
    prototype = Prototype(memory=0.8)
    for evidence in (whole, whole, half):
        prototype.step(textured(np.random.default_rng(0)), evidence)
    assert prototype._votes(DOG) == pytest.approx([1, 1, 0.5])
    assert prototype._votes(CAT) == [0, 0, 0]


# ── all of them ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: type(rival).__name__)
def test_constant_masks_stay_as_they_are(rival):
    for stable in smoothed(rival, [flat(1.0)] * 7):
        assert stable.class_ids == (DOG,)
        assert stable.masks.all()


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: type(rival).__name__)
def test_reset_forgets_the_clip_before(rival):
    again = [flat(0.2), flat(0.8)]
    first = [stable.probs for stable in smoothed(rival, again)]
    smoothed(rival, [flat(1.0)] * 3)
    np.testing.assert_array_equal([stable.probs for stable in smoothed(rival, again)], first)


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: type(rival).__name__)
def test_inputs_are_left_alone_and_classes_do_not_overlap(rival):
    rng = np.random.default_rng(2)
    evidence = []
    for t in range(5):
        ids = (CAT, DOG) if t != 2 else (DOG,)
        probs = rng.random((len(ids), *SIZE_HW), dtype=np.float32)
        evidence.append(Evidence(ids, probs, probs > 0.5, np.ones(len(ids), np.float32)))
    copies = [step.probs.copy() for step in evidence]
    for stable in smoothed(rival, evidence):
        assert stable.masks.sum(axis=0).max() <= 1
        assert 0 <= stable.probs.min() <= stable.probs.max() <= 1
    for step, copy in zip(evidence, copies, strict=True):
        np.testing.assert_array_equal(step.probs, copy)
