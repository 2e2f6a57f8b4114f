"""What `auto` takes, and how it explains itself; no test looks at real times."""

import numpy as np
import pytest

from vidlab.errors import VideoError
from vidlab.params import DecodingParams
from vidlab.types import Frame
from vidlab.video import PyavReader, VideoWriter, auto, open_backend
from vidlab.video.auto import Choice, choose_backend
from vidlab.video.reader import REFERENCE

RULES = DecodingParams(isolate="never", probe_s=0.5)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "made.mp4"
    with VideoWriter(path, size_hw=(64, 128), fps=25, crf=20, preset="ultrafast") as writer:
        for number in range(40):
            writer.write(np.full((64, 128, 3), 5 * number, np.uint8), pts_s=number / 25)
    return path


class Clock:
    """Time that passes only when a decoder says so."""

    def __init__(self):
        self.now_s = 0.0

    def perf_counter(self):
        return self.now_s


class TimedDecoder:
    """PyAV's frames, each at a price; `spoil` changes them."""

    def __init__(self, path, *, clock, frame_s, first_s=0.0, spoil=lambda frame: frame, losses=()):
        self._reader, self._clock = open_backend(path, backend=REFERENCE), clock
        self._frame_s, self._first_s, self._spoil = frame_s, first_s, spoil
        self.losses, self.damaged, self.explanation, self.info = losses, False, "", self._reader.info
        self.backend = "unnamed"
        self.n_passes = 0

    def __len__(self):
        return len(self._reader)

    def __iter__(self):
        return self.iter_range(0, len(self))

    def iter_range(self, start, stop):
        self.n_passes += 1
        self._clock.now_s += self._first_s
        for frame in self._reader.iter_range(start, stop):
            self._clock.now_s += self._frame_s
            yield self._spoil(frame)


@pytest.fixture
def backends(video, monkeypatch):
    """A function that replaces the real backends by ones of known speed."""
    clock = Clock()

    def replace(**settings):
        made = {}
        for name, wanted in settings.items():
            made[name] = TimedDecoder(video, clock=clock, **wanted)
            made[name].backend = name
        monkeypatch.setattr(auto, "BACKENDS", dict.fromkeys(made))
        monkeypatch.setattr(auto, "open_backend", lambda path, *, backend, rules: made[backend])
        monkeypatch.setattr(auto, "open_directly", lambda path, name, rules: made[name])
        monkeypatch.setattr(auto, "time", clock)
        return made

    return replace


def test_the_fastest_backend_is_taken(backends, video):
    backends(pyav={"frame_s": 0.00125}, quick={"frame_s": 0.001}, slow={"frame_s": 0.0014})
    choice = choose_backend(video, rules=RULES)
    assert choice.backend == "quick"
    assert choice.frames_per_s["quick"] == pytest.approx(1000)
    assert choice.explain().startswith("quick is the fastest: quick 1000, pyav 800 frames/s")
    assert "slow left out: 1.4 times slower in the first rounds" in choice.explain()


def test_pyav_is_taken_where_nothing_is_clearly_faster(backends, video):
    backends(pyav={"frame_s": 0.00104}, quick={"frame_s": 0.001})
    choice = choose_backend(video, rules=RULES)
    assert choice.backend == "pyav"
    assert "pyav is as fast, and says which frames are damaged" in choice.explain()


def test_a_slow_start_weighs_less_in_a_long_file_than_in_its_probe(backends, video):
    """The frames that are probed take longer with the second, all forty less."""
    made = backends(
        pyav={"frame_s": 0.01}, late={"frame_s": 0.008, "first_s": 0.05},
    )  # fmt: skip
    choice = choose_backend(video, rules=RULES.model_copy(update={"probe_s": 1.6}))
    assert 1 < choice.n_probed < 25  # where the late one would still be slower
    assert choice.backend == "late"
    assert choice.frames_per_s["late"] == pytest.approx(40 / (0.05 + 40 * 0.008))
    assert made["late"].n_passes > 2


def test_effort_is_bounded_on_any_file(backends, video):
    backends(pyav={"frame_s": 0.05}, other={"frame_s": 0.04})
    choice = choose_backend(video, rules=RULES)
    assert choice.n_probed == 2
    assert choice.elapsed_s < 2.5 * RULES.probe_s  # though a frame takes a tenth of it
    made = backends(pyav={"frame_s": 1e-6}, other={"frame_s": 1.2e-6})
    assert choose_backend(video, rules=RULES).n_probed == 40
    assert made["other"].n_passes == 3 + auto.MOST_ROUNDS


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (
            {"spoil": lambda frame: Frame(255 - frame.image, frame.index, frame.pts_s)},
            "shows another picture in",
        ),
        (
            {"spoil": lambda frame: Frame(frame.image, frame.index, frame.pts_s + 1)},
            "at another time than pyav",
        ),
        ({"losses": ("it gave up",)}, "it gave up"),
    ],
)
def test_a_fast_backend_that_is_wrong_is_left_out(wrong, reason, backends, video):
    backends(pyav={"frame_s": 0.002}, liar={"frame_s": 0.0001, **wrong})
    choice = choose_backend(video, rules=RULES)
    assert choice.backend == "pyav"
    assert reason in choice.left_out["liar"]
    assert "liar left out" in choice.explain()


def test_damage_is_left_to_pyav(backends, video):
    made = backends(pyav={"frame_s": 0.002}, quick={"frame_s": 0.001})
    made["pyav"].damaged = True
    choice = choose_backend(video, rules=RULES)
    assert (choice.backend, made["quick"].n_passes) == ("pyav", 0)
    assert choice.explain() == "pyav was taken: only pyav tells which frames of this file are damaged"


def test_auto_opens_what_it_chose_and_says_why(video):
    decoder = open_backend(video, backend="auto", rules=RULES)
    assert decoder.explanation.startswith(decoder.backend)
    expected = list(PyavReader(video))
    for frame, truth in zip(decoder, expected, strict=True):
        assert frame.pts_s == truth.pts_s
        assert np.abs(frame.image.astype(int) - truth.image).mean() <= 2


def test_measuring_logs_nothing_but_the_choice(video, caplog):
    with caplog.at_level("INFO", logger="vidlab"):
        decoder = open_backend(video, backend="auto", rules=RULES)
    assert [record.getMessage() for record in caplog.records] == [f"{video}: {decoder.explanation}"]


def test_a_file_that_nobody_reads_is_refused(tmp_path):
    (tmp_path / "no.mp4").write_bytes(b"not a video")
    with pytest.raises(VideoError, match=r"no\.mp4"):
        open_backend(tmp_path / "no.mp4", backend="auto", rules=RULES)


def test_a_choice_is_explained_in_one_sentence():
    choice = Choice("opencv", {"pyav": 100.0, "opencv": 150.0}, {"decord": "not here"}, 31, 5, 2.04)
    assert choice.explain() == (
        "opencv is the fastest: opencv 150, pyav 100 frames/s (best of 5 over 31 frames, measured in 2.0 s); "
        "decord left out: not here"
    )
