"""Real files, good and bad: every good one is done, every bad one is explained."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import REAL, needs_real
from few_videos import Inline

from vidlab.batch.local import LocalEngine
from vidlab.batch.planning import plan_videos
from vidlab.batch.running import BatchResult, run_batch
from vidlab.batch.sources import find_sources
from vidlab.batch.videos import StabilizeSettings
from vidlab.batch.work import Engine
from vidlab.errors import VidlabError
from vidlab.jobs import stabilizing
from vidlab.jobs.reading import MaskFile
from vidlab.params import BatchParams, SourceParams, method_params
from vidlab.video.source import open_source

pytestmark = needs_real

N_FRAMES = 3
BAD = {
    "nasty_no_moov": "must be readable by FFmpeg",
    "nasty_audio_only": "must hold a video stream",
    "nasty_empty": "is empty (0 bytes)",
}
FEW = (
    "matrix_group_xvid",
    "derived_group_av1",
    "mpy_phone_vfr_rot180",
    "nasty_1x1_444",
    "nasty_single_frame",
    *BAD,
)


def sources(root: Path, *, only: tuple[str, ...] = ()) -> Path:
    """Write a list of real files, and masks of the right size for each that can be opened."""
    files = sorted(path for kind in ("clips", "nasty") for path in (REAL / kind).iterdir())
    files = [path for path in files if not only or path.stem in only]
    (root / "list.txt").write_text("\n".join(map(str, files)))
    (root / "masks").mkdir()
    for path in files:
        try:
            height, width = open_source(path, fps=25.0).info.size_hw
        except VidlabError:
            continue
        masks = np.zeros((N_FRAMES, height, width), bool)
        masks[:, height // 4 : height // 2 + 1, width // 4 : width // 2 + 1] = True
        np.savez_compressed(root / "masks" / f"{path.stem}.npz", masks=masks)
    return root / "list.txt"


def run(root: Path, *, engine: Engine, only: tuple[str, ...] = ()) -> BatchResult:
    settings = StabilizeSettings(
        masks_from=MaskFile(root / "masks"),
        method=method_params("median", []),
        method_name="median",
        source=SourceParams(max_frames=N_FRAMES),
    )
    tasks = plan_videos(find_sources(sources(root, only=only)), out=root / "out", settings=settings)
    return run_batch(tasks, out=root / "out", engine=engine, params=BatchParams(disk_reserve=0))


def require_explained(result: BatchResult) -> None:
    for task, outcome in zip(result.tasks, result.outcomes, strict=True):
        assert outcome is not None
        if task.name in BAD:
            assert outcome.status == "failed"
            assert BAD[task.name] in outcome.error
            assert task.source in outcome.error
            assert "\n" not in outcome.error
        else:
            assert (outcome.status, outcome.error) == ("done", "")
            assert 1 <= (outcome.n_frames or 0) <= N_FRAMES
            assert (Path(task.folder) / "overlay.mp4").is_file()


def test_mixed_files_are_done_or_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(stabilizing, "write_plots", lambda folder, **_: folder.mkdir())
    result = run(tmp_path, engine=Inline(), only=FEW)
    assert len(result.tasks) == len(FEW)
    require_explained(result)


@pytest.mark.slow
def test_all_real_files_by_two_workers(tmp_path):
    result = run(tmp_path, engine=LocalEngine(BatchParams(jobs=2)))
    assert len(result.tasks) == sum(len(list((REAL / kind).iterdir())) for kind in ("clips", "nasty"))
    require_explained(result)
    shutil.rmtree(tmp_path / "out")
