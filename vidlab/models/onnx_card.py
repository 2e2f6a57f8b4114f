"""What a network file says of itself, so that the file alone is enough to run it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from vidlab.errors import WeightsError
from vidlab.models.protocol import Kind
from vidlab.models.sizes import InputSize

KEY = "vidlab"  # of the file's metadata
FORMAT = 1
IMAGES, SCORE_FLOOR = "images", "score_floor"  # inputs of the files that this package writes
PROBS, DETECTIONS = "probs", ("boxes", "labels", "scores", "masks")  # and their outputs
Channels = tuple[float, float, float]
AS_THEY_ARE: tuple[Channels, Channels] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
OutputsAre = Literal["probabilities", "softmax", "sigmoid"]


@dataclass(frozen=True, slots=True)
class Card:
    """What has to be known of a network to run it.

    Attributes:
        model: Name in `vidlab.models.MODELS` of what was exported.
        kind: What it says of a frame.
        weights: Label of its weights.
        class_ids: Id of each output's class (of a detector: of each label from 0), None for background.
        class_names: Names of those classes that the vocabulary lacks, by id.
        input_size: Shorter side to which pictures are scaled before the network, or the height and width that
            all get, in pixels; None leaves them as they are.
        stride: What must divide both sides; the last row and column are repeated as far as that wants.
        mean: Subtracted from pictures in [0, 1] before the network, per channel; 0 where it does so itself.
        std: What they are divided by after that, likewise.
        outputs: What its scores are: probabilities already, or what has to be applied.
        score_floor: Detections below this score are dropped by the network itself, [0, 1].
        quantized: How its weights were made smaller; empty for float32.
    """

    model: str
    kind: Kind
    weights: str
    class_ids: tuple[int | None, ...]
    class_names: Mapping[int, str] = field(default_factory=dict)
    input_size: InputSize = None
    stride: int = 1
    mean: Channels = AS_THEY_ARE[0]
    std: Channels = AS_THEY_ARE[1]
    outputs: OutputsAre = "probabilities"
    score_floor: float = 0.0
    quantized: str = ""

    @property
    def shown_ids(self) -> tuple[int, ...]:
        """Ids of the classes it can name: in the order of its outputs; of a detector, sorted."""
        shown = tuple(class_id for class_id in self.class_ids if class_id is not None)
        return shown if self.kind == "probs" else tuple(sorted(set(shown)))


def to_metadata(card: Card) -> str:
    """Return a card as the text that stands in the file."""
    return json.dumps({"format": FORMAT, **asdict(card)}, ensure_ascii=False)


def read_card(metadata: Mapping[str, str], *, source: str) -> Card | None:
    """Return what a file says of itself; None where it says nothing.

    Raises:
        WeightsError: What it says cannot be understood.
    """
    if KEY not in metadata:
        return None
    try:
        said: dict[str, Any] = json.loads(metadata[KEY])
        newer = said.pop("format") > FORMAT
        if not newer:
            return _card(said)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(
            f"the metadata {KEY!r} of {source} must describe a network, got {metadata[KEY][:80]!r}; "
            "export it again"
        ) from error
    raise WeightsError(f"{source} was written by a newer vidlab; install that, or export it again")


def _card(said: dict[str, Any]) -> Card:
    wanted = {field.name for field in fields(Card)}
    if said.keys() != wanted:
        raise KeyError(*(said.keys() ^ wanted))
    if said["kind"] not in ("instances", "probs"):
        raise ValueError(said["kind"])
    size = said["input_size"]
    return Card(
        **{
            **said,
            "class_ids": tuple(said["class_ids"]),
            "class_names": {int(class_id): name for class_id, name in said["class_names"].items()},
            "input_size": tuple(size) if isinstance(size, list) else size,
            "mean": tuple(said["mean"]),
            "std": tuple(said["std"]),
        }
    )
