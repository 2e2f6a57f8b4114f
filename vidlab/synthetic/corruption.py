"""From true masks to what real networks give: missed, frayed, holed, invented, half sure of themselves."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError
from vidlab.synthetic.presets import CorruptionProfile
from vidlab.synthetic.shapes import blob
from vidlab.synthetic.textures import fill
from vidlab.types import BoolMask, ClassProbs, Float32Array, Instances

LOWEST_SCORE = 0.05  # detectors report nothing below this
OPERATING_SCORE = 0.25  # a found object scores at least this; a missed one less
GRID = 9  # knots of an object's boundary noise along each side of its box
MIN_PIECE_PX = 4
CERTAIN = 0.9999  # scores from here on mean a source that gives no scores
FORGET_FRAMES = 250  # an identity unseen for so long starts anew; keeps memory bounded
WRONG_CLASSES = (16, 17, 18, 19, 20, 21)  # bird to cow: what detectors confuse

Rng = np.random.Generator


@dataclass(slots=True)
class _Chain:
    """A two-state Markov chain: how long things stay wrong, and how often."""

    share: float  # of the time that it is on
    run_frames: float  # mean length of a run
    on: bool

    @classmethod
    def start(cls, share: float, run_frames: float, rng: Rng) -> "_Chain":
        share = float(np.clip(share, 0, 0.97))
        return cls(share, max(run_frames, 1.0), bool(rng.random() < share))

    def step(self, rng: Rng) -> bool:
        stop = 1 / self.run_frames
        begin = stop * self.share / (1 - self.share)
        if begin > 1:  # such a share needs longer runs
            begin, stop = 1.0, (1 - self.share) / self.share
        self.on = bool(rng.random() >= stop) if self.on else bool(rng.random() < begin)
        return self.on


class _Wave:
    """Noise on a small grid that partly lasts: a share that never changes, a slow one, a new one per frame."""

    def __init__(self, *, memory: float, grid: int, rng: Rng) -> None:
        self._memory, self._rng, self._grid = memory, rng, grid
        self._slow = self._draw()

    def step(self) -> Float32Array:
        keep = np.float32(self._memory)
        self._slow = keep * self._slow + np.sqrt(1 - keep**2) * self._draw()
        return np.asarray(np.sqrt(np.float32(0.5)) * (self._slow + self._draw()))

    def _draw(self) -> Float32Array:
        return self._rng.standard_normal((self._grid, self._grid), dtype=np.float32)


class _Fate:
    """What a network will do to one object over its life."""

    def __init__(self, profile: CorruptionProfile, *, rng: Rng) -> None:
        self.profile, self.rng = profile, rng
        hardness = 1 + profile.hardness_spread * (float(rng.exponential()) - 1)
        self._missed = _Chain.start(profile.missed_share * hardness, profile.missed_run_frames, rng)
        self._holed = _Chain.start(profile.hole_share, profile.hole_run_frames, rng)
        self._level = _logit(profile.score_mean) + float(rng.normal(0, profile.score_spread))
        self._level -= 1.2 * max(hardness - 1, 0) * profile.missed_share * 5
        self.drift = 0.0
        self.edge = _Wave(memory=profile.jitter_memory, grid=GRID, rng=rng)
        self.region = _Wave(memory=profile.region_memory, grid=4, rng=rng)
        self.bias = float(rng.normal(0, profile.confidence_spread))
        self._late = int(rng.integers(0, 2 * profile.late_frames + 1)) if profile.late_frames else 0
        self.piece = _draw_piece(rng, profile.partial_size) if rng.random() < profile.partial_share else None
        self.hole: NDArray[np.float64] | None = None
        self._age = 0

    def step(self) -> float:
        """Move on by one frame; return the score with which the object is reported, 0 where it is not."""
        profile, rng = self.profile, self.rng
        missed = self._missed.step(rng) or self._age < self._late
        holed_before, holed = self._holed.on, self._holed.step(rng)
        if holed and not (holed_before and self.hole is not None):
            self.hole = _draw_piece(rng, profile.hole_size)
        elif not holed:
            self.hole = None
        self._age += 1
        self.drift = 0.7 * self.drift + float(rng.normal(0, profile.score_noise))
        if missed:
            low = float(rng.uniform(LOWEST_SCORE, OPERATING_SCORE))
            return low if rng.random() < profile.whisper else 0.0
        if profile.score_mean > CERTAIN:
            return 1.0
        return max(_sigmoid(self._level + self.drift), OPERATING_SCORE)


class _Fates:
    """The fates of all objects of a clip, met in order; those long gone are forgotten."""

    def __init__(self, profile: CorruptionProfile, *, rng: Rng) -> None:
        self._profile, self._rng = profile, rng
        self._of: dict[int, tuple[_Fate, int]] = {}
        self._frame = 0

    def meet(self, instances: Instances) -> list[tuple[_Fate, float]]:
        """Return the fate and this frame's score of each instance."""
        self._frame += 1
        ids = np.arange(len(instances)) if instances.track_ids is None else instances.track_ids
        met = []
        for track_id in map(int, ids):
            fate = self._of[track_id][0] if track_id in self._of else None
            fate = fate or _Fate(self._profile, rng=self._rng.spawn(1)[0])
            self._of[track_id] = (fate, self._frame)
            met.append((fate, fate.step()))
        self._of = {k: v for k, v in self._of.items() if self._frame - v[1] < FORGET_FRAMES}
        return met


@dataclass(slots=True)
class _Phantom:
    """Something that is not there."""

    outline: NDArray[np.float64]  # pixels
    class_id: int
    life: float  # frames left; inf for one that stays
    level: float  # logit of its score
    edge: _Wave


class _Phantoms:
    """False positives: most live briefly, some stay and look like one more object of the class."""

    def __init__(self, profile: CorruptionProfile, *, rng: Rng) -> None:
        self._profile, self._rng = profile, rng
        self._alive: list[_Phantom] = []
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
            score = _sigmoid(phantom.level + float(rng.normal(0, profile.score_noise + 0.2)))
            if phantom.life == np.inf and rng.random() < 0.15:
                continue
            mask = fill(instances.size_hw, (phantom.outline,)) >= 0.5
            mask = _fray(mask, phantom.edge.step(), profile=profile)
            if score >= LOWEST_SCORE and mask.any():
                shown.append((mask, 1.0 if profile.score_mean > CERTAIN else score, phantom.class_id))
        self._alive = [phantom for phantom in self._alive if phantom.life > 0]
        return shown

    def _appear(self, size_hw: tuple[int, int], *, life: float, share: tuple[float, float]) -> _Phantom:
        rng, profile = self._rng, self._profile
        size = float(rng.uniform(*share)) * size_hw[0]
        at = rng.uniform(0.1, 0.9, 2) * size_hw[::-1]
        wave = _Wave(memory=profile.jitter_memory, grid=GRID, rng=rng)
        stays = profile.score_mean if life == np.inf else profile.false_score
        level = _logit(min(stays, 0.98)) + float(rng.normal(0, 0.6))
        return _Phantom(
            blob(rng).parts[0].outlines[0] * size + at, int(rng.choice(self._classes)), life, level, wave
        )


def corrupt_instances(
    truth: Iterable[Instances], *, profile: CorruptionProfile, rng: Rng
) -> Iterator[Instances]:
    """Turn true instances into what an instance network would report, frame by frame.

    Args:
        truth: Exact visible instances of consecutive frames; `track_ids` say who is who (their order does,
            where there are none).
        profile: How the network errs; see `PROFILES`.
        rng: Source of every draw.

    Yields:
        Detections, best score first, without identities; scores in [0.05, 1].
    """
    fates, phantoms = _Fates(profile, rng=rng.spawn(1)[0]), _Phantoms(profile, rng=rng.spawn(1)[0])
    dice = rng.spawn(1)[0]
    for frame in truth:
        found: list[tuple[BoolMask, float, int]] = []
        least_px = max(profile.min_area * frame.masks[0].size, MIN_PIECE_PX) if len(frame) else 0
        for number, (fate, score) in enumerate(fates.meet(frame)):
            mask, class_id = frame.masks[number], int(frame.class_ids[number])
            if score < LOWEST_SCORE or mask.sum() < least_px:
                continue
            seen = _seen(mask, fate)
            if seen.sum() >= MIN_PIECE_PX:
                found.append((seen, score, class_id))
            if dice.random() < profile.wrong_class_share:
                other = int(dice.choice([other for other in WRONG_CLASSES if other != class_id]))
                found.append((_seen(mask, fate), score * float(dice.uniform(0.2, 0.9)), other))
        found += phantoms.step(frame)
        found = [each for each in found if each[1] >= LOWEST_SCORE]
        yield _gather(sorted(found, key=lambda each: -each[1]), frame.size_hw)


def corrupt_probs(
    truth: Iterable[Instances], *, class_ids: tuple[int, ...], profile: CorruptionProfile, rng: Rng
) -> Iterator[ClassProbs]:
    """Turn true instances into the soft, coarse class maps of a semantic network, frame by frame.

    Args:
        truth: Exact visible instances of consecutive frames.
        class_ids: Classes of the maps, in their order; instances of others are left out.
        profile: How the network errs; `stride`, `sharpness` and `region_noise` are for this kind.
        rng: Source of every draw.

    Yields:
        Probabilities, bilinearly upsampled from a grid of `stride` pixels.

    Raises:
        ParameterError: `class_ids` is empty.
    """
    if not class_ids:
        raise ParameterError("class_ids must name at least one class, got none")
    fates, phantoms = _Fates(profile, rng=rng.spawn(1)[0]), _Phantoms(profile, rng=rng.spawn(1)[0])
    dice = rng.spawn(1)[0]
    for frame in truth:
        wanted = frame.where(np.isin(frame.class_ids, class_ids))
        height, width = frame.size_hw
        coarse = (max(-(-height // profile.stride), 2), max(-(-width // profile.stride), 2))
        probs = np.zeros((len(class_ids), *coarse), np.float32)
        for number, (fate, score) in enumerate(fates.meet(wanted)):
            soft = _soft(wanted.masks[number], fate, score, size_hw=coarse)
            level = class_ids.index(int(wanted.class_ids[number]))
            probs[level] = np.maximum(probs[level], soft)
        for mask, score, class_id in phantoms.step(wanted):
            cover = cv2.resize(mask.astype(np.float32), coarse[::-1], interpolation=cv2.INTER_AREA)
            level = class_ids.index(class_id)
            probs[level] = np.maximum(probs[level], cv2.GaussianBlur(cover, (0, 0), 0.6) * np.float32(score))
        probs += np.float32(0.004) * dice.random(probs.shape, dtype=np.float32)
        fine = [cv2.resize(p, (width, height), interpolation=cv2.INTER_LINEAR) for p in probs]
        yield ClassProbs(np.clip(np.stack(fine), 0, 1).astype(np.float32), class_ids)


def _seen(mask: BoolMask, fate: _Fate) -> BoolMask:
    seen = _fray(mask, fate.edge.step(), profile=fate.profile)
    for piece in (fate.piece, fate.hole):
        if piece is not None:
            seen &= ~_piece_of(mask, piece)
    return seen


def _fray(mask: BoolMask, edge: Float32Array, *, profile: CorruptionProfile) -> BoolMask:
    """Move the boundary in and out by smooth noise, in proportion to the object's size."""
    area = int(mask.sum())
    if area == 0 or profile.jitter == profile.shrink == profile.smooth == 0:
        return mask.copy()
    scale = float(np.sqrt(area))
    window = _box(mask, margin=int(scale * (3 * profile.jitter + profile.smooth * 2)) + 3)
    inside = mask[window].astype(np.uint8)
    if profile.smooth:  # thin limbs go first
        soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), max(profile.smooth * scale, 0.3))
        inside = (soft >= 0.5).astype(np.uint8)
    padded = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3) - cv2.distanceTransform(1 - padded, cv2.DIST_L2, 3)
    field = cv2.resize(edge, inside.shape[::-1], interpolation=cv2.INTER_CUBIC)
    limit = scale * (profile.shrink + profile.jitter * field)
    seen = np.zeros_like(mask)
    seen[window] = depth[1:-1, 1:-1] > limit
    return seen


def _soft(mask: BoolMask, fate: _Fate, score: float, *, size_hw: tuple[int, int]) -> Float32Array:
    """One object's probability on the coarse grid: blurred, unsure in places, weak where it is missed."""
    profile = fate.profile
    kept = _seen(mask, fate).astype(np.float32)
    cover = cv2.resize(kept, size_hw[::-1], interpolation=cv2.INTER_AREA)
    cover = cv2.GaussianBlur(cover, (0, 0), profile.blur_cells)
    noise = np.zeros(size_hw, np.float32)
    cells = cover > 0.02
    if cells.any():
        window = _box(cells, margin=1)
        shape = cells[window].shape
        noise[window] = cv2.resize(fate.region.step(), shape[::-1], interpolation=cv2.INTER_CUBIC)
    missed = 0.0 if score >= OPERATING_SCORE else _logit(max(score, 0.02)) - profile.sharpness * 0.6
    logit = profile.sharpness * (2 * cover - 1) + fate.bias + fate.drift + missed + profile.confidence
    logit += profile.region_noise * noise
    return np.asarray(cover ** np.float32(0.25) / (1 + np.exp(-logit)), np.float32)


def _draw_piece(rng: Rng, size: float) -> NDArray[np.float64]:
    """Draw an ellipse in box coordinates: centre and radii, each (x, y)."""
    along = rng.uniform(0, 2 * np.pi)
    center = 0.5 + 0.4 * np.array([np.cos(along), np.sin(along)])
    return np.concatenate([center, size * rng.uniform(0.7, 1.3, 2)])


def _piece_of(mask: BoolMask, piece: NDArray[np.float64]) -> BoolMask:
    window = _box(mask, margin=0)
    height, width = mask[window].shape
    y = (np.arange(height) / max(height, 1) - piece[1]) / piece[3]
    x = (np.arange(width) / max(width, 1) - piece[0]) / piece[2]
    hit = np.zeros_like(mask)
    hit[window] = (y**2)[:, None] + (x**2)[None] < 1
    return hit


def _box(mask: BoolMask, *, margin: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )


def _gather(found: list[tuple[BoolMask, float, int]], size_hw: tuple[int, int]) -> Instances:
    if not found:
        return Instances.empty(size_hw)
    return Instances(
        np.stack([mask for mask, _, _ in found]),
        np.array([score for _, score, _ in found], np.float32),
        np.array([class_id for _, _, class_id in found], np.int64),
    )


def _logit(probability: float) -> float:
    clipped = float(np.clip(probability, 1e-4, 1 - 1e-4))
    return float(np.log(clipped / (1 - clipped)))


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))
