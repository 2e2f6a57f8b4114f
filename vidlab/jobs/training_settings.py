"""How a network is trained: every group of parameters at once, by its own values or a recipe's."""

from dataclasses import dataclass, field
from typing import Any, Self

from vidlab.errors import ParameterError
from vidlab.jobs.record import describe_params
from vidlab.params import (
    RECIPES,
    AugmentParams,
    FitParams,
    SceneDataParams,
    SegmentParams,
    TrainDataParams,
    TrainNetworkParams,
)
from vidlab.schema import Params, build

GROUPS: dict[str, type[Params]] = {
    "data": TrainDataParams,
    "scenes": SceneDataParams,
    "augment": AugmentParams,
    "network": TrainNetworkParams,
    "fit": FitParams,
}


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How is trained; each group has the defaults of `params`."""

    data: TrainDataParams = field(default_factory=TrainDataParams)
    scenes: SceneDataParams = field(default_factory=SceneDataParams)
    augment: AugmentParams = field(default_factory=AugmentParams)
    network: TrainNetworkParams = field(default_factory=TrainNetworkParams)
    fit: FitParams = field(default_factory=FitParams)
    device: str = SegmentParams().device

    @classmethod
    def of(cls, recipe: str = "default", *, device: str = SegmentParams().device, **values: Any) -> Self:
        """Return the settings of a recipe with some values changed, whichever group they are of.

        Args:
            recipe: A name of `params.RECIPES`.
            device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
            values: Fields of the groups by their names, which are all different.

        Raises:
            ParameterError: There is no such recipe or field, or a value lies outside its range.

        >>> TrainSettings.of("reference", epochs=3).fit.loss
        'reference'
        """
        if recipe not in RECIPES:
            raise ParameterError(f"unknown recipe {recipe!r}; choose from: {', '.join(RECIPES)}")
        wanted = {**RECIPES[recipe], **values}
        unknown = wanted.keys() - {name for model in GROUPS.values() for name in model.model_fields}
        if unknown:
            raise ParameterError(f"settings must be of training, got {min(unknown)!r}, which is none")
        built: dict[str, Any] = {
            group: build(model, {name: wanted[name] for name in model.model_fields if name in wanted})
            for group, model in GROUPS.items()
        }
        return cls(**built, device=device)

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the values of each group."""
        return describe_params(**{name: getattr(self, name) for name in GROUPS})
