"""A video in step with what is known about each of its frames: the user's masks, or a network's."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

from vidlab import models
from vidlab.errors import VideoError
from vidlab.jobs.keyframes import FIRST, NETWORK, Keyframe, KeyframeReader, Observe
from vidlab.jobs.packing import PackedRaw
from vidlab.jobs.record import describe_file
from vidlab.jobs.stopwatch import Stopwatch
from vidlab.jobs.wanted import names_beside, names_of, only_wanted, wanted_of_file, wanted_of_network
from vidlab.masks.source import MaskSource, match_frames, open_masks
from vidlab.models import Segmenter
from vidlab.params import EvidenceParams, NetworkParams, SegmentParams, SourceParams
from vidlab.refinement import create_refiner
from vidlab.temporal.evidence import to_evidence, track_evidence
from vidlab.temporal.protocol import Evidence
from vidlab.tracking import identified, ids_of
from vidlab.types import OBJECT_CLASS_ID, Frame, Instances, Observation, UInt8Image, VideoInfo
from vidlab.video import open_source

Observed = Iterator[tuple[Frame, Observation]]
Kind = Literal["instances", "probs"]
READY_DEVICE = "its own device"  # of a network that came ready and does not say
Associate = Callable[[UInt8Image, Instances], Instances]


@dataclass(frozen=True, slots=True)
class MaskFile:
    """Masks of the user's own.

    Attributes:
        path: Folder of PNGs, COCO results JSON, .npz, or a result folder of `segment`.
        probs: The PNGs are probabilities, 255 = 1.
    """

    path: Path
    probs: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    """A network that finds the masks.

    Attributes:
        name: Name in `vidlab.models.MODELS`.
        weights: File, `random`, or None for the network's own.
        options: What else the network is told.
        ready: The very same network, if it was loaded before; None loads it.

    Raises:
        ParameterError: The name is unknown.
    """

    name: str
    weights: str | None = None
    options: NetworkParams = field(default_factory=NetworkParams)
    ready: Segmenter | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        models.find_spec(self.name)


MasksFrom: TypeAlias = MaskFile | Network | Segmenter  # the last: a network that is ready to run


class Reading:
    """Frames and observations of one job, in step; each iteration begins at the first frame.

    Attributes:
        info: What the source declares.
        n_expected: Number of frames the job will see, as far as declared; None where nobody knows.
        kind: `instances` or `probs`: what the observations are.
        class_ids: COCO ids that may occur, wanted ones only.
        device: Where the network runs; `cpu` for masks from a file.
        runs_on: The same in full, for outputs: for an ONNX file with ONNX Runtime's way to run it.
        class_names: Names of those classes that the vocabulary lacks, by id.
        weights: Label of the network's weights; None for masks from a file.
    """

    def __init__(
        self,
        video: Path,
        *,
        masks_from: MasksFrom,
        class_ids: tuple[int, ...] | None,
        source: SourceParams,
        segment: SegmentParams,
        evidence: EvidenceParams,
        stopwatch: Stopwatch,
    ) -> None:
        self._frames = open_source(video, fps=source.fps)
        self.info: VideoInfo = self._frames.info
        self._max_frames = source.max_frames or None
        self.n_expected = expected(self.info, max_frames=self._max_frames)
        self._stopwatch = stopwatch
        self._wanted, self._rules = class_ids, evidence
        self._keep = only_wanted(class_ids, drop_below=evidence.drop_below)
        self._refine = create_refiner(segment, level=evidence.prob_threshold)
        self.device = self.runs_on = "cpu"
        self.weights: str | None = None
        self.class_names: dict[int, str] = {}
        self._segment = segment
        self._keyed: KeyframeReader | None = None
        self._observe: Callable[[Iterable[Frame], int], Observed]
        self._ask: Callable[[Iterable[Frame]], Iterator[tuple[Frame, Observe]]]
        if isinstance(masks_from, MaskFile):
            masks = open_masks(
                masks_from.path,
                probs=masks_from.probs,
                size_hw=self.info.size_hw,
                n_frames=None if self._max_frames else self.info.n_frames,
                class_id=class_ids[0] if class_ids and len(class_ids) == 1 else OBJECT_CLASS_ID,
            )
            self.kind: Kind = masks.kind
            self.class_names = names_of(masks) | names_beside(masks_from.path)
            self.class_ids = wanted_of_file(masks, class_ids)
            self._observe = partial(self._from_file, masks=masks)
            self._ask = partial(self._ask_file, masks=masks)
        else:
            self.device, network = load_network(
                masks_from, device=segment.device, drop_below=evidence.drop_below
            )
            self.runs_on = getattr(network, "runs_on", self.device)
            self.kind, self.weights = network.kind, network.weights
            self.class_names = names_of(network)
            self.class_ids = wanted_of_network(network, class_ids)
            self._observe = partial(self._from_network, network=network, batch_size=segment.batch_size)
            self._ask = partial(self._ask_network, network=network)

    @property
    def losses(self) -> tuple[str, ...]:
        """What the source could not give; complete after the iteration."""
        return self._frames.losses

    @property
    def keyframe(self) -> Keyframe | None:
        """The last keyframe up to the frame that was given last; None where every frame is one."""
        return self._keyed.last if self._keyed else None

    @property
    def n_keyframes(self) -> int | None:
        """How many of the frames that were given the network saw; None where it saw them all."""
        return self.keyframe.number + 1 if self.keyframe else None

    def __iter__(self) -> Observed:
        return self.after(0)

    def after(self, n_done: int, *, since: Keyframe | None = None) -> Observed:
        """Yield what comes after the first `n_done` frames, exactly as it would have come in one go.

        Args:
            n_done: Frames to pass over.
            since: What `keyframe` was after them, which saves running the network on those before; None
                where nobody knows.
        """
        frames = self._stopwatch.iterate("read", islice(self._frames, self._max_frames))
        n_frames = n_done
        is_keyed = self._segment.keyframe_every > 1
        observed = (
            self._carried(frames, n_done, since or FIRST) if is_keyed else self._observe(frames, n_done)
        )
        for frame, observation in observed:
            n_frames += 1
            yield frame, self._refined(self._keep(observation), frame.image)
        if not n_frames:
            raise VideoError(f"{self.info.path} must hold at least one frame, got none")

    def _refined(self, observation: Observation, image: UInt8Image) -> Observation:
        if self._segment.refine == "none":
            return observation
        with self._stopwatch.stage("refine"):
            return self._refine(observation, image)

    def with_evidence(
        self,
        *,
        n_done: int = 0,
        since: Keyframe | None = None,
        associate: Associate | None = None,
        select: int | None = None,
    ) -> Iterator[tuple[Frame, Evidence, PackedRaw]]:
        """Yield each frame with its evidence and what is kept of its raw masks, as `drive` takes them.

        Args:
            n_done: Frames to pass over.
            since: As for `after`.
            associate: Gives the instances of each frame identities, which then stand for classes in the
                evidence; without, and of masks that are no instances, there is one map per class.
            select: The only identity whose detections are kept on the raw side.
        """
        return self.told(self.after(n_done, since=since), associate=associate, select=select)

    def told(
        self, observed: Observed, *, associate: Associate | None = None, select: int | None = None
    ) -> Iterator[tuple[Frame, Evidence, PackedRaw]]:
        """Yield what `with_evidence` does, of frames and observations that this reading gave before."""
        for frame, observation in observed:
            if associate is None or not isinstance(observation, Instances):
                with self._stopwatch.stage("evidence"):
                    evidence = self._evidence(observation)
                    packed = PackedRaw(evidence, None)
            else:
                tracked = associate(frame.image, observation)
                with self._stopwatch.stage("evidence"):
                    evidence, packed = self._of_tracks(tracked, select)
            yield frame, evidence, packed

    def _of_tracks(self, tracked: Instances, select: int | None) -> tuple[Evidence, PackedRaw]:
        kept = tracked if select is None else tracked.where(ids_of(tracked) == select)
        raw = self._evidence(kept.where(kept.scores >= self._rules.min_score))
        objects = identified(tracked)
        return track_evidence(objects, rules=self._rules), PackedRaw(raw, objects)

    def _evidence(self, observation: Observation) -> Evidence:
        return to_evidence(observation, class_ids=self._wanted, **self._rules.model_dump())

    def _from_network(
        self, frames: Iterable[Frame], n_done: int, *, network: Segmenter, batch_size: int
    ) -> Observed:
        for number, batch in enumerate(_batches(frames, size=batch_size)):
            passed_over = n_done - number * batch_size
            if passed_over >= len(batch):
                continue
            with self._stopwatch.stage(NETWORK):  # the whole batch: in another one, numbers may differ
                observations = network.segment([frame.image for frame in batch])
            yield from islice(zip(batch, observations, strict=True), max(0, passed_over), None)

    def _from_file(self, frames: Iterable[Frame], n_done: int, *, masks: MaskSource) -> Observed:
        surplus: Literal["ignore", "error"] = "ignore" if self._max_frames else "error"
        return islice(match_frames(frames, masks, surplus=surplus), n_done, None)

    def _carried(self, frames: Iterable[Frame], n_done: int, since: Keyframe) -> Observed:
        """Observe keyframes, and carry what is wanted of it to the frames between."""
        self._keyed = KeyframeReader(self._segment, stopwatch=self._stopwatch)
        asked = islice(self._ask(frames), since.place, None)
        return islice(self._keyed.read(asked, since=since), n_done - since.place, None)

    def _ask_network(self, frames: Iterable[Frame], *, network: Segmenter) -> Iterator[tuple[Frame, Observe]]:
        def observe(frame: Frame) -> Observation:
            with self._stopwatch.stage(NETWORK):
                (observation,) = network.segment([frame.image])
            return self._keep(observation)

        for frame in frames:
            yield frame, partial(observe, frame)

    def _ask_file(self, frames: Iterable[Frame], *, masks: MaskSource) -> Iterator[tuple[Frame, Observe]]:
        for frame, observation in self._from_file(frames, 0, masks=masks):
            yield frame, partial(self._keep, observation)


def open_reading(
    video: Path,
    *,
    masks_from: MasksFrom,
    class_ids: tuple[int, ...] | None,
    source: SourceParams | None,
    segment: SegmentParams | None,
    evidence: EvidenceParams | None,
) -> Reading:
    """Open a `Reading` that nobody times; None takes the defaults of a group of tunables."""
    return Reading(
        video,
        masks_from=masks_from,
        class_ids=class_ids,
        source=source or SourceParams(),
        segment=segment or SegmentParams(),
        evidence=evidence or EvidenceParams(),
        stopwatch=Stopwatch(),
    )


def load_network(network: Network | Segmenter, *, device: str, drop_below: float) -> tuple[str, Segmenter]:
    """Return a network's device and the network, ready to segment; one that came ready stays where it is."""
    if not isinstance(network, Network):
        return getattr(network, "device", READY_DEVICE), network
    resolved = models.resolve_device_of(network.name, device)
    if network.ready is not None:
        return resolved, network.ready
    loaded = models.create(
        network.name,
        weights=network.weights,
        device=resolved,
        score_floor=drop_below,
        options=network.options,
    )
    return resolved, loaded


def expected(info: VideoInfo, *, max_frames: int | None) -> int | None:
    """Return the number of frames to expect, None where nobody knows."""
    known = [count for count in (info.n_frames, max_frames) if count]
    return min(known) if info.n_frames else None


def _batches(frames: Iterable[Frame], *, size: int) -> Iterator[list[Frame]]:
    frames = iter(frames)
    while batch := list(islice(frames, size)):
        yield batch


def describe_masks(masks_from: MasksFrom, reading: Reading) -> dict[str, Any]:
    """Return what `params.json` says of where masks come from."""
    names = {str(class_id): name for class_id, name in reading.class_names.items()}
    if isinstance(masks_from, MaskFile):
        return {
            "masks": {**(describe_file(masks_from.path) or {}), "probs": masks_from.probs},
            "network": None,
            "class_names": names,
        }
    network: dict[str, Any] = {"model": masks_from.name, "weights": reading.weights, "weights_file": None}
    if isinstance(masks_from, Network):
        file = Path(masks_from.weights) if masks_from.weights else None
        network["weights_file"] = describe_file(file if file and file.is_file() else None)
        network["options"] = masks_from.options.model_dump(mode="json")
    network["device"] = reading.runs_on
    return {"masks": None, "network": network, "class_names": names}
