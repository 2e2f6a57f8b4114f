"""Instances of this frame, given identities over time."""

from vidlab.tracking.associator import Associator, create_associator
from vidlab.tracking.book import TrackBook
from vidlab.tracking.groups import NOBODY, as_groups, identified, ids_of, without_masks

__all__ = [
    "NOBODY",
    "Associator",
    "TrackBook",
    "as_groups",
    "create_associator",
    "identified",
    "ids_of",
    "without_masks",
]
