"""What the builder of a network is asked for."""

from dataclasses import dataclass, field

from vidlab.params import NetworkParams


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """The arguments of `create`, which see, checked and resolved.

    Attributes:
        name: Name in the registry.
        weights: A file, `random`, or None for the model's own.
        device: `cpu`, `cuda`, `cuda:N` or `mps`.
        score_floor: Detections below this score are left out, [0, 1].
        options: What else the network is told.
    """

    name: str
    weights: str | None
    device: str
    score_floor: float
    options: NetworkParams = field(default_factory=NetworkParams)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names that the user gave to the outputs, in order."""
        return tuple(name.strip() for name in self.options.class_names.split(",") if name.strip())
