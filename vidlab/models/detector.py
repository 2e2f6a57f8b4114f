"""A torchvision detector behind the Segmenter protocol: frames in, Instances out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vidlab.models.protocol import Kind
from vidlab.models.sizes import MASK_THRESHOLD
from vidlab.types import Instances, UInt8Image

UNNAMED = -1  # of a label that is no class


class InstanceSegmenter:
    """Mask R-CNN of any size: `segment`, or its three stages one by one; `network` is the module."""

    kind: Kind = "instances"

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        weights: str,
        label_ids: tuple[int | None, ...],
        device: str,
        score_floor: float,
        class_names: Mapping[int, str] | None = None,
    ) -> None:
        """Take a network that is ready to run.

        Args:
            network: Returns torchvision's detection dictionaries.
            name: Name in the registry.
            weights: Label of the weights, for outputs.
            label_ids: Class id of each of the network's labels from 1, None for one that is no class;
                the background's 0 is left out.
            device: `cpu`, `cuda`, `cuda:N` or `mps`, resolved.
            score_floor: Detections below this score are left out, [0, 1].
            class_names: Names of those classes that the vocabulary lacks, by id.
        """
        self.name = name
        self.weights = weights
        self.class_ids = tuple(sorted({class_id for class_id in label_ids if class_id is not None}))
        self.class_names = dict(class_names or {})
        self.network: Any = network.eval().to(device)  # torchvision's parts of it are untyped
        self.label_ids = label_ids
        of_labels = (UNNAMED, *(UNNAMED if class_id is None else class_id for class_id in label_ids))
        self._label_ids = np.array(of_labels, np.int64)
        self.device = device
        self._score_floor = score_floor

    def segment(self, images: Sequence[UInt8Image]) -> list[Instances]:
        """Find the objects in each picture.

        Args:
            images: uint8 (H, W, 3), RGB, any size.

        Returns:
            One for each picture, masks at its size, best score first.
        """
        if not len(images):
            return []
        batch = [to_model_input(image, device=self.device) for image in images]
        with torch.inference_mode():
            found = self.network(batch)
        return [self._to_instances(found_here) for found_here in found]

    def prepare(self, images: Sequence[UInt8Image]) -> Any:
        """Resize and normalize pictures as torchvision's detectors do inside; see `StagedSegmenter`."""
        batch = [to_model_input(image, device=self.device) for image in images]
        with torch.inference_mode():
            resized, _ = self.network.transform(batch)
        return resized, [image.shape[:2] for image in images]

    def infer(self, prepared: Any) -> Any:
        """Run backbone, proposals and heads; see `StagedSegmenter`."""
        resized, sizes_hw = prepared
        with torch.inference_mode():
            features = self.network.backbone(resized.tensors)
            proposals, _ = self.network.rpn(resized, features)
            found, _ = self.network.roi_heads(features, proposals, resized.image_sizes)
        return found, resized.image_sizes, sizes_hw

    def finish(self, found: Any) -> list[Instances]:
        """Paste masks at the pictures' size; see `StagedSegmenter`."""
        detections, resized_hw, sizes_hw = found
        with torch.inference_mode():
            pasted = self.network.transform.postprocess(detections, resized_hw, sizes_hw)
        return [self._to_instances(found_here) for found_here in pasted]

    def _to_instances(self, found: dict[str, Tensor]) -> Instances:
        keep = found["scores"] >= self._score_floor
        masks: NDArray[np.bool_] = (found["masks"][keep, 0] > MASK_THRESHOLD).cpu().numpy()
        scores: NDArray[np.float32] = found["scores"][keep].float().cpu().numpy()
        ids = self._label_ids[found["labels"][keep].cpu().numpy()]
        named = ids != UNNAMED  # torchvision's 91 labels have gaps, which no trained network names
        return Instances(masks, scores, ids).where(named & masks.any(axis=(1, 2)))


def to_model_input(image: UInt8Image, *, device: str) -> Tensor:
    """Return a picture, uint8 (H, W, 3), as a float32 (3, H, W) tensor in [0, 1] on the device."""
    return torch.tensor(image, device=device).permute(2, 0, 1).float().div_(255)
