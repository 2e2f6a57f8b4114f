"""The contest of optical flows: scenes, error, cost, and the sentence at its end."""

import numpy as np
import pytest

from vidlab.errors import ParameterError
from vidlab.flow import FLOWS, create_flow
from vidlab.jobs import flow_contest, smoothers
from vidlab.jobs.flow_contest import ERROR_HEADER, NO_WEIGHTS, REFERENCE, Raced
from vidlab.jobs.flows import Truth, estimate_flows, open_flow
from vidlab.metrics.flow_error import FlowError, FlowErrorSummary
from vidlab.params import FlowFusionParams, FlowParams
from vidlab.video.flow_files import read_flow

SIZE_HW = (64, 96)
QUICK = {name: FlowParams(flow="dis", flow_preset=name.split()[1]) for name in ("dis fast", "dis medium")}


@pytest.fixture(scope="module")
def scenes():
    return flow_contest.draw_scenes(3, size_hw=SIZE_HW, n_frames=3, speeds_px=[1.0, 6.0])


def a_race(epe, ratio):
    errors = None if epe is None else FlowErrorSummary(9, epe, {}, None, None, None, None)
    return Raced(errors, 5 * ratio, ratio, 4)


def test_every_flow_enters_and_dis_with_every_preset():
    names = flow_contest.entrants(scale=0.5)
    assert {params.flow for params in names.values()} == set(FLOWS)
    assert [name for name in names if name.startswith("dis")] == ["dis ultrafast", "dis fast", "dis medium"]
    assert {params.flow_scale for params in names.values()} == {0.5}
    assert REFERENCE in names


def test_faster_scenes_move_faster_and_equal_seeds_draw_equal_ones(scenes):
    speeds = [np.linalg.norm(frames[-1].flow_to_prev, axis=-1).mean() for frames in scenes]
    assert speeds[1] > speeds[0] > 0
    again = flow_contest.draw_scenes(3, size_hw=SIZE_HW, n_frames=3, speeds_px=[1.0, 6.0])
    assert np.array_equal(again[1][2].image, scenes[1][2].image)
    with pytest.raises(ParameterError, match="must have two frames and a speed, got 1 and 2"):
        flow_contest.draw_scenes(3, size_hw=SIZE_HW, n_frames=1, speeds_px=[1.0, 6.0])


def test_the_error_of_a_race_is_that_of_each_flow_over_all_pairs(scenes):
    raced = flow_contest.race(scenes, QUICK)
    assert list(raced) == list(QUICK)
    for name, params in QUICK.items():
        metric, flow = FlowError(), create_flow("dis", scale=1.0, preset=params.flow_preset)
        for frames in scenes:
            for before, this in ((frames[0], frames[1]), (frames[1], frames[2])):
                found = flow(this.image, before.image)
                metric.update(found, truth=this.flow_to_prev, occluded=this.occluded)
        assert raced[name].errors == metric.compute()
        assert raced[name].n_timed == 4


def test_the_reference_costs_itself(scenes):
    raced = flow_contest.race(scenes[:1], {REFERENCE: FlowParams(flow_preset="ultrafast")})
    assert raced[REFERENCE].ratio == 1.0


def test_a_network_without_weights_is_timed_and_not_judged(scenes, monkeypatch, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    flows = {"raft_small": FlowParams(flow="raft_small"), **QUICK}
    raced = flow_contest.race(scenes, flows)["raft_small"]
    assert raced.errors is None
    assert raced.n_timed == flow_contest.N_TIMED
    assert raced.ratio > 0
    row = flow_contest.error_row("raft_small", raced)
    assert len(row) == len(ERROR_HEADER)
    assert row[1] == NO_WEIGHTS
    assert list(flow_contest.stabilizers(FlowFusionParams(), flows)) == list(QUICK)
    drawn = flow_contest.colored(flows, *scenes[0][:2], full_px=3.0)
    assert next(iter(drawn)) == f"raft_small: {NO_WEIGHTS}"
    assert drawn[f"raft_small: {NO_WEIGHTS}"].std() == 0


def test_rows_have_a_cell_for_every_column(scenes):
    for name, raced in flow_contest.race(scenes[:1], QUICK).items():
        row = flow_contest.error_row(name, raced)
        assert len(row) == len(ERROR_HEADER)
        assert row[0] == name
        assert float(row[1]) == pytest.approx(raced.errors.epe, abs=0.006)


def test_stabilizers_differ_in_their_flow_alone():
    methods = flow_contest.stabilizers(
        FlowFusionParams(memory=0.7), {**QUICK, "farneback": FlowParams(flow="farneback")}
    )
    assert methods["dis fast"] == FlowFusionParams(memory=0.7, flow_preset="fast")
    assert methods["farneback"].flow == "farneback"
    assert methods["farneback"].flow_scale == FlowFusionParams().flow_scale


def test_masks_follow_the_flow_that_was_chosen():
    clip = smoothers.draw_clip(3, size_hw=(96, 160), n_frames=5, speed_px=4.0, profile="yolo_like")
    names = {name: FlowParams(flow=name) for name in ("dis", "horn_schunck")}
    masks = smoothers.smooth(clip, flow_contest.stabilizers(FlowFusionParams(), names))
    assert masks["dis"].shape == masks["horn_schunck"].shape == clip.truth.shape
    assert not np.array_equal(masks["dis"], masks["horn_schunck"])


def test_a_written_pair_is_read_as_data_sets_are(scenes, tmp_path):
    before, this = scenes[1][:2]
    flow_contest.write_pair(tmp_path / "own", before, this)
    exact = this.flow_to_prev
    assert np.array_equal(read_flow(tmp_path / "own" / "flo" / "frame_0002.flo").flow, exact)
    assert np.abs(read_flow(tmp_path / "own" / "kitti" / "000000_10.png").flow - exact).max() <= 1 / 128
    params = FlowParams(direction="prev")
    result = estimate_flows(
        [tmp_path / "own" / "frames"],
        out=tmp_path / "out",
        flow=open_flow(params),
        params=params,
        truth=Truth(tmp_path / "own" / "flo", tmp_path / "own" / "occlusions"),
    )
    found = create_flow("dis", scale=1.0, preset="medium")(this.image, before.image)
    expected = FlowError().update(found, truth=exact, occluded=this.occluded)
    assert result.errors == expected


# ── sentences ───────────────────────────────────────────────────────────────────────────────────────────────
def test_the_front_holds_what_nothing_beats():
    raced = {
        "slow": a_race(0.4, 9.0),
        "bad": a_race(0.9, 5.0),
        "quick": a_race(0.6, 1.0),
        "none": a_race(None, 2),
    }
    assert flow_contest.front(raced) == ["quick", "slow"]


def test_the_answer_names_the_most_exact_and_the_best_for_masks():
    raced = {REFERENCE: a_race(0.6, 1.0), "dis medium": a_race(0.4, 9.04), "raft_small": a_race(None, 300)}
    said = flow_contest.answer(raced, {REFERENCE: 0.9, "dis medium": 0.9123})
    assert said == (
        "Most exact here: dis medium, 0.40 px at 9.0 × the time of dis ultrafast. Masks are best with "
        "dis medium: +1.23 points of headline over dis ultrafast, at 9.0 × its time."
    )
    assert flow_contest.answer(raced, {REFERENCE: 0.9}).endswith("Masks are best with dis ultrafast.")
