import re
from dataclasses import fields

import numpy as np
import pytest

from vidlab.metrics.bootstrap import Interval
from vidlab.metrics.clip import ClipMetrics
from vidlab.metrics.comparison import Comparison, compare
from vidlab.metrics.label_clip import LabelMetrics
from vidlab.metrics.summary import ClipSummary
from vidlab.params import EvaluateParams
from vidlab.viz.tables import (
    CLIP_HEADER,
    INTERVAL_HEADER,
    VARIANT_HEADER,
    against_rows,
    clip_rows,
    comparison_rows,
    interval_rows,
    label_rows,
    summary_rows,
    variant_rows,
)
from vidlab.viz.wording import GROUPS, LABEL_METRICS, METRICS


def summary(*areas: int, truth: bool) -> ClipSummary:
    metrics = ClipMetrics(EvaluateParams())
    target = np.arange(10)[None] < 5
    for area in areas:
        mask = np.arange(10)[None] < area
        true = target if truth else None
        metrics.update(mask, probs=None, target=true, motion=None, judge=None, image=None)
    return metrics.compute()


def test_every_metric_is_declared_once_and_exists():
    names = set(ClipSummary.model_fields)
    counts = {name for name in names if name.startswith("n_")}
    unshown = {"undefined_frames", "curves", "changed_share_mean"}  # the last: changed pixels in another unit
    assert set(METRICS) == names - counts - unshown
    labels = [metric.long_label for metric in METRICS.values()]
    assert len(set(labels)) == len(labels)
    assert {metric.group for metric in METRICS.values()} == set(GROUPS)


def test_every_declared_curve_and_change_exists():
    curves, changes = summary(5, truth=False).curves, Comparison.model_fields
    for metric in METRICS.values():
        assert not metric.curve or hasattr(curves, metric.curve)
        assert not metric.change or metric.change in changes


def test_change_is_worded_by_its_direction():
    before, after = summary(5, 10, 5, truth=True), summary(5, 6, 5, truth=True)
    rows = {row[0]: row for row in comparison_rows(before, after, change=compare(before, after))}
    assert rows["changed pixels per frame ↓"][1:] == ("5", "1", "80.0 % less")
    assert rows["truth: region J ↑"][3].startswith("+")
    assert rows["headline: J with F at 2 px, less flicker ↑"][3].startswith("+")
    worse = {row[0]: row for row in comparison_rows(after, before, change=compare(after, before))}
    assert worse["changed pixels per frame ↓"][3] == "400.0 % more"


LABELS = (  # what the README and the notebooks show
    "IoU of neighboring frames ↑", "instability (1 − IoU) ↓", "Dice of neighboring frames ↑",
    "changed pixels per frame ↓", "area, pixels", "area variation (CV)", "truth: region J ↑",
    "truth: boundary F ↑", "truth: (J + F) / 2 ↑", "truth: Dice ↑",
)  # fmt: skip


def test_metrics_keep_their_names():
    clip = summary(5, 6, truth=True)
    rows = [row[0] for row in comparison_rows(clip, clip, change=compare(clip, clip))]
    assert set(LABELS) <= set(rows)
    assert {"truth: boundary F at 2 px ↑", "area variation about its trend (CV) ↓"} <= set(rows)
    assert METRICS["consistency_mean"].long_label == "consistency along the flow, MC ↑"
    assert METRICS["probs_l1_mean"].long_label == "L1 between probability maps ↓"


def test_metrics_nobody_could_measure_are_left_out():
    clip = summary(5, 6, truth=False)
    labels = [row[0] for row in comparison_rows(clip, clip, change=compare(clip, clip))]
    assert not any(label.startswith(("truth", "headline", "consistency", "L1")) for label in labels)
    sections = summary_rows(clip, truth=None, judge="dis")
    assert [section.title for section in sections] == [GROUPS["simple"]]
    shown = [row[0] for section in sections for row in section.rows]
    assert set(labels) <= set(shown)
    assert {len(row) for section in sections for row in section.rows} == {2}


def test_the_headline_comes_first_and_the_truth_is_a_yardstick_of_calm_only():
    truth = summary(5, 5, truth=True)
    measured = summary_rows(summary(5, 10, truth=True), truth=truth, judge="dis")
    sections = {section.title: {row[0]: row[1:] for row in section.rows} for section in measured}
    assert next(iter(sections)) == GROUPS["headline"]
    assert sections["simple ones, blind to motion"]["instability (1 − IoU) ↓"] == ("0.5000", "0.0000")
    assert sections["accuracy, against the truth"]["region J ↑"] == ("0.7500", "")


def test_the_judge_and_the_worth_of_the_guess_are_named():
    clip = summary(5, 6, truth=True).model_copy(update={"flicker_mean": 0.1, "quality_proxy": 0.4})
    titles = [section.title for section in summary_rows(clip, truth=None, judge="farneback")]
    assert "flicker, judged by farneback flow" in titles
    assert any(re.fullmatch(r"without truth \(rank correlation .* 0\.\d\d real\)", title) for title in titles)


def test_difference_is_masks_less_against():
    rows = {
        row[0]: row[1:]
        for section in against_rows(summary(5, 5, truth=True), summary(5, 10, truth=True), judge="dis")
        for row in section.rows
    }
    assert rows["region J ↑"] == ("1.0000", "0.7500", "+0.2500")
    assert rows["instability (1 − IoU) ↓"] == ("0.0000", "0.5000", "-0.5000")
    one_sided = against_rows(summary(5, truth=True), summary(5, truth=False), judge="dis")
    assert ("region J ↑", "1.0000", "–", "–") in [row for section in one_sided for row in section.rows]


def test_intervals_without_a_frame_are_left_out():
    nothing = Interval(np.nan, np.nan, np.nan, 0, np.nan)
    rows = interval_rows({"j_mean": Interval(0.5, -0.25, 0.75, 8, 0.875), "f_mean": nothing})
    assert rows == [("truth: region J ↑", "+0.5000", "-0.2500 to +0.7500", "87.5 % of draws", "8")]
    assert len(rows[0]) == len(INTERVAL_HEADER)


def test_clips_have_a_row_each_and_their_mean_last():
    clips = {"a": summary(5, 5, truth=True), "b": summary(5, 10, truth=True)}
    against = {"a": summary(5, 10, truth=True)}
    rows = clip_rows(clips, mean={"j_mean": 0.875}, against=against, against_mean={"j_mean": 0.75})
    assert [row[:2] for row in rows] == [("a", "2"), ("b", "2"), ("mean of 2", "4")]
    assert [row[3] for row in rows] == ["1.0000 (+0.2500)", "0.7500", "0.8750 (+0.1250)"]
    assert {len(row) for row in rows} == {len(CLIP_HEADER)}


def test_variants_have_a_row_each_with_dashes_for_what_is_unknown():
    clip = summary(5, 5, truth=False)
    rows = variant_rows({"raw": clip, "median": clip})
    assert [row[0] for row in rows] == ["raw", "median"]
    assert rows[0][1:] == ("1.0000", "0", "–", "–", "–")
    assert len(VARIANT_HEADER) == len(rows[0])


@pytest.mark.parametrize("n_versions", [1, 2])
def test_labels_show_every_class_that_is_there(n_versions):
    metrics = LabelMetrics()
    metrics.update(np.array([[0, 0, 18]], np.uint8), target=np.array([[0, 18, 18]], np.uint8), motion=None)
    one = metrics.compute()
    sections = label_rows([one] * n_versions, names={0: "background", 18: "dog"})
    by_title = {section.title: section.rows for section in sections}
    assert [row[:2] for row in by_title["IoU of each class ↑"]] == [
        ("0 background", "0.5000"),
        ("18 dog", "0.5000"),
    ]
    assert by_title["accuracy, against the truth"][0][1] == "0.5000"
    assert {len(row) for rows in by_title.values() for row in rows} == {2 if n_versions == 1 else 4}
    assert {field.name for field in fields(one)} >= set(LABEL_METRICS)
    assert interval_rows({"miou": Interval(0.5, 0.25, 0.75, 8, 1.0)})[0][0] == "truth: mIoU ↑"
