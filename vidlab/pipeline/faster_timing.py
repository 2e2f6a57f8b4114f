"""How much faster each form of a network is, and how far it agrees with the network as it is."""

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vidlab.errors import ShapeError
from vidlab.models import StagedSegmenter
from vidlab.models.agreement import Agreement, measure_agreement
from vidlab.params import EvidenceParams
from vidlab.pipeline.faster import FORMS, Form, Material, make_form
from vidlab.pipeline.variants import COMPILED, Variant
from vidlab.profiling import synchronizer
from vidlab.types import Frame, Instances, Observation, UInt8Image

HEADER = (
    "form", "network alone (ms/frame)", "buys", "picture to masks (ms/frame)", "buys", "IoU with as is",
    "same class", "IoU with truth", "set up (s)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Faster:
    """What one form of a network buys, and what it costs.

    Attributes:
        name: Words for tables.
        alone_ms: Milliseconds per frame of the network alone, of each round; empty where it was skipped.
        whole_ms: Milliseconds per frame from pictures to masks, of each round.
        agreement: Its masks against those of the network as it is.
        truth: Its masks against the true ones, where these are known.
        setup_s: Seconds to make it and to run it once, compiling or exporting included.
        skipped: Why it was not measured; empty where it was.
    """

    name: str
    alone_ms: tuple[float, ...] = ()
    whole_ms: tuple[float, ...] = ()
    agreement: Agreement | None = None
    truth: Agreement | None = None
    setup_s: float = 0.0
    skipped: str = ""


def measure_forms(
    segmenter: StagedSegmenter,
    images: Sequence[UInt8Image],
    *,
    calibration: Sequence[UInt8Image],
    truth: Sequence[Instances] | None,
    evidence: EvidenceParams,
    rounds: int,
    forms: Sequence[Variant] = FORMS,
) -> list[Faster]:
    """Time each form of a network in interleaved rounds, and compare what it finds.

    Args:
        segmenter: The network as it is, one of torch's; it is not changed.
        images: Pictures of one size, uint8 (H, W, 3): each round goes through all of them.
        calibration: Others like them, for static quantization.
        truth: The objects that they show; None where nobody knows.
        evidence: Which detections count as masks, and which are dropped altogether.
        rounds: How often each form is timed.
        forms: What to measure, `as is` first.

    Raises:
        ShapeError: There are no pictures.
    """
    if not len(images):
        raise ShapeError("at least one picture must be given, got none")
    with TemporaryDirectory(prefix="vidlab-") as folder:
        material = Material(segmenter, images, calibration, evidence.drop_below, Path(folder))
        trials = [_try_out(variant, material) for variant in forms]
        for _ in range(rounds):
            for trial in trials:
                if not trial.skipped:
                    trial.time(images)
        expected = next((trial.found for trial in trials if trial.found), [])
        return [trial.sum_up(expected, truth=truth, evidence=evidence) for trial in trials]


def faster_rows(results: Sequence[Faster]) -> list[tuple[str, ...]]:
    """Return what `HEADER` names for each form: medians of the rounds, and of the ratios in each round."""
    base, rows = results[0], []
    for one in results:
        if one.skipped or one.agreement is None:
            rows.append((one.name, f"skipped: {one.skipped}", *[""] * (len(HEADER) - 2)))
            continue
        rows.append(
            (
                one.name,
                f"{statistics.median(one.alone_ms):.1f}",
                f"{gain(base.alone_ms, one.alone_ms):.2f} ×",
                f"{statistics.median(one.whole_ms):.1f}",
                f"{gain(base.whole_ms, one.whole_ms):.2f} ×",
                _share(one.agreement.iou),
                f"{100 * one.agreement.pixels:.2f} %",
                _share(one.truth.iou if one.truth else None),
                f"{one.setup_s:.1f}",
            )
        )
    return rows


def gain(base_ms: Sequence[float], ms: Sequence[float]) -> float:
    """How many times faster: median over the rounds of the ratio in the round.

    >>> gain([10, 20, 12], [5, 20, 6])
    2.0
    """
    return statistics.median(before / after for before, after in zip(base_ms, ms, strict=True))


def fastest(results: Sequence[Faster], *, least: float) -> Faster:
    """Return the form that is fastest from picture to masks among those that are faithful.

    Args:
        results: As `measure_forms` returns them, the network as it is first.
        least: Smallest IoU with its masks (without masks: share of pixels of the same class), [0, 1].
    """
    base = results[0]
    faithful = [one for one in results if one.agreement is not None and faithfulness(one.agreement) >= least]
    return max(faithful, key=lambda one: gain(base.whole_ms, one.whole_ms), default=base)


def faithfulness(agreement: Agreement) -> float:
    """Return the IoU of the masks; where neither run shows one, the share of pixels of the same class."""
    return agreement.pixels if agreement.iou is None else agreement.iou


def sentence(base: Faster, one: Faster) -> str:
    """Say what a form buys and costs, with the spread of the rounds."""
    if one.agreement is None:
        return f"{one.name}: skipped, {one.skipped}"
    ratios = sorted(before / after for before, after in zip(base.whole_ms, one.whole_ms, strict=True))
    truth = ""
    if base.truth is not None and one.truth is not None and base.truth.iou is not None:
        truth = f", with the truth {(one.truth.iou or 0) - base.truth.iou:+.3f}"
    return (
        f"{one.name}: {statistics.median(ratios):.2f} × as fast ({ratios[0]:.2f} to {ratios[-1]:.2f}); "
        f"IoU with the plain network's masks {_share(one.agreement.iou)}{truth}"
    )


def latencies_ms(frames: Iterable[Frame], segmenter: StagedSegmenter, *, n_frames: int) -> list[float]:
    """Return, for each frame, the milliseconds from asking for it until its masks are there.

    Decoding, preparing, the network and its masks, one after the other; the first frame, which also opens the
    file and warms up, is left out.
    """
    told: list[float] = []
    following = iter(frames)
    for _ in range(n_frames + 1):
        begun_s = time.perf_counter()
        frame = next(following, None)
        if frame is None:
            break
        segmenter.segment([frame.image])
        told.append(1000 * (time.perf_counter() - begun_s))
    return told[1:]


@dataclass
class _Trial:
    """A form that runs here, with what was timed so far; or why it does not."""

    name: str
    form: Form | None = None
    batch: int = 1
    setup_s: float = 0.0
    skipped: str = ""
    found: list[Observation] = field(default_factory=list)
    alone_ms: list[float] = field(default_factory=list)
    whole_ms: list[float] = field(default_factory=list)

    def time(self, images: Sequence[UInt8Image]) -> None:
        """Go through all pictures once."""
        form: Any = self.form
        wait = synchronizer(form.device)
        alone_s = whole_s = 0.0
        for batch in _batches(images, self.batch):
            wait()
            begun_s = time.perf_counter()
            prepared = form.prepare(batch)
            wait()
            ready_s = time.perf_counter()
            raw = form.infer(prepared)
            wait()
            done_s = time.perf_counter()
            form.finish(raw)
            alone_s += done_s - ready_s
            whole_s += time.perf_counter() - begun_s
        self.alone_ms.append(1000 * alone_s / len(images))
        self.whole_ms.append(1000 * whole_s / len(images))

    def sum_up(
        self, expected: Sequence[Observation], *, truth: Sequence[Instances] | None, evidence: EvidenceParams
    ) -> Faster:
        """Compare with what the network as it is found, and with the truth."""
        if self.form is None or self.skipped:
            return Faster(self.name, skipped=self.skipped)
        rules: Any = {"class_ids": self.form.class_ids, "evidence": evidence}
        against = None if truth is None else measure_agreement(truth, self.found, **rules)
        return Faster(
            self.name,
            tuple(self.alone_ms),
            tuple(self.whole_ms),
            measure_agreement(expected, self.found, **rules),
            against,
            self.setup_s,
        )


def _try_out(variant: Variant, material: Material) -> _Trial:
    """Make a form, run it over all pictures once, keep what it found; or say why that cannot be done."""
    begun_s = time.perf_counter()
    try:
        form = make_form(variant, material)
        form.segment(material.images[: variant.batch])
        setup_s = time.perf_counter() - begun_s
        found = [one for batch in _batches(material.images, variant.batch) for one in form.segment(batch)]
    except Exception as error:  # a compiler, kernel or operator that is missing is told in a hundred ways
        return _Trial(variant.name, skipped=_reason(variant, error))
    return _Trial(variant.name, form, variant.batch, setup_s, found=found)


def _reason(variant: Variant, error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    if variant.name == COMPILED and "compiler" in str(error).lower():
        return f"torch.compile needs a C++ compiler: {first}"
    return first or type(error).__name__


def _batches(images: Sequence[UInt8Image], size: int) -> Iterator[Sequence[UInt8Image]]:
    waiting = iter(images)
    while batch := list(islice(waiting, size)):
        yield batch


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
