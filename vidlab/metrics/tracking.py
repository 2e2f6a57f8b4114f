"""How well identities are kept: HOTA, and MOTA, MOTP, IDF1 and switches as motmetrics counts them.

MOTA and MOTP are those of CLEAR (Bernardin and Stiefelhagen, EURASIP JIVP 2008), IDF1 that of Ristani et al.
(ECCV workshops 2016). motmetrics has no HOTA: that is `metrics.hota`, to its paper.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import MissingExtraError, ShapeError
from vidlab.metrics.hota import Hota, HotaAccumulator
from vidlab.types import BoolMask

Table = NDArray[np.float64]
Ids = NDArray[np.int64]

COUNTED = ("mota", "motp", "idf1", "idp", "idr", "num_switches", "num_misses", "num_false_positives",
           "num_fragmentations", "num_objects", "num_unique_objects")  # fmt: skip


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
    """Scores the identities of one clip, one frame at a time; holds numbers of old frames, never a mask.

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

        Raises:
            MissingExtraError: motmetrics is not installed.
        """
        self._motmetrics = _require_motmetrics()
        self._match_iou = match_iou
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._hota = HotaAccumulator()
        self._events: Any = self._motmetrics.MOTAccumulator(auto_id=True)
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
        distance = np.where(overlap >= self._match_iou, 1 - overlap, np.nan)
        self._events.update(truth_ids, ids, distance)
        self._hota.update(overlap, truth_ids=truth_ids, ids=ids)
        self._n_frames += 1

    def compute(self) -> TrackingScore:
        """Return the score of all frames so far; no objects and no detections: every share NaN."""
        hota: Hota = self._hota.compute()
        host = self._motmetrics.metrics.create()
        found = host.compute(self._events, metrics=list(COUNTED), return_dataframe=False)
        return TrackingScore(
            hota=hota.hota, deta=hota.deta, assa=hota.assa, loca=hota.loca,
            mota=float(found["mota"]), motp=1 - float(found["motp"]),
            idf1=float(found["idf1"]), idp=float(found["idp"]), idr=float(found["idr"]),
            n_switches=int(found["num_switches"]), n_missed=int(found["num_misses"]),
            n_false=int(found["num_false_positives"]), n_broken=int(found["num_fragmentations"]),
            n_objects=int(found["num_unique_objects"]), n_appearances=int(found["num_objects"]),
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


def _require_motmetrics() -> ModuleType:
    try:
        import motmetrics
    except ImportError:
        raise MissingExtraError.for_feature("scoring identities", extra="tracking") from None
    module: ModuleType = motmetrics
    return module
