"""Instances of this frame, given identities over time."""

from vidlab.tracking.associator import Associator, create_associator
from vidlab.tracking.book import TrackBook
from vidlab.tracking.groups import NOBODY, as_groups, identified, ids_of, one_each, without_masks
from vidlab.tracking.protocol import Embed, Tracker
from vidlab.tracking.registry import TRACKERS, TrackerSpec, create_method_tracker, create_tracker

__all__ = [
    "NOBODY",
    "TRACKERS",
    "Associator",
    "Embed",
    "TrackBook",
    "Tracker",
    "TrackerSpec",
    "as_groups",
    "create_associator",
    "create_method_tracker",
    "create_tracker",
    "identified",
    "ids_of",
    "one_each",
    "without_masks",
]
