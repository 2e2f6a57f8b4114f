"""A small Mask R-CNN: torchvision's code with a slim ResNet, trained on synthetic scenes."""

from pathlib import Path

from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.models.resnet import BasicBlock
from torchvision.ops import MultiScaleRoIAlign

DEMO_WEIGHTS = Path(__file__).resolve().parents[2] / "data" / "weights" / "maskrcnn_demo.pt"
DEMO_CLASS_IDS = (1, 3, 16, 17, 18, 19)  # person, car, bird, cat, dog, horse: what synthetic scenes show
STEM_CHANNELS = 24
STAGE_CHANNELS = (32, 64, 128, 192)  # half a ResNet-18, so that two cores see five frames a second
FPN_CHANNELS = 64
BOX_FEATURES = 256
MASK_CHANNELS = (64, 64)
ANCHOR_SIZES_PX = (12, 24, 48, 96, 160)  # in the scaled frame; one size for each level of the pyramid
ASPECT_RATIOS = (0.5, 1.0, 2.0)
INPUT_SHORT_PX = 160  # frames are scaled so that their shorter side has this many pixels
INPUT_LONG_PX = 320
ROI_SCALE_PX = 160  # boxes twice as large are read one level higher, so that a bin spans about two cells
LEVELS = ("0", "1", "2", "3")


class SlimResNet(nn.Module):
    """ResNet-18 at half width; the names of its parts are torchvision's, as BackboneWithFPN wants them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, STEM_CHANNELS, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        widths = (STEM_CHANNELS, *STAGE_CHANNELS)
        self.layer1 = _stage(widths[0], widths[1], stride=1)
        self.layer2 = _stage(widths[1], widths[2], stride=2)
        self.layer3 = _stage(widths[2], widths[3], stride=2)
        self.layer4 = _stage(widths[3], widths[4], stride=2)

    def forward(self, images: Tensor) -> Tensor:
        """Return the last stage's features; the pyramid takes those of every stage."""
        features: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            features = stage(features)
        return features


def build_demo(*, n_labels: int, score_floor: float) -> MaskRCNN:
    """Build the demo network with random weights.

    Args:
        n_labels: Number of classes it tells apart, background not counted; at least 1.
        score_floor: Detections below this score are not returned, [0, 1].
    """
    anchors = AnchorGenerator(
        tuple((size,) for size in ANCHOR_SIZES_PX), (ASPECT_RATIOS,) * len(ANCHOR_SIZES_PX)
    )
    return MaskRCNN(
        _backbone(),
        min_size=INPUT_SHORT_PX,
        max_size=INPUT_LONG_PX,
        rpn_anchor_generator=anchors,
        rpn_head=RPNHead(FPN_CHANNELS, len(ASPECT_RATIOS)),
        rpn_pre_nms_top_n_train=400,
        rpn_post_nms_top_n_train=200,
        rpn_pre_nms_top_n_test=200,
        rpn_post_nms_top_n_test=80,
        rpn_batch_size_per_image=128,
        box_roi_pool=_roi_pool(7, samples=2),
        box_head=TwoMLPHead(FPN_CHANNELS * 7 * 7, BOX_FEATURES),
        box_predictor=FastRCNNPredictor(BOX_FEATURES, n_labels + 1),
        box_score_thresh=score_floor,
        box_detections_per_img=30,
        box_batch_size_per_image=32,
        box_positive_fraction=0.4,
        mask_roi_pool=_roi_pool(14, samples=1),
        mask_head=MaskRCNNHeads(FPN_CHANNELS, MASK_CHANNELS, 1),
        mask_predictor=MaskRCNNPredictor(MASK_CHANNELS[-1], MASK_CHANNELS[-1], n_labels + 1),
    )


def _backbone() -> BackboneWithFPN:
    stages = {f"layer{number + 1}": level for number, level in enumerate(LEVELS)}
    return BackboneWithFPN(
        SlimResNet(), stages, list(STAGE_CHANNELS), FPN_CHANNELS, norm_layer=nn.BatchNorm2d
    )


def _roi_pool(output_size: int, *, samples: int) -> MultiScaleRoIAlign:
    return MultiScaleRoIAlign(
        list(LEVELS), output_size, samples, canonical_scale=ROI_SCALE_PX, canonical_level=3
    )


def _stage(channels_in: int, channels_out: int, *, stride: int) -> nn.Sequential:
    shortcut: nn.Module | None = None
    if stride != 1 or channels_in != channels_out:
        shortcut = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False), nn.BatchNorm2d(channels_out)
        )
    first = BasicBlock(channels_in, channels_out, stride, shortcut)
    return nn.Sequential(first, BasicBlock(channels_out, channels_out))
