"""A Mask R-CNN in an ONNX file behind the Segmenter protocol: frames in, Instances out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.models.onnx_card import SCORE_FLOOR, Card
from vidlab.models.onnx_foreign import Detections, locate_detections
from vidlab.models.onnx_pictures import resized, to_input
from vidlab.models.onnx_runtime import Array, Session
from vidlab.models.protocol import Kind
from vidlab.models.sizes import MASK_THRESHOLD, input_hw
from vidlab.types import BoolMask, Float32Array, Instances, UInt8Image

UNNAMED = -1  # of a label that is no class
RIM = 1  # pixels of nothing around a small mask, so that it fades out at its box


class OnnxDetector:
    """A Mask R-CNN, one picture a call: `segment`, or its three stages one by one.

    Attributes:
        card: What has to be known of it.
        device: Where it runs.
        runs_on: The same with ONNX Runtime's version, its execution provider and its threads, for outputs.
    """

    kind: Kind = "instances"

    def __init__(self, session: Session, *, card: Card, name: str, weights: str, score_floor: float) -> None:
        """Take a network that is ready to run, with what has to be known of it.

        Args:
            session: The network.
            card: What it is.
            name: Name in the registry.
            weights: Label of the weights, for outputs.
            score_floor: Detections below this score are left out, [0, 1].
        """
        self.name, self.weights = name, weights
        self.device, self.runs_on = session.device, session.runs_on
        self.class_ids, self.class_names = card.shown_ids, dict(card.class_names)
        self.card = card
        self._session, self._input = session, session.inputs[0]
        self._has_floor = SCORE_FLOOR in {port.name for port in session.inputs}
        self._places: Detections = locate_detections(session.outputs, source=weights)
        of_labels = [UNNAMED if class_id is None else class_id for class_id in card.class_ids]
        self._label_ids = np.array(of_labels, np.int64)
        self._score_floor = score_floor

    def segment(self, images: Sequence[UInt8Image]) -> list[Instances]:
        """Find the objects in each picture.

        Args:
            images: uint8 (H, W, 3), RGB, any size.

        Returns:
            One for each picture, masks at its size, best score first.
        """
        return self.finish(self.infer(self.prepare(images)))

    def prepare(self, images: Sequence[UInt8Image]) -> Any:
        """Bring pictures into the form that the network takes; see `StagedSegmenter`."""
        sizes_hw = [image.shape[:2] for image in images]
        wanted = self.card.input_size
        inputs = [
            to_input(image, size_hw=input_hw(size_hw, wanted=wanted), card=self.card)
            for image, size_hw in zip(images, sizes_hw, strict=True)
        ]
        return inputs, sizes_hw

    def feeds(self, images: Sequence[UInt8Image]) -> Iterator[Mapping[str, Array]]:
        """Yield what the network gets for each picture in which it finds something: what calibration wants.

        Where nothing is found, the mask head has no values that could have a range.
        """
        for image in images:
            (pixels,), _ = self.prepare([image])
            if len(self._run(pixels)[self._places.scores]):
                yield self._feed(pixels)

    def infer(self, prepared: Any) -> Any:
        """Run the network on one picture after the other; see `StagedSegmenter`."""
        inputs, sizes_hw = prepared
        return [self._run(pixels) for pixels in inputs], [pixels.shape[-2:] for pixels in inputs], sizes_hw

    def finish(self, found: Any) -> list[Instances]:
        """Paste masks at the pictures' size; see `StagedSegmenter`."""
        outputs, inputs_hw, sizes_hw = found
        return [
            self._to_instances(raw, input_hw=here, size_hw=size_hw)
            for raw, here, size_hw in zip(outputs, inputs_hw, sizes_hw, strict=True)
        ]

    def _feed(self, pixels: Float32Array) -> dict[str, Array]:
        feeds: dict[str, Array] = {self._input.name: pixels[None] if len(self._input.shape) == 4 else pixels}
        if self._has_floor:
            feeds[SCORE_FLOOR] = np.array(self._score_floor, np.float32)
        return feeds

    def _run(self, pixels: Float32Array) -> list[Array]:
        return self._session.run(self._feed(pixels))

    def _to_instances(
        self, raw: list[Array], *, input_hw: tuple[int, int], size_hw: tuple[int, int]
    ) -> Instances:
        boxes, labels, scores, masks = (raw[place] for place in self._places)
        ids = self._label_ids[np.clip(labels.astype(np.int64).ravel(), 0, len(self._label_ids) - 1)]
        keep = (scores >= self._score_floor) & (ids != UNNAMED)
        small = masks.reshape(-1, *masks.shape[-2:])[keep].astype(np.float32, copy=False)
        if small.shape[-2:] == tuple(input_hw):  # pasted by the network itself
            full: BoolMask = np.asarray(resized(small, size_hw) > MASK_THRESHOLD)
        else:
            (height, width), (from_height, from_width) = size_hw, input_hw
            ratio = np.array((width / from_width, height / from_height) * 2, np.float32)
            full = paste_masks(small, boxes[keep] * ratio, size_hw=size_hw)
        found = Instances(full, scores[keep].astype(np.float32, copy=False), ids[keep])
        return found.where(np.asarray(full.any(axis=(1, 2))))


def paste_masks(
    probs: Float32Array, boxes: Float32Array, *, size_hw: tuple[int, int], threshold: float = MASK_THRESHOLD
) -> BoolMask:
    """Draw the masks that a mask head gives in the frame of their boxes at the size of the picture.

    As torchvision does it (He et al., ICCV 2017): mask and box grow by a rim of nothing, the box is cut to
    whole pixels, both its ends belong to it, and the mask is scaled to it bilinearly.

    Args:
        probs: float32 (N, M, M), [0, 1].
        boxes: float32 (N, 4), (x0, y0, x1, y1), pixels of the picture.
        size_hw: Height and width of the picture, pixels.
        threshold: Probability above which a pixel belongs to the mask, (0, 1).

    Returns:
        bool (N, H, W).

    >>> square = np.ones((1, 28, 28), np.float32)
    >>> paste_masks(square, np.array([[2, 1, 4, 3]], np.float32), size_hw=(5, 6))[0].sum(axis=1).tolist()
    [4, 4, 4, 4, 0]
    """
    masks = np.zeros((len(probs), *size_hw), bool)
    rimmed = np.pad(probs, ((0, 0), (RIM, RIM), (RIM, RIM)))
    grown = _grow(boxes, by=rimmed.shape[-1] / max(1, probs.shape[-1]))
    for mask, small, (left, top, right, bottom) in zip(masks, rimmed, grown.tolist(), strict=True):
        width, height = max(right - left + 1, 1), max(bottom - top + 1, 1)
        scaled = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR) > threshold
        rows = slice(max(top, 0), min(top + height, size_hw[0]))
        columns = slice(max(left, 0), min(left + width, size_hw[1]))
        if rows.start < rows.stop and columns.start < columns.stop:
            mask[rows, columns] = scaled[
                rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ]
    return masks


def _grow(boxes: Float32Array, *, by: float) -> NDArray[np.int64]:
    """Scale boxes about their middles, and cut them to whole pixels."""
    half = (boxes[:, 2:] - boxes[:, :2]) * np.float32(0.5) * np.float32(by)
    middle = (boxes[:, 2:] + boxes[:, :2]) * np.float32(0.5)
    return np.concatenate([middle - half, middle + half], axis=1).astype(np.int64)
