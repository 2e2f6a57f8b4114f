"""Everything the command line says before it opens a file."""

import json
import subprocess
import sys

import pytest

import vidlab
from vidlab import cli, params, schema
from vidlab.cli.options import describe
from vidlab.params import (
    EvaluateParams,
    EvidenceParams,
    NetworkParams,
    SegmentParams,
    ServeParams,
    SourceParams,
    WebParams,
    WriterParams,
)
from vidlab.schema import tunables

COMMANDS = (
    "demo", "segment", "stabilize", "overlay", "evaluate", "profile", "decoders", "stream", "loaders",
    "lint-timing", "tune", "serve", "fetch", "run", "params", "info",
)  # fmt: skip


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = cli.main(list(words))
    got = capsys.readouterr()
    return code, got.out, got.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(capsys, command):
    code, out, err = run(capsys, command, "--help")
    assert code == 0
    assert err == ""
    assert f"usage: vidlab {command}" in out
    assert f"  vidlab {command}" in out  # an example


def test_top_help_lists_every_command(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for command in COMMANDS:
        assert f"\n    {command}" in out
    assert run(capsys)[1] == out


def test_version(capsys):
    assert run(capsys, "--version") == (0, f"vidlab {vidlab.__version__}\n", "")


@pytest.mark.parametrize(
    ("command", "models"),
    [
        ("segment", (SourceParams, SegmentParams, NetworkParams, EvidenceParams)),
        ("stabilize", (SourceParams, SegmentParams, NetworkParams, EvidenceParams, WriterParams)),
        ("tune", (SourceParams, SegmentParams, NetworkParams, EvidenceParams)),
        ("profile", (NetworkParams,)),
        ("stream", (NetworkParams,)),
        ("evaluate", (SourceParams, EvaluateParams)),
        ("serve", (ServeParams, WebParams)),
    ],
)
def test_options_say_range_and_default_of_the_schema(capsys, command, models):
    out = " ".join(run(capsys, command, "--help")[1].split())
    for model in models:
        for tunable in tunables(model):
            assert f"--{tunable.name.replace('_', '-')} " in out
            words = describe(tunable).split()
            assert " ".join(words) in out.replace("- ", "-") or " ".join(words) in out


STABILIZE = ("stabilize", "no_such.mp4", "--out", "no_such_out")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("dance",), "'dance'"),
        ((*STABILIZE, "--loud"), "unrecognized arguments: --loud"),
        (("stabilize", "no_such.mp4"), "the following arguments are required: --out"),
        ((*STABILIZE, "--method", "magic"), "unknown method 'magic'; choose from: none, moving_average,"),
        (
            (*STABILIZE, "--method", "gaussian", "--set", "window=4"),
            "window must be one of 3, 5, 7, 9, got 4",
        ),
        ((*STABILIZE, "--method", "gaussian", "--set", "size=4"), "unknown setting 'size'; choose from:"),
        ((*STABILIZE, "--set", "window"), "a setting must have the form name=value, got 'window'"),
        ((*STABILIZE, "--class", "dragon"), "unknown class 'dragon'"),
        ((*STABILIZE, "--class", ","), "--class must name at least one class, got ','"),
        ((*STABILIZE, "--min-score", "2"), "min_score must lie in [0, 1], got 2"),
        ((*STABILIZE, "--min-score", "-1"), "min_score must lie in [0, 1], got -1"),
        ((*STABILIZE, "--min-score", "nan"), "min_score must lie in [0, 1], got nan"),
        ((*STABILIZE, "--prob-threshold", "0"), "prob_threshold must lie in (0, 1), got 0"),
        ((*STABILIZE, "--max-frames", "1.5"), "max_frames must lie in [0, ∞), got 1.5"),
        ((*STABILIZE, "--crf", "99"), "crf must lie in [0, 51], got 99"),
        ((*STABILIZE, "--preset", "warp"), "preset must be one of ultrafast, superfast"),
        ((*STABILIZE, "--device", "abacus"), "device must"),
        ((*STABILIZE, "--batch-size", "0"), "batch_size must lie in [1, 256], got 0"),
        ((*STABILIZE, "--probs"), "--probs must come with --masks"),
        ((*STABILIZE, "--masks", "m", "--model", "x"), "got --masks and --model; leave one out"),
        ((*STABILIZE, "--masks", "m", "--weights", "x"), "got --masks and --weights; leave one out"),
        ((*STABILIZE, "--model", "oracle"), "unknown model 'oracle'"),
        (("evaluate",), "the following arguments are required: --masks"),
        (
            ("evaluate", "--masks", "m", "--judge-flow", "raft"),
            "judge_flow must be one of farneback, dis, got raft",
        ),
        (("evaluate", "--masks", "m", "--found-iou", "0"), "found_iou must lie in (0, 1], got 0"),
        (("evaluate", "--masks", "m", "--area-window", "4"), "area_window must be odd, 3 to 101, got 4"),
        (("evaluate", "--masks", "m", "--labels"), "labels must be measured by --truth, --video or both"),
        (("params", "magic"), "unknown method 'magic'"),
    ],
)
def test_wrong_commands_exit_2_with_one_sentence(capsys, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *words)
    assert code == 2
    assert out == ""
    assert err.startswith("vidlab: ")
    assert sentence in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_params_lists_every_tunable_of_a_method(capsys):
    code, out, _ = run(capsys, "params", "gaussian")
    assert code == 0
    for tunable in tunables(params.GaussianParams):
        assert f"--set {tunable.name}=" in out


def test_params_as_json_is_the_schema(capsys):
    code, out, _ = run(capsys, "params", "--json")
    assert code == 0
    listed = json.loads(out)
    assert set(params.METHODS) == {name.split()[-1] for name in listed if name.startswith("--method")}
    window = next(row for row in listed["--method median"] if row["name"] == "window")
    assert (window["default"], window["choices"], window["unit"]) == (5, [3, 5, 7, 9], "frames")
    memory = next(row for row in listed["--method flow_fusion"] if row["name"] == "memory")
    assert (memory["search"], memory["tuned"], memory["type"]) == ([0.5, 0.95], True, "float")
    assert {row["name"] for row in listed["EvaluateParams"]} == set(EvaluateParams.model_fields)


def test_params_lists_every_model_of_tunables_or_one_that_holds_it():
    listed = {*params.GROUPS, *params.METHODS.values(), *params.FLOW_MODELS.values()}
    listed |= {*params.TRACKER_PARAMS.values()}
    public = [getattr(params, name) for name in params.__all__]
    models = [each for each in public if isinstance(each, type) and issubclass(each, schema.Params)]
    missing = [model for model in models if not any(issubclass(each, model) for each in listed)]
    assert not missing


def test_params_prints_every_group(capsys):
    listed = json.loads(run(capsys, "params", "--json")[1])
    assert {group.__name__ for group in params.GROUPS} <= set(listed)


def test_info_says_what_is_here(capsys):
    code, out, _ = run(capsys, "info", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["vidlab"] == vidlab.__version__
    assert facts["core"]["numpy"]
    assert "cpu" in facts["devices"]
    assert "maskrcnn_demo" in facts["models"]
    assert run(capsys, "info")[0] == 0


def test_debug_shows_the_traceback(capsys):
    assert "Traceback" in run(capsys, *STABILIZE, "--method", "magic", "--debug")[2]


def test_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "vidlab", "params", "magic"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("vidlab: unknown method 'magic'")


def test_help_loads_nothing_heavy():
    script = (
        "import sys; from vidlab import cli; cli.main(['stabilize', '--help']); "
        "print(sorted({'torch', 'cv2', 'matplotlib', 'scipy', 'av', 'papermill'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -m vidlab params | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""
