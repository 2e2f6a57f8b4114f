"""The clips on which stabilizers are tuned and compared: scenes × corruptions × speeds, all seeded."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product, tee

import numpy as np

from vidlab.synthetic.corruption import corrupt_instances, corrupt_probs
from vidlab.synthetic.presets import PROFILES, CorruptionProfile
from vidlab.synthetic.scene import SceneFrame, iter_scene
from vidlab.synthetic.spec import CLASS_IDS, SceneSpec, random_scene
from vidlab.types import Observation

SPEEDS_PX = (0.0, 1.0, 3.0, 6.0, 12.0)
SOFT_PROFILES = ("deeplab_like",)  # presets that stand for a network of class probabilities


@dataclass(frozen=True, slots=True)
class SuiteClip:
    """One clip with what a network said about it; iterate as often as you like.

    Attributes:
        name: `PROFILE/SPEEDpx`, unique within a suite.
        spec: The scene.
        profile: How the network errs.
        soft: Whether the observations are `ClassProbs`, else `Instances`.
        class_ids: The wanted classes; every object of the scene is of one of them.
    """

    name: str
    spec: SceneSpec
    profile: CorruptionProfile
    soft: bool
    class_ids: tuple[int, ...]

    def __iter__(self) -> Iterator[tuple[SceneFrame, Observation]]:
        """Yield each frame with its observation; equal on every pass."""
        frames, again = tee(iter_scene(self.spec))
        truth = (frame.instances for frame in again)
        rng = np.random.default_rng([self.spec.seed, 1])
        seen: Iterator[Observation]
        if self.soft:
            seen = corrupt_probs(truth, class_ids=self.class_ids, profile=self.profile, rng=rng)
        else:
            seen = corrupt_instances(truth, profile=self.profile, rng=rng)
        return zip(frames, seen, strict=True)


def suite(*, size_hw: tuple[int, int], n_frames: int, seed: int = 0) -> list[SuiteClip]:
    """List every preset at every speed, each with a scene of its own.

    Args:
        size_hw: Height and width, pixels.
        n_frames: Frames per clip.
        seed: Another seed gives other scenes: tune on one, report on another.

    Returns:
        One clip per preset and speed; nothing is drawn until a clip is iterated.
    """
    return [
        _clip(name, speed_px, seed=1000 * seed + number, size_hw=size_hw, n_frames=n_frames)
        for number, (name, speed_px) in enumerate(product(PROFILES, SPEEDS_PX))
    ]


def _clip(name: str, speed_px: float, *, seed: int, size_hw: tuple[int, int], n_frames: int) -> SuiteClip:
    class_id = CLASS_IDS[seed % len(CLASS_IDS)]
    spec = random_scene(
        seed, size_hw=size_hw, n_frames=n_frames, classes=(class_id,), speed_px=speed_px,
        n_objects=1 + seed % 2, min_size=0.35, max_size=0.7,
    )  # fmt: skip
    return SuiteClip(f"{name}/{speed_px:g}px", spec, PROFILES[name], name in SOFT_PROFILES, (class_id,))
