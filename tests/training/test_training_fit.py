"""The training loop and its command: it learns, goes on exactly, and says what is wrong in a sentence."""

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_sets import N_CLIPS, N_FRAMES, NAMES, SIDE_PX, draw, write_set

from vidlab import cli, models
from vidlab.errors import OutputError, TrainingError
from vidlab.jobs.training import TrainResult, train
from vidlab.jobs.training_data import TrainSource
from vidlab.jobs.training_settings import TrainSettings
from vidlab.masks.png import write_labels_png
from vidlab.models.checkpoint import Recipe
from vidlab.params import AugmentParams, FitParams, TrainDataParams, TrainNetworkParams
from vidlab.training import fit
from vidlab.training.course import Course, Store
from vidlab.training.fit import learning_rate
from vidlab.training.log import epoch_log
from vidlab.video import VideoWriter

KILLED = Path(__file__).with_name("killed_training.py")
WORDS = (
    "--class-names", NAMES, "--network", "unet", "--width", "4", "--input-px", str(SIDE_PX),
    "--train-batch", "4", "--device", "cpu",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread():
    """Bits are the same for equal threads only."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("data") / "set")


def settings(*, width: int = 4, **others: object) -> TrainSettings:
    return TrainSettings(
        data=TrainDataParams(class_names=NAMES),
        augment=AugmentParams(input_px=SIDE_PX, crop="none"),
        network=TrainNetworkParams(network="unet", width=width),
        fit=FitParams(**{"train_batch": 4, "epochs": 2, **others}),
        device="cpu",
    )


def run(root: Path, out: Path, **others: object) -> TrainResult:
    return train(TrainSource(root), out=out, settings=settings(**others))


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(stream)]


def weights(file: Path) -> dict[str, torch.Tensor]:
    return torch.load(file, weights_only=True)["model"]


def assert_same(one: Path, other: Path) -> None:
    """Losses, scores and weights of two runs are the same bits; only their time differs."""
    assert (one / "steps.csv").read_bytes() == (other / "steps.csv").read_bytes()
    assert rows(one / "epochs.csv") == rows(other / "epochs.csv")
    for name in ("best.pt", "last.pt"):
        expected, found = weights(one / name), weights(other / name)
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[key], found[key]) for key in expected)


def test_it_learns_to_tell_red_from_blue(root, tmp_path):
    result = run(root, tmp_path / "run", width=8, epochs=14, lr=4e-3)
    losses = result.course.losses
    assert len(losses) == 14 * (N_CLIPS - 1) * N_FRAMES // 4
    assert np.mean(losses[-4:]) < 0.3 * np.mean(losses[:4])
    assert result.course.best_dice > 0.8
    network = models.create("unet", weights=str(result.best), device="cpu", score_floor=0.05)
    image, labels = draw(np.random.default_rng(99))
    (found,) = network.segment([image])
    pred = np.where(found.probs.max(axis=0) > 0.5, 1 + found.probs.argmax(axis=0), 0)
    assert (pred == labels).mean() > 0.9


@pytest.mark.parametrize("loss", ["reference", "ce_then_dice", "focal"])
def test_every_loss_goes_down(root, tmp_path, loss):
    losses = run(root, tmp_path / "run", epochs=5, loss=loss, lr=4e-3, ce_epochs=9).course.losses
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


KILL_WORDS = ("--epochs", "2", "--save-minutes", "0")
SLOW = [pytest.param(die_at, marks=pytest.mark.slow) for die_at in (1, 2, 4, 5, 6, 8, 9, 10)]


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory):
    """A run that nobody kills."""
    out, threads = tmp_path_factory.mktemp("whole") / "run", torch.get_num_threads()
    torch.set_num_threads(1)
    assert cli.main(["train", str(root), *WORDS, *KILL_WORDS, "--out", str(out)]) == 0
    torch.set_num_threads(threads)
    return out


@pytest.mark.parametrize("die_at", [3, 7, *SLOW])
def test_a_killed_run_goes_on_with_the_same_bits(root, whole, tmp_path, die_at):
    """Four batches an epoch, put away after each and at its end: 5 checkpoints an epoch, 10 in all."""
    words = ["train", str(root), *WORDS, *KILL_WORDS, "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, str(KILLED), str(die_at), *words], capture_output=True, check=False
    )
    assert done.returncode == -9
    assert cli.main([*words, "--resume"]) == 0
    assert_same(whole, tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir() if "part" in path.name] == []


def test_the_number_of_workers_changes_nothing(root, tmp_path):
    run(root, tmp_path / "none")
    many = settings()
    many = TrainSettings(
        data=many.data.model_copy(update={"workers": 2, "cache_mb": 0.0}),
        augment=many.augment, network=many.network, fit=many.fit, device="cpu",
    )  # fmt: skip
    train(TrainSource(root), out=tmp_path / "two", settings=many)
    assert_same(tmp_path / "none", tmp_path / "two")


def test_another_seed_is_another_run(root, tmp_path):
    first, second = (run(root, tmp_path / str(seed), seed=seed, epochs=1).course for seed in (1, 2))
    assert first.losses != second.losses


def test_training_leaves_the_callers_generator_alone(root, tmp_path):
    before = torch.get_rng_state()
    run(root, tmp_path / "run", epochs=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_finished_run_is_left_as_it_is(root, tmp_path):
    once = run(root, tmp_path / "run")
    before = {
        path.name: path.read_bytes() for path in once.folder.iterdir() if path.suffix in (".pt", ".csv")
    }
    again = train(TrainSource(root), out=tmp_path / "run", settings=settings(), resume=True)
    assert again.course == once.course
    assert before == {name: (once.folder / name).read_bytes() for name in before}


def test_it_stops_early_when_nothing_gets_better(root, tmp_path):
    course = run(root, tmp_path / "run", epochs=30, patience=2, lr=1e-9, warmup=0.0).course
    assert course.is_over
    assert len(course.rows) < 30
    assert len(course.rows) - course.best_epoch == 2


def test_a_loss_that_is_no_number_is_an_error(root, tmp_path, monkeypatch):
    def diverging(_params, *, epoch):
        return lambda scores, target: scores.sum() * math.nan

    monkeypatch.setattr(fit, "loss_of", diverging)
    with pytest.raises(TrainingError, match=r"must stay a number, got nan at step 1; take a smaller --lr"):
        run(root, tmp_path / "run")


def test_mixed_precision_is_near_full_precision(root, tmp_path):
    full, mixed = (
        run(root, tmp_path / name, precision=name, epochs=1).course.losses for name in ("float32", "bfloat16")
    )
    assert full != mixed
    np.testing.assert_allclose(full, mixed, rtol=0.05)


def test_weights_say_everything_that_is_needed_to_use_them(root, tmp_path):
    result = run(root, tmp_path / "run", loss="reference")
    said = torch.load(result.best, weights_only=True)["network"]
    assert said["architecture"] == "unet"
    assert said["classes"] == ("background", "red thing", "blue thing")
    assert said["activation"] == "sigmoid"
    assert said["input_hw"] == (SIDE_PX, SIDE_PX)
    assert len(said["colors"]) == 3
    assert said["mean"] == (0.485, 0.456, 0.406)
    assert said["measured"]["dice"] == pytest.approx(result.course.best_dice)


def test_the_best_weights_are_those_of_the_best_epoch(root, tmp_path):
    result = run(root, tmp_path / "run", epochs=6, lr=3e-3)
    dice = [row["dice"] for row in result.course.rows]
    assert result.course.best_epoch == int(np.argmax(dice)) + 1
    assert result.course.best_dice == max(dice)


def test_several_gpus_share_a_batch(root, tmp_path):
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    how = settings()
    how = TrainSettings(how.data, how.scenes, how.augment, how.network, how.fit, "cuda")
    losses = train(TrainSource(root), out=tmp_path / "run", settings=how).course.losses
    assert all(math.isfinite(loss) for loss in losses)


def test_learning_rate_rises_then_falls():
    params = FitParams(lr=1.0, warmup=0.1)
    rates = [learning_rate(step, n_steps=100, params=params) for step in range(100)]
    assert rates[:10] == pytest.approx(np.linspace(0.1, 1.0, 10))
    assert np.all(np.diff(rates[10:]) < 0)
    assert rates[55] == pytest.approx(0.5)
    flat = params.model_copy(update={"schedule": "constant"})
    assert {learning_rate(step, n_steps=100, params=flat) for step in range(10, 100)} == {1.0}


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    """What TensorBoard shows of a curve."""
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = events.EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    return [(event.step, event.value) for event in found.Scalars(name)]


def test_curves_go_to_tensorboard(root, tmp_path):
    result = run(root, tmp_path / "run")
    rows = result.course.rows
    for name, tag in (("train_loss", "train_loss"), ("dice red thing", "dice/red thing")):
        shown = scalars(result.folder, tag)
        assert [step for step, _ in shown] == [1, 2]
        assert [value for _, value in shown] == pytest.approx([row[name] for row in rows])


def test_epochs_that_are_gone_through_again_stand_there_once(tmp_path):
    pytest.importorskip("tensorboard")
    for last in (3, 2):  # the second was killed before it could save its third epoch
        with epoch_log(tmp_path) as log:
            for epoch in range(1, last + 1):
                log({"epoch": epoch, "dice": epoch / 10})
    assert scalars(tmp_path, "dice") == [(1, pytest.approx(0.1)), (2, pytest.approx(0.2))]


def test_without_tensorboard_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with epoch_log(tmp_path) as log:
        log({"epoch": 1, "dice": 0.5})
    assert list(tmp_path.iterdir()) == []


def test_what_a_training_left_must_be_whole(root, tmp_path):
    result = run(root, tmp_path / "run", epochs=1)
    (result.folder / "last.pt").write_bytes(b"nothing")
    assert cli.main(["train", str(root), *WORDS, "--out", str(result.folder), "--resume"]) == 1


def test_what_another_network_left_is_not_gone_on_with(root, tmp_path):
    other = run(root, tmp_path / "other", epochs=1, width=8)
    mine = run(root, tmp_path / "mine", epochs=1)
    (other.folder / "last.pt").replace(mine.folder / "last.pt")
    with pytest.raises(
        OutputError, match=r"last\.pt must be of the network that is trained, got another one's"
    ):
        train(TrainSource(root), out=mine.folder, settings=settings(epochs=1), resume=True)


def test_a_run_with_other_settings_is_not_gone_on_with(root, tmp_path, capsys):
    words = ["train", str(root), *WORDS, "--out", str(tmp_path / "run")]
    assert cli.main([*words, "--epochs", "1"]) == 0
    capsys.readouterr()
    assert cli.main([*words, "--epochs", "2", "--resume"]) == 1
    assert "was begun with fit.epochs 1, got 2; repeat the first command" in capsys.readouterr().err
    assert cli.main([*words, "--epochs", "1", "--workers", "1", "--resume"]) == 0


def test_the_command_shows_classes_and_scores(root, tmp_path, capsys):
    out = tmp_path / "made" / "run"
    assert cli.main(["train", str(root), *WORDS, "--epochs", "1", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "16 pictures of 4 clips teach, 4 of 1 other clip judge" in said
    assert "1 red thing" in said
    assert "vidlab stabilize VIDEO --model unet --weights" in said
    made = {path.name for path in out.iterdir()}
    assert {"best.pt", "last.pt", "epochs.csv", "steps.csv", "curves.png", "params.json"} <= made
    assert ".data" not in made
    record = json.loads((out / "params.json").read_text())
    assert record["classes"] == ["background", "red thing", "blue thing"]
    assert record["fit"]["epochs"] == 1


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["nowhere"], 1, "must be in a folder, got nowhere"),
        (["synthetic", "--network", "alexnet"], 2, "got 'alexnet'"),
        (
            ["synthetic", "--recipe", "secret"],
            2,
            "unknown recipe 'secret'; choose from: default, small, reference",
        ),
        (["synthetic", "--scene-classes", "person,spoon"], 2, "classes must be COCO ids from"),
        (["synthetic", "--valid-share", "2"], 2, "valid_share must lie in (0, 1)"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_leaves_nothing(
    tmp_path, monkeypatch, capsys, words, code, sentence
):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", *words, "--out", "run"]) == code
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_folder_is_replaced_only_by_force(root, tmp_path, capsys):
    words = ["train", str(root), *WORDS, "--epochs", "1", "--out", str(tmp_path)]
    (tmp_path / "precious.txt").write_text("mine")
    assert cli.main(words) == 1
    assert "is not empty" in capsys.readouterr().err
    assert cli.main([*words, "--force"]) == 0
    assert not (tmp_path / "precious.txt").exists()


def test_what_force_would_replace_stays_until_there_is_something_to_train(root, tmp_path):
    words = ["--out", str(tmp_path / "run"), "--force", *WORDS, "--epochs", "1"]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious.txt").write_text("mine")
    assert cli.main(["train", str(tmp_path / "nowhere"), *words]) == 1
    assert cli.main(["train", str(root), *words, "--network", "smp_unet", "--encoder", "spoon"]) == 2
    assert (tmp_path / "run" / "precious.txt").read_text() == "mine"


def test_the_reference_recipe_sets_what_is_not_given(root, tmp_path):
    words = ["train", str(root), "--recipe", "reference", *WORDS, "--epochs", "1", "--repeats", "2"]
    assert cli.main([*words, "--out", str(tmp_path / "run")]) == 0
    record = json.loads((tmp_path / "run" / "params.json").read_text())
    assert (record["fit"]["loss"], record["augment"]["crop"], record["fit"]["schedule"]) == (
        "reference", "central", "constant",
    )  # fmt: skip
    assert (record["fit"]["epochs"], record["data"]["repeats"]) == (1, 2)


def test_a_video_with_masks_is_a_data_set(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "masks").mkdir()
    with VideoWriter(tmp_path / "clip.mp4", size_hw=(32, 32), fps=25.0, crf=5, preset="ultrafast") as film:
        for index in range(12):
            image, labels = draw(rng)
            film.write(image, pts_s=index / 25)
            write_labels_png(tmp_path / "masks" / f"{index:05d}.png", labels)
    source = TrainSource(tmp_path / "clip.mp4", masks=tmp_path / "masks")
    result = train(source, out=tmp_path / "run", settings=settings(epochs=1))
    assert len(result.course.losses) == 2
    (tmp_path / "masks" / "00011.png").unlink()
    with pytest.raises(Exception, match="got 12 frames and 11 in"):
        train(source, out=tmp_path / "other", settings=settings(epochs=1))


def test_another_folder_can_judge(root, tmp_path):
    other = write_set(tmp_path / "other", n_clips=1)
    told = []
    train(
        TrainSource(root, valid=other), out=tmp_path / "run", settings=settings(epochs=1), found=told.append
    )
    assert told[0].split.told == "20 pictures teach, 4 of another folder judge"


def test_the_store_always_holds_whole_files(tmp_path, monkeypatch):
    store = Store(tmp_path, recipe=Recipe("unet"), colors=[])
    store.keep_last({"a": torch.zeros(1)}, Course(epoch=1))

    def full(*_args, **_others):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        store.keep_last({"a": torch.ones(1)}, Course(epoch=2))
    state, course, _ = store.load_last()
    assert (state["a"].item(), course.epoch) == (0.0, 1)
