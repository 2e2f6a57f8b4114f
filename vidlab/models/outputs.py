"""What the outputs of a semantic network mean: a class each, and how scores become probabilities."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vidlab.classes import CUSTOM_IDS, VOC_NAMES, class_id, known_class_id
from vidlab.errors import ParameterError
from vidlab.types import OBJECT_CLASS_ID

Activation = Literal["softmax", "sigmoid"]
logger = logging.getLogger(__name__)
BACKGROUND_NAME = "background"
VOC_TO_COCO_IDS = tuple(class_id(name) for name in VOC_NAMES)  # of VOC's labels 1..20
N_VOC_OUTPUTS = 1 + len(VOC_NAMES)


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of a semantic network, in their order.

    Attributes:
        class_ids: Id of each output's class; None for background, of which nothing is said downstream.
        activation: `softmax` over all outputs, or `sigmoid` of each.
        names: Names of those classes that the vocabulary lacks, by id.

    Raises:
        ParameterError: Two outputs have one class, or all are background.
    """

    class_ids: tuple[int | None, ...]
    activation: Activation
    names: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shown = self.shown_ids
        if not shown or len(set(shown)) < len(shown):
            raise ParameterError(f"outputs must have a class each, no two the same, got {self.class_ids}")

    @property
    def shown_ids(self) -> tuple[int, ...]:
        """Ids of the classes without background, in the order of the outputs."""
        return tuple(class_id for class_id in self.class_ids if class_id is not None)

    @property
    def shown(self) -> list[int]:
        """Places of the outputs that are not background."""
        return [place for place, class_id in enumerate(self.class_ids) if class_id is not None]


VOC_OUTPUTS = Outputs((None, *VOC_TO_COCO_IDS), "softmax")


def to_outputs(
    names: Sequence[str], *, n_outputs: int, activation: Activation | Literal["auto"], source: str
) -> Outputs:
    """Say what a network's outputs mean.

    A name that the vocabulary lacks gets an id from `CUSTOM_IDS`, in the order of the names.

    Args:
        names: One for each output, `background` among them or not; or, without it, one for each output but
            the first; or none: a single output is an object, the second of two is, and 21 are VOC's.
        n_outputs: How many the network has.
        activation: `auto` takes sigmoid for a single output, softmax for several.
        source: What the names belong to, for the errors.

    Raises:
        ParameterError: There are too many names or too few, or two mean one class.

    >>> to_outputs(["dog", "lane marking"], n_outputs=3, activation="auto", source="best.pt")
    Outputs(class_ids=(None, 18, 201), activation='softmax', names={201: 'lane marking'})
    """
    if activation == "auto":
        activation = "sigmoid" if n_outputs == 1 else "softmax"
    if not names:
        return Outputs(_unnamed(n_outputs, source=source), activation)
    given = [name.strip() for name in names]
    if len(given) == n_outputs - 1 and BACKGROUND_NAME not in map(str.lower, given):
        given = [BACKGROUND_NAME, *given]
    if len(given) != n_outputs:
        raise ParameterError(
            f"class names must be as many as the outputs of {source}, which are {n_outputs}, with or without "
            f"a first one for background, got {len(given)}: {', '.join(given)}"
        )
    ids, named = _ids_of(given)
    repeated = next((name for place, name in enumerate(given) if ids[place] in ids[:place]), None)
    if repeated is not None:
        raise ParameterError(f"class names of {source} must be of different classes, got {repeated!r} twice")
    if named:
        told = ", ".join(f"{class_id} {name}" for class_id, name in named.items())
        logger.warning("%s: classes that COCO does not name go by number: %s", source, told)
    return Outputs(ids, activation, named)


def numbered_names(n_outputs: int) -> tuple[str, ...]:
    """Return names for outputs that have none: background first.

    >>> numbered_names(3)
    ('background', 'class 1', 'class 2')
    """
    return (BACKGROUND_NAME, *(f"class {place}" for place in range(1, n_outputs)))


def _unnamed(n_outputs: int, *, source: str) -> tuple[int | None, ...]:
    if n_outputs == 1:
        return (OBJECT_CLASS_ID,)
    if n_outputs == 2:
        return (None, OBJECT_CLASS_ID)
    if n_outputs == N_VOC_OUTPUTS:
        return VOC_OUTPUTS.class_ids
    raise ParameterError(
        f"the {n_outputs} outputs of {source} must have names; give --class-names A,B,… or put them into a "
        '.json beside it, as {"classes": ["A", "B", …]}'
    )


def _ids_of(names: Sequence[str]) -> tuple[tuple[int | None, ...], dict[int, str]]:
    free = iter(CUSTOM_IDS)
    ids: list[int | None] = []
    named: dict[int, str] = {}
    by_name: dict[str, int] = {}
    for name in names:
        if name.lower() == BACKGROUND_NAME:
            ids.append(None)
            continue
        found = known_class_id(name)
        if found is None and name.lower() in by_name:
            found = by_name[name.lower()]
        if found is None:
            found = next(free, None)
            if found is None:
                raise ParameterError(
                    f"at most {len(CUSTOM_IDS)} classes may have names of their own, got {name!r} after them"
                )
            named[found] = name
            by_name[name.lower()] = found
        ids.append(found)
    return tuple(ids), named
