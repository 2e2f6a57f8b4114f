"""A semantic network in an ONNX file behind the Segmenter protocol: frames in, ClassProbs out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from vidlab.models.onnx_card import Card
from vidlab.models.onnx_pictures import resized, to_input
from vidlab.models.onnx_runtime import Array, Session
from vidlab.models.protocol import Kind
from vidlab.models.sizes import input_hw
from vidlab.types import ClassProbs, Float32Array, UInt8Image


class OnnxSemantic:
    """A semantic network: `segment`, or its three stages one by one.

    Attributes:
        card: What has to be known of it.
        device: Where it runs.
        runs_on: The same with ONNX Runtime's version, its execution provider and its threads, for outputs.
    """

    kind: Kind = "probs"

    def __init__(self, session: Session, *, card: Card, name: str, weights: str) -> None:
        """Take a network that is ready to run, with what has to be known of it."""
        self.name, self.weights = name, weights
        self.device, self.runs_on = session.device, session.runs_on
        self.class_ids, self.class_names = card.shown_ids, dict(card.class_names)
        self.card = card
        self._session, self._input = session, session.inputs[0]
        self._output = next(place for place, port in enumerate(session.outputs) if len(port.shape) == 4)
        self._shown = [place for place, class_id in enumerate(card.class_ids) if class_id is not None]

    def segment(self, images: Sequence[UInt8Image]) -> list[ClassProbs]:
        """Say how probable each class is at each pixel.

        Args:
            images: uint8 (H, W, 3), RGB, any size; pictures of one size share a pass of the network.

        Returns:
            One for each picture, at its size, the classes in the order of the outputs, background left out.
        """
        if len({image.shape for image in images}) > 1:
            return [found for image in images for found in self.segment((image,))]
        return self.finish(self.infer(self.prepare(images))) if len(images) else []

    def prepare(self, images: Sequence[UInt8Image]) -> Any:
        """Resize and normalize pictures of one size; see `StagedSegmenter`."""
        size_hw = images[0].shape[:2]
        scaled_hw = input_hw(size_hw, wanted=self.card.input_size)
        batch = np.stack([to_input(image, size_hw=scaled_hw, card=self.card) for image in images])
        return batch, scaled_hw, size_hw

    def feeds(self, images: Sequence[UInt8Image]) -> Iterator[Mapping[str, Array]]:
        """Yield what the network gets for each picture: what calibration wants."""
        at_once = self._input.shape[0] or 1
        for image in images:
            batch, *_ = self.prepare([image])
            yield {self._input.name: np.repeat(batch, at_once, axis=0)}

    def infer(self, prepared: Any) -> Any:
        """Run the network, in calls of as many pictures as it takes; see `StagedSegmenter`."""
        batch, scaled_hw, size_hw = prepared
        at_once = self._input.shape[0] or len(batch)
        parts = [
            self._run(batch[start : start + at_once], at_once) for start in range(0, len(batch), at_once)
        ]
        return np.concatenate(parts), batch.shape[-2:], scaled_hw, size_hw

    def finish(self, found: Any) -> list[ClassProbs]:
        """Bring probabilities to the pictures' size; see `StagedSegmenter`."""
        scores, padded_hw, scaled_hw, size_hw = found
        probs = to_probs(scores, self.card.outputs)[:, self._shown]
        height, width = (
            round(side * scaled / padded)
            for side, scaled, padded in zip(probs.shape[-2:], scaled_hw, padded_hw, strict=True)
        )
        return [ClassProbs(resized(one, size_hw), self.class_ids) for one in probs[..., :height, :width]]

    def _run(self, batch: Float32Array, at_once: int) -> Float32Array:
        missing = at_once - len(batch)
        full = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)]) if missing else batch
        out = self._session.run({self._input.name: full})[self._output]
        return np.asarray(out[: len(batch)], np.float32)


def to_probs(scores: Float32Array, are: str) -> Float32Array:
    """Return float32 (N, K, h, w), [0, 1], of what a network's outputs are; see `Card.outputs`."""
    if are == "softmax":
        powers: Float32Array = np.exp(scores - scores.max(axis=1, keepdims=True))
        powers /= powers.sum(axis=1, keepdims=True)
        return powers
    if are == "sigmoid":
        probs: Float32Array = expit(scores)
        return probs
    return scores
