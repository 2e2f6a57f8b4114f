"""Resident memory does not grow with the length of the video."""

import subprocess
import sys

import pytest

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
