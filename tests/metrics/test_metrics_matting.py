import json
import math

import numpy as np
import pytest
from conftest import REAL, needs_real
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics.matting import MattingError, dtssd, mad, mse

SIZES = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
BYTES = SIZES.flatmap(lambda size: st.tuples(*(hnp.arrays(np.uint8, size),) * 2))
FLOATS = SIZES.flatmap(
    lambda size: st.tuples(*(hnp.arrays(np.float32, size, elements=st.floats(0, 1, width=32)),) * 2)
)


def slow_frames(preds, targets):
    """(MAD, MSE, dtSSD) of each frame, pixel by pixel, from the formulas; values in [0, 1]."""
    frames = []
    for t in range(len(preds)):
        spots = list(np.ndindex(preds.shape[1:]))
        gaps = [float(preds[(t, *s)]) - float(targets[(t, *s)]) for s in spots]
        change = math.nan
        if t:
            squares = []
            for s in spots:
                ours = float(preds[(t, *s)]) - float(preds[(t - 1, *s)])
                truths = float(targets[(t, *s)]) - float(targets[(t - 1, *s)])
                squares.append((ours - truths) ** 2)
            change = 100 * math.sqrt(sum(squares) / len(spots))
        n = len(spots)
        frames.append((1000 * sum(map(abs, gaps)) / n, 1000 * sum(g * g for g in gaps) / n, change))
    return frames


def stream(preds, targets, compat):
    metric = MattingError(compat=compat)
    frames = [metric.update(pred, target=target) for pred, target in zip(preds, targets, strict=True)]
    return metric, [(frame.mad, frame.mse, frame.dtssd) for frame in frames]


@given(FLOATS)
def test_stream_equals_a_slow_reference_and_the_functions(clips):
    preds, targets = clips
    metric, frames = stream(preds, targets, "strict")
    expected = np.array(slow_frames(preds, targets))
    np.testing.assert_allclose(frames, expected, rtol=1e-12, atol=1e-12)
    for t, (pred, target) in enumerate(zip(preds, targets, strict=True)):
        assert (mad(pred, target), mse(pred, target)) == frames[t][:2]
        if t:
            before = {"previous_pred": preds[t - 1], "previous_target": targets[t - 1]}
            assert dtssd(pred, target, **before) == frames[t][2]
    for column, name in enumerate(("mad", "mse", "dtssd")):
        defined = expected[~np.isnan(expected[:, column]), column]
        mean = defined.mean() if len(defined) else math.nan
        assert metric.compute()[name] == pytest.approx(mean, rel=1e-9, abs=1e-9, nan_ok=True)


@given(BYTES)
def test_bytes_are_shares_of_255(clips):
    preds, targets = clips
    _, frames = stream(preds, targets, "strict")
    np.testing.assert_allclose(frames, slow_frames(preds / 255, targets / 255), rtol=1e-9, atol=1e-9)
    as_floats = [clip.astype(np.float32) / np.float32(255) for clip in clips]
    np.testing.assert_allclose(stream(*as_floats, "strict")[1], frames, rtol=1e-5, atol=1e-4)


@given(FLOATS)
def test_errors_are_symmetric_and_bounded_and_the_truth_has_none(clips):
    preds, targets = clips
    _, frames = stream(preds, targets, "rvm")
    assert stream(targets, preds, "rvm")[1] == frames
    assert all(0 <= m <= 1000 and 0 <= s <= 1000 and 0 <= d <= 200 for m, s, d in frames)
    assert all(s <= m + 1e-9 for m, s, _ in frames)
    assert stream(preds, preds, "rvm")[1] == [(0, 0, 0)] * len(preds)


@given(FLOATS)
def test_an_error_that_stays_is_forgiven(clips):
    shape = clips[0].shape
    still_pred, still_target = (np.broadcast_to(clip[:1], shape) for clip in clips)
    _, frames = stream(still_pred, still_target, "strict")
    assert all(change == 0 for _, _, change in frames[1:])


@given(FLOATS)
def test_the_first_frame_counts_only_by_the_official_rule(clips):
    strict, frames = stream(*clips, "strict")
    official, official_frames = stream(*clips, "rvm")
    assert math.isnan(frames[0][2])
    assert official_frames[0][2] == 0
    assert frames[1:] == official_frames[1:]
    n = len(frames)
    if n > 1:
        expected = strict.compute()["dtssd"] * (n - 1) / n
        assert official.compute()["dtssd"] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    for name in ("mad", "mse"):
        assert strict.compute()[name] == official.compute()[name]


def test_hand_worked_clip():
    target = np.array([[[False, True]], [[False, True]], [[True, True]]])
    pred = np.array([[[0.0, 0.5]], [[0.25, 1.0]], [[1.0, 1.0]]], np.float32)
    _, frames = stream(pred, target, "strict")
    assert [frame[:2] for frame in frames] == [(250, 125), (125, 31.25), (0, 0)]
    assert frames[1][2] == pytest.approx(100 * math.sqrt((0.25**2 + 0.5**2) / 2))
    assert frames[2][2] == pytest.approx(100 * math.sqrt(0.25**2 / 2))  # 0.75 up where the truth went 1 up


def test_a_mask_that_blinks_on_all_pixels_reaches_the_upper_bound():
    off, on = np.zeros((2, 2), bool), np.ones((2, 2), bool)
    assert dtssd(on, off, previous_pred=off, previous_target=on) == 200


def test_values_without_frames_or_pixels_are_undefined():
    for compat in ("strict", "rvm"):
        assert all(math.isnan(value) for value in MattingError(compat=compat).compute().values())
    one, _ = stream(np.ones((1, 2, 2), bool), np.ones((1, 2, 2), bool), "strict")
    assert one.compute() == pytest.approx({"mad": 0, "mse": 0, "dtssd": math.nan}, nan_ok=True)
    no_pixels = np.zeros((3, 0, 4), np.float32)
    _, frames = stream(no_pixels, no_pixels, "strict")
    assert np.isnan(frames).all()


def test_reset_forgets_the_frame_before():
    metric = MattingError(compat="strict")
    metric.update(np.ones((2, 2), bool), target=np.zeros((2, 2), bool))
    metric.reset()
    frame = metric.update(np.zeros((3, 3), bool), target=np.zeros((3, 3), bool))
    assert (frame.mad, frame.mse) == (0, 0)
    assert math.isnan(frame.dtssd)


def test_inputs_are_left_alone_and_not_kept():
    metric = MattingError(compat="strict")
    pred, target = np.zeros((2, 2), np.float32), np.zeros((2, 2), np.uint8)
    metric.update(pred, target=target)
    pred[:], target[:] = 1, 255
    frozen = np.zeros((2, 2), bool)
    frozen.setflags(write=False)
    assert metric.update(frozen, target=frozen).dtssd == 0


def test_rounding_above_one_is_no_error():
    above = np.nextafter(np.ones((2, 2), np.float32), np.float32(2))
    assert mad(above, np.ones((2, 2), bool)) == pytest.approx(0, abs=1e-3)


def test_wrong_arrays_are_refused():
    soft = np.zeros((2, 3), np.float32)
    with pytest.raises(
        ShapeError, match=r"pred must be bool, uint8 or float32 \(H, W\), got float64 \(2, 3\)"
    ):
        mad(soft.astype(float), soft)
    with pytest.raises(ShapeError, match=r"target must be bool, .* got float32 \(1, 2, 3\)"):
        mse(soft, soft[None])
    with pytest.raises(ShapeError, match=r"masks must match, got pred \(2, 3\) and target \(3, 2\)"):
        mad(soft, soft.T)
    with pytest.raises(ShapeError, match=r"got \(3, 2\) in the frame before and \(2, 3\) now"):
        dtssd(soft, soft, previous_pred=soft.T, previous_target=soft.T)
    with pytest.raises(ParameterError, match=r"pred must lie in \[0, 1\], got 0.0\.\.255.0"):
        mad(np.float32([[0, 255]]), np.float32([[0, 1]]))
    with pytest.raises(ParameterError, match=r"target must lie in \[0, 1\], got nan\.\.nan"):
        mad(soft, soft + np.float32(math.nan))
    with pytest.raises(ParameterError, match="unknown compat 'vspw'; choose from: strict, rvm"):
        MattingError(compat="vspw")
    metric = MattingError(compat="rvm")
    metric.update(soft, target=soft)
    with pytest.raises(ShapeError, match=r"got \(2, 3\) in the frame before and \(3, 2\) now"):
        metric.update(soft.T, target=soft.T)


@needs_real
@pytest.mark.parametrize("name", ["lucia", "rollerblade", "car-shadow", "dog", "blackswan"])
def test_every_frame_equals_the_official_code(name):
    golden = json.loads((REAL / "golden" / "dtssd.json").read_text())["sequences"][name]
    strict, rvm, from_floats = (MattingError(compat=compat) for compat in ("strict", "rvm", "rvm"))
    frames, float_frames = [], []
    for t in range(golden["n"]):
        pred, target = (
            np.asarray(Image.open(REAL / "sequences" / name / folder / f"{t:05d}.png"))
            for folder in ("deeplabv3_probs", "truth")
        )
        strict.update(pred, target=target)
        frames.append(rvm.update(pred, target=target))
        if t < 10:
            soft = pred.astype(np.float32) / np.float32(255)
            float_frames.append(from_floats.update(soft, target=target > 127))
    for measure in ("dtssd", "mad", "mse"):
        ours, of_floats = ([getattr(frame, measure) for frame in f] for f in (frames, float_frames))
        exact = golden[{"dtssd": "per_frame_float64"}.get(measure, measure)]
        assert ours == pytest.approx(exact, rel=1e-9)
        assert of_floats == pytest.approx(exact[:10], rel=1e-6)
    assert [frame.dtssd for frame in frames] == pytest.approx(golden["per_frame"], rel=1e-6)
    assert rvm.compute()["dtssd"] == pytest.approx(golden["mean_official_float64"], rel=1e-9)
    assert rvm.compute()["dtssd"] == pytest.approx(golden["mean_official"], rel=1e-6)
    assert strict.compute()["dtssd"] == pytest.approx(golden["mean_over_pairs_float64"], rel=1e-9)
    assert strict.compute()["dtssd"] == pytest.approx(golden["mean_over_pairs"], rel=1e-6)
