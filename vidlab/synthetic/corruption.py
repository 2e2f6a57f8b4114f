"""From true masks to what real networks give: missed, frayed, holed, invented, half sure of themselves."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from vidlab.errors import ParameterError
from vidlab.synthetic.fates import LOWEST_SCORE, OPERATING_SCORE, Fate, Fates, logit
from vidlab.synthetic.fray import box_of, seen_mask
from vidlab.synthetic.outlines import Rng
from vidlab.synthetic.phantoms import Phantoms
from vidlab.synthetic.presets import CorruptionProfile
from vidlab.types import BoolMask, ClassProbs, Float32Array, Instances

MIN_PIECE_PX = 4
FAINTEST = 0.02  # what a semantic network leaves of an object that it misses
WRONG_CLASSES = (16, 17, 18, 19, 20, 21)  # bird to cow: what detectors confuse


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
    fates, phantoms = Fates(profile, rng=rng.spawn(1)[0]), Phantoms(profile, rng=rng.spawn(1)[0])
    dice = rng.spawn(1)[0]
    for frame in truth:
        found: list[tuple[BoolMask, float, int]] = []
        least_px = max(profile.min_area * frame.masks[0].size, MIN_PIECE_PX) if len(frame) else 0
        for number, (fate, score) in enumerate(fates.meet(frame)):
            mask, class_id = frame.masks[number], int(frame.class_ids[number])
            if score < LOWEST_SCORE or mask.sum() < least_px:
                continue
            seen = seen_mask(mask, fate)
            if seen.sum() >= MIN_PIECE_PX:
                found.append((seen, score, class_id))
            if dice.random() < profile.wrong_class_share:
                other = int(dice.choice([other for other in WRONG_CLASSES if other != class_id]))
                found.append((seen_mask(mask, fate), score * float(dice.uniform(0.2, 0.9)), other))
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
    fates, phantoms = Fates(profile, rng=rng.spawn(1)[0]), Phantoms(profile, rng=rng.spawn(1)[0])
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


def _soft(mask: BoolMask, fate: Fate, score: float, *, size_hw: tuple[int, int]) -> Float32Array:
    """One object's probability on the coarse grid: blurred, unsure in places, weak where it is missed."""
    profile = fate.profile
    kept = seen_mask(mask, fate).astype(np.float32)
    cover = cv2.resize(kept, size_hw[::-1], interpolation=cv2.INTER_AREA)
    cover = cv2.GaussianBlur(cover, (0, 0), profile.blur_cells)
    noise = np.zeros(size_hw, np.float32)
    cells = cover > 0.02
    if cells.any():
        window = box_of(cells, margin=1)
        shape = cells[window].shape
        noise[window] = cv2.resize(fate.region.step(), shape[::-1], interpolation=cv2.INTER_CUBIC)
    missed = 0.0 if score >= OPERATING_SCORE else logit(max(score, FAINTEST)) - profile.sharpness
    level = profile.sharpness * (2 * cover - 1) + fate.bias + fate.drift + missed + profile.confidence
    level += profile.region_noise * noise
    return np.asarray(cover ** np.float32(0.25) / (1 + np.exp(-level)), np.float32)


def _gather(found: list[tuple[BoolMask, float, int]], size_hw: tuple[int, int]) -> Instances:
    if not found:
        return Instances.empty(size_hw)
    return Instances(
        np.stack([mask for mask, _, _ in found]),
        np.array([score for _, score, _ in found], np.float32),
        np.array([class_id for _, _, class_id in found], np.int64),
    )
