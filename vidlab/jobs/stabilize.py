"""The main job: a video and its flickering masks in; stable masks, numbers, plots and a video out."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidlab.classes import class_name
from vidlab.errors import ParameterError
from vidlab.jobs.curves import StateCurves, write_curves
from vidlab.jobs.drive import drive
from vidlab.jobs.measuring import Measuring, Prediction
from vidlab.jobs.output import result_folder
from vidlab.jobs.packing import ClassMasks, PackedRaw, strongest
from vidlab.jobs.plotting import write_plots
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.reading import MaskFile, Network, Reading, describe_masks
from vidlab.jobs.record import describe_file, describe_params, describe_run, write_json
from vidlab.jobs.stopwatch import Stopwatch, TimedStabilizer
from vidlab.jobs.truth import MaskFolder
from vidlab.jobs.writing import BACKGROUND, StableWriter
from vidlab.metrics.comparison import Comparison, compare
from vidlab.metrics.summary import ClipSummary
from vidlab.params import (
    METHODS,
    EvaluateParams,
    EvidenceParams,
    MethodParams,
    SegmentParams,
    SourceParams,
    WriterParams,
)
from vidlab.temporal import create_stabilizer
from vidlab.temporal.protocol import StableFrame
from vidlab.tracking import Tracker
from vidlab.types import Frame, Instances


@dataclass(frozen=True, slots=True)
class StabilizeResult:
    """What a stabilizing job made.

    Attributes:
        folder: The result folder; its files are described in the README.
        n_frames: Frames that were stabilized.
        losses: What the source could not give.
        raw: Metrics before.
        stable: Metrics after.
        truth: What the truth itself measures, None without it.
        change: Raw against stable.
    """

    folder: Path
    n_frames: int
    losses: tuple[str, ...]
    raw: ClipSummary
    stable: ClipSummary
    truth: ClipSummary | None
    change: Comparison


@dataclass(frozen=True, slots=True)
class _Request:
    """The arguments of one job, for its parts."""

    out: Path
    video: Path
    masks_from: MaskFile | Network
    class_ids: tuple[int, ...] | None
    method: str
    params: MethodParams
    truth: Path | None
    source: SourceParams
    segment: SegmentParams
    evidence: EvidenceParams
    writer: WriterParams
    save_frames: bool
    command: tuple[str, ...]


def stabilize(
    video: Path,
    *,
    masks_from: MaskFile | Network,
    out: Path,
    method: MethodParams,
    class_ids: tuple[int, ...] | None = None,
    truth: Path | None = None,
    source: SourceParams | None = None,
    segment: SegmentParams | None = None,
    evidence: EvidenceParams | None = None,
    writer: WriterParams | None = None,
    save_frames: bool = False,
    force: bool = False,
    progress: Progress = silent,
    command: Sequence[str] = (),
) -> StabilizeResult:
    """Stabilize the masks of a video in one pass and write everything worth keeping.

    Args:
        video: Video file, or folder of numbered images.
        masks_from: The masks to stabilize, or the network that finds them.
        out: Folder for the results; appears when they are complete.
        method: The method with its tunables, as `params.method_params` builds them.
        class_ids: COCO ids of the wanted classes; None takes all.
        truth: Folder of PNGs with true masks, one per frame; J and F are measured then.
        source: How frames are read; None takes the defaults of `SourceParams`, and so on.
        segment: How the network is run.
        evidence: Which detections count.
        writer: How the video is encoded.
        save_frames: Write the frames as PNGs too.
        force: Replace a non-empty `out`.
        progress: Told after every frame how many are done.
        command: Command line, for `params.json`.

    Raises:
        UsageError: Method, class or value is wrong.
        SourceError: Video, masks or truth cannot be used, or do not fit each other.
        OutputError: `out` is not empty, touches an input, or cannot be written.
        WeightsError: The network has no weights.
        DeviceError: The device is not here.
    """
    request = _Request(
        out=out,
        video=video,
        masks_from=masks_from,
        class_ids=class_ids,
        method=method_name(method),
        params=method,
        truth=truth,
        source=source or SourceParams(),
        segment=segment or SegmentParams(),
        evidence=evidence or EvidenceParams(),
        writer=writer or WriterParams(),
        save_frames=save_frames,
        command=tuple(command),
    )
    inputs = [video, truth, masks_from.path if isinstance(masks_from, MaskFile) else None]
    with result_folder(out, force=force, inputs=[path for path in inputs if path is not None]) as folder:
        return _Job(request, folder).run(progress)


def method_name(params: MethodParams) -> str:
    """Return the name of the method whose tunables these are.

    Raises:
        ParameterError: No method takes parameters of this type.

    >>> method_name(MethodParams.model_validate({}))
    Traceback (most recent call last):
    vidlab.errors.ParameterError: params must be those of a method, got MethodParams
    """
    for name, model in METHODS.items():
        if type(params) is model:
            return name
    raise ParameterError(f"params must be those of a method, got {type(params).__name__}")


class _Job:
    """One run: reads, drives, measures and writes frame by frame, then sums up."""

    def __init__(self, request: _Request, folder: Path) -> None:
        self._request, self._folder = request, folder
        self._stopwatch = Stopwatch()
        self._stabilizer = create_stabilizer(request.params)
        self._reading = Reading(
            request.video,
            masks_from=request.masks_from,
            class_ids=request.class_ids,
            source=request.source,
            segment=request.segment,
            evidence=request.evidence,
            stopwatch=self._stopwatch,
        )
        size_hw = self._reading.info.size_hw
        self._truth = MaskFolder(request.truth, size_hw=size_hw) if request.truth else None
        self._tracker = Tracker(iou=request.params.track_iou, max_missed=request.params.track_max_missed)
        # judged only where there is truth to judge by; T would take longer than stabilizing does
        judging = EvaluateParams(davis_t=False)
        self._measuring = Measuring(("raw", "stable"), params=judging, judged=request.truth is not None)
        self._states = StateCurves()

    def run(self, progress: Progress) -> StabilizeResult:
        request = self._request
        timed = TimedStabilizer(self._stabilizer, self._stopwatch)
        one_class = request.class_ids is not None and len(request.class_ids) == 1
        writer = StableWriter(
            self._folder,
            info=self._reading.info,
            method=request.method,
            writer=request.writer,
            save_frames=request.save_frames,
            one_class=one_class,
        )
        self._tracker.reset()
        with writer:
            for n_done, (frame, packed, stable) in enumerate(
                drive(timed, self._reading.with_evidence()), start=1
            ):
                self._take(frame, packed, stable, writer)
                progress(n_done, self._reading.n_expected)
        if self._truth is not None and self._states.n_frames != request.source.max_frames:
            self._truth.finish()
        return self._conclude(writer)

    def _take(self, frame: Frame, packed: PackedRaw, stable: StableFrame, writer: StableWriter) -> None:
        raw = packed.masks()
        calm = ClassMasks(stable.class_ids, stable.masks)
        with self._stopwatch.stage("track"):
            instances = packed.instances()
            tracked = None if instances is None else self._track(instances, stable)
        with self._stopwatch.stage("measure"):
            predictions = {
                "raw": Prediction(raw.union, packed.probs()),
                "stable": Prediction(calm.union, strongest(stable.probs)),
            }
            target = None if self._truth is None else self._truth.next_mask()
            self._measuring.update(frame, predictions, target=target)
            self._states.update(stable, pts_s=frame.pts_s)
        with self._stopwatch.stage("write"):
            writer.write(frame, raw=raw, stable=calm, instances=tracked)

    def _track(self, instances: Instances, stable: StableFrame) -> Instances:
        return self._tracker.step(
            instances,
            stable.masks,
            class_ids=stable.class_ids,
            flow_to_prev=stable.flow_to_prev,
            is_cut=stable.is_cut,
        )

    def _conclude(self, writer: StableWriter) -> StabilizeResult:
        measured = self._measuring.compute()
        result = StabilizeResult(
            folder=self._request.out,
            n_frames=writer.n_frames,
            losses=self._reading.losses,
            raw=measured["raw"],
            stable=measured["stable"],
            truth=self._measuring.truth(),
            change=compare(measured["raw"], measured["stable"]),
        )
        with self._stopwatch.stage("plots"):
            write_plots(
                self._folder / "plots",
                raw=result.raw,
                stable=result.stable,
                states=self._states,
                method=self._request.method,
            )
            write_curves(self._folder / "curves.csv", self._states, versions=measured)
        write_json(self._folder / "params.json", self._describe())
        write_json(self._folder / "metrics.json", self._measured(writer, result))
        return result

    def _describe(self) -> dict[str, Any]:
        request = self._request
        run = describe_run(job="stabilize", command=request.command, class_ids=request.class_ids)
        return {
            **run,
            "video": describe_file(request.video),
            **describe_masks(request.masks_from, self._reading),
            "truth": describe_file(request.truth),
            "method": request.method,
            **describe_params(
                params=request.params,
                evidence=request.evidence,
                source=request.source,
                segment=request.segment,
                writer=request.writer,
            ),
            "save_frames": request.save_frames,
        }

    def _measured(self, writer: StableWriter, result: StabilizeResult) -> dict[str, Any]:
        info = self._reading.info
        shown = {str(class_id): class_name(class_id) for class_id in writer.class_ids}
        return {
            "n_frames": result.n_frames,
            "size_hw": list(info.size_hw),
            "fps": info.fps,
            "losses": list(result.losses),
            "method": self._request.method,
            "classes": shown,
            "labels": {str(BACKGROUND): "background", **shown} if len(shown) > 1 else None,
            "cuts": self._states.cuts,
            "raw": _means(result.raw),
            "stable": _means(result.stable),
            "truth": None if result.truth is None else _means(result.truth),
            "improvement": result.change.model_dump(mode="json"),
            "device": self._reading.device,
            "n_cpus": os.cpu_count(),
            "timing": self._stopwatch.report(result.n_frames),
        }


def _means(summary: ClipSummary) -> dict[str, Any]:
    return summary.model_dump(mode="json", exclude={"curves"})
