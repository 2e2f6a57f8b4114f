"""What a network is told besides its name and weights."""

from typing import Literal

from vidlab.schema import Params, tunable

NAMES = r"^[\w ,.&'()/:+-]*$"  # one name, or several with commas


class NetworkParams(Params):
    """What a network is told besides its name and weights."""

    encoder: str = tunable(
        "",
        "Encoder of an smp_ network: a name of segmentation-models-pytorch's, or tu-NAME for one of timm's; "
        "empty takes that of the weights file, else resnet34.",
        pattern=NAMES,
    )
    class_names: str = tunable(
        "",
        "Classes of the network's outputs in their order, with commas; background may be left out; empty "
        "takes those of the weights file, else the network's own.",
        pattern=NAMES,
    )
    activation: Literal["auto", "softmax", "sigmoid"] = tunable(
        "auto",
        "How scores become probabilities: softmax lets classes compete, sigmoid judges each alone; auto "
        "takes what the weights file says, else sigmoid for a single output and softmax for several.",
    )
    input_short_px: int = tunable(
        0,
        "Shorter side to which frames are scaled for the network; smaller is faster and coarser, 0 takes the "
        "network's own.",
        unit="px", ge=0, le=4320,
    )  # fmt: skip
    threads: int = tunable(
        0,
        "Cores for one operation of an onnx network on the CPU; 0 takes OMP_NUM_THREADS where that is set, "
        "else all cores.",
        ge=0, le=1024,
    )  # fmt: skip
