import json
import random
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from tiny_clip import SIZE_HW, Clip, detected, image, true_mask

from vidlab.masks.coco import CocoResultsWriter
from vidlab.masks.png import write_mask_png, write_probs_png
from vidlab.params import METHODS
from vidlab.video import VideoWriter

N_FRAMES = 23
CHECKPOINT_FRAMES = 5
KILLED = -9


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Clip:
    """A clip whose frames come at uneven times, with a shot cut."""
    root = tmp_path_factory.mktemp("inputs")
    made = Clip(*(root / name for name in ("clip.mp4", "masks", "truth", "detections.json", "probs")))
    for folder in (made.masks, made.truth, made.probs):
        folder.mkdir()
    with (
        VideoWriter(made.video, size_hw=SIZE_HW, fps=25.0, crf=10, preset="ultrafast") as video,
        CocoResultsWriter(made.detections) as detections,
    ):
        for index in range(N_FRAMES):
            picture = image(index) if index < 13 else np.ascontiguousarray(255 - image(index)[::-1])
            video.write(picture, pts_s=(index + index**2 / 30) / 25)
            found = true_mask(index) & (index % 4 != 2)
            write_mask_png(made.truth / f"{index:05d}.png", true_mask(index))
            write_mask_png(made.masks / f"{index:05d}.png", found)
            write_probs_png(made.probs / f"{index:05d}.png", np.where(found, 0.9, 0.1).astype(np.float32))
            detections.append(detected(index, true_mask(index)), image_id=index)
    return made


class Runs:
    """A process that runs the command line again and again."""

    def __init__(self) -> None:
        words = [sys.executable, str(Path(__file__).with_name("killed_runs.py"))]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def __call__(self, folder: Path, words: list[str], *, die_at: int = 0) -> tuple[int, int]:
        """Run once; return the exit code and the number of file operations."""
        folder.mkdir(exist_ok=True)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(folder), die_at, CHECKPOINT_FRAMES, words]) + "\n")
        self._process.stdin.flush()
        said = ""
        while not (line := self._process.stdout.readline()).startswith("["):
            assert line, said
            said += line
        code, n_operations = json.loads(line)
        assert code in (0, KILLED), said
        return code, n_operations

    def close(self) -> str:
        return self._process.communicate(timeout=60)[1]


@pytest.fixture(scope="module")
def runs():
    process = Runs()
    yield process
    process.close()


def words_of(clip: Clip, *more: str) -> list[str]:
    return ["stabilize", str(clip.video), "--out", "out", *more]


def inputs_of(clip: Clip) -> dict[str, list[str]]:
    return {
        "png": ["--masks", str(clip.masks), "--truth", str(clip.truth)],
        "coco": ["--masks", str(clip.detections), "--save-frames"],
        "probs": ["--masks", str(clip.probs), "--probs", "--max-frames", "21"],
    }


def decoded(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray().tobytes()) for frame in container.decode(video=0)]


def assert_same_results(one: Path, other: Path) -> None:
    names = sorted(str(path.relative_to(one)) for path in one.rglob("*"))
    assert names == sorted(str(path.relative_to(other)) for path in other.rglob("*"))
    for name in names:
        if name == "overlay.mp4":
            assert decoded(one / name) == decoded(other / name)
        elif name == "metrics.json":
            first, second = (json.loads((folder / name).read_text()) for folder in (one, other))
            assert set(first.pop("timing")) == set(second.pop("timing"))
            assert first == second
        elif (one / name).is_file():
            assert (one / name).read_bytes() == (other / name).read_bytes(), name


def kill_and_resume(runs: Runs, folder: Path, words: list[str], moments: list[int]) -> int:
    """Start a run that is killed, resume it until it is through; return how often it was killed."""
    n_killed = 0
    for number, moment in enumerate(moments):
        code, _ = runs(folder, words + ["--resume"] * (number > 0), die_at=moment)
        n_killed += code == KILLED
    assert runs(folder, [*words, "--resume"])[0] == 0
    return n_killed


def check(runs: Runs, tmp_path: Path, words: list[str], *, seed: int, n_chains: int, n_kills: int) -> None:
    code, n_operations = runs(tmp_path / "whole", words)
    assert code == 0
    rng = random.Random(seed)
    for chain in range(n_chains):
        folder = tmp_path / f"chain{chain}"
        moments = [rng.randrange(1, n_operations) for _ in range(n_kills)]
        assert kill_and_resume(runs, folder, words, moments) > 0
        assert [path.name for path in folder.iterdir()] == ["out"], moments
        assert_same_results(tmp_path / "whole" / "out", folder / "out")


@pytest.mark.parametrize(("method", "masks"), [("flow_fusion_two_pass", "coco"), ("median", "png")])
def test_killed_and_resumed_is_as_if_never_killed(runs, clip, tmp_path, method, masks):
    words = words_of(clip, *inputs_of(clip)[masks], "--method", method)
    check(runs, tmp_path, words, seed=len(method), n_chains=1, n_kills=2)


@pytest.mark.slow
@pytest.mark.parametrize("masks", ["png", "coco", "probs"])
@pytest.mark.parametrize("method", METHODS)
def test_killed_and_resumed_at_many_moments(runs, clip, tmp_path, method, masks):
    words = words_of(clip, *inputs_of(clip)[masks], "--method", method)
    check(runs, tmp_path, words, seed=len(method) + 100, n_chains=2, n_kills=4)
