"""Loaders as rows and curves: what is written is what was measured."""

import pytest
from matplotlib.figure import Figure

from vidlab.pipeline.loader_memory import QueueBytes, predict_queue
from vidlab.pipeline.loader_mistakes import Mistake
from vidlab.pipeline.loader_result import LoaderMeasurement, Round
from vidlab.pipeline.torch_loader import LoaderSetting
from vidlab.viz.loading import (
    DODGE,
    LOADER_HEADER,
    MISTAKE_HEADER,
    loader_rows,
    mistake_rows,
    plot_mistakes,
    plot_queue,
    plot_workers,
)


def measured(workers: int, *speeds: float, prefetch: int = 2, pin: bool = False) -> LoaderMeasurement:
    how = LoaderSetting(workers, prefetch if workers else 0, 4, pin)
    found = QueueBytes(3_100_000 * workers, 0)
    rounds = tuple(Round(0.25, speed, (1.0,), 1_000_000, 0, found, 50_000_000, 0) for speed in speeds)
    return LoaderMeasurement(how, rounds, 16, predict_queue(how, batch_bytes=1_000_000))


GRID = [
    measured(0, 10, 12, 14),
    measured(1, 18, 20, 22),
    measured(2, 30, 31, 38),
    measured(2, 29, 33, 35, prefetch=4),
]
MISTAKES = [Mistake("honest", "because", 100.0, 50.0, True), Mistake("waiting", "as", 300.0, 0.5, False)]


@pytest.fixture
def axes():
    return Figure().add_subplot()


def test_rows_are_as_wide_as_the_header_and_hold_the_medians():
    rows = loader_rows(GRID)
    assert {len(row) for row in rows} == {len(LOADER_HEADER)}
    row = dict(zip(LOADER_HEADER, rows[2], strict=True))
    assert row["clips/s"] == "31.0"
    assert row["frames/s"] == "496"
    assert row["rounds (clips/s)"] == "30.0 to 38.0"
    assert row["first batch (ms)"] == "250"
    assert (row["queue, predicted (MB)"], row["queue, measured (MB)"]) == ("5.00", "6.20")
    assert rows[0][1] == "–"


def test_mistakes_say_their_ratio_and_why():
    assert mistake_rows(MISTAKES) == [
        ("honest", "100", "50", "2.00×", "because"),
        ("waiting", "300", "0.5", "600.00×", "as"),
    ]
    assert len(MISTAKE_HEADER) == 5


def test_every_line_of_workers_begins_without_any(axes):
    plot_workers(axes, GRID, title="finding")
    lines = [container.lines[0] for container in axes.containers]
    assert [[round(x) for x in line.get_xdata()] for line in lines] == [[0, 1, 2], [0, 2]]
    assert [list(line.get_ydata()) for line in lines] == [[12, 20, 31], [12, 33]]
    assert lines[1].get_xdata()[0] - lines[0].get_xdata()[0] == pytest.approx(DODGE)
    assert axes.get_title(loc="left") == "finding"
    assert axes.get_xlabel() == "workers"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "prefetch 2, batches of 4",
        "prefetch 4, batches of 4",
    ]


def test_points_of_memory_are_predicted_against_measured(axes):
    plot_queue(axes, GRID, title="finding")
    points = sorted(tuple(point) for scatter in axes.collections for point in scatter.get_offsets().tolist())
    assert points == [(3.0, 3.1), (5.0, 6.2), (9.0, 6.2)]
    assert axes.get_xlim() == axes.get_ylim()


def test_settings_without_workers_have_no_queue_to_draw(axes):
    plot_queue(axes, GRID[:1], title="finding")
    assert len(axes.collections) == 0


def test_bars_are_the_ratios_on_a_logarithmic_axis(axes):
    plot_mistakes(axes, MISTAKES, title="finding")
    assert sorted(bar.get_width() for bar in axes.patches) == [2.0, 600.0]
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["honest", "waiting"]
