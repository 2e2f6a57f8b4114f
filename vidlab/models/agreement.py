"""How far two runs of one network are apart, on the same frames: what a faster way to run it costs."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from vidlab.errors import ShapeError
from vidlab.metrics.tracking import mask_iou
from vidlab.params import EvidenceParams
from vidlab.temporal.evidence import to_evidence
from vidlab.types import BoolMask, ClassProbs, Float32Array, Instances, Observation

SAME_OBJECT_IOU = 0.5  # of two detections of one class, as in COCO's first average precision


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two runs have in common.

    Attributes:
        n_frames: Frames compared.
        n_masks: Masks compared: of how many classes and frames either run shows something.
        n_detections: Detections of the first run; None for probabilities.
        iou: Intersection over union of all masks together, [0, 1]; None where neither run shows anything.
        pixels: Share of pixels to which both give the same class, background included, [0, 1].
        mean_off: Mean over the pixels of the largest difference of a class's probability, of instances of
            the best score there, [0, 1].
        largest_off: Largest difference of a probability at a pixel, of instances of a score, [0, 1]. A
            detection that only one run has counts with what its score exceeds the lowest kept by.
    """

    n_frames: int
    n_masks: int
    n_detections: int | None
    iou: float | None
    pixels: float
    mean_off: float
    largest_off: float


def measure_agreement(
    expected: Iterable[Observation],
    found: Iterable[Observation],
    *,
    class_ids: tuple[int, ...],
    evidence: EvidenceParams | None = None,
) -> Agreement:
    """Compare what two runs say about the same frames.

    Args:
        expected: Of the run that counts as right.
        found: Of the other.
        class_ids: Classes that the network can name.
        evidence: Which detections count as masks; None takes the defaults of `EvidenceParams`.

    Raises:
        ShapeError: The runs are of different lengths, kinds or sizes, or of no frame.

    >>> square = Instances(np.ones((1, 2, 2), bool), np.array([0.9], np.float32), np.array([18]))
    >>> other = Instances(np.eye(2, dtype=bool)[None], np.array([0.5], np.float32), np.array([18]))
    >>> measured = measure_agreement([square], [other], class_ids=(18,))
    >>> measured.iou, measured.pixels, round(measured.largest_off, 3)
    (0.5, 0.5, 0.4)
    """
    tally = _Tally(class_ids, evidence or EvidenceParams())
    pairs = iter(zip(expected, found, strict=True))
    while True:
        try:
            one, other = next(pairs)
        except StopIteration:
            return tally.sum_up()
        except ValueError:
            raise ShapeError(
                "both runs must be of the same frames, got one that ends before the other"
            ) from None
        tally.add(one, other)


class _Tally:
    """What was compared so far."""

    def __init__(self, class_ids: tuple[int, ...], rules: EvidenceParams) -> None:
        self._class_ids, self._rules = class_ids, rules.model_dump()
        self._n_frames = self._n_masks = self._both = self._either = 0
        self._n_detections: int | None = None
        self._pixels: list[float] = []
        self._mean_off: list[float] = []
        self._largest_off = 0.0

    def add(self, one: Observation, other: Observation) -> None:
        """Compare one frame."""
        if type(one) is not type(other) or one.size_hw != other.size_hw:
            raise ShapeError(
                f"both runs must be of one kind and size, got {type(one).__name__} {one.size_hw} and "
                f"{type(other).__name__} {other.size_hw}"
            )
        self._n_frames += 1
        masks, masks_other = self._masks(one), self._masks(other)
        self._both += int(np.count_nonzero(masks & masks_other))
        self._either += int(np.count_nonzero(masks | masks_other))
        self._n_masks += int((masks | masks_other).any(axis=(1, 2)).sum())
        self._pixels.append(float((masks == masks_other).all(axis=0).mean()))
        off = np.abs(soft_maps(one, self._class_ids) - soft_maps(other, self._class_ids))
        self._mean_off.append(float(off.max(axis=0).mean()))
        if isinstance(one, Instances) and isinstance(other, Instances):
            self._n_detections = (self._n_detections or 0) + len(one)
            self._largest_off = max(self._largest_off, largest_score_off(one, other))
        else:
            self._largest_off = max(self._largest_off, float(off.max()))

    def sum_up(self) -> Agreement:
        """Return what the frames have in common."""
        if not self._n_frames:
            raise ShapeError("at least one frame must be compared, got none")
        iou = self._both / self._either if self._either else None
        return Agreement(
            self._n_frames,
            self._n_masks,
            self._n_detections,
            iou,
            float(np.mean(self._pixels)),
            float(np.mean(self._mean_off)),
            self._largest_off,
        )

    def _masks(self, observation: Observation) -> BoolMask:
        return to_evidence(observation, class_ids=self._class_ids, **self._rules).raw


def soft_maps(observation: Observation, class_ids: tuple[int, ...]) -> Float32Array:
    """Return float32 (K, H, W): the probability of each class, of instances the best score at each pixel."""
    maps = np.zeros((len(class_ids), *observation.size_hw), np.float32)
    if isinstance(observation, ClassProbs):
        for probs, class_id in zip(observation.probs, observation.class_ids, strict=True):
            maps[class_ids.index(class_id)] = probs
        return maps
    for mask, score, class_id in zip(
        observation.masks, observation.scores, observation.class_ids.tolist(), strict=True
    ):
        place = maps[class_ids.index(class_id)]
        np.maximum(place, score, out=place, where=mask)
    return maps


def largest_score_off(one: Instances, other: Instances) -> float:
    """Return the largest difference of a score between the detections of two runs, matched by class and mask.

    A detection that is not matched counts with what its score exceeds the lowest of both runs by: at a
    threshold, the smallest difference decides whether it is kept.
    """
    if not len(one) and not len(other):
        return 0.0
    rows, columns = linear_sum_assignment(overlaps(one, other), maximize=True)
    same = overlaps(one, other)[rows, columns] >= SAME_OBJECT_IOU
    rows, columns = rows[same], columns[same]
    off = np.abs(one.scores[rows] - other.scores[columns])
    lowest = np.concatenate([one.scores, other.scores]).min()
    alone = np.concatenate([np.delete(one.scores, rows), np.delete(other.scores, columns)]) - lowest
    return float(np.concatenate([off, alone]).max(initial=0.0))


def overlaps(one: Instances, other: Instances) -> NDArray[np.float32]:
    """Return the IoU of each mask with each of the other's, float32 (N, M); 0 between different classes."""
    same_class = one.class_ids[:, None] == other.class_ids[None]
    return np.where(same_class, mask_iou(one.masks, other.masks), 0).astype(np.float32)
