"""`vidlab export`: its words, and what it prints. Jobs are imported late: --help is instant."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.cli.options import Parser, add_options, given
from vidlab.params import EvidenceParams, ExportParams, NetworkParams

if TYPE_CHECKING:
    from vidlab.jobs.export import ExportResult
    from vidlab.models.agreement import Agreement

SUMMARY = "write a network as an ONNX file, compared with torch on the same frames"
DESCRIPTION = """\
ONNX Runtime runs FILE, without torch, wherever a network is taken: --model onnx --weights FILE. It says
itself what it is: names of classes, size and normalization of its input, weights. It appears only if it does
what the network does, on drawn scenes or on the frames of --frames. MODEL onnx takes a file from elsewhere,
or of this command, as --weights: to write down what its classes are, or to quantize it. What 8-bit weights
cost is measured against the float32 file, on frames that did not calibrate it."""
EXAMPLES = (
    "vidlab export maskrcnn_demo --onnx runs/demo.onnx",
    "vidlab export deeplabv3_resnet50 --size 480x854 --frames clip.mp4 --onnx runs/deeplab.onnx",
    "vidlab export maskrcnn_demo --quantize static --frames clip.mp4 --onnx runs/small.onnx",
    "vidlab export onnx --weights theirs.onnx --class-names background,road,sky --onnx runs/named.onnx",
)


def add(to: Any, command: Callable[..., Parser]) -> None:
    """Add the command `vidlab export` and everything it takes."""
    parser = command(to, "export", SUMMARY, DESCRIPTION, *EXAMPLES)
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", help="network to write; vidlab info lists them")
    parser.add_argument("--onnx", metavar="FILE", required=True, help="where it goes")
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="weights of the network; without it its own are taken from the cache or downloaded; random is "
        "for timing only",
    )
    parser.add_argument(
        "--frames",
        metavar="VIDEO",
        help="video or folder of images to compare and calibrate on (default: drawn scenes)",
    )
    parser.add_argument("--force", action="store_true", help="replace FILE")
    add_options(parser, ExportParams)
    add_options(parser, NetworkParams)
    add_options(parser, EvidenceParams, only=("drop_below",))


def run(args: argparse.Namespace) -> int:
    """Run `vidlab export`."""
    params, options = given(args, ExportParams), given(args, NetworkParams)
    evidence = EvidenceParams(drop_below=given(args, EvidenceParams).drop_below)
    from vidlab.cli.progress import progress_bar
    from vidlab.jobs.export import export

    with progress_bar("exporting", unit="steps") as progress:
        result = export(
            args.model,
            out=Path(args.onnx),
            weights=args.weights,
            frames=None if args.frames is None else Path(args.frames),
            params=params,
            options=options,
            evidence=evidence,
            force=args.force,
            progress=progress,
        )
    _show(result, model=args.model, params=params)
    return 0


def _show(result: "ExportResult", *, model: str, params: ExportParams) -> None:
    from vidlab.cli.tables import print_paths

    card, size = result.card, params.size or "any"
    source = "the file it was made from" if model == "onnx" else "torch"
    print(f"{card.model}, weights {card.weights}: {result.n_bytes / 1e6:.1f} MB, frames of {size} size")
    print(
        f"  against {source}: {_told(result.check, frames=result.frames_from)}, tolerance {params.tolerance}"
    )
    if result.check.n_detections is not None and result.check_floor == 0:
        print("  nothing was found above the lowest score: detections of any score were compared")
    if result.quantized is not None:
        print(f"  {card.quantized}, {result.plain_bytes / result.n_bytes:.1f} times smaller than float32")
        print(f"  against float32: {_told(result.quantized, frames=result.frames_from)}")
    print_paths({"ran on": result.runs_on, "network": result.file})


def _told(agreement: "Agreement", *, frames: str) -> str:
    """Word an agreement: how far scores, masks and pixels are apart, and on how much that was seen."""
    what = "probability" if agreement.n_detections is None else "score"
    masks = "no mask" if agreement.iou is None else f"IoU {agreement.iou:.4f} of {agreement.n_masks} masks"
    detections = "" if agreement.n_detections is None else f", {agreement.n_detections} detections"
    return (
        f"{what} off by {agreement.largest_off:.2g} at most, {agreement.mean_off:.2g} in the mean; {masks}; "
        f"same class at {100 * agreement.pixels:.2f} % of the pixels "
        f"({agreement.n_frames} frames of {frames}{detections})"
    )
