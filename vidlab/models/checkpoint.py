"""What a file of weights holds: a state dict, and perhaps what the network was that it came from.

A checkpoint of this package is `{"model": state dict, "network": {"architecture", "encoder", "classes",
"activation", "input_hw"}}`, every one of the five optional. A file from elsewhere may have the same five in a
JSON beside it: `best.json` for `best.pt`.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from vidlab.errors import WeightsError

StateDict = dict[str, Tensor]
WRAPPERS = ("module.", "model.")  # what DataParallel and Lightning put before every name
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What weights say of the network they belong to; what they do not say is None or empty.

    Attributes:
        architecture: Name in `vidlab.models.MODELS`, such as `smp_unet`.
        encoder: Name of its encoder.
        classes: One name for each output, in order; `background` may be among them, or left out if first.
        activation: How it was trained to turn scores into probabilities.
        input_hw: Height and width to which its pictures were resized, whatever their shape, in pixels.
    """

    architecture: str | None = None
    encoder: str | None = None
    classes: tuple[str, ...] = ()
    activation: Literal["softmax", "sigmoid"] | None = None
    input_hw: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A file of weights as read.

    Attributes:
        state: Names and tensors.
        recipe: What is said of the network.
    """

    state: StateDict
    recipe: Recipe


def save_checkpoint(file: Path, state: StateDict, *, recipe: Recipe, **facts: Any) -> None:
    """Write weights with what is needed to use them: `vidlab segment --weights FILE` asks for no more.

    Args:
        file: Where to.
        state: Names and tensors.
        recipe: What is said of the network.
        facts: What else readers may want to know of it; plain values.
    """
    said = {name: value for name, value in asdict(recipe).items() if value}
    torch.save({"model": state, "network": {**facts, **said}}, file)


def read_checkpoint(file: Path) -> Checkpoint:
    """Read a file of weights, and the JSON beside it where the file itself says nothing of its network.

    Raises:
        WeightsError: It cannot be read, is damaged, holds no state dict, or what it says makes no sense.
    """
    content = _load(file)
    said = content.get("network") if isinstance(content, dict) else None
    beside = file.with_suffix(".json")
    if not isinstance(said, dict):
        said = _read_beside(beside) if beside.is_file() else {}
    return Checkpoint(_state_of(content, file), _recipe(said, file))


def _load(file: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"weights must be readable, got {file}: {error.strerror}") from None
    except Exception as error:  # a corrupt file can raise anything from the unpickler
        logger.debug("torch could not load %s", file, exc_info=error)
        raise WeightsError(
            f"weights must be a state dict saved by torch, got {file}, which is damaged or something else"
        ) from None


def _state_of(content: Any, file: Path) -> StateDict:
    state = content
    for key in ("model", "state_dict"):  # torchvision's references and ours; Lightning's and many others
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
            break
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise WeightsError(
            f"weights must be a state dict (names and tensors), got {file} with something else"
        )
    for prefix in WRAPPERS:
        if state and all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return dict(state)


def _read_beside(beside: Path) -> dict[str, Any]:
    try:
        said = json.loads(beside.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"what is said of weights must be JSON, got {beside}: {error}") from None
    return said if isinstance(said, dict) else {}


def _recipe(said: Mapping[str, Any], file: Path) -> Recipe:
    """Take what is known of what is said; a JSON may hold anything else besides."""
    known = {field.name: said[field.name] for field in fields(Recipe) if said.get(field.name) is not None}
    for name in ("architecture", "encoder"):
        if not isinstance(known.get(name, ""), str):
            raise _senseless(file, name, "a name", known[name])
    classes = known.get("classes", ())
    if not isinstance(classes, list | tuple) or not all(isinstance(name, str) for name in classes):
        raise _senseless(file, "classes", "a list of names", classes)
    if known.get("activation", "softmax") not in ("softmax", "sigmoid"):
        raise _senseless(file, "activation", "softmax or sigmoid", known["activation"])
    size_hw = known.get("input_hw", (1, 1))
    if not isinstance(size_hw, list | tuple) or not (
        len(size_hw) == 2 and all(isinstance(side, int) and side > 0 for side in size_hw)
    ):
        raise _senseless(file, "input_hw", "height and width in pixels", size_hw)
    for name in ("classes", "input_hw"):
        if name in known:
            known[name] = tuple(known[name])
    return Recipe(**known)


def _senseless(file: Path, name: str, wanted: str, got: object) -> WeightsError:
    return WeightsError(
        f"{name} of the network must be {wanted}, got {got!r} in {file} or the .json beside it"
    )
