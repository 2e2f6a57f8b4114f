import json

import pytest
from conftest import REAL, needs_real
from tiny_clip import N_FRAMES, make_clip

from vidlab import cli
from vidlab.params import DecodingParams
from vidlab.schema import tunables


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip")).video


QUICK = ("--isolate", "never", "--probe-s", "0.3")


def test_every_decoder_is_in_the_table_with_what_it_made_of_the_file(video, capsys):
    assert cli.main(["decoders", str(video), *QUICK]) == 0
    out = capsys.readouterr().out
    for name in ("pyav", "opencv", "decord", "torchcodec"):
        assert any(line.split()[:1] == [name] for line in out.splitlines())
    assert f"{N_FRAMES} of {N_FRAMES}" in out
    assert "\nauto: " in out
    assert "known: may hang for ever" in out


def test_facts_come_as_json(video, capsys):
    assert cli.main(["decoders", str(video), *QUICK, "--max-frames", "5", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["n_compared"] == 5
    pyav = facts["backends"]["pyav"]
    assert (pyav["n_frames"], pyav["n_same_times"], pyav["worst_difference"]) == (5, 5, 0.0)
    assert facts["auto"]["backend"] in facts["backends"]


@needs_real
def test_a_refusal_is_a_remark_and_no_failure(capsys):
    assert cli.main(["decoders", str(REAL / "clips/derived_group_av1.mp4"), *QUICK]) == 0
    assert "opencv announces 31 frames" in capsys.readouterr().out


def test_help_lists_the_tunables(capsys):
    assert cli.main(["decoders", "--help"]) == 0
    out = capsys.readouterr().out
    for tunable in tunables(DecodingParams):
        assert (f"--{tunable.name.replace('_', '-')} " in out) == (tunable.name != "backend")


def test_a_file_that_is_none_is_exit_code_one(tmp_path, capsys):
    (tmp_path / "no.mp4").write_bytes(b"text")
    assert cli.main(["decoders", str(tmp_path / "no.mp4")]) == 1
    assert "no.mp4" in capsys.readouterr().err
