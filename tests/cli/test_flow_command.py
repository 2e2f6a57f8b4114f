import pytest

from vidlab import cli
from vidlab.params import FLOW_MODELS, FlowParams
from vidlab.schema import tunables
from vidlab.synthetic import iter_scene, random_scene
from vidlab.video import write_image
from vidlab.video.flow_files import list_flows, write_flow


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    (folder / "frames").mkdir()
    (folder / "truth").mkdir()
    for frame in iter_scene(random_scene(5, size_hw=(48, 64), n_frames=3)):
        write_image(folder / "frames" / f"{frame.index}.png", frame.image)
        if frame.index:
            write_flow(folder / "truth" / f"{frame.index}.flo", frame.flow_to_prev)
    return folder


def words(scene, out, *more):
    return ["flow", str(scene / "frames"), "--out", str(out), *more]


def test_flows_are_written_and_their_error_is_told(scene, tmp_path, capsys):
    truth = ("--direction", "prev", "--truth", str(scene / "truth"))
    assert cli.main(words(scene, tmp_path / "out", *truth)) == 0
    out = capsys.readouterr().out
    for line in (
        "2 pairs, dis: ",
        "error against the truth, 6144 pixels",
        "outliers, Fl-all",
        "angular error",
    ):
        assert line in out
    assert len(list_flows(tmp_path / "out")) == 2


def test_a_setting_reaches_the_flow(scene, tmp_path, capsys):
    for name, more in (("plain", ["--set", "levels=1", "--set", "warps=1"]), ("other", [])):
        assert cli.main(words(scene, tmp_path / name, "--flow", "horn_schunck", *more)) == 0
    plain, other = (list_flows(tmp_path / name)[0].read_bytes() for name in ("plain", "other"))
    assert plain != other


def test_random_weights_are_said_to_mean_nothing(scene, tmp_path, capsys):
    pytest.importorskip("torchvision")
    more = ("--flow", "raft_small", "--weights", "random", "--set", "updates=1", "--device", "cpu")
    assert cli.main(words(scene, tmp_path / "out", *more)) == 0
    said = capsys.readouterr()
    assert "raft_small, random (timing only)" in said.out
    assert "random weights, for timing only; its flow means nothing" in said.err


@pytest.mark.parametrize(
    ("more", "code", "sentence"),
    [
        (["--flow", "flownet"], 2, "flow must be one of dis, farneback, lucas_kanade"),
        (["--flow-scale", "2"], 2, "flow_scale must lie in (0, 1], got 2"),
        (["--set", "levels"], 2, "a setting must have the form name=value, got 'levels'"),
        (["--set", "levels=2"], 2, "dis must be set by preset and scale alone, got levels"),
        (["--occlusions", "x"], 2, "must come with --truth"),
        (["--weights", "x.pth"], 2, "weights must go with a network, got the flow dis"),
        (["--truth", "nowhere"], 1, "a folder of flows must exist, got nowhere"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(scene, tmp_path, capsys, more, code, sentence):
    assert cli.main(words(scene, tmp_path / "out", *more)) == code
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_help_and_params_list_every_tunable(capsys):
    assert cli.main(["flow", "--help"]) == 0
    out = capsys.readouterr().out
    for tunable in tunables(FlowParams):
        assert f"--{tunable.name.replace('_', '-')} " in out
    for name, model in FLOW_MODELS.items():
        assert cli.main(["params", name]) == 0
        out = capsys.readouterr().out
        assert all(f"--set {tunable.name}=" in out for tunable in tunables(model))


def test_the_method_takes_a_flow(capsys):
    assert cli.main(["params", "flow_fusion"]) == 0
    assert "--set flow=" in capsys.readouterr().out
