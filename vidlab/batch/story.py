"""What the notebook about many clips needs besides the batch: clips with truth, gains, what to conclude."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidlab.errors import ParameterError
from vidlab.masks.coco import CocoResultsWriter
from vidlab.masks.png import write_mask_png
from vidlab.metrics.bootstrap import Interval, paired_clips
from vidlab.params import EvaluateParams
from vidlab.synthetic import PROFILES, Role, SceneSpec, corrupt_instances, iter_scene
from vidlab.types import UInt8Image
from vidlab.video import VideoWriter, open_source
from vidlab.viz.colors import METHOD_COLORS
from vidlab.viz.tables import signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOG, PERSON = 18, 1
CLIPS, MASKS, TRUTH = "clips", "masks", "truth"
FPS, CRF = 25.0, 20
_DOG = Role(DOG, size=0.5, x=0.25, bottom=0.88, speed_px=2.0)

FULL_HEIGHT = 270  # pixels, at which speeds hold; smaller pictures move as much less
# What happens in a scene: who is in it, and how the camera is held.
SCENES: dict[str, dict[str, Any]] = {
    "walks": {"cast": (_DOG,)},
    "runs": {"cast": (replace(_DOG, speed_px=9.0),)},
    "far": {"cast": (replace(_DOG, size=0.2, bottom=0.6),)},
    "turns": {"cast": (replace(_DOG, speed_px=5.0, turns_at=16),)},
    "passed": {"cast": (_DOG, Role(PERSON, size=0.7, x=0.8, bottom=0.95, speed_px=-6.0)), "occlusion": 1},
    "panned": {"cast": (_DOG,), "camera_pan_px": 4.0, "camera_shake_px": 1.0},
}


def draw_clips(
    folder: Path, *, seeds: Sequence[int], scenes: Sequence[str], size_hw: tuple[int, int], n_frames: int
) -> list[str]:
    """Draw every scene with every seed, as a batch takes them: clips, flickering masks, and the truth.

    Args:
        folder: Gets `clips/NAME.mp4`, `masks/NAME.json` (COCO results, as a network like YOLO gives them) and
            `truth/NAME/` (PNGs, all dogs).
        seeds: Another seed is another dog, ground, and other mistakes.
        scenes: Names of `SCENES`.
        size_hw: Height and width, pixels.
        n_frames: Frames per clip.

    Returns:
        The names, `SCENE_SEED`.

    Raises:
        ParameterError: A scene is unknown.
        OutputError: The folder cannot be written.
    """
    unknown = [scene for scene in scenes if scene not in SCENES]
    if unknown:
        raise ParameterError(f"unknown scene {unknown[0]!r}; choose from: {', '.join(SCENES)}")
    names = []
    for scene in scenes:
        for seed in seeds:
            names.append(f"{scene}_{seed}")
            _write_clip(folder, names[-1], _spec(scene, seed, size_hw=size_hw, n_frames=n_frames))
    return names


def _spec(scene: str, seed: int, *, size_hw: tuple[int, int], n_frames: int) -> SceneSpec:
    spec = SceneSpec(seed, size_hw, n_frames, fps=FPS, **{"occlusion": 0, "distractors": 0, **SCENES[scene]})
    scale = size_hw[0] / FULL_HEIGHT
    return replace(
        spec,
        cast=tuple(replace(role, speed_px=scale * role.speed_px) for role in spec.cast),
        camera_pan_px=scale * spec.camera_pan_px,
        camera_shake_px=scale * spec.camera_shake_px,
    )


def add_clip(folder: Path, name: str, *, video: Path, masks: Path, truth: Path) -> None:
    """Put a clip that is there already beside those that were drawn.

    Args:
        folder: As for `draw_clips`.
        name: What it is called there.
        video: The video file.
        masks: COCO results of it.
        truth: Folder of PNGs.
    """
    for place in (CLIPS, MASKS, TRUTH):
        (folder / place).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(video, folder / CLIPS / f"{name}{video.suffix}")
    shutil.copyfile(masks, folder / MASKS / f"{name}.json")
    shutil.copytree(truth, folder / TRUTH / name, dirs_exist_ok=True)


def _write_clip(folder: Path, name: str, spec: SceneSpec) -> None:
    frames = list(iter_scene(spec))
    rng = np.random.default_rng([spec.seed, 1])
    found = corrupt_instances((frame.instances for frame in frames), profile=PROFILES["yolo_like"], rng=rng)
    truth = folder / TRUTH / name
    for place in (folder / CLIPS, folder / MASKS, truth):
        place.mkdir(parents=True, exist_ok=True)
    video, masks = folder / CLIPS / f"{name}.mp4", folder / MASKS / f"{name}.json"
    with (
        VideoWriter(video, size_hw=spec.size_hw, fps=spec.fps, crf=CRF, preset="veryfast") as films,
        CocoResultsWriter(masks) as detections,
    ):
        for frame, seen in zip(frames, found, strict=True):
            films.write(frame.image, pts_s=frame.pts_s)
            detections.append(seen, image_id=frame.index)
            dogs = frame.instances.masks[frame.instances.class_ids == DOG].any(axis=0)
            write_mask_png(truth / f"{frame.index:05d}.png", dogs)


def frame_of(folder: Path, name: str, *, index: int) -> UInt8Image:
    """Return a frame of a clip that was drawn, uint8 (H, W, 3), RGB.

    Raises:
        VideoError: There is no such clip.
        ParameterError: It has fewer frames.
    """
    clip = open_source(folder / CLIPS / f"{name}.mp4", fps=FPS)
    for frame in clip:
        if frame.index == index:
            return frame.image
    raise ParameterError(f"index must be a frame of {name}, got {index}")


@dataclass(frozen=True, slots=True)
class Gain:
    """What a method gains over another one, or over raw masks.

    Attributes:
        by_clip: Points, by clip.
        mean: Their mean with its interval over clips.
    """

    by_clip: Mapping[str, float]
    mean: Interval

    @property
    def n_worse(self) -> int:
        """In how many clips it loses."""
        return sum(points < 0 for points in self.by_clip.values())

    def __str__(self) -> str:
        ends = f"[{signed(self.mean.low, 1)}, {signed(self.mean.high, 1)}]"
        return f"{signed(self.mean.mean, 1)} points {ends}"


def gain(before: Mapping[str, float], after: Mapping[str, float]) -> Gain:
    """Compare two versions of the same clips, in pairs: clips are drawn again and again, with replacement.

    Args:
        before: A metric in [0, 1] by clip.
        after: The same clips, the other version.

    Raises:
        ParameterError: The two do not hold the same clips.

    >>> won = gain({"a": 0.5, "b": 0.5}, {"a": 0.75, "b": 0.5})
    >>> won.by_clip, won.n_worse, str(won)
    ({'a': 25.0, 'b': 0.0}, 0, '+12.5 points [0.0, +25.0]')
    """
    params = EvaluateParams()
    pair = ({name: [100 * value] for name, value in side.items()} for side in (before, after))
    mean = paired_clips(*pair, rng=np.random.default_rng(params.seed), resamples=params.resamples)
    return Gain({name: 100 * (after[name] - before[name]) for name in before}, mean)


def plot_gains(axes: "Axes", gains: Mapping[str, Gain], *, title: str) -> "Axes":
    """Draw a row per method: a dot for each clip, a bar for the interval of the mean.

    Args:
        axes: Where to draw.
        gains: Name of the method → what it gains.
        title: What is found.
    """
    for row, (method, won) in enumerate(gains.items()):
        color = METHOD_COLORS[method]
        points = list(won.by_clip.values())
        axes.scatter(points, np.full(len(points), row), s=26, color=color, alpha=0.55, linewidths=0)
        axes.plot([won.mean.low, won.mean.high], [row + 0.25] * 2, color=color, linewidth=3)
        axes.plot(won.mean.mean, row + 0.25, "o", color=color, markersize=7)
    axes.axvline(0, color="#222222", linewidth=0.8)
    axes.set_yticks(range(len(gains)), list(gains))
    axes.set_ylim(-0.6, len(gains) - 0.3)
    axes.invert_yaxis()
    axes.set_xlabel("gain of headline over raw masks (points); one dot per clip, bar: mean and 95 % interval")
    axes.set_title(title, loc="left", fontsize="medium")
    return axes


def answer(gains: Mapping[str, Gain], *, second: Gain, n_clips: int) -> str:
    """Say in one sentence whether the best method holds on many clips.

    Args:
        gains: Name of the method → what it gains over raw masks, the best first.
        second: What the best gains over the second best.
        n_clips: Clips.

    >>> won = gain({"a": 0.5, "b": 0.5}, {"a": 0.75, "b": 0.6})
    >>> answer({"median": won}, second=won, n_clips=2).partition(":")[0]
    'Yes'
    """
    best, *others = gains
    won = gains[best]
    holds = "Yes" if won.mean.low > 0 else "Not surely"
    worse = f"worse than raw in {won.n_worse} of {n_clips} clips"
    against = ""
    if others:
        sure = "surely" if second.mean.low > 0 else "not surely"
        against = f"; {sure} more than {others[0]} ({second})"
    return f"{holds}: {best} gains {won} of headline over raw masks, {worse}{against}."
