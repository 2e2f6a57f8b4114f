import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib.figure import Figure

from vidlab.errors import ParameterError, ShapeError
from vidlab.flow import FLOWS
from vidlab.metrics.flow_error import FlowError
from vidlab.viz.flow_plots import FLOW_COLORS, error_rows, flow_color, plot_flows
from vidlab.viz.flow_wheel import _wheel, color_flow, fast, flow_picture, longest, wheel_legend


def one(dx, dy, full_px=4.0):
    return color_flow(np.float32([[[dx, dy]]]), full_px=full_px)[0, 0].tolist()


def test_the_wheel_is_the_published_one():
    torch = pytest.importorskip("torch")
    utils = pytest.importorskip("torchvision.utils")
    flow = np.random.default_rng(0).normal(0, 5, (40, 50, 2)).astype(np.float32)
    theirs = utils.flow_to_image(torch.from_numpy(flow).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    assert np.abs(color_flow(flow, full_px=longest(flow)).astype(int) - theirs).max() <= 1


def test_the_wheel_has_55_hues_that_begin_with_red():
    wheel = _wheel()
    assert wheel.shape == (55, 3)
    for place, corner in ((0, (1, 0, 0)), (15, (1, 1, 0)), (21, (0, 1, 0)), (25, (0, 1, 1)), (36, (0, 0, 1))):
        assert tuple(wheel[place]) == corner
    assert wheel.min() == 0
    assert wheel.max() == 1


def test_directions_have_their_colors():
    right, down, left, up = one(4, 0), one(0, 4), one(-4, 0), one(0, -4)
    assert right == [255, 0, 0]
    assert down[0] == 255
    assert down[1] > 200
    assert down[2] == 0  # nearly yellow
    assert left[0] == 0
    assert left[2] == 255  # between cyan and blue
    assert up[2] == 255
    assert up[0] > 50
    assert up[1] == 0  # violet


def test_slow_is_pale_and_what_is_faster_than_full_color_is_darker():
    assert one(0, 0) == [255, 255, 255]
    assert one(2, 0) == [255, 127, 127]
    assert one(4, 0) == [255, 0, 0]
    assert one(8, 0) == one(800, 0) == [191, 0, 0]


def test_unknown_flow_is_black():
    assert one(np.nan, 0) == one(0, np.inf) == [0, 0, 0]


def test_lengths_are_those_of_known_motion():
    flow = np.zeros((10, 10, 2), np.float32)
    assert (longest(flow), fast(flow)) == (1.0, 1.0)
    flow[..., 0] = np.arange(100).reshape(10, 10)
    flow[0, 0] = np.nan
    assert longest(flow) == 99.0
    assert fast(flow) == pytest.approx(98.02)


def test_the_legend_is_a_disk_whose_colors_point_outwards():
    wheel = wheel_legend(101)
    assert wheel.shape == (101, 101, 3)
    assert wheel[50, 50].min() > 240
    assert wheel[0, 0].tolist() == [255, 255, 255]
    assert wheel[50, 100].tolist() == [255, 2, 2]
    assert np.abs(wheel[100, 50].astype(int) - one(0, 3.96)).max() <= 3


def test_a_picture_is_even_and_has_legend_and_words():
    flow = np.zeros((121, 161, 2), np.float32)
    picture = flow_picture(flow, full_px=3.0, caption="dis")
    height, width = picture.shape[:2]
    assert height % 2 == width % 2 == 0
    assert height > 121
    assert (picture[-80:, -80:].reshape(-1, 3).std(axis=0) > 5).all()  # the wheel
    assert flow_picture(np.zeros((1, 1, 2), np.float32), full_px=1, caption="").ndim == 3


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ShapeError, match=r"a flow must be float32 \(H, W, 2\), got float64 \(2, 2, 2\)"):
        color_flow(np.zeros((2, 2, 2)), full_px=1)
    with pytest.raises(ParameterError, match="full_px must be positive, got 0"):
        color_flow(np.zeros((2, 2, 2), np.float32), full_px=0)


# ── plots and tables ────────────────────────────────────────────────────────────────────────────────────────
def test_every_flow_has_a_color_of_its_own():
    assert set(FLOW_COLORS) == set(FLOWS)
    assert len(set(FLOW_COLORS.values())) == len(FLOWS)
    assert flow_color("dis medium, half size") == FLOW_COLORS["dis"]


def test_flows_are_drawn_with_their_names():
    axes = Figure().add_subplot()
    points = {"raft_small": (300.0, 0.3), "dis fast": (1.0, 0.5)}
    drawn = plot_flows(axes, points, xlabel="x", ylabel="px", title="t", xscale="log")
    assert drawn.get_xscale() == "log"
    assert [text.get_text() for text in drawn.texts] == ["dis fast", "raft_small"]
    assert [tuple(line.get_xydata()[0]) for line in drawn.lines] == [(1, 0.5), (300, 0.3)]
    assert [line.get_color() for line in drawn.lines] == [FLOW_COLORS["dis"], FLOW_COLORS["raft_small"]]


def test_rows_say_what_is_known():
    true = np.float32([[[3, 4], [100, 0]]])
    rows = error_rows(FlowError().update(np.zeros_like(true), truth=true))
    assert ("end-point error, mean", "52.500", "px") in rows
    assert ("end-point error, 40 px per frame and faster", "100.000", "px") in rows
    assert ("outliers, Fl-all", "100.000", "%") in rows
    assert not any("occluded" in name for name, _, _ in rows)
