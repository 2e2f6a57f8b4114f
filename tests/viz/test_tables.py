import numpy as np

from vidlab.metrics.summary import ClipMetrics, ClipSummary, compare
from vidlab.viz.tables import VARIANT_HEADER, comparison_rows, summary_rows, variant_rows


def summary(*areas: int, truth: bool) -> ClipSummary:
    metrics = ClipMetrics()
    target = np.arange(10)[None] < 5
    for area in areas:
        mask = np.arange(10)[None] < area
        metrics.update(mask, probs=None, target=target if truth else None, flow_to_prev=None, occluded=None)
    return metrics.compute()


def test_change_is_worded_by_its_direction():
    before, after = summary(5, 10, 5, truth=True), summary(5, 6, 5, truth=True)
    rows = {row[0]: row for row in comparison_rows(before, after, change=compare(before, after))}
    assert rows["changed pixels per frame ↓"][1:] == ("5", "1", "80.0 % less")
    assert rows["truth: region J ↑"][3].startswith("+")
    worse = {row[0]: row for row in comparison_rows(after, before, change=compare(after, before))}
    assert worse["changed pixels per frame ↓"][3] == "400.0 % more"


def test_metrics_nobody_could_measure_are_left_out():
    clip = summary(5, 6, truth=False)
    labels = [row[0] for row in comparison_rows(clip, clip, change=compare(clip, clip))]
    assert not any(label.startswith(("truth", "consistency", "L1")) for label in labels)
    assert [row[0] for row in summary_rows(clip)] == labels


def test_variants_have_a_row_each_with_dashes_for_what_is_unknown():
    clip = summary(5, 5, truth=False)
    rows = variant_rows({"raw": clip, "median": clip})
    assert [row[0] for row in rows] == ["raw", "median"]
    assert rows[0][1:] == ("1.0000", "0", "–", "–", "–")
    assert len(VARIANT_HEADER) == len(rows[0])
