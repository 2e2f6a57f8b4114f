"""Masks that are already there, measured: one clip, two results of one clip, many clips."""

import csv
import json
from contextlib import nullcontext

import numpy as np
import pytest
from tiny_clip import MISSED, N_FRAMES, make_clip

from vidlab.errors import MaskError, OutputError, VideoError
from vidlab.jobs import evaluate
from vidlab.jobs.clips import ClipPaths
from vidlab.jobs.evaluate_clips import evaluate_clips
from vidlab.jobs.intervals import DRAWN, frame_intervals
from vidlab.masks.png import write_mask_png
from vidlab.metrics.bootstrap import paired_change
from vidlab.metrics.comparison import compare
from vidlab.params import EvaluateParams, SourceParams
from vidlab.viz.wording import METRICS

QUICK = EvaluateParams(davis_t=False, resamples=200)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def whole(clip):
    """Everything that can be given, measured once."""
    return evaluate(clip.masks, truth=clip.truth, video=clip.video, against=clip.truth, params=QUICK)


def test_masks_alone_say_how_much_they_change(clip):
    result = evaluate(clip.masks, params=QUICK)
    assert (result.masks, result.truth, result.video, result.against) == (clip.masks, None, None, None)
    assert result.summary.n_frames == N_FRAMES
    assert result.summary.j_mean is result.summary.consistency_mean is result.truth_summary is None
    assert result.change is result.against_summary is None
    assert (result.intervals, result.change_words, result.losses) == ({}, [], ())


def test_truth_and_video_add_their_metrics_and_a_yardstick(whole):
    assert whole.summary.j_mean == pytest.approx(1 - len(MISSED) / N_FRAMES)
    assert whole.summary.excess_flicker > 0.2
    assert whole.truth_summary.j_mean == 1
    assert whole.truth_summary.excess_flicker == 0
    assert whole.summary.davis_t_mean is None  # as the parameters say


def test_against_is_measured_on_the_same_flow_and_truth(clip, whole):
    assert whole.against_summary == whole.truth_summary
    assert whole.change == compare(whole.against_summary, whole.summary)
    alone = evaluate(clip.masks, truth=clip.truth, video=clip.video, params=QUICK)
    assert alone.summary == whole.summary
    assert "worse: the headline goes from 1.000" in whole.change_words[0]


def test_intervals_are_those_of_the_curves_and_better_has_a_direction(whole):
    assert set(whole.intervals) == set(DRAWN)
    j, flicker = whole.intervals["j_mean"], whole.intervals["flicker_mean"]
    rng = np.random.default_rng(QUICK.seed)
    curves = whole.against_summary.curves.j, whole.summary.curves.j
    assert j == paired_change(*curves, rng=rng, resamples=QUICK.resamples)
    assert j.mean == pytest.approx(-len(MISSED) / N_FRAMES)
    assert flicker.mean == pytest.approx(whole.summary.flicker_mean - whole.against_summary.flicker_mean)
    assert flicker.low <= flicker.mean <= flicker.high
    assert j.p_better == flicker.p_better == 0  # the masks are worse, in J and in flicker


def test_turning_the_comparison_round_turns_the_intervals_round(whole):
    there = frame_intervals(whole.summary, whole.against_summary, params=QUICK)
    back = frame_intervals(whole.against_summary, whole.summary, params=QUICK)
    for name in DRAWN:
        assert back[name].mean == pytest.approx(-there[name].mean)
        assert (back[name].low, back[name].high) == pytest.approx((-there[name].high, -there[name].low))
    assert back["flicker_mean"].p_better > 0.8


def test_a_result_against_itself_differs_in_nothing(whole):
    for interval in frame_intervals(whole.summary, whole.summary, params=QUICK).values():
        assert (interval.mean, interval.low, interval.high, interval.p_better) == (0, 0, 0, 0)


def test_everything_is_json_without_nan(whole):
    text = json.dumps(whole.to_json(), allow_nan=False)
    said = json.loads(text)
    assert said["j_mean"] == whole.summary.j_mean
    assert said["curves"]["iou_prev"][0] is None
    assert said["against_summary"]["j_mean"] == 1
    assert said["params"]["davis_t"] is False
    assert said["words"] == whole.words
    assert set(said["intervals"]["j_mean"]) == {"mean", "low", "high", "n", "p_better"}


def test_max_frames_stops_early_and_leaves_masks_unread(clip):
    source = SourceParams(max_frames=3)
    result = evaluate(clip.masks, truth=clip.truth, video=clip.video, source=source, params=QUICK)
    assert result.summary.n_frames == 3


def test_progress_counts_every_frame(clip):
    told = []
    evaluate(clip.masks, video=clip.video, params=QUICK, progress=lambda *now: told.append(now))
    assert told == [(n, N_FRAMES) for n in range(1, N_FRAMES + 1)]


@pytest.fixture
def short(tmp_path):
    folder = tmp_path / "short"
    folder.mkdir()
    for index in range(3):
        write_mask_png(folder / f"{index:05d}.png", np.ones((48, 80), bool))
    return folder


@pytest.mark.parametrize("option", ["truth", "against"])
def test_sides_of_another_length_are_refused(clip, short, option):
    with pytest.raises(MaskError, match=r"every frame must have a mask, got 3 in .*short"):
        evaluate(clip.masks, **{option: short}, params=QUICK)
    with pytest.raises(MaskError, match="must not outlast the clip of 3 frames"):
        evaluate(short, **{option: clip.truth}, params=QUICK)


def test_what_is_not_there_is_refused(clip, tmp_path):
    with pytest.raises(MaskError, match="none"):
        evaluate(tmp_path / "none")
    with pytest.raises(MaskError, match="none"):
        evaluate(clip.masks, truth=tmp_path / "none")
    with pytest.raises(VideoError, match="none"):
        evaluate(clip.masks, video=tmp_path / "none")


# ── the folder that --out asks for ──────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def report(clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "out"
    given = {"truth": clip.truth, "video": clip.video, "against": clip.truth}
    return out, evaluate(clip.masks, **given, params=QUICK, out=out, command=["vidlab", "evaluate"])


def test_numbers_curves_plots_and_pictures_are_written(report):
    out, result = report
    assert sorted(path.name for path in out.iterdir()) == [
        "curves.csv", "metrics.json", "plots", "worst_frames", "worst_frames.jpg",
    ]  # fmt: skip
    plots = sorted(path.name for path in (out / "plots").iterdir())
    assert plots == sorted(f"{name}.png" for name in (
        "j", "f", "f_2px", "flicker", "excess_flicker", "jitter", "area",
    ))  # fmt: skip
    said = json.loads((out / "metrics.json").read_text())
    assert said["j_mean"] == result.summary.j_mean
    assert said["command"] == ["vidlab", "evaluate"]
    assert "curves" not in said
    assert "curves" not in said["truth_summary"]
    listed = {one["frame"] for one in said["worst_frames"]}
    assert set(MISSED) & listed
    assert len(list((out / "worst_frames").iterdir())) == len(listed)


def test_curves_have_a_column_for_each_version(report):
    out, result = report
    with (out / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == N_FRAMES
    assert [float(row["masks_j"]) for row in rows] == pytest.approx(result.summary.curves.j)
    assert rows[0]["masks_iou_prev"] == ""
    assert float(rows[0]["against_j"]) == 1.0
    assert "truth_flicker" in rows[0]
    assert not any(name.endswith("davis_t") for name in rows[0])


def test_a_full_folder_is_refused_before_anything_is_measured(clip, tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(OutputError, match="is not empty; choose another folder or add --force"):
        evaluate(clip.masks, out=tmp_path, progress=lambda *_: pytest.fail("measured"))
    with pytest.raises(OutputError, match="must not touch what is read"):
        evaluate(clip.masks, out=clip.masks / "out")


def test_a_failure_leaves_nothing(clip, short, tmp_path):
    with pytest.raises(MaskError):
        evaluate(short, truth=clip.truth, out=tmp_path / "out", params=QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["short"]


def test_masks_alone_get_a_report_too(clip, tmp_path):
    evaluate(clip.masks, params=QUICK, out=tmp_path / "out")
    plots = [path.name for path in (tmp_path / "out" / "plots").iterdir()]
    assert plots == ["area.png"]
    assert (tmp_path / "out" / "worst_frames.jpg").is_file()  # over black


# ── many clips ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips")
    for name in ("a", "b"):
        (root / name).mkdir()
        made = make_clip(root / name)
        for side, path in (("results", made.masks), ("truths", made.truth), ("videos", made.video)):
            (root / side).mkdir(exist_ok=True)
            (root / side / f"{name}{path.suffix}").symlink_to(path)
    return ClipPaths(root / "results", root / "truths", root / "videos", root / "truths")


def test_every_clip_is_measured_as_it_is_alone(clips):
    result = evaluate_clips(clips.masks, truth=clips.truth, video=clips.video, params=QUICK)
    assert list(result.results) == ["a", "b"]
    assert result.failures == {}
    alone = evaluate(clips.masks / "a", truth=clips.truth / "a", video=clips.video / "a.mp4", params=QUICK)
    assert result.results["a"] == alone
    assert result.mean["j_mean"] == pytest.approx(1 - len(MISSED) / N_FRAMES)
    assert set(result.mean) == set(METRICS)
    assert result.against_mean is None
    assert result.intervals == {}


def test_clips_are_drawn_where_two_results_are_compared(clips):
    result = evaluate_clips(clips.masks, truth=clips.truth, against=clips.against, params=QUICK)
    assert result.intervals["j_mean"].n == 2
    assert result.intervals["j_mean"].mean == pytest.approx(-len(MISSED) / N_FRAMES)
    assert "flicker_mean" not in result.intervals  # no video, no flicker
    assert result.against_mean["j_mean"] == 1
    assert json.loads(json.dumps(result.to_json(), allow_nan=False))["n_clips"] == 2


def test_a_bad_clip_does_not_stop_the_others(clips, short, tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    for name in ("a", "b"):
        (results / name).symlink_to(clips.masks / name)
    (results / "lost").symlink_to(short)
    truths = tmp_path / "truths"
    truths.mkdir()
    (truths / "a").symlink_to(clips.truth / "a")
    (truths / "b").symlink_to(short)  # too short
    told = []

    def progress(title):
        told.append(title)
        return nullcontext(lambda done, total: None)

    out = tmp_path / "out"
    result = evaluate_clips(results, truth=truths, params=QUICK, out=out, progress=progress)
    assert list(result.results) == ["a"]
    assert list(result.failures) == ["b", "lost"]
    assert "every frame must have a mask, got 3" in result.failures["b"]
    assert "every clip must have true masks" in result.failures["lost"]
    assert told == ["a (1 of 2)", "b (2 of 2)"]
    assert sorted(path.name for path in out.iterdir()) == ["a", "metrics.json"]
    said = json.loads((out / "metrics.json").read_text())
    assert (said["n_clips"], list(said["failures"])) == (1, ["b", "lost"])


def test_no_good_clip_leaves_means_undefined(clips, short, tmp_path):
    (tmp_path / "results" / "x").mkdir(parents=True)
    result = evaluate_clips(tmp_path / "results", truth=clips.truth, params=QUICK)
    assert result.results == {}
    assert set(result.failures) == {"a", "b", "x"}
    assert set(result.mean.values()) == {None}
