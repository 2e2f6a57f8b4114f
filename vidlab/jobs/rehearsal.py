"""A clip held in memory, on which methods are tried again and again: for tuning, and for sliders.

decode ─▶ network or mask file ─▶ shrink ─▶ kept in memory ─┬─▶ run(params) ─▶ judge
          once                                              └─▶ preview(params, frame)
optical flow: of a pair of frames once, whatever is tried; the stabilizers' and the judges'
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from vidlab.errors import ParameterError
from vidlab.flow import FlowEstimator, FlowMemory, RememberedFlow, flow_of
from vidlab.flow.remembered import BYTES_PER_MB, FlowDtype
from vidlab.jobs.drive import drive
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.reading import MasksFrom, open_reading
from vidlab.jobs.rehearsal_judge import Judging, PairMotions
from vidlab.jobs.rehearsal_scale import scaled_hw, scaled_params
from vidlab.jobs.rehearsal_telling import Stop, StoppedError, Telling, heed
from vidlab.jobs.rehearsed import Keeper, KeptFrame, MaskRow
from vidlab.jobs.truth import MaskFolder
from vidlab.metrics.summary import ClipSummary
from vidlab.params import (
    EvaluateParams,
    EvidenceParams,
    FilterParams,
    FlowFusionTwoPassParams,
    FusionParams,
    MethodParams,
    SegmentParams,
    SourceParams,
)
from vidlab.temporal import create_stabilizer
from vidlab.types import BoolMask, UInt8Image, VideoInfo

# Frames run before a previewed one, and after it: what lies further hardly counts, and takes too long for a
# hand that moves a slider. Without a look-ahead the past is quicker, and has more to say.
WARM_UP, WARM_UP_CAUSAL, AHEAD = 8, 20, 8
FLOW_SHARE = 0.5  # of the memory that the frames leave: for the stabilizers' flows; the rest is the judges'


def never() -> bool:
    """Do not stop."""
    return False


class Rehearsal:
    """A clip held in memory, on which methods are tried again and again: decoded, read and judged once.

    Threads may share it.

    Attributes:
        info: What the source declares.
        size_hw: Height and width of what is kept, pixels.
        n_frames: Frames kept.
        times_s: Presentation time of each, seconds.
        scale: Size kept as a share of the source's.
        images: uint8 (h, w, 3), RGB, one for each frame.
        raw: bool (h, w), union of the wanted classes at the operating point, one for each frame.
        truth: bool (h, w), one for each frame; None without truth.
        losses: What the source could not give.
    """

    def __init__(
        self,
        frames: Sequence[KeptFrame],
        *,
        info: VideoInfo,
        class_ids: tuple[int, ...] | None,
        evidence: EvidenceParams,
        judge: EvaluateParams,
        scale: float,
        flows: FlowMemory,
        motions: PairMotions,
        losses: tuple[str, ...] = (),
    ) -> None:
        """Put together what `open` read."""
        self.info, self.scale, self.losses = info, scale, losses
        self.size_hw = scaled_hw(info.size_hw, scale)
        self.n_frames = len(frames)
        self.times_s = [frame.pts_s for frame in frames]
        self.images: Sequence[UInt8Image] = [frame.image for frame in frames]
        self.raw: Sequence[BoolMask] = MaskRow([frame.raw for frame in frames])
        truth = [frame.truth for frame in frames if frame.truth is not None]
        self.truth: Sequence[BoolMask] | None = MaskRow(truth) if truth else None
        self._frames = frames
        self._class_ids, self._rules, self._judging = class_ids, evidence, judge
        self._flows, self._motions = flows, motions
        self._telling = Telling(frames, class_ids=class_ids, rules=evidence)

    @classmethod
    def open(
        cls,
        video: Path,
        *,
        masks_from: MasksFrom,
        class_ids: tuple[int, ...] | None = None,
        truth: Path | None = None,
        source: SourceParams | None = None,
        segment: SegmentParams | None = None,
        evidence: EvidenceParams | None = None,
        judge: EvaluateParams | None = None,
        scale: float = 1.0,
        memory_mb: float,
        flow_dtype: FlowDtype = "float32",
        progress: Progress = silent,
    ) -> "Rehearsal":
        """Read a clip into memory.

        Args:
            video: Video file, or folder of numbered images.
            masks_from: The masks to stabilize, or the network that finds them.
            class_ids: COCO ids of the wanted classes; None takes all.
            truth: Folder of PNGs with true masks, one per frame.
            source: How frames are read; None takes the defaults of `SourceParams`, and so on.
            segment: How the network is run.
            evidence: Which detections count.
            judge: How masks are judged; None measures all but DAVIS' T, which takes longer than the rest.
            scale: Size to keep as a share of the frames', (0, 1]. Below 1 everything is faster and coarser;
                metrics that count pixels count those of the smaller size.
            memory_mb: Most that frames, masks and flows may take together, MB.
            flow_dtype: `float16` has room for twice as many flows, and errs by a thousandth of the motion.
            progress: Told after every frame how many are read.

        Raises:
            SourceError: Video, masks or truth cannot be used, do not fit each other, or not into the memory.
            ParameterError: A scale outside (0, 1].
            WeightsError: The network has no weights.
            DeviceError: The device is not here.
        """
        if not 0 < scale <= 1:
            raise ParameterError(f"scale must lie in (0, 1], got {scale}")
        rules, source = evidence or EvidenceParams(), source or SourceParams()
        reading = open_reading(
            video, masks_from=masks_from, class_ids=class_ids, source=source, segment=segment, evidence=rules
        )
        target = None if truth is None else MaskFolder(truth, size_hw=reading.info.size_hw)
        keeper = Keeper(scale=scale, memory_mb=memory_mb, class_ids=class_ids, rules=rules)
        for n_done, (frame, observation) in enumerate(reading, start=1):
            mask = None if target is None else target.next_mask()
            keeper.take(
                frame.image, observation, pts_s=frame.pts_s, truth=mask, n_expected=reading.n_expected
            )
            progress(n_done, reading.n_expected)
        if target is not None and len(keeper.frames) != source.max_frames:
            target.finish()
        left_mb = memory_mb - keeper.n_bytes / BYTES_PER_MB
        judging = judge or EvaluateParams(davis_t=False)
        return cls(
            keeper.frames,
            info=reading.info,
            class_ids=class_ids,
            evidence=rules,
            judge=judging,
            scale=scale,
            flows=FlowMemory(memory_mb=FLOW_SHARE * left_mb, dtype=flow_dtype),
            motions=PairMotions(keeper.frames, params=judging, memory_mb=(1 - FLOW_SHARE) * left_mb),
            losses=reading.losses,
        )

    def part(self, start: int, stop: int) -> "Rehearsal":
        """Return some of the frames as a clip of its own, which shares everything that was estimated.

        Raises:
            ParameterError: There is no frame from `start` to before `stop`.
        """
        if not 0 <= start < stop <= self.n_frames:
            raise ParameterError(f"a part must lie in [0, {self.n_frames}), got [{start}, {stop})")
        return Rehearsal(
            self._frames[start:stop],
            info=self.info,
            class_ids=self._class_ids,
            evidence=self._rules,
            judge=self._judging,
            scale=self.scale,
            flows=self._flows,
            motions=self._motions,
            losses=self.losses,
        )

    # ── trying ──────────────────────────────────────────────────────────────────────────────────────────────
    def run(self, params: MethodParams, *, stop: Stop = never) -> Iterator[BoolMask]:
        """Yield what a method makes of each frame: the union of its stable masks, bool (h, w).

        Args:
            params: The method with its tunables, meant for full frames; pixels shrink with the clip.
            stop: Asked before every frame, on each of the ways over it; from when it is true on, nothing more
                comes.
        """
        yield from self._run(params, 0, self.n_frames, stop)

    def preview(self, params: MethodParams, index: int, *, stop: Stop = never) -> BoolMask:
        """Return what a method makes of one frame, bool (h, w), from a short run around it.

        Args:
            params: As for `run`.
            index: The frame, from 0.
            stop: As for `run`; what comes then is the raw mask.

        Raises:
            ParameterError: There is no such frame.
        """
        if not 0 <= index < self.n_frames:
            raise ParameterError(f"index must lie in [0, {self.n_frames}), got {index}")
        first, ahead = max(0, index - WARM_UP_CAUSAL), create_stabilizer(params).delay
        if isinstance(params, FlowFusionTwoPassParams):
            ahead = max(1, min(params.look_ahead, AHEAD, self.n_frames - 1 - index))
            first = max(0, index - WARM_UP - (AHEAD - ahead))
            # one chunk that ends with the frame: both passes run once
            params = params.model_copy(update={"look_ahead": ahead, "chunk": index - first + 1})
        stable = self._run(params, first, min(self.n_frames, index + ahead + 1), stop)
        for number, mask in enumerate(stable, start=first):
            if number == index:
                return mask
        return self.raw[index]

    def _run(self, params: MethodParams, first: int, end: int, stop: Stop) -> Iterator[BoolMask]:
        params = scaled_params(params, self.scale)
        items = self._telling.items(params, first=first, end=end, stop=stop)
        stabilizer = create_stabilizer(params, flow=self._flow(params), heed=lambda: heed(stop))
        try:
            for _, _, stable in drive(stabilizer, items):
                union: BoolMask = np.logical_or.reduce(stable.masks, axis=0)
                yield union
        except StoppedError:
            return

    def _flow(self, params: MethodParams) -> FlowEstimator | None:
        """Return the flow of a method that names one, remembering."""
        if not isinstance(params, FilterParams | FusionParams):
            return None
        return RememberedFlow(flow_of(params), memory=self._flows, frame_scale=self.scale)

    # ── judging ─────────────────────────────────────────────────────────────────────────────────────────────
    def judging(self) -> Judging:
        """Return what takes masks one by one, for those who want metrics while masks still come."""
        return Judging(self._frames, motions=self._motions, params=self._judging)

    def judge(self, masks: Iterable[BoolMask], *, stop: Stop = never) -> ClipSummary:
        """Measure masks, bool (h, w), one for each frame: all that `jobs.evaluate` measures.

        Args:
            masks: In the order of the frames; they may end early.
            stop: Asked before every frame; from when it is true on, no more are taken.

        Returns:
            The metrics of the frames that were taken.

        Raises:
            ShapeError: A mask of another size.
        """
        judging = self.judging()
        for mask in masks:
            if stop():
                break
            judging.take(mask)
        return judging.compute()

    def measure(self, params: MethodParams) -> ClipSummary:
        """Run a method and measure what it makes of the clip."""
        return self.judge(self.run(params))
