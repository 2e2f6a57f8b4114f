"""What every network looks like from outside: pictures in, one observation for each out."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from vidlab.types import Observation, UInt8Image

Kind = Literal["instances", "probs"]


class Segmenter(Protocol):
    """A network that is ready to run.

    Attributes:
        name: Name in the registry, or what a user calls it.
        kind: Whether `segment` returns Instances or ClassProbs.
        class_ids: Ids of the classes it can name.
        weights: Label of its weights for outputs: their name and hash, or `random (timing only)`.

    Some also have `class_names`, names by id of those classes that `vidlab.classes` does not know, and
    `device`, where they run.
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


class StagedSegmenter(Segmenter, Protocol):
    """A network whose work can be watched in three stages; in a row they give what `segment` gives.

    What flows between the stages is the network's own business. Pictures of one batch have one size.
    """

    def prepare(self, images: Sequence[UInt8Image]) -> Any:
        """Bring pictures, uint8 (H, W, 3), into the form that the network takes, on its device."""

    def infer(self, prepared: Any) -> Any:
        """Run the network; on a GPU this returns before the work is done."""

    def finish(self, found: Any) -> Sequence[Observation]:
        """Bring what the network found to the pictures' size, on the CPU."""
