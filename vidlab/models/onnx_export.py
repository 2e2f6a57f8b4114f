"""From torch to ONNX: a network and its normalization in one graph, what else is needed in a card with it."""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vidlab.errors import ParameterError, VidlabError, WeightsError
from vidlab.models.detector import InstanceSegmenter
from vidlab.models.onnx_card import DETECTIONS, IMAGES, PROBS, SCORE_FLOOR, Card
from vidlab.models.onnx_file import require_onnx, write_card
from vidlab.models.onnx_pooling import pooling_by_matrices
from vidlab.models.protocol import StagedSegmenter
from vidlab.models.semantic import SemanticSegmenter
from vidlab.models.sizes import MEAN, STD, input_hw

TRACED_HW = (120, 200)  # of the picture that is sent through the network while its steps are written down
BATCH, HEIGHT, WIDTH, FOUND = "batch", "height", "width", "found"  # names of the open axes


class SemanticGraph(nn.Module):
    """Pictures in [0, 1], float32 (N, 3, H, W), in; probabilities of each output, (N, K, H, W), out."""

    def __init__(self, network: nn.Module, *, activation: str) -> None:
        super().__init__()
        self.network, self.activation = network, activation
        self.mean, self.std = (torch.tensor(each).view(3, 1, 1) for each in (MEAN, STD))

    def forward(self, images: Tensor) -> Tensor:
        """Normalize, run the network, turn scores into probabilities."""
        scores: Any = self.network((images - self.mean) / self.std)
        scores = scores["out"] if isinstance(scores, Mapping) else scores
        probs: Tensor = scores.softmax(dim=1) if self.activation == "softmax" else scores.sigmoid()
        return probs


class DetectorGraph(nn.Module):
    """One picture in [0, 1], float32 (1, 3, H, W), and the lowest score in; what a Mask R-CNN finds out.

    Boxes (N, 4) in pixels of the picture, labels (N,), scores (N,), and masks (N, M, M): probabilities in the
    frame of each box, which are pasted outside: a graph would do that one mask after the other.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: Any = network

    def forward(self, image: Tensor, score_floor: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Normalize, scale, run the network, and bring the boxes back to the picture."""
        network, heads = self.network, self.network.roi_heads
        scaled, _ = network.transform([image[0]])
        features = network.backbone(scaled.tensors)
        proposals, _ = network.rpn(scaled, features)
        own, heads.score_thresh = heads.score_thresh, score_floor
        try:
            (found,), _ = heads(features, proposals, scaled.image_sizes)
        finally:
            heads.score_thresh = own
        (scaled_hw,) = scaled.image_sizes
        ratio = _sides(image.shape[-2:]) / _sides(scaled_hw)
        boxes = found["boxes"] * torch.cat((ratio.flip(0), ratio.flip(0)))
        return boxes, found["labels"], found["scores"], found["masks"][:, 0]


def export(
    segmenter: StagedSegmenter,
    file: Path,
    *,
    opset: int,
    size_hw: tuple[int, int] | None,
    score_floor: float,
) -> Card:
    """Write a network as an ONNX file.

    Args:
        segmenter: A network of torch's, on the CPU.
        file: Where it goes.
        opset: Version of ONNX's operators.
        size_hw: Height and width of the only pictures that the file is to take; None leaves them open.
        score_floor: Score below which a detector drops what it found, unless it is told another, [0, 1].

    Returns:
        What the file says of itself.

    Raises:
        ParameterError: The network cannot be exported: it is none of torch's, or torch has no way to.
        MissingExtraError: onnx is not installed.
    """
    require_onnx()
    card = _card(segmenter, size_hw=size_hw, score_floor=score_floor)
    if isinstance(segmenter, InstanceSegmenter):
        graph: nn.Module = DetectorGraph(segmenter.network)
        inputs: tuple[Tensor, ...] = (torch.rand(1, 3, *(size_hw or TRACED_HW)), torch.tensor(score_floor))
        names: tuple[str, ...] = (IMAGES, SCORE_FLOOR)
        outputs: tuple[str, ...] = DETECTIONS
    else:
        graph = _semantic_graph(segmenter)
        inputs = (torch.rand(1, 3, *_traced_hw(card, size_hw)),)
        names, outputs = (IMAGES,), (PROBS,)
    _trace(graph, inputs, file, names=names, outputs=outputs, opset=opset, fixed=size_hw is not None)
    write_card(file, file, card=card)
    return card


def seen_at(segmenter: StagedSegmenter, size_hw: tuple[int, int]) -> StagedSegmenter:
    """Return a network that sees pictures as a file for one size does; a detector sees any at their own."""
    if not isinstance(segmenter, SemanticSegmenter):
        return segmenter
    return SemanticSegmenter(
        segmenter.network,
        name=segmenter.name,
        weights=segmenter.weights,
        device="cpu",
        outputs=segmenter.outputs,
        input_size=size_hw,
    )


def _card(segmenter: Any, *, size_hw: tuple[int, int] | None, score_floor: float) -> Card:
    if isinstance(segmenter, InstanceSegmenter):
        return Card(
            segmenter.name,
            "instances",
            segmenter.weights,
            (None, *segmenter.label_ids),
            dict(segmenter.class_names),
            input_size=size_hw,
            score_floor=score_floor,
        )
    if not isinstance(segmenter, SemanticSegmenter):
        raise ParameterError(f"only networks of torch's can be exported, got {segmenter.name!r}")
    return Card(
        segmenter.name,
        "probs",
        segmenter.weights,
        segmenter.outputs.class_ids,
        dict(segmenter.outputs.names),
        input_size=size_hw or segmenter.input_size,
        stride=int(getattr(segmenter.network, "stride", 1)),
    )


def _semantic_graph(segmenter: Any) -> SemanticGraph:
    """Return the graph of a semantic network; the repeated rows of one with a stride stay outside."""
    inner = segmenter.network.network if hasattr(segmenter.network, "stride") else segmenter.network
    return SemanticGraph(inner, activation=segmenter.outputs.activation)


def _traced_hw(card: Card, size_hw: tuple[int, int] | None) -> tuple[int, int]:
    height, width = (side + -side % card.stride for side in input_hw(TRACED_HW, wanted=size_hw))
    return (height, width)


def _sides(size_hw: Any) -> Tensor:
    """Return height and width as a tensor that remembers, while traced, that they may change."""
    return torch.stack([torch.as_tensor(side, dtype=torch.float32) for side in size_hw])


def _trace(
    graph: nn.Module,
    inputs: tuple[Tensor, ...],
    file: Path,
    *,
    names: tuple[str, ...],
    outputs: tuple[str, ...],
    opset: int,
    fixed: bool,
) -> None:
    detector = len(names) > 1
    axes: dict[str, dict[int, str]] = {name: {0: FOUND} for name in outputs} if detector else {}
    if not detector:
        axes = {name: {0: BATCH} for name in (*names, *outputs)}
    if not fixed:
        for name in (IMAGES,) if detector else (*names, *outputs):
            axes.setdefault(name, {}).update({2: HEIGHT, 3: WIDTH})
    try:
        # Tracing warns of every size it sees; whether they were frozen is what the check on frames finds out.
        with torch.no_grad(), warnings.catch_warnings(), pooling_by_matrices(), _quiet_stdout():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph.eval(),
                inputs,
                file,
                input_names=list(names),
                output_names=list(outputs),
                dynamic_axes=axes,
                opset_version=opset,
                dynamo=False,  # the newer exporter wants onnxscript, and knows no Mask R-CNN
            )
    except VidlabError:
        raise
    except Exception as error:  # torch's errors about operators share no base
        first = str(error).strip().partition("\n")[0]
        raise WeightsError(f"torch cannot write this network as ONNX, opset {opset}: {first}") from error


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Send to nowhere what torch writes to the process's standard output: of a failure, the whole graph."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
