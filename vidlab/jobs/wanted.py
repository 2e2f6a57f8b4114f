"""Which of the observed classes are wanted."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vidlab.classes import CUSTOM_IDS, class_name
from vidlab.errors import MaskError, ParameterError
from vidlab.masks.source import MaskSource
from vidlab.models import Segmenter
from vidlab.types import ClassProbs, Instances, Observation

logger = logging.getLogger(__name__)


def only_wanted(
    class_ids: tuple[int, ...] | None, *, drop_below: float
) -> Callable[[Observation], Observation]:
    """Return a function that keeps what counts as evidence: wanted classes, scores from `drop_below` on."""

    def keep(observation: Observation) -> Observation:
        if isinstance(observation, Instances):
            right = observation.scores >= drop_below
            if class_ids is not None:
                right &= np.isin(observation.class_ids, class_ids)
            return observation if right.all() else observation.where(right)
        if class_ids is None:
            return observation
        rows = [row for row, class_id in enumerate(observation.class_ids) if class_id in class_ids]
        kept_ids = tuple(observation.class_ids[row] for row in rows)
        return (
            observation
            if len(rows) == len(observation.probs)
            else ClassProbs(observation.probs[rows], kept_ids)
        )

    return keep


def wanted_of_file(masks: MaskSource, class_ids: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the classes of a file that are wanted.

    A file of detections without the wanted ones is possible, and only logged: nothing was found.

    Raises:
        MaskError: The file holds maps of other classes, or of no class where several are wanted.
    """
    if class_ids is None:
        return masks.class_ids
    found = tuple(class_id for class_id in masks.class_ids if class_id in class_ids)
    if found or not masks.class_ids:
        return found
    held = ", ".join(class_name(class_id) for class_id in masks.class_ids)
    asked = ", ".join(class_name(class_id) for class_id in class_ids)
    if masks.kind == "probs":
        raise MaskError(f"{masks.path} must hold masks of the wanted classes ({asked}), got only: {held}")
    logger.warning("%s holds no %s, only: %s", masks.path, asked, held)
    return found


def wanted_of_network(network: Segmenter, class_ids: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the classes of a network that are wanted.

    Raises:
        ParameterError: It was not trained for one of them.
    """
    if class_ids is None:
        return network.class_ids
    for class_id in class_ids:
        if class_id not in network.class_ids:
            own = names_of(network)
            known = ", ".join(
                f"{known_id} {own[known_id]}" if known_id in own else class_name(known_id)
                for known_id in network.class_ids
            )
            raise ParameterError(
                f"a class must be known to {network.name} ({known}), got {class_name(class_id)!r}"
            )
    return class_ids


def names_of(source: Segmenter | MaskSource) -> dict[int, str]:
    """Return the names a network or a file has for classes that the vocabulary lacks, by id."""
    return dict(getattr(source, "class_names", {}))


def names_beside(masks: Path) -> dict[int, str]:
    """Return such names as the `params.json` of a result folder tells them; none where there is none."""
    try:
        told = json.loads((masks / "params.json").read_bytes())["class_names"]
        return {int(class_id): str(name) for class_id, name in told.items() if int(class_id) in CUSTOM_IDS}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
