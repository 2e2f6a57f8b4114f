"""Refinement where masks are read: every job sees it, each frame once, and off it changes nothing."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_clip
from conftest import ROOT
from tiny_clip import DOG, N_FRAMES, SIZE_HW, make_clip, true_mask

from vidlab import jobs
from vidlab.jobs import MaskFile, reading
from vidlab.jobs.reading import open_reading
from vidlab.jobs.rehearsal import Rehearsal
from vidlab.masks.png import write_probs_png
from vidlab.metrics.overlap import iou
from vidlab.params import PanelParams, SegmentParams, method_params
from vidlab.types import ClassProbs, Instances
from vidlab.video import open_source
from vidlab.viz.widgets.clips import Clip, Opener
from vidlab.viz.widgets.shown import Wish

GUIDED = SegmentParams(refine="guided", refine_reach=0.1)
CRF = SegmentParams(refine="crf", refine_reach=0.1, crf_distance=0.2)
KILLED_RUNS = ROOT / "tests" / "jobs" / "killed_runs.py"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The tiny clip, with probabilities of a coarse grid beside its hard masks."""
    made = make_clip(tmp_path_factory.mktemp("clip"))
    for index in range(N_FRAMES):
        cells = cv2.resize(true_mask(index).astype(np.float32), (16, 10), interpolation=cv2.INTER_AREA)
        soft = 0.05 + 0.9 * cv2.resize(cells, SIZE_HW[::-1], interpolation=cv2.INTER_LINEAR)
        write_probs_png(made.probs / f"{index:05d}.png", soft)
    return made


def read(clip, *, segment=None, probs=False, n_done=0):
    opened = open_reading(
        clip.video,
        masks_from=MaskFile(clip.probs, probs=True) if probs else MaskFile(clip.detections),
        class_ids=(0,) if probs else (DOG,),
        source=None,
        segment=segment,
        evidence=None,
    )
    return [observation for _, observation in opened.after(n_done)]


def mask_of(observation):
    return observation.probs[0] > 0.5 if isinstance(observation, ClassProbs) else observation.masks[0]


def arrays(observation):
    if isinstance(observation, Instances):
        return [observation.masks, observation.scores, observation.class_ids]
    return [observation.probs, np.array(observation.class_ids)]


def same(first, second):
    return all(
        np.array_equal(a, b) for one, other in zip(first, second, strict=True)
        for a, b in zip(arrays(one), arrays(other), strict=True)
    )  # fmt: skip


@pytest.mark.parametrize("probs", [False, True])
def test_off_by_default_and_then_bit_for_bit_what_it_was(clip, probs, monkeypatch):
    monkeypatch.setattr(reading, "create_refiner", lambda *_, **__: pytest.fail)
    silent = read(clip, probs=probs)
    monkeypatch.undo()
    assert same(silent, read(clip, segment=SegmentParams(refine="none"), probs=probs))


@pytest.mark.parametrize("segment", [GUIDED, CRF])
def test_coarse_masks_come_nearer_to_the_truth(clip, segment):
    before, after = (
        np.mean(
            [iou(mask_of(seen), true_mask(i)) for i, seen in enumerate(read(clip, segment=each, probs=True))]
        )
        for each in (None, segment)
    )
    assert after > before + 0.02


@pytest.mark.parametrize("probs", [False, True])
def test_frames_after_others_are_refined_as_in_one_go(clip, probs):
    whole = read(clip, segment=GUIDED, probs=probs)
    assert same(whole[5:], read(clip, segment=GUIDED, probs=probs, n_done=5))


def test_result_and_record_of_the_stabilizing_job(clip, tmp_path):
    options = {"masks_from": MaskFile(clip.probs, probs=True), "method": method_params("none")}
    plain, refined = (
        jobs.stabilize(clip.video, out=tmp_path / name, truth=clip.truth, segment=segment, **options)
        for name, segment in (("plain", None), ("refined", GUIDED))
    )
    assert refined.raw.j_mean > plain.raw.j_mean
    said = json.loads((tmp_path / "refined" / "params.json").read_text())
    assert said["segment"]["refine"] == "guided"
    timing = [
        json.loads((tmp_path / name / "metrics.json").read_text())["timing"] for name in ("plain", "refined")
    ]
    assert ["refine_s" in each for each in timing] == [False, True]


def test_a_clip_in_memory_is_refined_once_for_all_trials(clip, monkeypatch):
    called: Counter[str] = Counter()
    build = reading.create_refiner

    def counting(*arguments, **settings):
        refine = build(*arguments, **settings)

        def counted(observation, image):
            called["refined"] += 1
            return refine(observation, image)

        return counted

    monkeypatch.setattr(reading, "create_refiner", counting)
    kept = Rehearsal.open(
        clip.video, masks_from=MaskFile(clip.detections), class_ids=(DOG,), segment=GUIDED, memory_mb=50
    )
    for alpha in (0.3, 0.6):
        list(kept.run(method_params("exponential", [f"alpha={alpha}"])))
    assert called["refined"] == N_FRAMES


def test_evidence_of_presence_is_what_it_was(clip):
    """Anti-ghost counts frames with and without the object: refinement must not change the count."""
    for segment in (GUIDED, CRF):
        for probs in (False, True):
            plain, refined = (read(clip, segment=each, probs=probs) for each in (None, segment))
            for one, other in zip(plain, refined, strict=True):
                assert [layer.any() for layer in hard(one)] == [layer.any() for layer in hard(other)]


def hard(observation):
    return observation.masks if isinstance(observation, Instances) else observation.probs > 0.5


# ── killed and resumed ──────────────────────────────────────────────────────────────────────────────────────
def command(clip, *, refine):
    words = ["stabilize", str(clip.video), "--out", "out", "--masks", str(clip.probs), "--probs"]
    return [*words, "--method", "flow_fusion", "--refine", refine, "--refine-reach", "0.1"]


def run_all(lines):
    """Run commands in processes of their own; return exit code and file operations of each."""
    said = subprocess.run(
        [sys.executable, str(KILLED_RUNS)], input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    codes = [json.loads(line) for line in said.stdout.splitlines() if line.startswith("[")]
    assert len(codes) == len(lines), said.stderr
    return codes, said.stderr


def pictures(folder: Path):
    return {path.name: path.read_bytes() for path in sorted((folder / "out" / "masks").iterdir())}


def test_a_killed_run_goes_on_with_the_same_refinement_and_no_other(clip, tmp_path):
    folders = [tmp_path / name for name in ("whole", "killed")]
    for folder in folders:
        folder.mkdir()
    words = command(clip, refine="guided")
    ((_, n_operations),), _ = run_all([[str(folders[0]), 0, 4, words]])
    codes, errors = run_all(
        [
            [str(folders[1]), int(0.8 * n_operations), 4, words],
            [str(folders[1]), 0, 4, [*command(clip, refine="crf"), "--resume"]],
            [str(folders[1]), 0, 4, [*words, "--resume"]],
        ]
    )
    assert [code for code, _ in codes] == [-9, 1, 0]
    assert 'was begun with segment.refine "guided", got "crf"' in errors
    assert pictures(folders[0]) == pictures(folders[1])
    assert len(pictures(folders[0])) == tiny_clip.N_FRAMES


def test_frames_and_masks_are_not_written_to(clip):
    images = [frame.image.copy() for frame in open_source(clip.video, fps=25.0)]
    opened = open_reading(
        clip.video,
        masks_from=MaskFile(clip.detections),
        class_ids=None,
        source=None,
        segment=GUIDED,
        evidence=None,
    )
    assert all(np.array_equal(frame.image, image) for (frame, _), image in zip(opened, images, strict=True))


def test_sliders_see_the_refined_clip(clip):
    said = Clip(clip.video, {"net": MaskFile(clip.detections)}, class_ids=(DOG,), segment=GUIDED)
    rules = PanelParams(scale=1, memory_mb=50)
    opened = Opener({"tiny": said}, settings=rules)(Wish("tiny", "net", method_params("none")), print)
    seen = [mask_of(observation) for observation in read(clip, segment=GUIDED)]
    found = [i for i in range(N_FRAMES) if i not in tiny_clip.MISSED]
    assert all(np.array_equal(opened.raw[i], seen[i]) for i in found)
