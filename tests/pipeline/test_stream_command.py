"""`vidlab stream`, from words to tables, and offline against streaming on one clip."""

import json
from contextlib import closing
from itertools import islice

import numpy as np
import pytest
from matplotlib.figure import Figure
from tiny_clip import make_clip

from vidlab.cli import main
from vidlab.errors import StallError
from vidlab.params import ScheduleParams, StreamParams
from vidlab.pipeline import Step, overlapped
from vidlab.pipeline.compare import compare, run_stream
from vidlab.pipeline.latency import report
from vidlab.profiling import Timeline
from vidlab.types import Frame
from vidlab.viz.latency import plot_latency_histogram, plot_latency_over_time

IMAGE = np.zeros((2, 2, 3), np.uint8)


class Clip:
    """Frames a millisecond apart, as often as they are asked for."""

    def __init__(self, n_frames):
        self.n_frames = n_frames

    def __iter__(self):
        return (Frame(IMAGE, index, index / 1000) for index in range(self.n_frames))


def mean_of(frame):
    return float(frame.image.mean())


def test_every_way_to_run_a_clip_is_reported_and_told():
    told = []
    reports = compare(
        Clip(6),
        [Step("mean", mean_of)],
        params=StreamParams(every=2),
        schedule=ScheduleParams(patience_s=5),
        told=told.append,
    )
    assert list(reports) == told
    assert [name.partition(", ")[0] for name in told] == ["offline"] * 2 + ["streamed"] * 3
    assert {one.n_frames for one in reports.values()} == {6}
    assert reports["streamed, block"].n_dropped == reports["offline, overlapped"].n_dropped == 0
    assert reports["streamed, every_n"].n_shown == 3
    assert reports["offline, sequential"].n_late is None


def test_runs_stop_after_so_many_frames():
    found = run_stream(Clip(50), [Step("mean", mean_of)], params=StreamParams(policy="block"), n_frames=4)
    assert found.n_frames == 4


def test_source_that_hangs_ends_a_stream():
    import threading

    release = threading.Event()

    def source():
        yield from islice(Clip(9), 2)
        release.wait(5)

    threading.Timer(0.3, release.set).start()
    with pytest.raises(StallError, match="at work: decode"):
        run_stream(source(), [], params=StreamParams(), patience_s=0.1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return str(make_clip(tmp_path_factory.mktemp("clip")).video)


RUN = ("--model", "maskrcnn_demo", "--weights", "random", "--device", "cpu", "--max-frames", "4")


def test_command_prints_a_table_that_names_video_network_and_weights(clip, capsys):
    pytest.importorskip("torchvision")
    assert main(["stream", clip, *RUN, "--policy", "block", "--budget-ms", "60000"]) == 0
    out = capsys.readouterr().out
    assert "maskrcnn_demo with weights random (timing only), on cpu, 1 × real time" in out
    assert "streamed, block" in out
    assert "100 % of 4 frames had a result within 60000 ms" in out


def test_command_compares_writes_json_and_a_picture(clip, capsys, tmp_path):
    pytest.importorskip("torchvision")
    picture = tmp_path / "new" / "latency.png"
    assert main(["stream", clip, *RUN, "--compare", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["weights"] == "random (timing only)"
    assert content["runs"]["streamed, block"]["n_shown"] == 4
    assert len(content["runs"]) == 5
    assert main(["stream", clip, *RUN, "--plot", str(picture)]) == 0
    assert picture.stat().st_size > 0


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["nope.mp4"], 1, "must exist, got nope.mp4"),
        (["CLIP", "--policy", "newest"], 2, "policy must be one of latest, block, every_n, got newest"),
        (["CLIP", "--budget-ms", "0"], 2, "budget_ms must lie in (0, 60000]"),
        (["CLIP", "--model", "yolo"], 2, "unknown model 'yolo'"),
    ],
)
def test_mistakes_are_one_sentence_and_an_exit_code(clip, capsys, words, code, text):
    assert main(["stream", *(clip if word == "CLIP" else word for word in words)]) == code
    assert text in capsys.readouterr().err


@pytest.fixture
def axes():
    return Figure().add_subplot()


def a_report(scale=1.0, budget_ms=50.0):
    due_s = np.arange(10) / 10
    return report(due_s, due_s + scale * np.linspace(0.01, 0.04, 10), n_frames=12, budget_ms=budget_ms)


def test_histogram_has_a_share_for_every_run_and_the_budget(axes, tmp_path):
    plot_latency_histogram(axes, {"streamed, latest": a_report(), "mine": a_report(2.0)}, title="t")
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts[-1] == "budget, 50 ms"
    assert texts[0].startswith("streamed, latest, p50 25, p99 40 ms")
    assert axes.get_xscale() == "linear"
    axes.figure.savefig(tmp_path / "plot.png")


def test_runs_that_are_far_apart_get_a_logarithmic_axis(axes):
    plot_latency_histogram(axes, {"a": a_report(), "b": a_report(100.0)}, title="t")
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize("plot", [plot_latency_histogram, plot_latency_over_time])
def test_runs_without_results_can_be_drawn(axes, plot, tmp_path):
    plot(axes, {"empty": report([], [], n_frames=0, budget_ms=50.0)}, title="t")
    axes.figure.savefig(tmp_path / "plot.png")


def test_latency_over_time_has_a_line_for_each_run(axes):
    plot_latency_over_time(axes, {"a": a_report(), "b": a_report(2.0, budget_ms=None)}, title="t")
    assert [line.get_label() for line in axes.lines] == ["a", "b", "budget, 50 ms"]
    assert axes.lines[0].get_xdata()[0] == pytest.approx(0.01)


def test_timeline_of_a_stream_holds_decoding_and_steps():
    timeline = Timeline()
    run_stream(Clip(3), [Step("mean", mean_of)], params=StreamParams(policy="block"), timeline=timeline)
    assert {span.stage for span in timeline.spans} == {"decode", "mean"}


def test_reading_ahead_is_closed_with_the_stream():
    ahead = overlapped(Clip(100), [], timeline=Timeline(), queue_size=2)
    with closing(ahead) as frames:
        next(frames)
