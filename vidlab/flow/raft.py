"""RAFT (Teed and Deng, "RAFT: Recurrent All-Pairs Field Transforms", ECCV 2020), torchvision's networks."""

import logging
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import optical_flow

from vidlab.errors import ParameterError, WeightsError
from vidlab.flow.estimator import Picture, ScaledFlow, as_seen, no_flow
from vidlab.types import Float32Array

logger = logging.getLogger(__name__)

RANDOM = "random"
RANDOM_LABEL = "random (timing only)"
BUILDERS: dict[str, tuple[Callable[..., nn.Module], Any]] = {
    "raft_small": (optical_flow.raft_small, optical_flow.Raft_Small_Weights.C_T_V2),
    "raft_large": (optical_flow.raft_large, optical_flow.Raft_Large_Weights.C_T_SKHT_V2),
}
MULTIPLE_PX, LEAST_PX = 8, 128  # sides that RAFT takes: it correlates features of an eighth, over 4 sizes

# Fills a network: (network, file or `random` or None, label and address of the published weights) → label.
LoadWeights = Callable[[nn.Module, str | None, str, str], str]


class RaftFlow(ScaledFlow):
    """Optical flow by a network that looks at RGB.

    Attributes:
        weights: Where its weights come from, for outputs.
        device: Where it runs.
    """

    sees_color = True

    def __init__(
        self,
        *,
        size: str,
        scale: float,
        updates: int,
        weights: str | None = None,
        device: str = "cpu",
        load: LoadWeights | None = None,
    ) -> None:
        """Build the network and fill it.

        Args:
            size: `raft_small` or `raft_large`.
            scale: Size at which flow is estimated, (0, 1]; smaller is faster and coarser.
            updates: Refinements of the flow.
            weights: File with a state dict; `random` for shapes and timing only; None for torchvision's own,
                from torch's cache or downloaded to it.
            device: `cpu`, `cuda`, `cuda:N` or `mps`.
            load: Fills the network in place of this module, such as a loader that shows progress.

        Raises:
            ParameterError: Unknown size, or scale outside (0, 1].
            WeightsError: They cannot be had, or do not fit.
        """
        super().__init__(scale=scale)
        if size not in BUILDERS:
            raise ParameterError(f"unknown RAFT {size!r}; choose from: {', '.join(BUILDERS)}")
        build, own = BUILDERS[size]
        network = build(weights=None, progress=False)
        self.weights = (load or load_weights)(network, weights, str(own), own.url)
        # a partial: a stabilizer that is put away to be resumed leaves functions where they are
        self._network = partial(network.to(device).eval(), num_flow_updates=updates)
        self.device, self._size, self._updates = device, size, updates

    @property
    def identity(self) -> Hashable:
        """What decides the flow between two pictures of a given size."""
        # random weights differ from one network to the next: no two of them are equal
        return self._size, self._updates, id(self) if self.weights == RANDOM_LABEL else self.weights

    def small(self, picture_from: Picture, picture_to: Picture, *, scale: float) -> Float32Array:
        """Flow between two pictures that `shrink` returned, RGB or gray, in their pixels."""
        still = no_flow(picture_from)
        if still is not None:
            return still
        height, width = picture_from.shape[:2]
        with torch.inference_mode():
            pair = [self._prepared(as_seen(picture, color=True)) for picture in (picture_from, picture_to)]
            flow = self._network(*pair)[-1]
            found = flow[0, :, :height, :width].permute(1, 2, 0).float().cpu().numpy()
        return np.ascontiguousarray(found, np.float32)

    def _prepared(self, image: Picture) -> torch.Tensor:
        """Return float32 (1, 3, H', W'), [-1, 1]: the picture, its border repeated up to a size it takes."""
        tensor = torch.from_numpy(np.ascontiguousarray(image)).to(self.device).permute(2, 0, 1)[None]
        low, right = (max(LEAST_PX, -(-side // MULTIPLE_PX) * MULTIPLE_PX) - side for side in image.shape[:2])
        return F.pad(tensor.float() / 127.5 - 1, (0, right, 0, low), mode="replicate")


def load_weights(network: nn.Module, weights: str | None, label: str, url: str) -> str:
    """Fill a network with weights, and return their label for outputs.

    Args:
        network: Freshly built; changed in place, except for `random`.
        weights: A file with a state dict, `random`, or None for the published ones.
        label: Name of the published weights.
        url: Where they are; the file's name ends in the first digits of its SHA-256, which are checked.

    Raises:
        WeightsError: They cannot be had, or do not fit.
    """
    if weights == RANDOM:
        logger.warning("%s: random weights, for timing only; its flow means nothing", type(network).__name__)
        return RANDOM_LABEL
    try:
        if weights is not None:
            state = torch.load(weights, map_location="cpu", weights_only=True)
        else:
            state = torch.hub.load_state_dict_from_url(url, progress=False, check_hash=True)
        network.load_state_dict(state)
    except Exception as error:  # no file, no way there, a wrong hash, a corrupt file, other names or shapes
        logger.debug("weights of RAFT", exc_info=error)
        if weights is not None:
            raise WeightsError(
                f"weights must be a state dict that fits {label.partition('_Weights')[0]}, got {weights}: "
                f"{_reason(error)}"
            ) from None
        raise WeightsError(missing(url, reason=_reason(error))) from None
    return label if weights is None else Path(weights).name


def missing(url: str, *, reason: str) -> str:
    """Word that published weights cannot be had, and what to do.

    >>> missing("https://a/b.pth", reason="offline").partition(" must")[0]
    'weights b.pth'
    """
    name = url.rpartition("/")[2]
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    return (
        f"weights {name} must be in {cache} or within reach at {url} ({reason}); copy the file there, give "
        f"--weights FILE to vidlab flow, or take another flow, such as dis"
    )


def is_here(size: str) -> bool:
    """Say whether the published weights of a RAFT are in torch's cache.

    Raises:
        ParameterError: Unknown size.
    """
    if size not in BUILDERS:
        raise ParameterError(f"unknown RAFT {size!r}; choose from: {', '.join(BUILDERS)}")
    name = str(BUILDERS[size][1].url).rpartition("/")[2]
    return (Path(torch.hub.get_dir()) / "checkpoints" / name).is_file()


def _reason(error: Exception) -> str:
    lines = [
        line.strip() for line in str(getattr(error, "reason", None) or error).splitlines() if line.strip()
    ]
    return lines[0][:120] if lines else type(error).__name__
