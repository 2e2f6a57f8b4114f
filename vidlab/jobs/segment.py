"""Masks of each frame by itself: run a network over a video and write what it found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from vidlab.jobs.output import result_folder
from vidlab.jobs.packing import ClassMasks
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.reading import MaskFile, MasksFrom, Reading, describe_masks
from vidlab.jobs.record import describe_file, describe_params, describe_run, write_json
from vidlab.jobs.stopwatch import Stopwatch
from vidlab.masks.coco import CocoResultsWriter
from vidlab.masks.folder import ClassFolderWriter
from vidlab.masks.png import write_mask_png
from vidlab.params import EvidenceParams, SegmentParams, SourceParams
from vidlab.temporal.evidence import to_evidence
from vidlab.types import Instances, Observation
from vidlab.video import frame_name


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """What a segmenting job made.

    Attributes:
        folder: The result folder, which `--masks` of the other commands takes.
        n_frames: Frames that were segmented.
        n_keyframes: Those among them that the network saw; None where it saw all.
        n_instances: Instances that were written; None for a network of probabilities.
        losses: What the source could not give.
        frames_per_s: Speed of the whole job.
        device: Where the network ran.
    """

    folder: Path
    n_frames: int
    n_keyframes: int | None
    n_instances: int | None
    losses: tuple[str, ...]
    frames_per_s: float
    device: str


def segment(
    video: Path,
    *,
    network: MasksFrom,
    out: Path,
    class_ids: tuple[int, ...] | None = None,
    source: SourceParams | None = None,
    segment: SegmentParams | None = None,
    evidence: EvidenceParams | None = None,
    force: bool = False,
    progress: Progress = silent,
    command: Sequence[str] = (),
) -> SegmentResult:
    """Run a network over a video in one pass and write what it found.

    Args:
        video: Video file, or folder of numbered images.
        network: What finds the masks: one by name, or one that is ready to run (`models.from_callable`); or
            masks of the user's own, which are brought into the same form.
        out: Folder for the results; appears when they are complete.
        class_ids: COCO ids of the wanted classes; None takes all.
        source: How frames are read; None takes the defaults of `SourceParams`, and so on.
        segment: How the network is run.
        evidence: Which detections are written, and from which score on they count in `masks/`.
        force: Replace a non-empty `out`.
        progress: Told after every frame how many are done.
        command: Command line, for `params.json`.

    Raises:
        UsageError: Model, class or value is wrong.
        SourceError: The video cannot be used.
        OutputError: `out` is not empty, touches an input, or cannot be written.
        WeightsError: The network has no weights.
        DeviceError: The device is not here.
    """
    source, segment = source or SourceParams(), segment or SegmentParams()
    evidence = evidence or EvidenceParams()
    stopwatch = Stopwatch()
    inputs = [video, network.path] if isinstance(network, MaskFile) else [video]
    with result_folder(out, force=force, inputs=inputs) as folder:
        reading = Reading(
            video,
            masks_from=network,
            class_ids=class_ids,
            source=source,
            segment=segment,
            evidence=evidence,
            stopwatch=stopwatch,
        )
        with SegmentWriter(folder, reading=reading, rules=evidence) as writer:
            for _, observation in reading:
                with stopwatch.stage("write"):
                    writer.write(observation)
                progress(writer.n_frames, reading.n_expected)
        timing = stopwatch.report(writer.n_frames)
        run = describe_run(job="segment", command=command, class_ids=class_ids)
        content = {
            **run,
            "video": describe_file(video),
            **describe_masks(network, reading),
            **describe_params(evidence=evidence, source=source, segment=segment),
            "n_frames": writer.n_frames,
            "n_keyframes": reading.n_keyframes,
            "losses": list(reading.losses),
            "timing": timing,
        }
        write_json(folder / "params.json", content)
    return SegmentResult(
        folder=out,
        n_frames=writer.n_frames,
        n_keyframes=reading.n_keyframes,
        n_instances=writer.n_instances if reading.kind == "instances" else None,
        losses=reading.losses,
        frames_per_s=timing["frames_per_s"],
        device=reading.runs_on,
    )


class SegmentWriter:
    """Writes `masks/`, and `instances.json` or `probs/`, as observations come; a context manager."""

    def __init__(self, folder: Path, *, reading: Reading, rules: EvidenceParams) -> None:
        self._folder, self._rules = folder, rules
        self._class_ids, self._class_names = reading.class_ids, reading.class_names
        self._instances = CocoResultsWriter(folder / "instances.json")
        self._kind = reading.kind
        self.n_frames = 0
        self.n_instances = 0

    def __enter__(self) -> "SegmentWriter":
        (self._folder / "masks").mkdir()
        if self._kind == "instances":
            self._instances.__enter__()
        else:
            self._probs = ClassFolderWriter(
                self._folder / "probs", class_ids=self._class_ids, class_names=self._class_names
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._kind == "instances":
            self._instances.__exit__(kind, error, trace)

    def write(self, observation: Observation) -> None:
        """Write what was found in the next frame."""
        if isinstance(observation, Instances):
            self._instances.append(observation, image_id=self.n_frames)
            self.n_instances += len(observation)
        else:
            self._probs.write(observation, index=self.n_frames)
        rules = self._rules
        evidence = to_evidence(
            observation,
            class_ids=self._class_ids,
            min_score=rules.min_score,
            drop_below=rules.drop_below,
            prob_threshold=rules.prob_threshold,
        )
        name = frame_name(self.n_frames, suffix=".png")
        write_mask_png(self._folder / "masks" / name, ClassMasks(evidence.class_ids, evidence.raw).union)
        self.n_frames += 1
