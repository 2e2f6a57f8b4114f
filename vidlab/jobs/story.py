"""What the main notebook needs besides the jobs: its inputs, the frames worth showing, what to conclude."""

import csv
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import MaskError, SourceError
from vidlab.jobs.notebook import ROOT
from vidlab.jobs.truth import MaskFolder
from vidlab.metrics import bootstrap
from vidlab.metrics.bootstrap import Interval, to_array
from vidlab.metrics.summary import ClipSummary
from vidlab.models import describe_device
from vidlab.params import EvaluateParams, SourceParams
from vidlab.types import BoolMask, UInt8Image
from vidlab.video import open_source

AUTO = "auto"
_CPU_FILE = Path("/proc/cpuinfo")


def input_path(text: str) -> Path:
    """Return a path that was given relative to the current folder or to the repository, as it is there.

    Raises:
        SourceError: There is nothing of this name in either.
    """
    for path in (Path(text), ROOT / text):
        if path.exists():
            return path
    raise SourceError(f"an input must exist in the current folder or in the repository, got {text}")


def output_path(text: str) -> Path:
    """Return a path for results; a relative one lies in the repository, wherever the notebook runs."""
    return ROOT / text


def truth_path(text: str | None, *, video: Path) -> Path | None:
    """Return the folder of true masks: a path, empty for none, `auto` for `truth` beside the video if there.

    Raises:
        SourceError: The named folder does not exist.
    """
    if not text:
        return None
    if text != AUTO:
        return input_path(text)
    beside = video.resolve().parent / "truth"
    return beside if beside.is_dir() else None


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame with its masks before and after.

    Attributes:
        index: Frame, from 0.
        image: uint8 (H, W, 3), RGB.
        raw: bool (H, W), union of the wanted classes.
        stable: bool (H, W), the same after stabilizing.
    """

    index: int
    image: UInt8Image
    raw: BoolMask
    stable: BoolMask


def read_stretch(video: Path, *, result: Path, frames: range, source: SourceParams) -> list[Shown]:
    """Read some neighboring frames with their masks from a result folder of `stabilize`.

    Args:
        video: The video that was stabilized.
        result: The result folder.
        frames: Which frames.
        source: How the video was read.

    Raises:
        SourceError: The video cannot be read, or the folder holds other masks.
    """
    clip = open_source(video, fps=source.fps)
    size_hw = clip.info.size_hw
    raw, stable = (iter(MaskFolder(result / name, size_hw=size_hw)) for name in ("raw", "masks"))
    together = zip(clip, raw, stable, strict=False)
    return [
        Shown(frame.index, frame.image, before, after)
        for frame, before, after in islice(together, frames.start, frames.stop)
    ]


def iter_masks(folder: Path) -> Iterator[BoolMask]:
    """Yield the masks of a folder of PNGs, such as `raw/` of a result folder, frame by frame."""
    return iter(MaskFolder(folder, size_hw=None))


def read_curves(result: Path) -> dict[str, NDArray[np.float64]]:
    """Return the columns of a result folder's `curves.csv`, float64 (T,); NaN where a value is undefined."""
    with (result / "curves.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    return {
        name: np.array([float(cell) if cell else np.nan for cell in column], np.float64)
        for name, column in zip(header, columns, strict=True)
    }


def class_curves(curves: Mapping[str, NDArray[np.float64]], *, state: str) -> dict[str, NDArray[np.float64]]:
    """Return class → its curve of one state, such as `threshold`, from what `read_curves` returns.

    >>> list(class_curves({"traffic_light_threshold": np.zeros(1)}, state="threshold"))
    ['traffic light']
    """
    end = f"_{state}"
    return {
        name.removesuffix(end).replace("_", " "): curve
        for name, curve in curves.items()
        if name.endswith(end)
    }


def read_cuts(result: Path) -> list[int]:
    """Return the frames that start a new shot, from a result folder's `metrics.json`."""
    metrics = json.loads((result / "metrics.json").read_text("utf-8"))
    return [int(frame) for frame in metrics["cuts"]]


def telling_frame(raw: ClipSummary, *, cuts: Sequence[int], stretch: range) -> int:
    """Return the frame whose raw mask agrees least with the one before, in the stretch if possible.

    Frames that start a shot, or whose predecessor shows no object, cannot tell how a mask is carried.

    Args:
        raw: Metrics of the raw masks.
        cuts: Frames that start a new shot.
        stretch: Frames to look at first.

    Raises:
        MaskError: No frame follows one with an object.
    """
    areas, overlaps = raw.curves.area_px, to_array(raw.curves.iou_prev)
    fit = [i for i in range(1, raw.n_frames) if areas[i - 1] and i not in cuts]
    if not fit:
        raise MaskError(
            "masks must show an object in two neighboring frames, got none in the clip; "
            "try other classes, or a smaller min_score"
        )
    best = [i for i in fit if i in stretch] or fit
    return min(best, key=lambda i: float(overlaps[i]))


def paired_change(
    before: Iterable[float | None], after: Iterable[float | None], *, rng: np.random.Generator
) -> Interval:
    """Return `vidlab.metrics.bootstrap.paired_change` with the default number of draws.

    Args:
        before: One value per frame, None where undefined.
        after: The same after stabilizing.
        rng: Draws the blocks.

    Raises:
        ShapeError: The two differ in length.
    """
    return bootstrap.paired_change(before, after, rng=rng, resamples=EvaluateParams().resamples)


def verdict(raw: ClipSummary, stable: ClipSummary) -> str:
    """Say in one sentence whether the masks got calmer, and whether accuracy paid for it.

    Args:
        raw: Metrics before.
        stable: Metrics after.
    """
    if raw.instability is None or stable.instability is None:
        return "One frame alone cannot flicker."
    calmer = stable.instability < raw.instability
    calm = "The masks got calmer" if calmer else "The masks did not get calmer"
    if raw.jf_mean is None or stable.jf_mean is None:
        return f"{calm}; without truth nobody knows whether they are right."
    points = 100 * (stable.jf_mean - raw.jf_mean)
    if points < 0:
        return f"{calm}, and accuracy paid for it: (J + F) / 2 fell by {-points:.1f} points."
    joint = "and" if calmer else "but"
    return f"{calm}, {joint} more accurate: (J + F) / 2 rose by {points:.1f} points."


def hardware(*, device: str) -> str:
    """Name what numbers were measured on: the device networks ran on, processor, cores."""
    name = platform.processor() or platform.machine()
    if _CPU_FILE.is_file():
        lines = _CPU_FILE.read_text(errors="replace").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = next(iter(models), name)
    return f"{describe_device(device)}, {os.cpu_count()} cores ({name})"
