"""One run of the stabilizing job: reads, drives, measures and writes frame by frame, then sums up."""

import logging
import os
import pickle
from collections.abc import Iterable
from typing import Any

from vidlab.classes import class_name
from vidlab.jobs.curves import write_curves
from vidlab.jobs.drive import rest, steps
from vidlab.jobs.finished import StabilizeResult
from vidlab.jobs.measuring import Measuring, Prediction
from vidlab.jobs.packing import ClassMasks, PackedRaw, strongest
from vidlab.jobs.plotting import write_plots
from vidlab.jobs.progress import Progress
from vidlab.jobs.reading import Reading, describe_masks
from vidlab.jobs.record import describe_file, describe_params, describe_run, write_json
from vidlab.jobs.request import Request, State
from vidlab.jobs.resume import CHECKPOINT_FRAMES, Checkpoints
from vidlab.jobs.selecting import find
from vidlab.jobs.stopwatch import Stopwatch, TimedStabilizer
from vidlab.jobs.tracks import named
from vidlab.jobs.truth import MaskFolder
from vidlab.jobs.unfinished import Unfinished
from vidlab.jobs.writing import BACKGROUND, StableWriter
from vidlab.metrics.comparison import compare
from vidlab.metrics.summary import ClipSummary
from vidlab.params import (
    EvaluateParams,
)
from vidlab.temporal import create_stabilizer
from vidlab.temporal.protocol import StableFrame
from vidlab.tracking import create_method_tracker, identified
from vidlab.types import Frame, Instances, UInt8Image

logger = logging.getLogger(__name__)


class Run:
    """One run, from its first frame or from where it was killed.

    Attributes:
        description: What `params.json` will say.
    """

    def __init__(self, request: Request, folders: Unfinished) -> None:
        """Open what is read.

        Raises:
            SourceError: It cannot be used.
            WeightsError: The network has no weights.
            DeviceError: The device is not here.
        """
        self._request, self._folders = request, folders
        self._stopwatch = Stopwatch()
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
        self._state = self._new_state()
        self._earlier: dict[str, float] = {}
        self._checkpoints: Checkpoints | None = Checkpoints(folders.work)
        self.description = self._describe()

    def resume(self, progress: Progress) -> StabilizeResult:
        """Go on where a run before this one was killed, if it got far enough; else start over.

        Raises:
            OutputError: What it left is damaged, or of another request.
        """
        if not self._folders.has_leftover or self._checkpoints is None:
            logger.info("there is nothing to go on with; starting at the first frame")
            self._folders.start_over()
            return self.finish(progress)
        self._checkpoints.check(self.description, out=self._request.out)
        self._state = self._checkpoints.load(self._state, out=self._request.out)
        self._earlier, n_done = self._state.timing, self._state.written.n_frames
        del self._earlier["frames_per_s"]
        logger.info("going on after %d frames", n_done)
        if self._truth is not None:
            for _ in range(n_done):
                self._truth.next_mask()
        progress(n_done, self._reading.n_expected)
        return self.finish(progress)

    def finish(self, progress: Progress) -> StabilizeResult:
        """Do what is left to do."""
        request = self._request
        writer = StableWriter(
            self._folders,
            written=self._state.written,
            info=self._reading.info,
            method=request.method,
            writer=request.writer,
            save_frames=request.save_frames,
            one_class=request.class_ids is not None and len(request.class_ids) == 1,
            class_names=self._reading.class_names,
        )
        with writer:
            if request.select is not None and self._state.selected is None:
                self._state.selected = find(
                    request.select,
                    reading=self._reading,
                    associator=create_method_tracker(request.params, evidence=request.evidence),
                    evidence=request.evidence,
                )
            if not self._state.written.n_frames and self._checkpoints is not None:
                self._checkpoints.begin(self.description)
            self._drive(writer, progress)
        if self._truth is not None and self._state.written.n_frames != request.source.max_frames:
            self._truth.finish()
        return self._conclude(writer)

    def _drive(self, writer: StableWriter, progress: Progress) -> None:
        n_taken = self._state.written.n_frames + len(self._state.waiting)
        items = self._reading.with_evidence(
            n_done=n_taken,
            since=self._state.keyframe,
            associate=self._associate,
            select=self._state.selected,
        )
        while True:
            timed = TimedStabilizer(self._state.stabilizer, self._stopwatch)
            for results in steps(timed, items, waiting=self._state.waiting):
                self._take_all(results, writer, progress)
                if writer.n_frames - writer.written.n_closed >= CHECKPOINT_FRAMES:
                    break
            else:
                break
            writer.end_segment()
            self._put_away()
        self._take_all(rest(timed, waiting=self._state.waiting), writer, progress)

    def _put_away(self) -> None:
        """Put the state away, and go on with what was put away."""
        if self._checkpoints is None:
            return
        written, self._state.timing = self._state.written, self._timing()
        self._state.keyframe = self._reading.keyframe
        try:
            with self._stopwatch.stage("checkpoint"):
                self._state = self._checkpoints.save(self._state)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            logger.warning("the run could not be resumed if it were killed: %s", error)
            self._checkpoints = None
        self._state.written = written  # the writer's own

    def _take_all(
        self,
        results: Iterable[tuple[Frame, PackedRaw, StableFrame]],
        writer: StableWriter,
        progress: Progress,
    ) -> None:
        for frame, packed, stable in results:
            self._take(frame, packed, stable, writer)
            progress(writer.n_frames, self._reading.n_expected)

    def _take(self, frame: Frame, packed: PackedRaw, stable: StableFrame, writer: StableWriter) -> None:
        raw, tracked = packed.masks(), None
        if packed.tracked is not None:
            with self._stopwatch.stage("track"):
                stable, tracked = named(
                    stable, packed.tracked, book=self._state.book, select=self._state.selected
                )
        calm = ClassMasks(stable.class_ids, stable.masks)
        with self._stopwatch.stage("measure"):
            predictions = {
                "raw": Prediction(raw.union, packed.probs()),
                "stable": Prediction(calm.union, strongest(stable.probs)),
            }
            target = None if self._truth is None else self._truth.next_mask()
            self._state.measuring.update(frame, predictions, target=target)
            self._state.curves.update(stable, pts_s=frame.pts_s)
        with self._stopwatch.stage("write"):
            writer.write(frame, raw=raw, stable=calm, instances=tracked)

    def _associate(self, image: UInt8Image, found: Instances) -> Instances:
        """Give the next frame's detections identities."""
        with self._stopwatch.stage("track"):
            tracked = self._state.associator.step(image, found)
            self._state.book.announce(identified(tracked))
        return tracked

    def _conclude(self, writer: StableWriter) -> StabilizeResult:
        folder, measured = self._folders.result, self._state.measuring.compute()
        result = StabilizeResult(
            folder=self._request.out,
            n_frames=writer.n_frames,
            n_keyframes=self._reading.n_keyframes,
            losses=self._reading.losses,
            raw=measured["raw"],
            stable=measured["stable"],
            truth=self._state.measuring.truth(),
            change=compare(measured["raw"], measured["stable"]),
        )
        names = self._reading.class_names
        with self._stopwatch.stage("plots"):
            write_plots(
                folder / "plots",
                raw=result.raw,
                stable=result.stable,
                states=self._state.curves,
                method=self._request.method,
                class_names=names,
            )
            write_curves(folder / "curves.csv", self._state.curves, versions=measured, class_names=names)
        write_json(folder / "params.json", self.description)
        write_json(folder / "metrics.json", self._measured(writer, result))
        return result

    def _new_state(self) -> State:
        params = self._request.params
        stabilizer = create_stabilizer(params)
        stabilizer.reset()
        associator = create_method_tracker(params, evidence=self._request.evidence)
        # judged only where there is truth to judge by; T would take longer than stabilizing does
        judging = EvaluateParams(davis_t=False)
        measuring = Measuring(("raw", "stable"), params=judging, judged=self._request.truth is not None)
        return State(stabilizer, associator, measuring)

    def _timing(self) -> dict[str, float]:
        """Seconds per stage, those before a kill included as far as their results were kept."""
        now, n_frames = self._stopwatch.report(1), self._state.written.n_frames
        del now["frames_per_s"]
        total = {
            name: round(self._earlier.get(name, 0.0) + now.get(name, 0.0), 4)
            for name in {**self._earlier, **now}
        }
        return {**total, "frames_per_s": round(n_frames / total["total_s"], 3)}

    def _describe(self) -> dict[str, Any]:
        request = self._request
        run = describe_run(job="stabilize", command=request.command, class_ids=request.class_ids)
        return {
            **run,
            "video": describe_file(request.video),
            **describe_masks(request.masks_from, self._reading),
            "truth": describe_file(request.truth),
            "select": None if request.select is None else str(request.select),
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
        own = self._reading.class_names
        shown = {str(class_id): class_name(class_id, own) for class_id in writer.class_ids}
        return {
            "n_frames": result.n_frames,
            "n_keyframes": result.n_keyframes,
            "size_hw": list(info.size_hw),
            "fps": info.fps,
            "losses": list(result.losses),
            "method": self._request.method,
            "classes": shown,
            "labels": {str(BACKGROUND): "background", **shown} if len(shown) > 1 else None,
            "cuts": self._state.curves.cuts,
            "raw": _means(result.raw),
            "stable": _means(result.stable),
            "truth": None if result.truth is None else _means(result.truth),
            "improvement": result.change.model_dump(mode="json"),
            "device": self._reading.device,
            "n_cpus": os.cpu_count(),
            "timing": self._timing(),
        }


def _means(summary: ClipSummary) -> dict[str, Any]:
    return summary.model_dump(mode="json", exclude={"curves"})
