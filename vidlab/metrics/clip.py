"""Every metric of one clip, fed one frame at a time."""

import math
from dataclasses import dataclass

import numpy as np

from vidlab.metrics.accuracy import Accuracy
from vidlab.metrics.area import detrended_area_cv
from vidlab.metrics.class_consistency import ClassConsistency
from vidlab.metrics.columns import Column, Columns
from vidlab.metrics.consistency import Consistency
from vidlab.metrics.curves import Curves
from vidlab.metrics.davis_t import TemporalStability
from vidlab.metrics.flicker import ExcessFlicker
from vidlab.metrics.headline import headline
from vidlab.metrics.jitter import BoundaryJitter
from vidlab.metrics.lifetimes import Lifetimes
from vidlab.metrics.matting import MattingError
from vidlab.metrics.proxy import OutlineContrast, quality_proxy
from vidlab.metrics.stability import Stability
from vidlab.metrics.summary import ClipSummary
from vidlab.metrics.video_consistency import VideoConsistency
from vidlab.metrics.warping_error import WarpingError
from vidlab.params import EvaluateParams
from vidlab.types import BoolMask, Float32Array, UInt8Image

VC_WINDOWS = (8, 16)  # frames, as VSPW reports it
MASK_CLASSES = 2  # a mask is two classes: background and object


@dataclass(frozen=True, slots=True)
class PairMotion:
    """How a frame moved since the one before, seen by one optical flow.

    Attributes:
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel was in the previous frame.
        occluded: bool (H, W), pixels that the previous frame does not show (see `vidlab.flow.occluded`).
        valid: bool (H, W), pixels that E_warp compares (see `warping_error.non_occluded`).
    """

    flow_to_prev: Float32Array
    occluded: BoolMask
    valid: BoolMask


class ClipMetrics:
    """Every metric of one clip, one frame at a time.

    Holds some masks and the curves of the last frames, never a clip; older values rest in a temporary file.

    >>> metrics = ClipMetrics(EvaluateParams())
    >>> for mask in np.array([[[True, False]], [[True, True]]]):
    ...     metrics.update(mask, probs=None, target=mask, image=None, motion=None, judge=None)
    >>> summary = metrics.compute()
    >>> summary.instability, summary.j_mean, summary.probs_l1_mean
    (0.5, 1.0, None)
    >>> summary.undefined_frames["iou_prev"], summary.undefined_frames["consistency"]
    ('0', '0-1')
    """

    def __init__(self, params: EvaluateParams) -> None:
        self._params = params
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._stability, self._davis_t = Stability(), TemporalStability()
        self._consistency, self._warping = Consistency(), WarpingError()
        self._tc = ClassConsistency(n_classes=MASK_CLASSES, compat="strict")
        self._flicker, self._jitter, self._contrast = ExcessFlicker(), BoundaryJitter(), OutlineContrast()
        self._accuracy, self._matting = Accuracy(), MattingError(compat="strict")
        self._vc = {n: VideoConsistency(window=n, compat="strict") for n in VC_WINDOWS}
        self._lifetimes = Lifetimes(found_iou=self._params.found_iou, kept_frames=self._params.kept_frames)
        self._curves = Columns()

    def update(
        self,
        mask: BoolMask,
        *,
        probs: Float32Array | None,
        target: BoolMask | None,
        image: UInt8Image | None,
        motion: PairMotion | None,
        judge: PairMotion | None,
    ) -> None:
        """Take the next frame; what is None leaves its metrics undefined here.

        Args:
            mask: bool (H, W), the prediction.
            probs: float32 (H, W) or (K, H, W), [0, 1], its probabilities.
            target: bool (H, W), the truth.
            image: uint8 (H, W, 3), RGB, for the contrast across the outline.
            motion: The motion that consistency, TC and E_warp are defined along: DIS at full size.
            judge: The motion that flicker and jitter are judged by: another method than the stabilizer's.

        Raises:
            ShapeError: Another dtype, rank, or size; start again with `reset`.
        """
        found = self._against_truth(mask, probs, target)
        found |= self._along(mask, probs, motion)
        found |= self._judged(mask, target, judge)
        still = self._stability.update(mask, probs=probs)
        found |= {name: getattr(still, name) for name in still.__slots__}
        found["outline_contrast"] = self._contrast.update(mask, image)
        if self._params.davis_t:
            found["davis_t"] = self._davis_t.update(mask)
        self._curves.append({name: found.get(name, math.nan) for name in Curves.model_fields})

    def _against_truth(
        self, mask: BoolMask, probs: Float32Array | None, target: BoolMask | None
    ) -> dict[str, float]:
        if target is None:
            return {}
        accuracy = self._accuracy.update(mask, target=target)
        fate = self._lifetimes.update(mask, target=target)
        for metric in self._vc.values():
            metric.update(mask, target=target)
        matting = self._matting.update(_soft(mask, probs), target=target)
        frame = {name: getattr(accuracy, name) for name in accuracy.__slots__}
        return {**frame, "dtssd": matting.dtssd, "ghost_area_px": fate.ghost_area_px}

    def _along(
        self, mask: BoolMask, probs: Float32Array | None, motion: PairMotion | None
    ) -> dict[str, float]:
        flow = None if motion is None else motion.flow_to_prev
        hidden = None if motion is None else motion.occluded
        valid = None if motion is None else motion.valid
        return {
            "consistency": self._consistency.update(mask, flow_to_prev=flow, occluded=hidden),
            "tc": self._tc.update(mask, flow_to_prev=flow, occluded=hidden),
            "warping_error": self._warping.update(_soft(mask, probs), flow_to_prev=flow, valid=valid),
        }

    def _judged(self, mask: BoolMask, target: BoolMask | None, judge: PairMotion | None) -> dict[str, float]:
        flow = None if judge is None else judge.flow_to_prev
        hidden = None if judge is None else judge.occluded
        flicker = self._flicker.update(mask, target=target, flow_to_prev=flow, occluded=hidden)
        jitter = self._jitter.update(mask, flow_to_prev=flow, occluded=hidden)
        return {"flicker": flicker.instability, "excess_flicker": flicker.excess, "jitter_px": jitter}

    def compute(self) -> ClipSummary:
        """Return the record of all frames so far; no frames: every mean None, every curve empty."""
        undefined = {name: np.isnan(self._curves.of(name)) for name in Curves.model_fields}
        defined = {name: int(np.count_nonzero(~where)) for name, where in undefined.items()}
        n_frames = len(self._curves)
        return ClipSummary(
            n_frames=n_frames,
            n_pairs=max(n_frames - 1, 0),
            n_probs_pairs=defined["probs_l1"],
            n_consistency_pairs=defined["consistency"],
            n_flicker_pairs=defined["flicker"],
            n_target=defined["j"],
            **self._calm(),
            **self._right(),
            undefined_frames={
                name: _ranges(where) for name, where in undefined.items() if defined[name] < n_frames
            },
            curves=self._columns(),
        )

    def _columns(self) -> Curves:
        columns = {name: Column(self._curves, name) for name in Curves.model_fields}
        return Curves.model_validate({**columns, "area_px": Column(self._curves, "area_px", number=int)})

    def _calm(self) -> dict[str, float]:
        still, flicker, jitter = self._stability.compute(), self._flicker.compute(), self._jitter.compute()
        contrast = self._contrast.compute()
        areas = self._curves.of("area_px").astype(np.int64)
        values = {
            "instability": still.pop("instability"),
            "area_cv": still.pop("area_cv"),
            "area_cv_detrended": detrended_area_cv(areas, window=self._params.area_window),
            "consistency_mean": self._consistency.compute(),
            "tc_mean": self._tc.compute()["tc"],
            "warping_error_mean": self._warping.compute(),
            "flicker_mean": flicker.instability,
            "excess_flicker": flicker.excess,
            "jitter_median_px": jitter.median_px,
            "jitter_p95_px": jitter.p95_px,
            "davis_t_mean": self._davis_t.compute(),
            "outline_contrast_mean": contrast,
            "quality_proxy": quality_proxy(contrast=contrast, flicker=flicker.instability),
        }
        return values | {f"{name}_mean": value for name, value in still.items()}

    def _right(self) -> dict[str, float | int | None]:
        accuracy = self._accuracy.compute()
        values: dict[str, float | int | None] = {
            name if name.endswith(("recall", "decay")) else f"{name}_mean": value
            for name, value in accuracy.items()
        }
        flicker = self._flicker.compute().excess
        values["headline"] = headline(j=accuracy["j"], f_2px=accuracy["f_2px"], excess_flicker=flicker)
        values["dtssd_mean"] = self._matting.compute()["dtssd"]
        for n, metric in self._vc.items():
            window = metric.compute()
            values |= {f"vc{n}": window["vc"], f"vc{n}_star": window["vc_star"]}
        lives, known = self._lifetimes.compute(), not math.isnan(accuracy["j"])
        names = ("ghost_frames", "false_frames", "unborn", "dropouts", "dropout_frames")
        values |= {name: getattr(lives, name) if known else None for name in names}
        values["ghost_area_px"] = lives.ghost_area_px if known else None
        values["birth_latency_frames"] = lives.birth_latency_frames
        return values


def _soft(mask: BoolMask, probs: Float32Array | None) -> Float32Array:
    """The soft mask: the most probable class's probability, where there are any."""
    if probs is None:
        return mask.astype(np.float32)
    return np.asarray(probs.max(axis=0), np.float32) if probs.ndim == 3 else probs


def _ranges(where: BoolMask) -> str:
    """Write where a curve is undefined, bool (T,), as ranges: `0, 12-14`."""
    edges = np.flatnonzero(np.diff(where, prepend=False, append=False))
    runs = zip(edges[::2].tolist(), (edges[1::2] - 1).tolist(), strict=True)
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
