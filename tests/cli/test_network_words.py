"""What the command line says about networks."""

import json

import pytest

from vidlab import cli
from vidlab.models import MODELS


def run(capsys, *words: object) -> tuple[int, str, str]:
    code = cli.main([str(word) for word in words])
    got = capsys.readouterr()
    return code, got.out, got.err


def test_info_shows_every_network_with_what_it_gives(capsys):
    code, out, _ = run(capsys, "info", "--json")
    told = json.loads(out)["models"]
    assert code == 0
    assert list(told) == list(MODELS)
    for name, spec in MODELS.items():
        assert told[name] == {"kind": spec.kind, "description": spec.description}
    shown = run(capsys, "info")[1]
    for name in MODELS:
        assert sum(line.strip().startswith(f"{name} ") for line in shown.splitlines()) == 1


@pytest.mark.parametrize("option", ["--encoder", "--class-names", "--activation", "--input-short-px"])
def test_masks_of_the_user_and_options_of_a_network_exclude_each_other(capsys, tmp_path, option):
    value = {"--activation": "sigmoid", "--input-short-px": "64"}.get(option, "resnet18")
    words = ("stabilize", "clip.mp4", "--masks", "masks", option, value, "--out", tmp_path / "out")
    code, _, err = run(capsys, *words)
    assert code == 2
    assert f"got --masks and {option}; leave one out" in err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--activation", "relu", "activation must be one of auto, softmax, sigmoid, got relu"),
        ("--input-short-px", "-1", "input_short_px must lie in [0, 4320], got -1"),
    ],
)
def test_values_out_of_range_are_refused(capsys, tmp_path, option, value, message):
    code, _, err = run(capsys, "segment", "clip.mp4", option, value, "--out", tmp_path / "out")
    assert code == 2
    assert message in err
