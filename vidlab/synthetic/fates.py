"""What a network will do to one object over its life: chains and waves of errors, seeded per object."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.synthetic.outlines import Rng
from vidlab.synthetic.presets import CorruptionProfile
from vidlab.types import Float32Array, Instances

LOWEST_SCORE = 0.05  # detectors report nothing below this
OPERATING_SCORE = 0.25  # a found object scores at least this; a missed one less
GRID = 9  # knots of an object's boundary noise along each side of its box
CERTAIN = 0.9999  # scores from here on mean a source that gives no scores
FORGET_FRAMES = 250  # an identity unseen for so long starts anew; keeps memory bounded


@dataclass(slots=True)
class Chain:
    """A two-state Markov chain: how long things stay wrong, and how often."""

    share: float  # of the time that it is on
    run_frames: float  # mean length of a run
    on: bool

    @classmethod
    def start(cls, share: float, run_frames: float, rng: Rng) -> "Chain":
        """Begin in the state that a long run would be in."""
        share = float(np.clip(share, 0, 0.97))
        return cls(share, max(run_frames, 1.0), bool(rng.random() < share))

    def step(self, rng: Rng) -> bool:
        """Move on by one frame; return whether things are wrong in it."""
        stop = 1 / self.run_frames
        begin = stop * self.share / (1 - self.share)
        if begin > 1:  # such a share needs longer runs
            begin, stop = 1.0, (1 - self.share) / self.share
        self.on = bool(rng.random() >= stop) if self.on else bool(rng.random() < begin)
        return self.on


class Wave:
    """Noise on a small grid, float32 (G, G), variance 1: half of it slow, half new in every frame."""

    def __init__(self, *, memory: float, grid: int, rng: Rng) -> None:
        self._memory, self._rng, self._grid = memory, rng, grid
        self._slow = self._draw()

    def step(self) -> Float32Array:
        """Move on by one frame and return its noise."""
        keep = np.float32(self._memory)
        self._slow = keep * self._slow + np.sqrt(1 - keep**2) * self._draw()
        return np.asarray(np.sqrt(np.float32(0.5)) * (self._slow + self._draw()))

    def _draw(self) -> Float32Array:
        return self._rng.standard_normal((self._grid, self._grid), dtype=np.float32)


class Fate:
    """What a network will do to one object over its life."""

    def __init__(self, profile: CorruptionProfile, *, rng: Rng) -> None:
        self.profile, self.rng = profile, rng
        hardness = 1 + profile.hardness_spread * (float(rng.exponential()) - 1)
        self._missed = Chain.start(profile.missed_share * hardness, profile.missed_run_frames, rng)
        self._holed = Chain.start(profile.hole_share, profile.hole_run_frames, rng)
        self._level = logit(profile.score_mean) + float(rng.normal(0, profile.score_spread))
        self._level -= 1.2 * max(hardness - 1, 0) * profile.missed_share * 5
        self.drift = 0.0
        self.edge = Wave(memory=profile.jitter_memory, grid=GRID, rng=rng)
        self.region = Wave(memory=profile.region_memory, grid=4, rng=rng)
        self.bias = float(rng.normal(0, profile.confidence_spread))
        self._late = int(rng.integers(0, 2 * profile.late_frames + 1)) if profile.late_frames else 0
        self.piece = draw_piece(rng, profile.partial_size) if rng.random() < profile.partial_share else None
        self.hole: NDArray[np.float64] | None = None
        self._age = 0

    def step(self) -> float:
        """Move on by one frame; return the score with which the object is reported, 0 where it is not."""
        profile, rng = self.profile, self.rng
        missed = self._missed.step(rng) or self._age < self._late
        holed_before, holed = self._holed.on, self._holed.step(rng)
        if holed and not (holed_before and self.hole is not None):
            self.hole = draw_piece(rng, profile.hole_size)
        elif not holed:
            self.hole = None
        self._age += 1
        self.drift = 0.7 * self.drift + float(rng.normal(0, profile.score_noise))
        if missed:
            low = float(rng.uniform(LOWEST_SCORE, OPERATING_SCORE))
            return low if rng.random() < profile.whisper else 0.0
        if profile.score_mean > CERTAIN:
            return 1.0
        return max(sigmoid(self._level + self.drift), OPERATING_SCORE)


class Fates:
    """The fates of all objects of a clip, met in order; those long gone are forgotten."""

    def __init__(self, profile: CorruptionProfile, *, rng: Rng) -> None:
        self._profile, self._rng = profile, rng
        self._of: dict[int, tuple[Fate, int]] = {}
        self._frame = 0

    def meet(self, instances: Instances) -> list[tuple[Fate, float]]:
        """Return the fate and this frame's score of each instance."""
        self._frame += 1
        ids = np.arange(len(instances)) if instances.track_ids is None else instances.track_ids
        met = []
        for track_id in map(int, ids):
            fate = self._of[track_id][0] if track_id in self._of else None
            fate = fate or Fate(self._profile, rng=self._rng.spawn(1)[0])
            self._of[track_id] = (fate, self._frame)
            met.append((fate, fate.step()))
        self._of = {k: v for k, v in self._of.items() if self._frame - v[1] < FORGET_FRAMES}
        return met


def draw_piece(rng: Rng, size: float) -> NDArray[np.float64]:
    """Draw an ellipse in box coordinates: centre and radii, each (x, y)."""
    along = rng.uniform(0, 2 * np.pi)
    center = 0.5 + 0.4 * np.array([np.cos(along), np.sin(along)])
    return np.concatenate([center, size * rng.uniform(0.7, 1.3, 2)])


def logit(probability: float) -> float:
    """Log-odds of a probability, kept finite at 0 and 1."""
    clipped = float(np.clip(probability, 1e-4, 1 - 1e-4))
    return float(np.log(clipped / (1 - clipped)))


def sigmoid(level: float) -> float:
    """Probability of log-odds."""
    return float(1 / (1 + np.exp(-level)))
