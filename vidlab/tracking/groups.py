"""Tracked detections as those who stabilize and those who wait need them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import UsageError
from vidlab.types import OBJECT_CLASS_ID, Instances

NOBODY = -1  # the identity of detections that belong to no object


def likeliest(names: Mapping[int, float]) -> int:
    """Return the class for which most speaks, the lower id of equals; OBJECT_CLASS_ID of none.

    >>> likeliest({18: 0.9, 17: 1.4})
    17
    """
    return max(names, key=lambda class_id: (names[class_id], -class_id), default=OBJECT_CLASS_ID)


def ids_of(tracked: Instances) -> NDArray[np.int64]:
    """Return the identities of detections, int64 (N,).

    Raises:
        UsageError: They have none.
    """
    if tracked.track_ids is None:
        raise UsageError("detections must have track_ids, got none")
    return tracked.track_ids


def as_groups(tracked: Instances) -> Instances:
    """Return detections with their identity in the place of their class.

    `temporal.evidence.to_evidence` then makes one map of each object, which is stabilized by itself.
    """
    return Instances(tracked.masks, tracked.scores, ids_of(tracked))


def identified(tracked: Instances) -> Instances:
    """Return the detections that belong to an object."""
    return tracked.where(ids_of(tracked) != NOBODY)


def one_each(tracked: Instances) -> Instances:
    """Return the surest detection of each object, by ascending identity; those of nobody are left out."""
    ids = ids_of(tracked)
    order = np.lexsort((-tracked.scores, ids))
    order = order[ids[order] != NOBODY]
    first = order[np.unique(ids[order], return_index=True)[1]]
    return Instances(tracked.masks[first], tracked.scores[first], tracked.class_ids[first], ids[first])


def without_masks(tracked: Instances) -> Instances:
    """Return all that is known of detections but their masks, bool (N, 0, 0): small enough to wait."""
    nothing = np.zeros((len(tracked), 0, 0), np.bool_)
    return Instances(nothing, tracked.scores, tracked.class_ids, tracked.track_ids)
