"""The networks that the page offers; one is kept loaded."""

from collections.abc import Mapping
from dataclasses import dataclass

from vidlab import models
from vidlab.errors import DeviceError, MissingExtraError
from vidlab.models import MODELS, Segmenter
from vidlab.params import SegmentParams

DEMO = "maskrcnn_demo"
PREFERRED = ("maskrcnn_resnet50_fpn", DEMO)  # the first of them whose weights are here is the default
NEEDS_FILE = "it has no weights of its own"
DOWNLOADS = "its weights are not here yet: the first use downloads them"


@dataclass(frozen=True, slots=True)
class Offer:
    """Whether a network can be used here.

    Attributes:
        available: It can be asked for.
        reason: Why not, or what its first use will do; else empty.
        here: Nothing need be downloaded.
    """

    available: bool
    reason: str
    here: bool


def offers(weights: Mapping[str, str]) -> dict[str, Offer]:
    """Find out which networks can be used here; loads torch, if it is installed.

    Args:
        weights: Name → weights file of the server's own, or `random`.
    """
    return {name: _offer(name, weights) for name in MODELS}


def guessed_offers(weights: Mapping[str, str]) -> dict[str, Offer]:
    """Say the same without torch, before it is known whether weights are here."""
    return {
        name: Offer(True, "", name in weights)
        if name in weights or spec.origin is not None
        else Offer(False, NEEDS_FILE, False)
        for name, spec in MODELS.items()
    }


def default_of(offered: Mapping[str, Offer], weights: Mapping[str, str]) -> str:
    """Return the network that is taken unless another is named: one that is here, if there is one."""
    named = [name for name in weights if name in offered]
    here = [name for name in PREFERRED if name in offered and offered[name].here]
    return next(iter([*named, *here]), DEMO)


def _offer(name: str, weights: Mapping[str, str]) -> Offer:
    if name in weights:
        return Offer(True, "", True)
    if MODELS[name].origin is None:
        return Offer(False, NEEDS_FILE, False)
    try:
        here = models.has_weights(name)
    except MissingExtraError as error:
        return Offer(False, str(error), False)
    return Offer(True, "" if here else DOWNLOADS, here)


def device_here() -> str:
    """Return where networks run, in words; empty if torch is not installed."""
    try:
        return models.describe_device(models.resolve_device("auto"))
    except (DeviceError, MissingExtraError):
        return ""


class Networks:
    """The network that was used last, loaded."""

    def __init__(self, weights: Mapping[str, str]) -> None:
        """Take the weights of the server's own by name."""
        self._weights = dict(weights)
        self._key: tuple[str, str, float] | None = None
        self._network: Segmenter | None = None

    def get(self, name: str, *, params: SegmentParams, drop_below: float) -> Segmenter:
        """Return a network, ready to run.

        Raises:
            ParameterError: The name is unknown.
            DeviceError: The device is not here.
            WeightsError: It has no weights.
            MissingExtraError: What it needs is not installed.
        """
        key = (name, models.resolve_device_of(name, params.device), drop_below)
        if self._network is None or key != self._key:
            self._key = self._network = None  # make room before the next one comes
            self._network = models.create(
                name, weights=self._weights.get(name), device=key[1], score_floor=drop_below
            )
            self._key = key
        return self._network
