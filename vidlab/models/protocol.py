"""What every network looks like from outside: pictures in, one observation for each out."""

from collections.abc import Sequence
from typing import Literal, Protocol

from vidlab.types import Observation, UInt8Image

Kind = Literal["instances", "probs"]


class Segmenter(Protocol):
    """A network that is ready to run.

    Attributes:
        name: Name in the registry.
        kind: Whether `segment` returns Instances or ClassProbs.
        class_ids: COCO ids of the classes it can name.
        weights: Label of its weights for outputs: their name and hash, or `random (timing only)`.
    """

    name: str
    kind: Kind
    class_ids: tuple[int, ...]
    weights: str

    def segment(self, images: Sequence[UInt8Image]) -> Sequence[Observation]:
        """Segment a batch.

        Args:
            images: uint8 (H, W, 3), RGB, any size.

        Returns:
            One for each picture, at its size: Instances whose scores reach the network's floor, or
            ClassProbs with background left out.
        """
