"""What the notebook of training shows: films of every class, neighbors of frames, scores."""

import numpy as np
import pytest

from vidlab.errors import ParameterError
from vidlab.jobs import training_story
from vidlab.jobs.training_settings import TrainSettings
from vidlab.masks.labels import read_labels_png
from vidlab.masks.png import write_labels_png
from vidlab.params import SceneDataParams
from vidlab.training.pairs import find_pairs
from vidlab.training.scenes import scene_spec
from vidlab.video import write_image

SMALL = SceneDataParams(scenes=2, scene_px=64, scene_kind="plain", scene_classes="person,car,bird")


def test_a_film_shows_every_class_in_every_frame(tmp_path):
    clip = training_story.draw_unseen(tmp_path / "film", params=SMALL, seed=1, n_frames=6)
    files = sorted((clip / "truth").iterdir())
    assert len(files) == len(list((clip / "frames").iterdir())) == 6
    for file in files:
        shares = np.bincount(read_labels_png(file, size_hw=None).ravel(), minlength=256) / 64**2
        assert min(shares[[1, 3, 16]]) >= training_story.SEEN_SHARE


def test_a_film_that_no_scene_gives_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(training_story, "LOOKED_AT", 2)
    crowded = SMALL.model_copy(update={"scene_classes": "person,car,bird,cat"})  # three objects a scene
    with pytest.raises(
        ParameterError, match=r"one of 2 scenes, got none with person,car,bird,cat; take fewer"
    ):
        training_story.draw_unseen(tmp_path / "film", params=crowded, seed=1, n_frames=2)
    assert not (tmp_path / "film").exists()


def test_what_is_seen_is_more_than_a_speck(monkeypatch):
    spec = scene_spec(0, params=SMALL, seed=0, n_frames=1)
    one = scene_spec(0, params=SMALL.model_copy(update={"scene_classes": "car"}), seed=0, n_frames=1)
    assert training_story.shows_all(one)
    monkeypatch.setattr(training_story, "SEEN_SHARE", 0.9)
    assert not training_story.shows_all(one)
    assert not training_story.shows_all(spec)


def test_frames_between_are_of_the_same_scenes_and_not_the_same(tmp_path):
    params = SMALL.model_copy(update={"scene_frames": 3, "scene_every": 4})
    taught = find_pairs(training_story.draw_data(tmp_path / "taught", params=params, seed=5))
    between = training_story.draw_between(tmp_path / "between", params=params, seed=5)
    assert [(pair.clip, pair.image.stem) for pair in taught] == [
        (clip, f"{index:05d}") for clip in ("scene_000000", "scene_000001") for index in (0, 4, 8)
    ]
    assert [(pair.clip, pair.image.stem) for pair in between] == [
        (clip, f"{index:05d}") for clip in ("scene_000000", "scene_000001") for index in (2, 6)
    ]
    for pair in taught:  # the other half of what was drawn is what teaches, to the last pixel
        again = tmp_path / "between" / "images" / pair.clip / pair.image.name
        assert again.read_bytes() == pair.image.read_bytes()


def test_a_film_is_judged_by_region_boundary_and_calm(tmp_path):
    labels = np.zeros((40, 60), np.uint8)
    labels[5:25, 5:25], labels[20:35, 30:55] = 1, 3
    worse = np.where(labels == 3, 0, labels).astype(np.uint8)
    rng = np.random.default_rng(0)
    for index in range(9):
        for kind, shown in (("truth", labels), ("worse", worse)):
            (tmp_path / kind).mkdir(exist_ok=True)
            write_labels_png(tmp_path / kind / f"{index:05d}.png", shown)
        (tmp_path / "frames").mkdir(exist_ok=True)
        write_image(tmp_path / "frames" / f"{index:05d}.png", rng.integers(0, 255, (40, 60, 3), np.uint8))
    places = {"truth": tmp_path / "truth", "video": tmp_path / "frames"}
    perfect, half = (training_story.judge_film(tmp_path / kind, **places) for kind in ("truth", "worse"))
    assert perfect.jf == 1.0
    assert half.jf == pytest.approx(0.5)  # one class right, one never found
    rows = training_story.film_rows({"raw": half, "stable": perfect})
    assert [row[:3] for row in rows] == [
        ("raw", "0.500", f"{half.labels.summary.miou:.3f}"),
        ("stable", "1.000", "1.000"),
    ]


def test_settings_are_a_recipes_with_changes():
    how = TrainSettings.of("small", epochs=3, scenes=7, device="cpu")
    assert (how.fit.epochs, how.scenes.scenes, how.device) == (3, 7, "cpu")
    assert (how.network.encoder_weights, how.augment.crop) == ("random", "none")
    assert TrainSettings.of() == TrainSettings()
    for values, sentence in (
        ({"recipe": "secret"}, "unknown recipe 'secret'; choose from: default, small, reference"),
        ({"spoons": 3}, "settings must be of training, got 'spoons', which is none"),
        ({"epochs": 0}, "epochs must"),
    ):
        with pytest.raises(ParameterError, match=sentence):
            TrainSettings.of(**values)
