"""Films for comparing decoders hold what their names say; timings have a value for each round."""

import os

import numpy as np
import pytest
from tiny_clip import make_clip

from vidlab.errors import ParameterError
from vidlab.jobs import decoder_films, decoders
from vidlab.params import DecodingParams
from vidlab.video import PyavReader
from vidlab.video.survey import survey

RULES = DecodingParams(isolate="never", probe_s=0.2)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip")).video


@pytest.fixture(scope="module")
def films(video, tmp_path_factory):
    return decoder_films.make_films(
        video, folder=tmp_path_factory.mktemp("films"), n_frames=30, size_hw=(64, 128)
    )[0]


def test_every_codec_holds_the_same_film(films):
    assert "H.264" in films
    for name, path in films.items():
        reader = PyavReader(path)
        frames = list(reader)
        assert (len(frames), reader.info.size_hw) == (30, (64, 128)), name
        assert frames[-1].pts_s == pytest.approx(29 / 24, abs=2e-3), name


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="this system has no such priorities")
def test_encoders_leave_this_process_its_priority(films):
    assert os.sched_getscheduler(0) != os.SCHED_FIFO


def test_odd_sizes_are_refused(video, tmp_path):
    with pytest.raises(ParameterError, match=r"size_hw must be even, got \(63, 128\)"):
        decoder_films.make_films(video, folder=tmp_path, n_frames=2, size_hw=(63, 128))


def test_traps_are_what_they_are_called(video, tmp_path):
    traps = decoder_films.make_traps(video, folder=tmp_path, n_frames=30, size_hw=(64, 128))
    times = [frame.pts_s for frame in PyavReader(traps["uneven times"])]
    assert np.ptp(np.diff(times)) > 0.05
    assert next(iter(PyavReader(traps["starts at 8.33 s"]))).pts_s == pytest.approx(8.33, abs=1e-3)
    assert PyavReader(traps["stored upside down"]).info.rotation_deg == 180
    damaged = PyavReader(traps["damaged inside"])
    list(damaged)
    assert damaged.losses


def test_rates_have_one_value_for_each_round(films):
    path = films["H.264"]
    whole = decoders.time_whole(path, rules=RULES, rounds=2)
    assert {"pyav", "opencv"} <= set(whole)
    scattered = decoders.time_scattered(path, indices=[3, 20], rules=RULES, rounds=2)
    ranged = decoders.time_range(path, start=10, stop=15, rules=RULES, rounds=2)
    for rates in (whole, scattered, ranged):
        assert all(len(each) == 2 and min(each) > 0 for each in rates.values())
    assert max(decoders.to_fastest(whole, name) for name in whole) == 1.0
    alone = decoders.time_isolated(path, backend="pyav", rules=RULES, rounds=1)
    assert list(alone) == ["in this process", "in its own process"]


def test_rows_hold_what_their_headers_name(films):
    found = survey(films["H.264"], rules=RULES, max_frames=0)
    rows = decoders.agreement_rows({"H.264": found})
    assert rows[0] == ("H.264", "pyav", "30 of 30", "30", "0.00", "–")
    assert all(len(row) == len(decoders.AGREEMENT_HEADER) for row in rows)
    assert [row[0] for row in decoders.known_rows()] == ["pyav", "opencv", "decord", "torchcodec"]
    assert all(len(row) == len(decoders.KNOWN_HEADER) for row in decoders.known_rows())
