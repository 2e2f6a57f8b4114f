"""Where a network's weights come from: a file, chance, torch's cache, or a download."""

import hashlib
import http.client
import logging
import os
import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import torch
from torch import nn

from vidlab.errors import WeightsError
from vidlab.models.checkpoint import Recipe, StateDict, read_checkpoint
from vidlab.models.hashing import HASH_DIGITS, file_label

RANDOM = "random"
RANDOM_LABEL = "random (timing only)"
CHUNK_BYTES = 1 << 20
TIMEOUT_S = 10.0  # for the server's next word, not for the whole download
REPORT_EVERY_S = 5.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """Weights that someone offers for download.

    Attributes:
        label: Their name, such as `MaskRCNN_ResNet50_FPN_Weights.COCO_V1`.
        url: Where they are; the file's name ends in `-` and the first digits of its SHA-256.
    """

    label: str
    url: str

    @property
    def file_name(self) -> str:
        """Name of the file, in the cache as on the server."""
        return Path(urlparse(self.url).path).name

    @property
    def hash_prefix(self) -> str:
        """First digits of the file's SHA-256, as its name tells them; empty where it does not."""
        found = re.search(r"-([a-f0-9]{8,})\.[a-z0-9]+$", self.file_name)
        return found.group(1) if found else ""


@dataclass(frozen=True, slots=True)
class Found:
    """Weights that were asked for.

    Attributes:
        label: Their name and hash, or `random (timing only)`, for outputs.
        file: Where they are; None for random ones.
        state: Names and tensors; empty for random ones.
        recipe: What they say of their network.
    """

    label: str
    file: Path | None
    state: StateDict
    recipe: Recipe

    def has_digest(self, digits: str) -> bool:
        """Whether these are the weights whose hash begins so, wherever the file came from."""
        return self.label.endswith(f"({digits})")

    def fill(self, network: nn.Module, *, unused: str = "\0") -> None:
        """Load them into a network; see `fill`. Random ones leave it as it was built."""
        if self.file is not None:
            fill(network, self.state, file=self.file, unused=unused)


def find_weights(weights: str | None, *, own: Published | Path | None, model: str) -> Found:
    """Read the weights that were asked for.

    Args:
        weights: A file, `random`, or None for the model's own.
        own: What None stands for: a file, or published weights, which are taken from torch's cache or
            downloaded to it; None where the model has no weights of its own.
        model: Its name, for messages.

    Raises:
        WeightsError: They cannot be had or cannot be read.
    """
    if weights == RANDOM:
        logger.warning("%s: random weights, for timing only; masks mean nothing", model)
        return Found(RANDOM_LABEL, None, {}, Recipe())
    if weights is None and own is None:
        raise WeightsError(
            f"{model} has no weights of its own; give --weights FILE, or --weights {RANDOM} for timing only"
        )
    if weights is None and isinstance(own, Published):
        file, name = find_published(own), own.label
    else:
        file = Path(weights if weights is not None else str(own))
        name = file.name
    if not file.is_file():
        raise WeightsError(
            f"weights must be a file with a state dict or '{RANDOM}', got {str(file)!r}, which is not there"
        )
    checkpoint = read_checkpoint(file)
    return Found(file_label(file, name=name), file, checkpoint.state, checkpoint.recipe)


def load_weights(network: nn.Module, weights: str | None, *, own: Published | Path) -> str:
    """Fill a network with weights, and return their label for outputs.

    Args:
        network: Freshly built; changed in place, except for `random`.
        weights: As `find_weights` takes them.
        own: As `find_weights` takes it.

    Raises:
        WeightsError: They cannot be had, cannot be read, or do not fit the network.
    """
    found = find_weights(weights, own=own, model=type(network).__name__)
    found.fill(network)
    return found.label


def find_published(published: Published, *, timeout_s: float = TIMEOUT_S) -> Path:
    """Return the published file from torch's cache, downloading it first where needed.

    Raises:
        WeightsError: It is not in the cache and cannot be downloaded.
    """
    file = cache_dir() / published.file_name
    if not file.is_file():
        _download(published, file, timeout_s=timeout_s)
    return file


def is_here(own: Published | Path) -> bool:
    """Whether weights are on this machine: the file, or a published one in torch's cache."""
    file = cache_dir() / own.file_name if isinstance(own, Published) else own
    return file.is_file()


def cache_dir() -> Path:
    """Return the folder in which torchvision keeps downloaded weights; `TORCH_HOME` moves it."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def fill(network: nn.Module, state: StateDict, *, file: Path, unused: str = "\0") -> None:
    """Load a state dict of any float precision into a network.

    The network itself renames what older versions of it called otherwise, as torchvision's detectors do.

    Args:
        network: Changed in place.
        state: Names and tensors.
        file: Where they come from, for the errors.
        unused: Tensors whose name begins so belong to a part that was not built.

    Raises:
        WeightsError: They do not fit the network.
    """
    state = {name: tensor for name, tensor in state.items() if not name.startswith(unused)}
    wanted = network.state_dict()
    for name in sorted(state.keys() & wanted.keys()):
        if state[name].shape != wanted[name].shape:
            raise WeightsError(
                f"weights must fit {type(network).__name__}, but in {file} {name!r} has the shape"
                f" {tuple(state[name].shape)} instead of {tuple(wanted[name].shape)}"
            )
    try:
        missing, unknown = network.load_state_dict(state, strict=False)
    except RuntimeError as error:  # the shape of one that was renamed
        logger.debug("%s does not fit", file, exc_info=error)
        raise WeightsError(
            f"weights must fit {type(network).__name__}, but shapes in {file} are others;"
            " choose the file that belongs to the model"
        ) from None
    for names, problem in ((sorted(missing), "lacks"), (sorted(unknown), "has in excess")):
        if names:
            raise WeightsError(
                f"weights must fit {type(network).__name__}, but {file} {problem} {len(names)} tensors,"
                f" such as {names[0]!r}; choose the file that belongs to the model"
            )


def _download(published: Published, file: Path, *, timeout_s: float) -> None:
    """Download next to the final name, check the hash, then rename: the cache never holds a part."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        found = _fetch(published.url, part, timeout_s=timeout_s)
        if not found.startswith(published.hash_prefix):
            raise WeightsError(
                f"{published.file_name} must have a SHA-256 that begins with {published.hash_prefix},"
                f" got {found[:HASH_DIGITS]} from {published.url}; the download is damaged, try again"
            )
        part.rename(file)
    except (OSError, http.client.HTTPException) as error:
        logger.debug("download failed", exc_info=error)
        reason = getattr(error, "reason", None) or error
        raise WeightsError(
            f"weights {published.file_name} must be in {file.parent} or within reach at {published.url}"
            f" ({reason}); give --weights FILE, or take --model maskrcnn_demo, which needs no download"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _fetch(url: str, part: Path, *, timeout_s: float) -> str:
    """Write what the URL holds to a file, and return its SHA-256."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=timeout_s) as answer, part.open("wb") as sink:
        total = int(answer.headers.get("Content-Length") or 0)
        logger.info("downloading %s (%.0f MB)", url, total / 1e6)
        n_bytes, told_s = 0, time.monotonic()
        while chunk := answer.read(CHUNK_BYTES):
            sink.write(chunk)
            digest.update(chunk)
            n_bytes += len(chunk)
            if time.monotonic() - told_s > REPORT_EVERY_S:
                told_s = time.monotonic()
                logger.info("downloaded %.0f of %.0f MB", n_bytes / 1e6, total / 1e6)
    if n_bytes < total:
        raise urllib.error.URLError(f"only {n_bytes} of {total} bytes came")
    return digest.hexdigest()
