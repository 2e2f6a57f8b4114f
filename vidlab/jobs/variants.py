"""Several methods on one clip, in one pass: what each is worth, and what each step of a method adds."""

from collections.abc import Iterator, Mapping
from itertools import tee
from operator import attrgetter
from pathlib import Path

from vidlab.errors import ParameterError
from vidlab.jobs.measuring import Measuring, Prediction
from vidlab.jobs.packing import ClassMasks, PackedRaw, strongest
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.reading import MasksFrom, Observed, Reading, open_reading
from vidlab.jobs.tracks import drive_tracks
from vidlab.jobs.truth import MaskFolder
from vidlab.metrics.summary import ClipSummary
from vidlab.params import EvaluateParams, EvidenceParams, MethodParams, SegmentParams, SourceParams
from vidlab.schema import Tunable, tunables
from vidlab.temporal import create_stabilizer
from vidlab.temporal.protocol import StableFrame
from vidlab.tracking import create_method_tracker
from vidlab.types import Frame

RAW = "raw"  # the name of the masks before any method


def measure_variants(
    video: Path,
    *,
    masks_from: MasksFrom,
    variants: Mapping[str, MethodParams],
    class_ids: tuple[int, ...] | None = None,
    truth: Path | None = None,
    source: SourceParams | None = None,
    segment: SegmentParams | None = None,
    evidence: EvidenceParams | None = None,
    progress: Progress = silent,
) -> dict[str, ClipSummary]:
    """Measure several methods on the same frames, masks and flow, without writing anything.

    Frames are read, and the network is run, once for all; as many of them are held as the methods' delays
    differ.

    Args:
        video: Video file, or folder of numbered images.
        masks_from: The masks to stabilize, or the network that finds them.
        variants: Name of each variant → its method with its tunables.
        class_ids: COCO ids of the wanted classes; None takes all.
        truth: Folder of PNGs with true masks, one per frame; adds J and F.
        source: How frames are read; None takes the defaults of `SourceParams`, and so on.
        segment: How the network is run.
        evidence: Which detections count.
        progress: Told after every frame how many are done.

    Returns:
        `raw` and each variant → its metrics, in this order.

    Raises:
        ParameterError: A variant is called `raw`.
        SourceError: Video, masks or truth cannot be used, or do not fit each other.
    """
    if RAW in variants:
        raise ParameterError(f"a variant must not be called {RAW!r}, which names the masks before any method")
    reading = open_reading(
        video,
        masks_from=masks_from,
        class_ids=class_ids,
        source=source,
        segment=segment,
        evidence=evidence,
    )
    target = MaskFolder(truth, size_hw=reading.info.size_hw) if truth else None
    judging = EvaluateParams(davis_t=False)  # T would take longer than all the rest
    measuring = Measuring((RAW, *variants), params=judging, judged=truth is not None)
    rules = evidence or EvidenceParams()
    driven = [
        _driven(reading, observed, params=params, evidence=rules)
        for params, observed in zip(variants.values(), tee(reading, len(variants)), strict=True)
    ]
    for n_done, results in enumerate(zip(*driven, strict=True), start=1):
        frame, packed, _ = results[0]
        predictions = {RAW: Prediction(packed.masks().union, packed.probs())}
        for name, (_, _, stable) in zip(variants, results, strict=True):
            union = ClassMasks(stable.class_ids, stable.masks).union
            predictions[name] = Prediction(union, strongest(stable.probs))
        measuring.update(frame, predictions, target=None if target is None else target.next_mask())
        progress(n_done, reading.n_expected)
    return measuring.compute()


def _driven(
    reading: Reading, observed: Observed, *, params: MethodParams, evidence: EvidenceParams
) -> Iterator[tuple[Frame, PackedRaw, StableFrame]]:
    """Run one method as the main job does; who is who depends on its tunables, too."""
    associator = create_method_tracker(params, evidence=evidence)
    items = reading.told(observed, associate=associator.step)
    return drive_tracks(create_stabilizer(params), items, tracked_of=attrgetter("tracked"))


def switched_off(method: MethodParams) -> dict[str, MethodParams]:
    """Return the method with each of its steps switched off in turn.

    A step is a tunable that is true or false; one that is off already is left out. Methods without steps
    give nothing.

    >>> from vidlab.params import method_params
    >>> list(switched_off(method_params("flow_fusion")))[:2]
    ['without step 2, carry', 'without step 3, motion_weight']
    >>> switched_off(method_params("median"))
    {}
    """
    off: dict[str, MethodParams] = {}
    for tunable in tunables(type(method)):
        if tunable.type is bool and getattr(method, tunable.name):
            step, colon, _ = tunable.meaning.partition(":")
            off[f"without {f'{step.lower()}, ' if colon else ''}{tunable.name}"] = _without(method, tunable)
    return off


def ablations(method: MethodParams) -> dict[str, MethodParams]:
    """Return a method with each of its steps switched off in turn, those that are numbers too.

    Which numbers are steps, and where they are off, stands with them in `params`.

    >>> from vidlab.params import method_params
    >>> list(ablations(method_params("flow_fusion")))[-1]
    'least_piece = 0'
    """
    off = switched_off(method)
    for tunable in tunables(type(method)):
        if tunable.type is not bool and tunable.off not in (None, getattr(method, tunable.name)):
            off[f"{tunable.name} = {tunable.off:g}"] = _without(method, tunable)
    return off


def _without(method: MethodParams, step: Tunable) -> MethodParams:
    return method.model_copy(update={step.name: step.off})
