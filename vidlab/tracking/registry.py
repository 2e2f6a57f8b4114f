"""The trackers by name, and how one is built from its numbers or from those of a stabilizing method."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vidlab.errors import ParameterError
from vidlab.params import EvidenceParams, MethodParams
from vidlab.params.tracking import (
    DEFAULT_TRACKER,
    TRACKER_PARAMS,
    MatchingParams,
    TrackerParams,
    tracker_model,
)
from vidlab.tracking.appearance import color_texture
from vidlab.tracking.associator import Associator, create_associator
from vidlab.tracking.bytetrack import ByteTracker
from vidlab.tracking.deepsort import DeepSortTracker
from vidlab.tracking.given import GivenTracker
from vidlab.tracking.protocol import Embed, Tracker
from vidlab.tracking.sort import SortTracker


@dataclass(frozen=True, slots=True)
class TrackerSpec:
    """One entry of the registry.

    Attributes:
        description: One line for lists.
        build: Makes it from its numbers, and from what tells looks apart.
    """

    description: str
    build: Callable[[dict[str, Any], Embed], Tracker]

    def create(self, params: TrackerParams, *, embed: Embed) -> Tracker:
        """Build the tracker that these numbers describe."""
        return self.build(params.model_dump(), embed)


def create_tracker(
    name: str, *, params: TrackerParams | None = None, embed: Embed = color_texture
) -> Tracker:
    """Build a tracker.

    Args:
        name: One of `TRACKERS`.
        params: Its numbers; None takes those of its paper.
        embed: What tells looks apart, for trackers that look: `color_texture`, or a network of
            `vidlab.models.embeddings`.

    Raises:
        ParameterError: The name is unknown, or the numbers are those of another tracker.
    """
    model = tracker_model(name)
    chosen = model() if params is None else params
    if type(chosen) is not model:
        raise ParameterError(f"params of {name} must be {model.__name__}, got {type(chosen).__name__}")
    return TRACKERS[name].create(chosen, embed=embed)


def create_method_tracker(params: MethodParams, *, evidence: EvidenceParams) -> Tracker:
    """Build the tracker that a method's tunables, and the rules of evidence, describe.

    Overlap, patience and score are those of method and evidence for every tracker; the rest is that of its
    paper. Looks are told apart by color and texture: no stabilizer waits for a network's weights.
    """
    if params.tracker == DEFAULT_TRACKER:
        return create_associator(params, evidence=evidence)
    model = TRACKER_PARAMS[params.tracker]
    shared: dict[str, Any] = {}
    if issubclass(model, MatchingParams):
        shared = {
            "min_iou": params.track_iou,
            "max_missed": params.track_max_missed,
            "min_score": evidence.min_score,
        }
        if "start_score" in model.model_fields:
            shared |= {"start_score": evidence.min_score, "low_score": evidence.drop_below}
    return create_tracker(params.tracker, params=model.model_validate(shared))


def _flow(numbers: dict[str, Any], _embed: Embed) -> Tracker:
    return Associator(iou=numbers.pop("min_iou"), **numbers)


def _sort(numbers: dict[str, Any], _embed: Embed) -> Tracker:
    return SortTracker(**numbers)


def _deepsort(numbers: dict[str, Any], embed: Embed) -> Tracker:
    del numbers["appearance"]  # a name; `embed` is what it stands for
    return DeepSortTracker(**numbers, embed=embed)


def _bytetrack(numbers: dict[str, Any], _embed: Embed) -> Tracker:
    return ByteTracker(**numbers)


def _given(_numbers: dict[str, Any], _embed: Embed) -> Tracker:
    return GivenTracker()


TRACKERS: dict[str, TrackerSpec] = {
    "flow": TrackerSpec("ours: masks carried along the flow, a straight course through occlusions", _flow),
    "sort": TrackerSpec("SORT (Bewley et al., 2016): boxes, Kalman filter, Hungarian method", _sort),
    "deepsort": TrackerSpec("DeepSORT (Wojke et al., 2017): knows objects again by their looks", _deepsort),
    "bytetrack": TrackerSpec(
        "ByteTrack (Zhang et al., 2022): sure detections, then doubtful ones", _bytetrack
    ),
    "given": TrackerSpec("the identities that the masks come with, from a tracker of your own", _given),
}
