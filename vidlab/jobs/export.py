"""A network as an ONNX file: written aside, compared with torch on frames, renamed when it agrees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from vidlab import models
from vidlab.errors import OutputError
from vidlab.jobs.export_frames import ExportFrames, read_frames
from vidlab.jobs.output import result_file
from vidlab.jobs.progress import Progress, silent
from vidlab.models import StagedSegmenter
from vidlab.models.agreement import Agreement, measure_agreement
from vidlab.models.onnx_card import Card
from vidlab.params import EvidenceParams, ExportParams, NetworkParams
from vidlab.types import Observation, UInt8Image

ONNX = "onnx"
NetworkAt = Callable[[float], StagedSegmenter]  # lowest score → the network that the file is made from


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an exporting job made.

    Attributes:
        file: The ONNX file.
        card: What it says of itself.
        frames_from: Where the frames came from that it was compared on.
        check: The float32 file against what it was made from.
        check_floor: Lowest score of the detections compared: 0 where nothing was found above the usual one.
        quantized: The 8-bit file against the float32 one; None without.
        n_bytes: Size of the file.
        plain_bytes: Size of the float32 one.
        runs_on: What it was run on.
    """

    file: Path
    card: Card
    frames_from: str
    check: Agreement
    check_floor: float
    quantized: Agreement | None
    n_bytes: int
    plain_bytes: int
    runs_on: str


def export(
    model: str,
    *,
    out: Path,
    weights: str | None = None,
    frames: Path | None = None,
    params: ExportParams | None = None,
    options: NetworkParams | None = None,
    evidence: EvidenceParams | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> ExportResult:
    """Write a network as an ONNX file, which `--model onnx --weights FILE` runs and which says what it is.

    Args:
        model: Name in `vidlab.models.MODELS`; `onnx` writes into a file from elsewhere what it was taken for,
            or quantizes one.
        out: The file; it appears once it agrees with what it was made from.
        weights: As in `vidlab.models.create`.
        frames: Video or folder of images to compare and calibrate on; None draws scenes.
        params: How it is written; None takes the defaults of `ExportParams`, and so on.
        options: What the network is told.
        evidence: Its `drop_below` becomes the score below which a detector drops what it found.
        force: Replace a file that is there.
        progress: Told after every step how many are done.

    Raises:
        UsageError: The model, an option or a size cannot be exported.
        OutputError: The file is there, cannot be written, or differs by more than the tolerance.
        SourceError: The frames cannot be read.
        WeightsError: The weights cannot be had, or torch cannot write the network.
        MissingExtraError: torch, onnx or onnxruntime is not installed.
    """
    params, options = params or ExportParams(), options or NetworkParams()
    floor = (evidence or EvidenceParams()).drop_below
    smaller = params.quantize != "none"

    def network_at(score_floor: float) -> StagedSegmenter:
        return models.create(model, weights=weights, device="cpu", score_floor=score_floor, options=options)

    pictures = read_frames(frames, params=params)
    with (
        result_file(out, force=force) as file,
        TemporaryDirectory(prefix=".vidlab-", dir=file.parent) as aside,
    ):
        plain = Path(aside) / file.name if smaller else file
        card = _write(network_at(floor), plain, weights=weights, params=params, score_floor=floor)
        progress(1, 2 + smaller)
        check = _check(network_at, plain, images=pictures.checked, params=params, floor=floor)
        _require_agreement(check.agreement, params=params, out=out)
        progress(2, 2 + smaller)
        quantized = None
        if smaller:
            card, quantized = _quantize(plain, file, card=card, pictures=pictures, params=params, check=check)
            progress(3, 3)
        sizes = file.stat().st_size, plain.stat().st_size
    return ExportResult(
        out, card, pictures.source, check.agreement, check.floor, quantized, *sizes, check.runs_on
    )


@dataclass(frozen=True, slots=True)
class _Check:
    """What came of the comparison: the agreement, the floor used, and what the float32 file found."""

    agreement: Agreement
    floor: float
    found: Sequence[Observation]
    runs_on: str


def _write(
    network: StagedSegmenter, file: Path, *, weights: str | None, params: ExportParams, score_floor: float
) -> Card:
    if network.name == ONNX:
        from vidlab.models.onnx_file import write_card

        card: Card = replace(_onnx(network).card, score_floor=score_floor)
        write_card(Path(str(weights)), file, card=card)
        return card
    from vidlab.models.onnx_export import export as export_network  # loads torch, as the network already did

    return export_network(network, file, opset=params.opset, size_hw=params.size_hw, score_floor=score_floor)


def _check(
    network_at: NetworkAt,
    file: Path,
    *,
    images: Sequence[UInt8Image],
    params: ExportParams,
    floor: float,
) -> _Check:
    """Compare a file with what it was made from; where neither found anything, without the lowest score."""
    for lowest in dict.fromkeys((floor, 0.0)):
        made_from = network_at(lowest)
        if params.size_hw is not None and made_from.name != ONNX:
            from vidlab.models.onnx_export import seen_at

            made_from = seen_at(made_from, params.size_hw)
        opened = _open(file, floor=lowest)
        found = opened.segment(images)
        agreement = measure_agreement(made_from.segment(images), found, class_ids=opened.class_ids)
        if agreement.n_detections != 0:
            break
    return _Check(agreement, lowest, found, _onnx(opened).runs_on)


def _require_agreement(agreement: Agreement, *, params: ExportParams, out: Path) -> None:
    overlap = 1.0 if agreement.iou is None else agreement.iou
    if agreement.largest_off <= params.tolerance and 1 - overlap <= params.mask_tolerance:
        return
    raise OutputError(
        f"{out} must do what the network does, within {params.tolerance:g} of its scores and "
        f"{params.mask_tolerance:g} of its masks, got a largest difference of {agreement.largest_off:.2g} "
        f"and an IoU of {overlap:.4f}; nothing was written; another --opset may help"
    )


def _quantize(
    plain: Path, file: Path, *, card: Card, pictures: ExportFrames, params: ExportParams, check: _Check
) -> tuple[Card, Agreement]:
    from vidlab.models.onnx_file import write_card
    from vidlab.models.onnx_quantize import quantize

    feeds = _onnx(_open(plain, floor=check.floor)).feeds(pictures.calibration)
    how: Literal["static", "dynamic"] = "static" if params.quantize == "static" else "dynamic"
    quantize(plain, file, how=how, feeds=feeds, keep_last=params.keep_last)
    told = f"8-bit, {how}" + (f", {len(pictures.calibration)} frames" if how == "static" else "")
    card = replace(card, quantized=told)
    write_card(file, file, card=card)
    smaller = _open(file, floor=check.floor)
    found = smaller.segment(pictures.checked)
    return card, measure_agreement(check.found, found, class_ids=smaller.class_ids)


def _open(file: Path, *, floor: float) -> StagedSegmenter:
    return models.create(ONNX, weights=str(file), device="cpu", score_floor=floor)


def _onnx(network: StagedSegmenter) -> Any:
    """Return an ONNX network with what it has beyond the protocol: `card`, `feeds`, `runs_on`."""
    return network
