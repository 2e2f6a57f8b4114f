"""How a network is trained: on what, seen how, of which kind, for how long."""

from typing import Any, Literal

from vidlab.params.networks import NAMES
from vidlab.schema import Params, tunable

LossName = Literal["cross_entropy", "reference", "ce_then_dice", "dice", "focal"]
SceneKind = Literal["varied", "plain"]
CropName = Literal["random", "central", "none"]


class TrainDataParams(Params):
    """Which pictures teach, and which ones judge."""

    n_classes: int = tunable(
        0,
        "Values that masks may hold, from 0, 255 (ignored) aside; 0 takes as many as there are class names, "
        "else 8.",
        ge=0, le=254,
    )  # fmt: skip
    class_names: str = tunable(
        "",
        "Names of the values in their order, with commas; empty calls value 0 background and the others by "
        "their number.",
        pattern=NAMES,
    )
    valid_share: float = tunable(
        0.2,
        "Share of the pictures that judge and never teach, in whole clips; more judges surer, teaches less.",
        gt=0, lt=1,
    )  # fmt: skip
    repeats: int = tunable(
        1,
        "Times that each picture is shown in an epoch, varied anew; for few pictures: more.",
        ge=1,
        le=10000,
    )
    cache_mb: float = tunable(
        2000.0, "Most that decoded pictures may take in memory, all loaders together.", unit="MB", ge=0
    )
    workers: int = tunable(
        0,
        "Processes that draw scenes, decode and vary pictures; 0 does it between two batches, with the same "
        "result.",
        ge=0, le=256,
    )  # fmt: skip


class SceneDataParams(Params):
    """Which synthetic scenes are drawn, where no pictures are given."""

    scenes: int = tunable(600, "Scenes to draw; more shows more variety, takes longer.", ge=2, le=1000000)
    scene_frames: int = tunable(
        2, "Frames of each scene to train on; more are more alike.", unit="frames", ge=1, le=1000
    )
    scene_every: int = tunable(
        4, "Distance between them; larger is less alike, takes longer to draw.", unit="frames", ge=1, le=1000
    )
    scene_px: int = tunable(160, "Side of the drawn frames, which are square.", unit="px", ge=32, le=2160)
    scene_kind: SceneKind = tunable(
        "varied",
        "How hard scenes are: varied draws them from wide ranges, plain has few objects, large and whole.",
    )
    scene_classes: str = tunable(
        "person,car,dog",
        "What is drawn, with commas: person, car, bird, cat, dog, horse.",
        pattern=NAMES,
    )


class AugmentParams(Params):
    """How pictures are varied, image and mask alike."""

    input_px: int = tunable(
        256, "Height and width to which crops are resized; larger sees finer, is slower.", unit="px",
        ge=32, le=2048,
    )  # fmt: skip
    crop: CropName = tunable(
        "random", "Where a crop is taken: anywhere, in the middle (the reference recipe), or nowhere."
    )
    least_share: float = tunable(
        0.3, "Smallest side of a crop, as a share of the frame's; smaller varies size more.", gt=0, le=1
    )
    flip: float = tunable(0.5, "Share of the crops that are mirrored left to right.", ge=0, le=1)
    color: float = tunable(
        0.2, "Largest relative change of brightness, contrast and saturation; 0 leaves colors.", ge=0, le=1
    )


class TrainNetworkParams(Params):
    """Which network is trained."""

    network: str = tunable(
        "smp_unet", "Which one: unet (the reference), or an smp_ network of vidlab info.", pattern=NAMES
    )
    encoder: str = tunable(
        "resnet34",
        "Encoder of an smp_ network: a name of segmentation-models-pytorch's, or tu-NAME of timm's.",
        pattern=NAMES,
    )
    encoder_weights: str = tunable(
        "imagenet",
        "Weights the encoder starts from, which are downloaded once; random starts from nothing.",
        pattern=NAMES,
    )
    width: int = tunable(
        0,
        "Channels of the finest maps: of the first block of unet, of the last one of smp_unet, "
        "smp_unetplusplus and smp_manet; 0 takes the published 64 and 16, fewer is faster and weaker.",
        ge=0, le=256,
    )  # fmt: skip


class FitParams(Params):
    """How long a network is trained, and towards what."""

    loss: LossName = tunable(
        "cross_entropy",
        "What is made small; reference is 0.3 · Dice + binary cross-entropy of each class alone.",
    )
    dice_weight: float = tunable(0.3, "Weight of Dice in the loss reference.", ge=0, le=100)
    ce_epochs: int = tunable(
        5, "Epochs of cross-entropy before Dice in the loss ce_then_dice.", unit="epochs", ge=0, le=10000
    )
    focal_gamma: float = tunable(2.0, "In the loss focal: higher heeds sure pixels less.", ge=0, le=10)
    epochs: int = tunable(25, "Times that the pictures are gone through.", unit="epochs", ge=1, le=100000)
    train_batch: int = tunable(
        8, "Crops per step; more is steadier, and takes more memory.", unit="crops", ge=1, le=4096
    )
    lr: float = tunable(1e-3, "Largest learning rate; higher learns faster, until it diverges.", gt=0, le=1)
    weight_decay: float = tunable(1e-4, "Pull of the weights towards 0 (AdamW); 0 is Adam.", ge=0, le=1)
    schedule: Literal["cosine", "constant"] = tunable(
        "cosine", "How the learning rate goes on after its warm-up: half a cosine down to 0, or as it is."
    )
    warmup: float = tunable(0.03, "Share of the steps in which the learning rate rises.", ge=0, lt=1)
    patience: int = tunable(
        0, "Stop after so many epochs without a better validation Dice; 0 never.", unit="epochs", ge=0
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = tunable(
        "auto", "Of the arithmetic; auto is mixed on a GPU (bfloat16, else float16), float32 elsewhere."
    )
    save_minutes: float = tunable(
        5.0, "Longest time that a kill may cost; at the end of an epoch everything is saved too.",
        unit="min", ge=0,
    )  # fmt: skip
    seed: int = tunable(0, "Seed of weights, split, order and variation.", ge=0, le=2**31)


# The recipe that the reference network comes with; where nothing else is said, `--recipe reference` means:
REFERENCE_RECIPE: dict[str, Any] = {
    "network": "unet",
    "loss": "reference",
    "crop": "central",
    "color": 0.0,
    "repeats": 60,
    "epochs": 25,
    "train_batch": 8,
    "input_px": 256,
    "schedule": "constant",
    "warmup": 0.0,
    "weight_decay": 0.0,
}
# What two CPU cores can train in minutes: small pictures, a small network that starts from nothing.
SMALL_RECIPE: dict[str, Any] = {
    "network": "smp_unet",
    "encoder": "tu-test_resnet",
    "encoder_weights": "random",
    "width": 8,
    "crop": "none",
    "color": 0.0,
    "input_px": 128,
    "epochs": 8,
    "train_batch": 16,
    "lr": 1e-2,
    "scenes": 3000,
    "scene_frames": 1,
    "scene_px": 128,
    "scene_kind": "plain",
    "scene_classes": "person,car,bird",
}
RECIPES: dict[str, dict[str, Any]] = {"default": {}, "small": SMALL_RECIPE, "reference": REFERENCE_RECIPE}
