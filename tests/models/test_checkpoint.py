"""What a file of weights says of its network."""

import json

import pytest

torch = pytest.importorskip("torch")

from vidlab.errors import WeightsError  # noqa: E402
from vidlab.models.checkpoint import Recipe, read_checkpoint, save_checkpoint  # noqa: E402

STATE = {"weight": torch.arange(3.0)}
RECIPE = Recipe("smp_fpn", "resnet18", ("background", "dog"), "softmax", (256, 128))


def test_saved_checkpoint_says_what_it_was_told(tmp_path):
    save_checkpoint(tmp_path / "best.pt", STATE, recipe=RECIPE)
    read = read_checkpoint(tmp_path / "best.pt")
    assert read.recipe == RECIPE
    assert torch.equal(read.state["weight"], STATE["weight"])


def test_what_was_not_told_is_left_open(tmp_path):
    save_checkpoint(tmp_path / "best.pt", STATE, recipe=Recipe(classes=("dog",)))
    assert read_checkpoint(tmp_path / "best.pt").recipe == Recipe(classes=("dog",))


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"model": STATE, "epoch": 3},
        {"state_dict": STATE, "epoch": 3},
        {f"module.{name}": tensor for name, tensor in STATE.items()},
        {"state_dict": {f"model.{name}": tensor for name, tensor in STATE.items()}},
    ],
    ids=["plain", "torchvision", "lightning", "data parallel", "lightning module"],
)
def test_state_dicts_of_other_makers_are_understood(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    read = read_checkpoint(tmp_path / "w.pt")
    assert list(read.state) == ["weight"]
    assert read.recipe == Recipe()


def test_json_beside_a_plain_file_speaks_for_it(tmp_path):
    torch.save(STATE, tmp_path / "w.pt")
    (tmp_path / "w.json").write_text(json.dumps({"encoder": "resnet18", "classes": ["dog"], "epoch": 3}))
    assert read_checkpoint(tmp_path / "w.pt").recipe == Recipe(encoder="resnet18", classes=("dog",))


def test_file_that_speaks_for_itself_needs_no_json(tmp_path):
    save_checkpoint(tmp_path / "w.pt", STATE, recipe=RECIPE)
    (tmp_path / "w.json").write_text("not JSON")
    assert read_checkpoint(tmp_path / "w.pt").recipe == RECIPE


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"encoder": 3}, "encoder of the network must be a name, got 3"),
        ({"classes": "dog"}, "classes of the network must be a list of names, got 'dog'"),
        ({"activation": "relu"}, "activation of the network must be softmax or sigmoid, got 'relu'"),
        ({"input_hw": [256]}, r"input_hw of the network must be height and width in pixels, got \[256\]"),
        ({"input_hw": [0, 5]}, "input_hw of the network must be height and width in pixels"),
    ],
)
def test_senseless_facts_are_named_with_the_file(tmp_path, said, message):
    torch.save(STATE, tmp_path / "w.pt")
    (tmp_path / "w.json").write_text(json.dumps(said))
    with pytest.raises(WeightsError, match=rf"{message}.*w\.pt"):
        read_checkpoint(tmp_path / "w.pt")


def test_damaged_json_is_named(tmp_path):
    torch.save(STATE, tmp_path / "w.pt")
    (tmp_path / "w.json").write_text("{")
    with pytest.raises(WeightsError, match=r"must be JSON, got .*w\.json"):
        read_checkpoint(tmp_path / "w.pt")
