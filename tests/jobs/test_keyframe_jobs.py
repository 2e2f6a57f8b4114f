"""Keyframe mode in the jobs: the network sees some frames, and nothing else changes."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from test_resume import assert_same_results
from tiny_clip import DOG, N_FRAMES, PERSON, SIZE_HW, detected, make_clip, true_mask

from vidlab import cli, models
from vidlab.jobs import MaskFile, Network, segment, stabilize, stabilizing
from vidlab.jobs.reading import open_reading
from vidlab.metrics.overlap import iou
from vidlab.params import SegmentParams, SourceParams, method_params
from vidlab.types import Instances, Observation, UInt8Image

EVERY = 4


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


class Watcher:
    """A network that finds the bright square, and remembers which frames it saw."""

    name = "maskrcnn_demo"
    kind = "instances"
    class_ids = (PERSON, DOG)
    weights = "none"

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.batches: list[int] = []

    def segment(self, images: Sequence[UInt8Image]) -> list[Observation]:
        self.batches.append(len(images))
        return [self._of(image) for image in images]

    def _of(self, image: UInt8Image) -> Observation:
        places = [int(np.abs(image.mean(axis=2)[true_mask(i)] - 200).sum()) for i in range(N_FRAMES)]
        self.seen.append(int(np.argmin(places)))
        return detected(1, true_mask(self.seen[-1]))


@pytest.fixture
def network(monkeypatch):
    watcher = Watcher()
    monkeypatch.setattr(models, "create", lambda name, **_: watcher)
    monkeypatch.setattr(models, "resolve_device", lambda device: "cpu")
    return watcher


def params(**settings) -> SegmentParams:
    return SegmentParams(device="cpu", **{f"keyframe_{name}": value for name, value in settings.items()})


def observed(clip, masks_from, **settings) -> list[Instances]:
    reading = open_reading(
        clip.video,
        masks_from=masks_from,
        class_ids=None,
        source=None,
        segment=params(**settings),
        evidence=None,
    )
    return [observation for _, observation in reading]


def test_network_sees_every_fourth_frame_and_the_result_says_so(clip, tmp_path, network):
    result = segment(
        clip.video, network=Network("maskrcnn_demo"), out=tmp_path / "out", segment=params(every=EVERY)
    )
    assert network.seen == [0, 4, 8, 11]
    assert network.batches == [1, 1, 1, 1]
    assert (result.n_keyframes, result.n_frames) == (4, N_FRAMES)
    said = json.loads((tmp_path / "out" / "params.json").read_text())
    assert (said["n_keyframes"], said["segment"]["keyframe_every"]) == (4, EVERY)
    assert {"network_s", "carry_s"} <= set(said["timing"])
    assert min(said["timing"].values()) >= 0


@pytest.mark.parametrize("look_ahead", [True, False])
def test_carried_masks_lie_on_the_moving_square(clip, network, look_ahead):
    found = observed(clip, Network("maskrcnn_demo"), every=EVERY, look_ahead=look_ahead)
    assert len(found) == N_FRAMES
    for index, observation in enumerate(found):
        (dog,) = observation.masks[observation.class_ids == DOG]
        assert iou(dog, true_mask(index)) > 0.8, index


def test_every_frame_a_keyframe_is_the_plain_run(clip, tmp_path, network):
    for name, settings in (("plain", SegmentParams(device="cpu")), ("one", params(every=1, change=0.1))):
        result = segment(clip.video, network=Network("maskrcnn_demo"), out=tmp_path / name, segment=settings)
        assert result.n_keyframes is None
    assert network.batches == [4, 4, 4] * 2
    for path in (tmp_path / "plain").rglob("*"):
        if path.is_file() and path.name != "params.json":
            assert path.read_bytes() == (tmp_path / "one" / path.relative_to(tmp_path / "plain")).read_bytes()


def test_masks_of_a_file_are_used_every_fourth_frame(clip):
    plain = observed(clip, MaskFile(clip.detections))
    keyed = observed(clip, MaskFile(clip.detections), every=EVERY)
    for index in range(0, N_FRAMES, EVERY):
        assert np.array_equal(plain[index].masks, keyed[index].masks)
        assert np.array_equal(plain[index].scores, keyed[index].scores)
    assert len(keyed) == N_FRAMES


def test_probabilities_of_a_file_are_carried_too(clip):
    found = observed(clip, MaskFile(clip.probs, probs=True), every=EVERY)
    truth = np.stack([true_mask(index) for index in (1, 2, 3)])
    carried = np.stack([found[index].probs[0] for index in (1, 2, 3)])
    assert carried[truth].mean() > 0.2  # the frame at 4 was missed: half of the votes say no
    assert carried[~truth].mean() < 0.2


def stabilized(clip, out: Path, *, settings, masks_from=None, **options):
    return stabilize(
        clip.video,
        masks_from=masks_from or MaskFile(clip.detections),
        out=out,
        method=method_params("exponential"),
        segment=settings,
        **options,
    )


@pytest.mark.parametrize("look_ahead", [True, False])
@pytest.mark.parametrize("after", [4, 5, 7, 11])
def test_run_that_was_stopped_goes_on_as_if_it_had_not_been(clip, tmp_path, monkeypatch, after, look_ahead):
    monkeypatch.setattr(stabilizing, "CHECKPOINT_FRAMES", 1)
    settings = params(every=EVERY, look_ahead=look_ahead)

    def stop(done: int, total: int | None) -> None:
        if done == after:
            raise KeyboardInterrupt

    whole = stabilized(clip, tmp_path / "whole", settings=settings)
    with pytest.raises(KeyboardInterrupt):
        stabilized(clip, tmp_path / "out", settings=settings, progress=stop)
    again = stabilized(clip, tmp_path / "out", settings=settings, resume=True)
    assert again.n_keyframes == whole.n_keyframes == 3 + look_ahead  # the last frame, which others wait for
    assert_same_results(tmp_path / "whole", tmp_path / "out")


def test_run_that_goes_on_asks_the_network_from_the_last_keyframe_on(clip, tmp_path, monkeypatch, network):
    monkeypatch.setattr(stabilizing, "CHECKPOINT_FRAMES", 1)

    def stop(done: int, total: int | None) -> None:
        if done == 7:
            raise KeyboardInterrupt

    options = {"settings": params(every=EVERY), "masks_from": Network("maskrcnn_demo")}
    with pytest.raises(KeyboardInterrupt):
        stabilized(clip, tmp_path / "out", progress=stop, **options)
    network.seen.clear()
    stabilized(clip, tmp_path / "out", resume=True, **options)
    assert network.seen == [4, 8, 11]


def test_command_line_says_how_often_the_network_ran(clip, tmp_path, capsys):
    words = ["stabilize", str(clip.video), "--masks", str(clip.detections), "--keyframe-every", "4"]
    assert cli.main([*words, "--method", "none", "--out", str(tmp_path / "out")]) == 0
    assert f"masks were used of 4 of {N_FRAMES} frames" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["n_keyframes"] == 4


def test_clip_shorter_than_a_stretch_begins_and_ends_with_a_keyframe(clip, network):
    reading = open_reading(
        clip.video,
        masks_from=Network("maskrcnn_demo"),
        class_ids=(DOG,),
        source=SourceParams(max_frames=3),
        segment=params(every=8),
        evidence=None,
    )
    found = [observation for _, observation in reading]
    assert (len(found), reading.n_keyframes) == (3, 2)
    assert all(observation.size_hw == SIZE_HW and len(observation) == 1 for observation in found)
