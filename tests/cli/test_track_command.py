"""`vidlab track`: what it prints, and how it fails."""

import numpy as np
import pytest
from tiny_clip import N_FRAMES, make_clip, true_mask

from vidlab import cli
from vidlab.cli.parser import build_parser
from vidlab.jobs.tracking_files import write_mot
from vidlab.masks.coco import CocoMasks
from vidlab.params import TRACKER_PARAMS, method_params
from vidlab.types import Instances


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def gt(tmp_path_factory):
    path = tmp_path_factory.mktemp("truth") / "gt.txt"
    with path.open("w") as file:
        for index in range(N_FRAMES):
            one = np.ones(1, np.int64)
            there = Instances(true_mask(index)[np.newaxis], np.ones(1, np.float32), one, 7 * one)
            write_mot(there, index=index, to=file)
    return path


def run(clip, *words: str) -> int:
    return cli.main(["track", str(clip.video), "--masks", str(clip.detections), "--class", "dog", *words])


def test_it_prints_how_well_identities_fit_the_truth(clip, gt, tmp_path, capsys) -> None:
    words = ("--tracker", "bytetrack", "--truth", str(gt), "--out", str(tmp_path / "a.txt"))
    assert run(clip, *words) == 0
    said = capsys.readouterr().out
    assert f"{N_FRAMES} frames, {N_FRAMES} detections of 1 objects (bytetrack)" in said
    for line in ("HOTA ↑", "DetA", "AssA", "MOTA", "MOTP", "IDF1", "identity switches"):
        assert line in said
    assert "1.000" in said
    assert str(tmp_path / "a.txt") in said


def test_tunables_of_the_tracker_are_set(clip, tmp_path, capsys) -> None:
    words = ("--tracker", "sort", "--set", "min_hits=2", "--set", "max_missed=7")
    assert run(clip, *words, "--out", str(tmp_path / "out")) == 0
    assert '"max_missed": 7' in (tmp_path / "out" / "params.json").read_text()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--tracker", "csrt"), 2, "unknown tracker 'csrt'; choose from: flow, sort, deepsort"),
        (("--tracker", "sort", "--set", "gate=3"), 2, "unknown setting 'gate'; choose from: min_iou"),
        (("--tracker", "sort", "--set", "min_hits=0"), 2, "min_hits must lie in [1, 60] frames, got 0"),
        (("--tracker", "given"), 1, "detections must come with track_ids to be taken as given"),
        (("--truth", "nowhere.txt"), 1, "nowhere.txt must be MOTChallenge's text"),
        (("--looks-weights", "random"), 2, "weights that tell looks apart must come with a tracker"),
        (("--match-iou", "1.5"), 2, "match_iou must lie in (0, 1), got 1.5"),
    ],
)
def test_mistakes_are_one_line(clip, tmp_path, capsys, words, code: int, said: str) -> None:
    assert run(clip, *words, "--out", str(tmp_path / "a.txt")) == code
    error = capsys.readouterr().err
    assert said.replace(" frames", "") in error.replace(" frames", "")
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_given_identities_of_a_network_there_are_none(clip, tmp_path, capsys) -> None:
    words = ["track", str(clip.video), "--tracker", "given", "--out", str(tmp_path / "a.txt")]
    assert cli.main(words) == 2
    assert "given identities must come with masks, got a network" in capsys.readouterr().err


def test_stabilize_takes_a_tracker_as_an_option_of_its_own(clip, tmp_path) -> None:
    words = ["stabilize", str(clip.video), "--masks", str(clip.detections), "--class", "dog"]
    words += ["--method", "none", "--tracker", "sort", "--out", str(tmp_path / "out")]
    assert cli.main(words) == 0
    assert '"tracker": "sort"' in (tmp_path / "out" / "params.json").read_text()
    shown = list(CocoMasks(tmp_path / "out" / "instances.json", size_hw=None))
    assert {one for frame in shown for one in frame.track_ids.tolist()} <= {1, 2}


def test_help_names_every_tracker(capsys) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["track", "--help"])
    said = capsys.readouterr().out
    assert all(name in said for name in TRACKER_PARAMS)


@pytest.mark.parametrize("name", TRACKER_PARAMS)
def test_params_lists_what_a_tracker_takes(capsys, name: str) -> None:
    if name == "given":
        return
    assert cli.main(["params", name]) == 0
    said = capsys.readouterr().out
    assert all(field in said for field in TRACKER_PARAMS[name].model_fields)
    assert method_params("none").tracker == "flow"
