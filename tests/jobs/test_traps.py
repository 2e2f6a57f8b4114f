"""The traps for metrics: drawn clips, what is wrong on purpose, and the pictures of who falls for it."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from vidlab.errors import ParameterError, ShapeError
from vidlab.flow import DisFlow
from vidlab.jobs import trap_clips, trap_pictures, traps
from vidlab.metrics.class_consistency import frame_tc
from vidlab.metrics.clip import PairMotion
from vidlab.metrics.overlap import iou
from vidlab.params import method_params
from vidlab.synthetic import Role

SIZE_HW = (120, 214)
N_FRAMES = 6
SPEED_PX = 3.0


@pytest.fixture(scope="module")
def clip():
    return trap_clips.draw_clip(3, size_hw=SIZE_HW, n_frames=N_FRAMES, speed_px=SPEED_PX)


@pytest.fixture(scope="module")
def measured(clip):
    wrong = {name: make(clip.raw) for name, make in traps.WRONG.items()}
    return traps.measure(clip, {traps.TRUTH: clip.truth, traps.RAW: clip.raw} | wrong)


def motion_of(flow_to_prev):
    seen = np.zeros(flow_to_prev.shape[:2], bool)
    return PairMotion(flow_to_prev, seen, ~seen)


def stub(**values):
    return SimpleNamespace(**(dict.fromkeys(traps.TRIED) | values))


# ── clips ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_equal_seeds_draw_equal_clips_and_others_do_not(clip):
    same = trap_clips.draw_clip(3, size_hw=SIZE_HW, n_frames=N_FRAMES, speed_px=SPEED_PX)
    other = trap_clips.draw_clip(5, size_hw=SIZE_HW, n_frames=N_FRAMES, speed_px=SPEED_PX)
    np.testing.assert_array_equal(same.truth, clip.truth)
    np.testing.assert_array_equal(same.raw, clip.raw)
    np.testing.assert_array_equal(same.images, clip.images)
    assert not np.array_equal(other.truth, clip.truth)


def test_object_walks_farther_to_the_right_the_faster_it_is():
    walked = []
    for speed_px in (0.0, 3.0, 6.0):
        truth = trap_clips.draw_clip(3, size_hw=SIZE_HW, n_frames=12, speed_px=speed_px).truth
        first, last = (np.nonzero(truth[frame])[1].mean() for frame in (0, -1))
        walked.append(last - first)
    assert walked[1] > walked[0] + 11  # at least 1 px in each of 11 frames: its gait is not even
    assert walked[2] - walked[1] == pytest.approx(walked[1] - walked[0], rel=0.2)


def test_raw_masks_err(clip):
    assert clip.raw.shape == clip.truth.shape == (N_FRAMES, *SIZE_HW)
    assert clip.raw.dtype == clip.truth.dtype == np.bool_
    assert not np.array_equal(clip.raw, clip.truth)


def test_stabilizing_by_nothing_gives_raw(clip):
    np.testing.assert_array_equal(trap_clips.stabilize_clip(clip, method_params("none")), clip.raw)


def test_stabilizing_with_look_ahead_gives_every_frame(clip):
    stable = trap_clips.stabilize_clip(clip, method_params("flow_fusion_two_pass"))
    assert stable.shape == clip.raw.shape
    assert not np.array_equal(stable, clip.raw)


def test_zoom_starts_with_the_picture_and_squares_the_area(clip):
    mask = np.zeros(SIZE_HW, bool)
    mask[50:70, 90:120] = True
    images, masks = trap_clips.zoom_in(clip.images[0], mask, n_frames=5, factor=2.0)
    np.testing.assert_array_equal(images[0], clip.images[0])
    np.testing.assert_array_equal(masks[0], mask)
    areas = [seen.sum() for seen in masks]
    assert areas == sorted(areas)
    assert areas[-1] == pytest.approx(4 * areas[0], rel=0.02)


def test_zoom_on_nothing_is_refused(clip):
    with pytest.raises(ParameterError, match="must show an object"):
        trap_clips.zoom_in(clip.images[0], np.zeros(SIZE_HW, bool), n_frames=2, factor=2.0)


def test_labels_are_numbered_as_the_cast():
    person, dog = Role(1, 0.5, 0.2, 0.9, 0.0), Role(18, 0.3, 0.8, 0.9, 0.0)
    _, labels = trap_clips.draw_still(2, cast=(person, dog), size_hw=SIZE_HW)
    assert set(np.unique(labels)) == {0, 1, 2}
    assert np.nonzero(labels == 1)[1].mean() < np.nonzero(labels == 2)[1].mean()
    _, turned = trap_clips.draw_still(2, cast=(dog, person), size_hw=SIZE_HW)
    assert np.nonzero(turned == 2)[1].mean() < np.nonzero(turned == 1)[1].mean()


# ── who falls for them ──────────────────────────────────────────────────────────────────────────────────────
def test_measures_are_those_of_the_versions_that_were_given(clip, measured):
    assert list(measured) == [traps.TRUTH, traps.RAW, *traps.WRONG]
    truth, raw = measured[traps.TRUTH], measured[traps.RAW]
    assert (truth.j_mean, truth.excess_flicker, truth.headline) == (1.0, 0.0, 1.0)
    both = zip(clip.raw, clip.truth, strict=True)
    assert raw.j_mean == pytest.approx(np.mean([iou(*pair) for pair in both]))
    neighbors = zip(clip.raw[1:], clip.raw, strict=False)
    assert raw.iou_prev_mean == pytest.approx(np.mean([iou(*pair) for pair in neighbors]))


def test_no_wrong_mask_wins_the_headline_and_the_empty_one_wins_on_calm(measured):
    assert traps.winners(measured, "headline", rival=traps.RAW) == []
    assert "empty" in traps.winners(measured, "iou_prev_mean", rival=traps.RAW)


@pytest.mark.parametrize(
    ("name", "value", "rival", "better"),
    [
        ("j_mean", 0.9, 0.8, True),
        ("j_mean", 0.8, 0.9, False),
        ("j_mean", 0.8, 0.8, False),
        ("davis_t_mean", 0.1, 0.2, True),
        ("davis_t_mean", 0.2, 0.1, False),
        ("davis_t_mean", None, 0.1, False),
        ("davis_t_mean", 0.1, None, False),
    ],
)
def test_better_follows_the_direction_of_the_metric(name, value, rival, better):
    assert traps.is_better(name, value, rival) is better


def test_marks_and_counts_of_the_table():
    versions = {
        "truth": stub(j_mean=1.0, davis_t_mean=0.0),
        "raw": stub(j_mean=0.5, davis_t_mean=0.2),
        "late": stub(j_mean=0.6, davis_t_mean=0.3),
        "calm": stub(j_mean=0.4, davis_t_mean=0.1),
        "void": stub(j_mean=0.0),
    }
    tried = {"j_mean": "J", "davis_t_mean": "T"}
    assert traps.trap_header(tried) == ("masks", "J ↑", "T ↓")
    assert traps.trap_rows(versions, tried, decimals=1) == [
        ("truth", "1.0", "0.0"),
        ("raw", "0.5", "0.2"),
        ("late", "▲ 0.6", "0.3"),
        ("calm", "0.4", "▲ 0.1"),
        ("void", "0.0", "–"),
        ("wrong masks above raw", "1 of 3", "1 of 3"),
    ]
    assert traps.winners(versions, "davis_t_mean", rival="truth") == []


@pytest.mark.parametrize(
    ("above_raw", "cost", "sentence"),
    [
        (
            {"MC": 6, "T": 4, "F": 0, "headline": 0},
            {"F": 0.0, "headline": 24.0},
            "2 of 4 metrics rank a wrong mask above the honest ones; F, headline do not, "
            "and headline sees a shake best: trust it where there is truth.",
        ),
        (
            {"MC": 1, "F": 0, "J": 0},
            {"MC": 9.0},
            "1 of 3 metrics ranks a wrong mask above the honest ones; F, J do not, "
            "but they do not see a shake.",
        ),
        (
            {"MC": 1, "T": 2},
            {},
            "2 of 2 metrics rank a wrong mask above the honest ones: none can be trusted alone.",
        ),
    ],
)
def test_answer_trusts_what_nothing_fools_and_a_shake_hurts(above_raw, cost, sentence):
    assert traps.answer(above_raw, shake_cost=cost) == sentence


# ── motion ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_still_pictures_do_not_move(clip):
    first, second = traps.motions([clip.images[0]] * 2, DisFlow(preset="fast", scale=1.0))
    assert first is None
    assert np.abs(second.flow_to_prev).max() < 0.01
    assert not second.occluded.any()


def test_exact_motion_is_the_drawn_one(clip):
    first, *others = traps.exact_motions(clip)
    assert first is None
    for motion, frame in zip(others, clip.frames[1:], strict=True):
        np.testing.assert_array_equal(motion.flow_to_prev, frame.flow_to_prev)
        np.testing.assert_array_equal(motion.occluded, frame.occluded)


def test_mask_is_dragged_where_the_motion_goes():
    mask = np.zeros((6, 9), bool)
    mask[2:4, 1:3] = True
    right = motion_of(np.zeros((6, 9, 2), np.float32) + np.float32([-2, 0]))
    dragged = traps.carry(mask, [None, right, right])
    for mask_now, px in zip(dragged, (0, 2, 4), strict=True):
        np.testing.assert_array_equal(mask_now, np.roll(mask, px, axis=1))


def test_dragging_needs_the_motion_of_every_frame():
    with pytest.raises(ShapeError, match="every frame but the first"):
        traps.carry(np.zeros((6, 9), bool), [None, None])


def test_flow_finds_no_flicker_in_what_it_dragged_and_none_beyond_the_truths_in_the_truth(clip):
    dis = traps.motions(clip.images, DisFlow(preset="fast", scale=1.0))
    dragged = traps.flicker(traps.carry(clip.truth[0], dis), truth=clip.truth, judge=dis)
    assert dragged.instability == 0
    assert dragged.excess < 0
    for judge in (dis, traps.exact_motions(clip)):
        assert traps.flicker(clip.truth, truth=clip.truth, judge=judge).excess == 0


def test_shake_below_the_tolerance_is_measured_and_hidden_from_f():
    truth = np.zeros((3, 480, 854), bool)
    truth[:, 150:350, 300:500] = True
    still = motion_of(np.zeros((480, 854, 2), np.float32))
    calm = traps.shake_scores(truth, px=0, judge=[None, still, still])
    assert calm == {"j": 1.0, "f": 1.0, "f_2px": 1.0, "f_1px": 1.0, "jitter_px": 0.0, "headline": 1.0}
    shaken = traps.shake_scores(truth, px=4, judge=[None, still, still])
    assert shaken["f"] == 1.0
    assert shaken["jitter_px"] == pytest.approx(4, abs=0.3)
    assert shaken["j"] == pytest.approx((1 + 196 / 204 + 1) / 3)
    assert max(shaken["f_2px"], shaken["headline"]) < 1


@pytest.mark.parametrize(("height", "width"), [(2, 2), (5, 8), (8, 5), (31, 40)])
def test_mismatch_is_what_torch_samples(height, width):
    torch = pytest.importorskip("torch")
    values = np.arange(1, height * width + 1, dtype=np.float64).reshape(height, width)
    # scaled as for align_corners=True, sampled with False
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height, dtype=torch.float64),
        torch.linspace(-1, 1, width, dtype=torch.float64),
        indexing="ij",
    )
    grid = torch.stack([x, y], dim=-1)[None]
    sampled = torch.nn.functional.grid_sample(
        torch.from_numpy(values)[None, None], grid, mode="bilinear", align_corners=False
    )[0, 0].numpy()
    flow = traps.mismatched_still((height, width)).astype(np.float64)
    columns, rows = flow[..., 0] + np.arange(width), flow[..., 1] + np.arange(height)[:, None]
    np.testing.assert_allclose(bilinear(values, columns, rows), sampled, rtol=1e-4, atol=1e-3)


def bilinear(values, x, y):
    """Slow and obvious: every pixel by itself, 0 outside."""
    out = np.zeros_like(values)
    for place in np.ndindex(values.shape):
        left, top = int(np.floor(x[place])), int(np.floor(y[place]))
        for row in (top, top + 1):
            for column in (left, left + 1):
                if 0 <= row < values.shape[0] and 0 <= column < values.shape[1]:
                    weight = (1 - abs(x[place] - column)) * (1 - abs(y[place] - row))
                    out[place] += weight * values[row, column]
    return out


def test_still_scene_loses_its_last_row_and_column_to_the_mismatch_and_nothing_to_ours():
    labels = np.zeros((6, 8), np.uint8)
    labels[3:, 5:] = 1  # 9 pixels, 5 of them in the last row or column
    pair = {"occluded": None, "n_classes": 2}
    off = frame_tc(labels, labels, flow_to_prev=traps.mismatched_still((6, 8)), compat="plain", **pair)
    assert off == pytest.approx((39 / 44 + 4 / 9) / 2)
    zero = np.zeros((6, 8, 2), np.float32)
    assert frame_tc(labels, labels, flow_to_prev=zero, compat="strict", **pair) == 1.0


def test_mismatch_needs_two_pixels_a_side():
    with pytest.raises(ParameterError, match="at least 2 pixels"):
        traps.mismatched_still((1, 5))


# ── pictures ────────────────────────────────────────────────────────────────────────────────────────────────
@given(st.integers(0, 119), st.integers(0, 213), st.integers(1, 120), st.integers(1, 214))
def test_window_has_its_size_and_lies_inside_the_picture(row, column, height, width):
    mask = np.zeros(SIZE_HW, bool)
    mask[row, column] = True
    rows, columns = trap_pictures.corner_box(mask, size_hw=(height, width))
    assert (rows.stop - rows.start, columns.stop - columns.start) == (height, width)
    assert rows.start >= 0
    assert columns.start >= 0
    assert rows.stop <= SIZE_HW[0]
    assert columns.stop <= SIZE_HW[1]


def test_window_shows_the_upper_right_corner_of_the_mask():
    mask = np.zeros(SIZE_HW, bool)
    mask[40:80, 60:150] = True
    rows, columns = trap_pictures.corner_box(mask, size_hw=(30, 40))
    assert rows.start < 40 < rows.stop
    assert columns.start < 149 < columns.stop


def test_tolerance_is_tinted_around_the_true_outline_only():
    image = np.full((40, 60, 3), 100, np.uint8)
    target = np.zeros((40, 60), bool)
    target[10:30, 20:40] = True
    before = image.copy()
    whole = np.s_[0:40, 0:60]
    drawn = trap_pictures.draw_tolerance(image, target, target=target, tolerance_px=3, box=whole, zoom=4)
    assert drawn.shape == (160, 240, 3)
    assert drawn[4 * 20, 4 * 30].tolist() == [100, 100, 100]  # deep inside
    assert drawn[4 * 2, 4 * 50].tolist() == [100, 100, 100]  # far outside
    assert drawn[4 * 20, 4 * 22 + 2, 2] > 110  # 2 px inside: bluish
    np.testing.assert_array_equal(image, before)


def test_areas_are_tinted_over_grey(clip):
    image = clip.images[0]
    left = np.zeros(SIZE_HW, bool)
    left[:, :100] = True
    drawn = trap_pictures.draw_areas(image, {(255, 0, 0): left})
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    np.testing.assert_array_equal(drawn[~left], np.repeat(grey[~left][:, None], 3, axis=1))
    assert (drawn[left][:, 0] > drawn[left][:, 1]).all()


def axes_of():
    return Figure().add_subplot()


def test_lines_are_labelled_and_have_their_colors():
    axes = axes_of()
    drawn = trap_pictures.plot_lines(
        axes, [10, 20], {"a": [1, 2], "b": [np.nan, 3]}, colors=["#ff0000", "#0000ff"],
        xlabel="length (frames)", ylabel="decay", title="a is right",
    )  # fmt: skip
    assert drawn is axes
    assert [line.get_label() for line in axes.lines] == ["a", "b"]
    assert [line.get_color() for line in axes.lines] == ["#ff0000", "#0000ff"]
    assert axes.lines[0].get_xdata().tolist() == [10, 20]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("length (frames)", "decay")
    assert axes.get_title(loc="left") == "a is right"


def test_bars_stand_in_groups_with_their_values():
    axes = axes_of()
    trap_pictures.plot_bars(
        axes, ["MC", "J"], {"raw": [6, 0], "truth": [0.25, -0.5]}, colors=["#ff0000", "#0000ff"],
        xlabel="masks", title="t",
    )  # fmt: skip
    assert [bar.get_width() for group in axes.containers for bar in group] == [6, 0, 0.25, -0.5]
    assert [text.get_text() for text in axes.texts] == ["6", "0", "0.250", "-0.500"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["MC", "J"]
    assert axes.yaxis_inverted()


def test_points_are_named_by_turns_above_and_below():
    axes = axes_of()
    points = {"raw": (0.5, 0.4), "empty": (0.0, 0.0), "full": (0.02, 0.0)}
    trap_pictures.plot_points(axes, points, xlabel="x", ylabel="y", title="t")
    assert {text.get_text(): text.xy for text in axes.texts} == points
    sides = [np.sign(text.get_position()[1]) for text in sorted(axes.texts, key=lambda text: text.xy)]
    assert sides == [1, -1, 1]
