"""What the numbers are said to mean, on masks whose mistake is known."""

import math

import numpy as np
import pytest

from vidlab.metrics.clip import ClipMetrics, PairMotion
from vidlab.metrics.summary import ClipSummary
from vidlab.metrics.verdict import CALM_NOISE, LOW_J, explain, explain_change
from vidlab.params import EvaluateParams
from vidlab.synthetic import adversaries

N_FRAMES, STEP_PX, SIZE_HW = 24, 3, (64, 120)
PANNED = np.zeros((*SIZE_HW, 2), np.float32) - np.float32([STEP_PX, 0])  # everything moves to the right
NEW = np.zeros(SIZE_HW, bool)
NEW[:, :STEP_PX] = True  # the left border was not in the picture before
MOTION = PairMotion(PANNED, NEW, ~NEW)


def truth():
    masks = np.zeros((N_FRAMES, *SIZE_HW), bool)
    for t in range(N_FRAMES):
        masks[t, 16:48, 4 + STEP_PX * t : 36 + STEP_PX * t] = True
    return masks


def measure(masks, *, targets=None, motion=MOTION) -> ClipSummary:
    metrics = ClipMetrics(EvaluateParams(davis_t=False))
    for t, mask in enumerate(masks):
        moved = motion if t else None
        target = None if targets is None else targets[t]
        metrics.update(mask, probs=None, target=target, motion=moved, judge=moved, image=None)
    return metrics.compute()


TRUE = measure(truth(), targets=truth())


def words(masks) -> str:
    return "\n".join(explain(measure(masks, targets=truth()), truth=TRUE))


def blinking():
    """Lost in 6 of 24 frames, the last one among them: 11 of 23 pairs have nothing in common."""
    masks = truth()
    masks[3::4] = False
    return masks


def test_the_truth_is_as_calm_as_itself_and_nothing_else_is_said():
    assert explain(TRUE, truth=TRUE) == ["as calm as the truth"]


def test_masks_that_come_and_go_flicker():
    said = words(blinking())
    assert "flickers: 48 % of the mask comes and goes without cause" in said
    assert "in 25 % of the frames the object is missed (J of 0.5 or less)" in said
    assert "the object is lost 6 times while it is still there, for 6 frames" in said


def test_an_empty_mask_is_consistent_and_finds_nothing():
    empty = measure(np.zeros_like(truth()), targets=truth())
    expected = ["every mask is empty: an empty mask is perfectly consistent, and finds nothing"]
    assert explain(empty, truth=TRUE) == explain(empty, truth=None) == expected
    nothing = measure(np.zeros_like(truth()), targets=np.zeros_like(truth()))
    assert explain(nothing, truth=nothing) == ["there is no object, and no mask"]


@pytest.mark.parametrize("name", ["frozen", "full"])
def test_masks_that_stand_still_are_frozen(name):
    assert "frozen: the masks stand still while the truth moves" in words(
        adversaries.ADVERSARIES[name](truth())
    )


@pytest.mark.parametrize("name", ["median", "ema"])
def test_smoothing_blindly_does_not_follow_the_motion(name):
    said = words(adversaries.ADVERSARIES[name](truth()))
    assert "of the mask does not follow the motion: it lags, or is over-smoothed" in said


@pytest.mark.parametrize("name", [*adversaries.ADVERSARIES, "shaken"])
def test_no_wrong_mask_is_called_calm_without_a_word_of_warning(name):
    make = adversaries.ADVERSARIES.get(name, lambda masks: adversaries.shaken(masks, px=4))
    said = explain(measure(make(truth()), targets=truth()), truth=TRUE)
    assert said != ["as calm as the truth"]
    assert said


def test_shaking_that_davis_cannot_see_is_said():
    summary = measure(truth(), targets=truth()).model_copy(
        update={"f_mean": 0.95, "f_2px_mean": 0.41, "jitter_median_px": 4.0}
    )
    (said,) = [line for line in explain(summary, truth=TRUE) if "DAVIS" in line]
    assert said == (
        "F at the DAVIS tolerance (8 px at 480p) is 0.95, but 0.41 at 2 px: outlines shake or lag by 4.0 px "
        f"per frame (the truth's by {TRUE.jitter_median_px:.1f} px), below what DAVIS F can see"
    )
    coarse = summary.model_copy(update={"jitter_median_px": TRUE.jitter_median_px})
    assert "outlines are coarse, or steadily off, below what DAVIS F can see" in "".join(
        explain(coarse, truth=TRUE)
    )


@pytest.mark.parametrize(
    ("update", "sentence"),
    [
        (
            {"excess_flicker": -0.05, "j_mean": 0.95},
            "calmer than the truth by 5.0 points: outlines are smoother",
        ),
        ({"excess_flicker": -0.05, "j_mean": 0.4}, "by 5.0 points, and wrong (J 0.40): over-smoothed"),
        ({"excess_flicker": -CALM_NOISE, "j_mean": LOW_J}, "as calm as the truth"),
        ({"excess_flicker": 0.0, "j_mean": 0.4}, "as calm as the truth, which does not make the masks right"),
        ({"j_mean": 0.31, "consistency_mean": 0.98}, "consistent and wrong: MC is 0.98, but J is 0.31"),
        ({"j_decay": 0.12}, "J falls by 12.0 points from the first quarter of the clip to the last"),
        ({"vc8": 1.0, "vc8_star": 0.2}, "VC8 is 1.00, but 0.20 if masks must also be right"),
        ({"area_cv": 0.4, "area_cv_detrended": 0.01}, "the area follows a trend (CV 0.40, 0.010 about it)"),
        (
            {"ghost_frames": 2, "ghost_area_px": 90.0},
            "2 frames with a ghost, a mask where the object has left (90",
        ),
        ({"birth_latency_frames": 4.0}, "a new object is kept 4.0 frames late"),
        ({"unborn": 1}, "1 appearance of an object never kept"),
        ({"false_frames": 1}, "1 frame with a mask where no object ever was"),
        (
            {"dropouts": 1, "dropout_frames": 3},
            "the object is lost once while it is still there, for 3 frames",
        ),
    ],
)
def test_each_trap_is_named(update, sentence):
    assert sentence in "\n".join(explain(TRUE.model_copy(update=update), truth=TRUE))


def test_ghosts_that_nobody_sees_are_not_named():
    specks = TRUE.model_copy(update={"ghost_frames": 20, "ghost_area_px": 2.0})
    assert explain(specks, truth=TRUE) == ["as calm as the truth"]
    assert explain_change(TRUE, specks) == ["no metric that was measured on both changed by a point"]


def test_what_cannot_be_known_is_said():
    alone = explain(measure(truth(), motion=None), truth=None)
    assert alone == [
        "without truth nobody knows whether the masks are right: empty or frozen ones would look calmer",
        "without the video motion counts as flicker: an object that moves looks unstable",
    ]
    along = explain(measure(truth()), truth=None)
    assert along[0] == "along the motion 100 % of the mask agrees with the frame before (MC)"
    assert len(along) == 2
    assert explain(measure(truth()[:1]), truth=None) == ["one frame alone cannot flicker"]
    assert explain(measure(truth()[:0]), truth=None) == ["there is no frame to judge"]


def test_calm_bought_with_accuracy_is_said():
    smooth = measure(adversaries.median(truth()), targets=truth())
    said = "\n".join(explain_change(TRUE, smooth))
    assert "worse: the headline goes from 1.000 to" in said
    calm = 100 * (smooth.iou_prev_mean - TRUE.iou_prev_mean)
    lost = 100 * (TRUE.jf_mean - smooth.jf_mean)
    assert f"raised adjacent IoU by {calm:.1f} points but lost {lost:.1f} points of accuracy" in said


def test_repaired_masks_are_said_to_be_better():
    said = "\n".join(explain_change(measure(blinking(), targets=truth()), TRUE))
    assert "better: the headline goes from" in said
    assert "gained 25.0 points of accuracy, (J + F) / 2" in said
    assert "excess flicker goes from 47.8 % to 0.0 % of the mask" in said
    assert "fewer frames lost in dropouts: 6 → 0" in said


def test_a_result_that_became_empty_is_said():
    empty = measure(np.zeros_like(truth()), targets=truth())
    assert "the masks became empty, which no measure of calm punishes" in explain_change(TRUE, empty)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (
            {"excess_flicker": 0.1, "jf_mean": 0.9},
            {"excess_flicker": -0.1, "jf_mean": 0.8},
            "excess flicker goes from 10.0 % to -10.0 % of the mask: over-smoothed, calmer than the truth",
        ),
        (
            {"excess_flicker": 0.1},
            {"excess_flicker": -0.05},
            "excess flicker goes from 10.0 % to -5.0 % of the mask: calmer than the truth",
        ),
        (
            {"f_mean": 0.99, "f_2px_mean": 0.9},
            {"f_mean": 0.98, "f_2px_mean": 0.7},
            "F at 2 px lost 20.0 points, of which DAVIS F sees 1.0 points",
        ),
        (
            {"birth_latency_frames": 0.0},
            {"birth_latency_frames": 3.0},
            "new objects are kept 3.0 frames later",
        ),
        ({"ghost_frames": 0}, {"ghost_frames": 3, "ghost_area_px": 99.0}, "more frames with a ghost: 0 → 3"),
    ],
)
def test_each_change_is_named(before, after, sentence):
    said = explain_change(TRUE.model_copy(update=before), TRUE.model_copy(update=after))
    assert any(line.startswith(sentence) for line in said)


def test_without_truth_a_change_is_not_called_better():
    before, after = measure(blinking()), measure(truth())
    said = explain_change(before, after)
    assert said[0].startswith("gained 47.8 points of consistency along the flow (MC); without truth nobody")
    still = [one.model_copy(update={"consistency_mean": None}) for one in (before, after)]
    assert explain_change(*still)[0].startswith("raised adjacent IoU by")
    guessed = (
        before.model_copy(update={"quality_proxy": 0.3}),
        after.model_copy(update={"quality_proxy": 0.4}),
    )
    assert "the quality proxy guesses better: 0.300 → 0.400" in explain_change(*guessed)


def test_every_summary_can_be_put_into_words():
    full = TRUE.model_dump()
    for name, value in full.items():
        if isinstance(value, float) and not math.isnan(value):
            partial = ClipSummary.model_validate({**full, name: None})
            assert explain(partial, truth=TRUE)
            assert explain(TRUE, truth=partial)
            assert explain_change(partial, TRUE)
            assert explain_change(TRUE, partial)
