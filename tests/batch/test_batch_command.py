"""`vidlab batch` as users meet it: real processes, exit codes, sentences, and the bytes of a serial run."""

import json
import shutil

import pytest
from few_videos import content, make_few

from vidlab import cli
from vidlab.batch import engines
from vidlab.batch.store import OUTCOME
from vidlab.batch.videos import THUMBNAIL
from vidlab.cli import batch_runs
from vidlab.cli.options import describe
from vidlab.params import BatchParams, ClusterParams, EvidenceParams
from vidlab.schema import tunables

OWN = {OUTCOME, THUMBNAIL}  # what a batch adds to a result
TIMED = "metrics.json"
GOOD = ("ant", "bee")


def run(capsys, *words: object) -> tuple[int, str, str]:
    code = cli.main([str(word) for word in words])
    got = capsys.readouterr()
    return code, got.out, got.err


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return make_few(tmp_path_factory.mktemp("few"), names=GOOD)


@pytest.fixture(scope="module")
def out(few, tmp_path_factory):
    """A batch of two good videos and a broken one by two workers, one of which does two tasks."""
    out = tmp_path_factory.mktemp("batch") / "out"
    words = ["--masks", few.masks, "--class", "dog", "--set", "memory=0.6", "--save-frames", "--jobs", 2]
    code = cli.main(["batch", "stabilize", str(few.videos), *map(str, words), "--out", str(out)])
    assert code == 1, "one is broken"
    return out


def test_result_is_that_of_the_recorded_command_run_alone(capsys, out, tmp_path):
    """Masks, overlay, instances and params.json to the byte; metrics but for their times."""
    results = sorted((out / "results").iterdir())
    assert [path.name[:-13] for path in results] == list(GOOD)
    moved = tmp_path / "batch"
    shutil.copytree(out / "results", moved)
    for folder in results:
        shutil.rmtree(folder)
        command = json.loads((moved / folder.name / "params.json").read_text())["command"]
        assert command[:2] == ["vidlab", "stabilize"]
        assert run(capsys, *command[1:])[0] == 0
        alone, batched = content(folder), content(moved / folder.name)
        assert set(batched) - set(alone) == OWN
        assert {name for name in alone if alone[name] != batched[name]} == {TIMED}
        said, here = (json.loads(files[TIMED]) for files in (alone, batched))
        assert said.pop("timing") != here.pop("timing")
        assert said == here
    for folder in results:
        shutil.rmtree(folder)
        shutil.copytree(moved / folder.name, folder)


def test_second_start_skips_what_is_done_and_says_so(capsys, few, out):
    words = ("--masks", few.masks, "--class", "dog", "--set", "memory=0.6", "--save-frames", "--jobs", 1)
    code, text, err = run(capsys, "batch", "stabilize", few.videos, *words, "--out", out)
    assert code == 1
    assert "3 tasks in" in text
    assert ": 2 done before, 1 failed" in text
    assert (
        f"- broken: a video must hold frames, got {few.videos / 'broken.mp4'}, which is empty (0 bytes)"
        in text
    )
    assert f"report  {out / 'report.html'}" in text
    assert "2 of 3 tasks were done before\n3 of 3: broken: failed: a video must hold" in err
    assert err.count("\n") == 2


def test_report_says_by_its_exit_code_whether_all_is_done(capsys, out):
    code, text, err = run(capsys, "batch", "report", out)
    assert (code, err) == (1, "")
    assert text.splitlines() == [f"report  {out / 'report.html'}", f"table   {out / 'report.parquet'}"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (
            ("stabilize", "{videos}", "--masks", "{masks}", "--engine", "abacus"),
            2,
            "unknown engine 'abacus'; choose",
        ),
        (
            ("stabilize", "{videos}", "--masks", "{masks}", "--jobs", "-1"),
            2,
            "jobs must lie in [0, 1024], got -1",
        ),
        (("stabilize", "{videos}", "--masks", "{masks}", "--methods", "abc"), 2, "unknown method 'abc'"),
        (
            ("stabilize", "{videos}", "--masks", "{masks}", "--methods", "none", "--method", "median"),
            2,
            "methods must come from one place, got --methods and --method",
        ),
        (("stabilize", "{videos}", "--model", "abc"), 2, "unknown model 'abc'"),
        (
            ("stabilize", "{videos}", "--masks", "{masks}/ant.json"),
            2,
            "several videos must have their own masks",
        ),
        (
            ("stabilize", "{masks}", "--masks", "{masks}"),
            1,
            "there must be videos in a folder, list or pattern",
        ),
        (("stabilize", "{videos}", "--masks", "{masks}", "--disk-reserve", "1e9"), 1, "1e+09 GB in reserve"),
        (("run", "no such", "--grid", "none.yaml"), 1, "a notebook must be a file"),
        (("run", "hw2_01", "--grid", "none.yaml"), 1, "none.yaml, which is not there"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(capsys, few, tmp_path, words, code, sentence):
    named = [word.format(videos=few.videos, masks=few.masks) for word in words]
    got, text, err = run(capsys, "batch", *named, "--out", tmp_path / "out")
    assert (got, text) == (code, "")
    assert err.startswith("vidlab: ")
    assert sentence in err
    assert err.count("\n") == 1
    results = tmp_path / "out" / "results"
    assert not results.exists() or list(results.iterdir()) == []


@pytest.mark.parametrize("part", ["stabilize", "run", "report", "task"])
def test_every_part_explains_itself(capsys, part):
    code, text, err = run(capsys, "batch", part, "--help")
    assert (code, err) == (0, "")
    assert f"usage: vidlab batch {part}" in text
    assert f"  vidlab batch {part}" in text  # an example


def test_options_are_those_of_the_schema(capsys):
    text = " ".join(run(capsys, "batch", "stabilize", "--help")[1].split())
    for model in (BatchParams, ClusterParams, EvidenceParams):
        for tunable in tunables(model):
            assert f"--{tunable.name.replace('_', '-')} " in text
            assert describe(tunable).replace("- ", "-") in text.replace("- ", "-")


def test_engines_offered_are_those_there_are():
    assert tuple(engines.ENGINES) == batch_runs.ENGINES


def test_top_help_lists_it(capsys):
    assert "\n    batch" in run(capsys, "--help")[1]
