"""Things that are not there: false positives that flash up, and some that stay."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.synthetic.fates import CERTAIN, GRID, LOWEST_SCORE, Wave, logit, sigmoid
from vidlab.synthetic.fray import fray
from vidlab.synthetic.outlines import Rng
from vidlab.synthetic.presets import CorruptionProfile
from vidlab.synthetic.shapes import blob
from vidlab.synthetic.textures import fill
from vidlab.types import BoolMask, Instances


@dataclass(slots=True)
class Phantom:
    """Something that is not there."""

    outline: NDArray[np.float64]  # pixels
    class_id: int
    life: float  # frames left; inf for one that stays
    level: float  # logit of its score
    edge: Wave


class Phantoms:
    """False positives: most live briefly, some stay and look like one more object of the class."""

    def __init__(self, profile: CorruptionProfile, *, rng: Rng) -> None:
        self._profile, self._rng = profile, rng
        self._alive: list[Phantom] = []
        self._waiting = profile.distractors
        self._classes: list[int] = []

    def step(self, instances: Instances) -> list[tuple[BoolMask, float, int]]:
        """Return masks, scores and class ids of this frame's phantoms."""
        profile, rng = self._profile, self._rng
        self._classes = sorted({*self._classes, *map(int, instances.class_ids)})
        if not self._classes:
            return []
        while self._waiting:
            self._waiting -= 1
            self._alive.append(self._appear(instances.size_hw, life=np.inf, share=(0.12, 0.3)))
        for _ in range(int(rng.poisson(profile.false_per_frame))):
            life = float(rng.geometric(1 / max(profile.false_run_frames, 1)))
            self._alive.append(self._appear(instances.size_hw, life=life, share=(0.04, 0.25)))
        shown = []
        for phantom in self._alive:
            phantom.life -= 1
            phantom.outline = phantom.outline + rng.normal(0, 0.3, 2)
            score = sigmoid(phantom.level + float(rng.normal(0, profile.score_noise + 0.2)))
            if phantom.life == np.inf and rng.random() < 0.15:
                continue
            mask = fill(instances.size_hw, (phantom.outline,)) >= 0.5
            mask = fray(mask, phantom.edge.step(), profile=profile)
            if score >= LOWEST_SCORE and mask.any():
                shown.append((mask, 1.0 if profile.score_mean > CERTAIN else score, phantom.class_id))
        self._alive = [phantom for phantom in self._alive if phantom.life > 0]
        return shown

    def _appear(self, size_hw: tuple[int, int], *, life: float, share: tuple[float, float]) -> Phantom:
        rng, profile = self._rng, self._profile
        size = float(rng.uniform(*share)) * size_hw[0]
        at = rng.uniform(0.1, 0.9, 2) * size_hw[::-1]
        wave = Wave(memory=profile.jitter_memory, grid=GRID, rng=rng)
        stays = profile.score_mean if life == np.inf else profile.false_score
        level = logit(min(stays, 0.98)) + float(rng.normal(0, 0.6))
        return Phantom(
            blob(rng).parts[0].outlines[0] * size + at, int(rng.choice(self._classes)), life, level, wave
        )
