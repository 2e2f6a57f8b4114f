"""Who is who: the trackers by name, each with the numbers of its paper, and how identities are judged.

Where a paper names no number, it is that of its authors' own experiments, and the comment says so.
"""

from collections.abc import Iterable
from typing import Any, Literal

from vidlab.errors import ParameterError
from vidlab.params.fusion import FlowFusionParams
from vidlab.params.masks import EvidenceParams
from vidlab.params.method import DEFAULT_TRACKER, MethodParams
from vidlab.schema import Params, parse_settings, tunable

Appearance = Literal["color_texture", "resnet18", "mobilenet_v3_small"]

_IOU = (
    "Overlap with where a track is expected, from which a detection may be it; higher splits tracks sooner."
)
_MISSED = "Frames a track may go undetected before its identity ends."
_SURE = "Score from which a detection counts as sure; higher follows fewer objects."
_HITS = (
    "Frames in a row with a detection before an object gets an identity; more drops false ones, and births."
)


def _iou(default: float) -> Any:
    return tunable(default, _IOU, gt=0, lt=1)


def _max_missed(default: int) -> Any:
    return tunable(default, _MISSED, unit="frames", ge=0, le=300, search=(0, 60))


def _min_score(default: float) -> Any:
    return tunable(default, _SURE, ge=0, le=1)


def _min_hits(default: int) -> Any:
    return tunable(default, _HITS, unit="frames", ge=1, le=60, search=(1, 6))


class TrackerParams(Params):
    """Base of the numbers of a tracker."""


class MatchingParams(TrackerParams):
    """What every tracker shares that compares detections with tracks."""

    min_iou: float = _iou(MethodParams.model_fields["track_iou"].default)
    max_missed: int = _max_missed(MethodParams.model_fields["track_max_missed"].default)
    min_score: float = _min_score(EvidenceParams.model_fields["min_score"].default)


class FlowTrackerParams(MatchingParams):
    """Ours: masks carried along the flow, and a straight course through occlusions."""

    cut_similarity: float = tunable(
        FlowFusionParams.model_fields["cut_similarity"].default,
        "Correlation with the carried previous frame below which a new shot starts; higher finds more cuts.",
        ge=-1,
        le=1,
        off=-1.0,
        search=(0.5, 0.95),
    )


class SortParams(MatchingParams):
    """SORT (Bewley et al., ICIP 2016): boxes, a Kalman filter, the Hungarian method."""

    min_iou: float = _iou(0.3)  # its authors' experiments
    max_missed: int = _max_missed(1)  # T_lost
    min_score: float = _min_score(0.5)
    min_hits: int = _min_hits(3)  # its authors' experiments


class DeepSortParams(MatchingParams):
    """DeepSORT (Wojke et al., ICIP 2017): SORT that knows its objects again by their looks."""

    min_iou: float = _iou(0.3)  # its authors' experiments
    max_missed: int = _max_missed(30)  # A_max
    min_score: float = _min_score(0.3)
    min_hits: int = _min_hits(3)
    gate: float = tunable(
        9.4877,  # the 0.95 quantile of the chi-square distribution with 4 degrees of freedom
        "Squared Mahalanobis distance beyond which a detection is too far off; larger lets objects jump.",
        gt=0,
        le=1000,
        search=(4, 40),
    )
    max_cosine: float = tunable(
        0.2,  # its authors' experiments
        "Cosine distance of looks beyond which two are not one object; larger forgives changes of looks.",
        gt=0,
        le=2,
        search=(0.02, 0.6),
    )
    motion_weight: float = tunable(
        0.0, "Weight of the distance in place against that of looks; 0 lets looks alone decide.", ge=0, le=1
    )  # λ
    gallery: int = tunable(
        100,  # L_k
        "Looks of each track that are remembered; more knows an object again from more sides.",
        unit="looks",
        ge=1,
        le=1000,
    )
    appearance: Appearance = tunable(
        "color_texture", "What tells looks apart: colors and texture, or a network, which needs weights."
    )


class ByteTrackParams(MatchingParams):
    """ByteTrack (Zhang et al., ECCV 2022): sure detections first, then the doubtful ones."""

    min_iou: float = _iou(0.2)
    max_missed: int = _max_missed(30)
    min_score: float = _min_score(0.6)  # τ
    start_score: float = tunable(
        0.7,  # its authors' experiments: 0.1 more than τ
        "Score from which a detection may begin a track; higher follows fewer false ones.",
        ge=0,
        le=1,
    )
    low_score: float = tunable(
        0.1, "Score below which a detection is not even doubtful: it is ignored.", ge=0, le=1
    )
    low_iou: float = tunable(
        0.5, "Overlap from which a doubtful detection continues a track.", gt=0, lt=1
    )  # its authors' experiments
    min_hits: int = _min_hits(2)


class GivenParams(TrackerParams):
    """The identities that the detections come with, from a tracker of your own."""


class TrackingJudgeParams(Params):
    """How identities are judged."""

    match_iou: float = tunable(
        0.5,
        "Overlap with the truth from which MOTA, MOTP, IDF1 and switches count a detection; HOTA takes all.",
        gt=0,
        lt=1,
    )


TRACKER_PARAMS: dict[str, type[TrackerParams]] = {
    "flow": FlowTrackerParams,
    "sort": SortParams,
    "deepsort": DeepSortParams,
    "bytetrack": ByteTrackParams,
    "given": GivenParams,
}

__all__ = [
    "DEFAULT_TRACKER",
    "TRACKER_PARAMS",
    "Appearance",
    "ByteTrackParams",
    "DeepSortParams",
    "FlowTrackerParams",
    "GivenParams",
    "MatchingParams",
    "SortParams",
    "TrackerParams",
    "TrackingJudgeParams",
    "tracker_model",
    "tracker_params",
]


def tracker_model(tracker: str) -> type[TrackerParams]:
    """Return the parameter model of a tracker.

    Raises:
        ParameterError: The tracker is unknown.
    """
    if tracker not in TRACKER_PARAMS:
        raise ParameterError(f"unknown tracker {tracker!r}; choose from: {', '.join(TRACKER_PARAMS)}")
    return TRACKER_PARAMS[tracker]


def tracker_params(tracker: str, settings: Iterable[str] = ()) -> TrackerParams:
    """Build the parameters of a tracker from texts `name=value`.

    Raises:
        ParameterError: The tracker or a name is unknown, or a value lies outside its range.

    >>> tracker_params("sort").max_missed, tracker_params("sort", ["max_missed=5"]).max_missed
    (1, 5)
    """
    return parse_settings(tracker_model(tracker), settings)
