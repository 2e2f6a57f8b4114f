"""How well identities are kept: HOTA (`metrics.hota`), MOTA, MOTP, IDF1 and switches (`metrics.clear`)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ShapeError
from vidlab.metrics.clear import ClearAccumulator
from vidlab.metrics.hota import HotaAccumulator
from vidlab.types import BoolMask

Table = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TrackingScore:
    """What identities over a clip are worth; shares lie in [0, 1], 1 is perfect, NaN is undefined.

    Attributes:
        hota: See `metrics.hota`, as `deta`, `assa` and `loca`.
        mota: 1 less the misses, false detections and switches per appearance of an object; can be below 0.
        motp: Mean overlap of the detections that count with their objects.
        idf1: F1 of detections that carry the one identity that fits their object best.
        idp: Its precision.
        idr: Its recall: the share of their appearances in which objects go by that identity.
        n_switches: How often an object goes on under another identity than before.
        n_missed: Appearances of objects that nothing was matched with.
        n_false: Detections with an identity that match no object.
        n_broken: How often an object that was followed is lost for a while.
        n_objects: Different objects.
        n_appearances: Objects, summed over the frames.
        n_frames: Frames.
    """

    hota: float
    deta: float
    assa: float
    loca: float
    mota: float
    motp: float
    idf1: float
    idp: float
    idr: float
    n_switches: int
    n_missed: int
    n_false: int
    n_broken: int
    n_objects: int
    n_appearances: int
    n_frames: int


class TrackingMetrics:
    """Scores the identities of one clip, one frame at a time; old frames rest in a temporary file.

    >>> metrics = TrackingMetrics(match_iou=0.5)
    >>> for name in (1, 1, 2):
    ...     metrics.update(np.array([[0.8]]), truth_ids=np.array([5]), ids=np.array([name]))
    >>> score = metrics.compute()
    >>> score.n_switches, round(score.mota, 3), round(score.motp, 3), round(score.idf1, 3)
    (1, 0.667, 0.8, 0.667)
    """

    def __init__(self, *, match_iou: float) -> None:
        """Begin without any frame.

        Args:
            match_iou: Overlap from which all but HOTA count a detection as found, (0, 1).
        """
        self._match_iou = match_iou
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._hota, self._clear = HotaAccumulator(), ClearAccumulator(match_iou=self._match_iou)
        self._n_frames = 0

    def update(self, overlap: Table, *, truth_ids: Ids, ids: Ids) -> None:
        """Take the next frame.

        Args:
            overlap: float64 (N, M), [0, 1], of each object with each detection: `mask_iou` or `box_iou`.
            truth_ids: int64 (N,), who the objects are.
            ids: int64 (M,), who the detections are said to be; those of nobody are left out before.

        Raises:
            ShapeError: There is not one overlap for each pair, or someone is there twice.
        """
        if overlap.shape != (len(truth_ids), len(ids)):
            raise ShapeError(
                f"there must be one overlap for each object and detection, "
                f"got {overlap.shape} for {len(truth_ids)} and {len(ids)}"
            )
        for name, who in (("objects", truth_ids), ("identities", ids)):
            if len(np.unique(who)) < len(who):
                raise ShapeError(f"{name} must be in a frame once each, got {who.tolist()}")
        self._clear.update(overlap, truth_ids=truth_ids, ids=ids)
        self._hota.update(overlap, truth_ids=truth_ids, ids=ids)
        self._n_frames += 1

    def compute(self) -> TrackingScore:
        """Return the score of all frames so far; no objects and no detections: every share NaN."""
        hota, clear = self._hota.compute(), self._clear.compute()
        return TrackingScore(
            hota=hota.hota, deta=hota.deta, assa=hota.assa, loca=hota.loca,
            mota=clear.mota, motp=clear.motp, idf1=clear.idf1, idp=clear.idp, idr=clear.idr,
            n_switches=clear.n_switches,
            n_missed=clear.n_appearances - clear.n_matches,
            n_false=clear.n_detections - clear.n_matches,
            n_broken=clear.n_broken,
            n_objects=clear.n_objects,
            n_appearances=clear.n_appearances,
            n_frames=self._n_frames,
        )  # fmt: skip


def mask_iou(masks: BoolMask, others: BoolMask) -> Table:
    """Return the IoU of masks, bool (N, H, W), with others, bool (M, H, W): float64 (N, M); 0 of empty ones.

    Raises:
        ShapeError: They differ in size.

    >>> mask_iou(np.array([[[True, True]]]), np.array([[[False, True]], [[False, False]]])).tolist()
    [[0.5, 0.0]]
    """
    if masks.shape[1:] != others.shape[1:]:
        raise ShapeError(f"masks must match, got {masks.shape} and {others.shape}")
    n_px = int(np.prod(masks.shape[1:]))
    these, those = (each.reshape(len(each), n_px).astype(np.float32) for each in (masks, others))
    shared = (these @ those.T).astype(np.float64)
    areas, other_areas = (each.sum(axis=1, dtype=np.float64) for each in (these, those))
    return np.asarray(shared / np.maximum(areas[:, np.newaxis] + other_areas - shared, 1))


def box_iou(boxes: Table, others: Table) -> Table:
    """Return the IoU of boxes (x0, y0, x1, y1), float64 (N, 4), with others, (M, 4): (N, M); 0 of empty ones.

    >>> box_iou(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2]])).round(3).tolist()
    [[0.333]]
    """
    low = np.maximum(boxes[:, np.newaxis, :2], others[:, :2])
    high = np.minimum(boxes[:, np.newaxis, 2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    areas, other_areas = (
        np.clip(each[:, 2:] - each[:, :2], 0, None).prod(axis=-1) for each in (boxes, others)
    )
    total = areas[:, np.newaxis] + other_areas - shared
    return np.asarray(np.divide(shared, total, out=np.zeros_like(shared), where=total > 0))
