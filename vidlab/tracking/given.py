"""The identities that detections come with, from a tracker of the user's own."""

from dataclasses import replace

import numpy as np

from vidlab.errors import MaskError
from vidlab.tracking.groups import NOBODY
from vidlab.types import Instances, UInt8Image


class GivenTracker:
    """Passes identities on; those below 0, as trackers call what they do not follow, become NOBODY."""

    def reset(self) -> None:
        """There is nothing to forget."""

    def step(self, image: UInt8Image, instances: Instances) -> Instances:
        """Return a frame's detections with the `track_ids` that they have.

        Raises:
            MaskError: They have none.
        """
        if instances.track_ids is None:
            if not len(instances):
                return replace(instances, track_ids=np.zeros(0, np.int64))
            raise MaskError(
                "detections must come with track_ids to be taken as given, got none; choose another tracker"
            )
        return replace(instances, track_ids=np.maximum(instances.track_ids, NOBODY))
