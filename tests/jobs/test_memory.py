"""Resident memory does not grow with the length of the video."""

import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from conftest import ROOT

from vidlab.jobs.curves import StateCurves, write_curves
from vidlab.metrics import columns
from vidlab.metrics.clip import ClipMetrics, PairMotion
from vidlab.params import METHODS, EvaluateParams
from vidlab.temporal.protocol import ClassState, StableFrame

LIMIT_BYTES, FULL_LENGTH = 50e6, 108_000
VERSIONS = ("raw", "stable", "truth")

SCRIPT = """
import resource, sys
from pathlib import Path
import numpy as np
from vidlab.jobs import MaskFile, stabilize
from vidlab.params import method_params
from vidlab.video import VideoWriter

folder, n_frames = Path(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(3)
noise = rng.integers(0, 255, (240, 720, 3), np.uint8)
with VideoWriter(folder / "clip.mp4", size_hw=(240, 320), fps=25, crf=35, preset="ultrafast") as video:
    for index in range(n_frames):
        left = index % 400
        video.write(np.ascontiguousarray(noise[:, left : left + 320]), pts_s=index / 25)
(folder / "none.json").write_text("[]")
stabilize(
    folder / "clip.mp4", masks_from=MaskFile(folder / "none.json"), out=folder / "out", class_ids=(18,),
    method=method_params("flow_fusion_two_pass", ["look_ahead=8", "chunk=8"]),
)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak_mib(folder, n_frames: int) -> int:
    folder.mkdir()
    words = [sys.executable, "-c", SCRIPT, str(folder), str(n_frames)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.slow
def test_memory_does_not_grow_with_length(tmp_path):
    short, long = peak_mib(tmp_path / "short", 80), peak_mib(tmp_path / "long", 400)
    frames_mib = 320 * 240 * 3 * 320 / 2**20  # what holding the frames that were added would cost
    assert long - short < frames_mib / 3, (short, long)


def feed(metrics: list[ClipMetrics], curves: StateCurves, n_frames: int) -> None:
    """Give every metric and curve something to keep for each frame."""
    rng = np.random.default_rng(curves.n_frames)
    still = PairMotion(np.zeros((8, 8, 2), np.float32), np.zeros((8, 8), bool), np.ones((8, 8), bool))
    image = rng.integers(0, 256, (8, 8, 3), np.uint8)
    state = ClassState(area_px=5, weight=1.0, threshold=0.5, confidence=0.7, miss_streak=0)
    for index in range(n_frames):
        mask = np.zeros((8, 8), bool)
        mask[2 : 5 + index % 3, 2:6] = True
        for one in metrics:
            one.update(mask, probs=None, target=mask, image=image, motion=still, judge=still)
        probs = mask[None].astype(np.float32)
        stable = StableFrame((18,), probs, mask[None], (state,), None, is_cut=False)
        curves.update(stable, pts_s=curves.n_frames / 30)


def test_numbers_kept_per_frame_fit_an_hour_and_the_summary_adds_none(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "BLOCK_FRAMES", 128)
    metrics, curves = [ClipMetrics(EvaluateParams(davis_t=False)) for _ in VERSIONS], StateCurves()
    feed(metrics, curves, 128)
    tracemalloc.start()
    try:
        feed(metrics, curves, 3 * 128)  # ends with a block, as it began
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        summaries = {name: one.compute() for name, one in zip(VERSIONS, metrics, strict=True)}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown / (3 * 128) * FULL_LENGTH < LIMIT_BYTES
    assert (peak - grown) / (4 * 128) * FULL_LENGTH < LIMIT_BYTES
    write_curves(tmp_path / "curves.csv", curves, versions=summaries)
    assert len((tmp_path / "curves.csv").read_text().splitlines()) == 4 * 128 + 1


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_resident_memory_of_every_method_stays(method):
    words = ["--one", "--frames", "3000", "--size", "96x64", "--methods", method, "--no-truth"]
    script = [sys.executable, str(ROOT / "benchmarks" / "long_run.py"), *words]
    found = json.loads(subprocess.run(script, capture_output=True, text=True, check=True).stdout)
    assert found["growth_mb"] < LIMIT_BYTES / 1e6
