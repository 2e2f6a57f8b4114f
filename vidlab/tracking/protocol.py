"""What every tracker is: instances of a frame in, the same with identities out."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from vidlab.types import Float32Array, Instances, UInt8Image

# What tells looks apart: a picture and the instances in it in, float32 (N, D) of length 1 out, similar for
# similar looks.
Embed: TypeAlias = Callable[[UInt8Image, Instances], Float32Array]


class Tracker(Protocol):
    """Gives detections identities; causal, and its memory does not grow with time.

    Identities count from 1, and none is given twice until `reset`.
    """

    def step(self, image: UInt8Image, instances: Instances) -> Instances:
        """Return a frame's detections as they are, with `track_ids`.

        Args:
            image: uint8 (H, W, 3), RGB.
            instances: What was found in it, any score, any order.

        Returns:
            The detections with identities, `tracking.NOBODY` where one belongs to no object.
        """

    def reset(self) -> None:
        """Forget every object; the next frame is frame 0 of a clip, and identities start at 1 again."""
