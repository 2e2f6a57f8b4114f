"""How each network of the registry is built from torchvision's parts."""

import torch
from torchvision.models.detection import (
    MaskRCNN_ResNet50_FPN_Weights,
)
from torchvision.models.detection import (
    maskrcnn_resnet50_fpn as torchvision_maskrcnn,
)
from torchvision.models.segmentation import (
    DeepLabV3_ResNet50_Weights,
)
from torchvision.models.segmentation import (
    deeplabv3_resnet50 as torchvision_deeplab,
)

from vidlab.classes import COCO_NAMES
from vidlab.models.demo import DEMO_CLASS_IDS, DEMO_WEIGHTS, build_demo
from vidlab.models.detector import InstanceSegmenter
from vidlab.models.semantic import SemanticSegmenter
from vidlab.models.weights import Published, load_weights

COCO_LABELS = 90  # torchvision's labels are COCO's ids; those that COCO leaves out are never trained
VOC_LABELS = 21  # with background
RANDOM_SEED = 0  # random weights are for timing: the same ones every time


def maskrcnn_resnet50_fpn(*, weights: str | None, device: str, score_floor: float) -> InstanceSegmenter:
    """Build torchvision's Mask R-CNN (He et al., ICCV 2017) for the COCO classes; see `registry.create`."""
    published = MaskRCNN_ResNet50_FPN_Weights.COCO_V1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        network = torchvision_maskrcnn(
            weights=None, weights_backbone=None, num_classes=COCO_LABELS + 1, box_score_thresh=score_floor
        )
    label = load_weights(network, weights, own=Published(str(published), published.url))
    ids = tuple(label_id if label_id in COCO_NAMES else 0 for label_id in range(1, COCO_LABELS + 1))
    return InstanceSegmenter(
        network,
        name="maskrcnn_resnet50_fpn",
        weights=label,
        label_ids=ids,
        device=device,
        score_floor=score_floor,
    )


def deeplabv3_resnet50(*, weights: str | None, device: str) -> SemanticSegmenter:
    """Build torchvision's DeepLabV3 (Chen et al., 2017) for the VOC classes; see `registry.create`."""
    published = DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        network = torchvision_deeplab(
            weights=None, weights_backbone=None, num_classes=VOC_LABELS, aux_loss=True
        )
    label = load_weights(network, weights, own=Published(str(published), published.url))
    return SemanticSegmenter(network, name="deeplabv3_resnet50", weights=label, device=device)


def maskrcnn_demo(*, weights: str | None, device: str, score_floor: float) -> InstanceSegmenter:
    """Build the small Mask R-CNN of `scripts/train_demo.py`; see `registry.create`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        network = build_demo(n_labels=len(DEMO_CLASS_IDS), score_floor=score_floor)
    label = load_weights(network, weights, own=DEMO_WEIGHTS)
    return InstanceSegmenter(
        network,
        name="maskrcnn_demo",
        weights=label,
        label_ids=DEMO_CLASS_IDS,
        device=device,
        score_floor=score_floor,
    )
