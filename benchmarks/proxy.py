"""How well does the no-truth quality proxy rank masks? Spearman's rho with (J + F) / 2, clip by clip.

    .venv/bin/python benchmarks/proxy.py             measure and print
    .venv/bin/python benchmarks/proxy.py --write     and keep it for `vidlab evaluate` to print

In every clip, versions of one prediction are ranked: raw, stabilized, smoothed, wrong on purpose, too small,
too large. Clips are the synthetic suite (another seed than the proxy was chosen on) and the sequences of
../shared/real, two networks each, which were in view when the proxy was chosen: no held-out number. Without
../shared/real its part of the record stays as it is.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from vidlab.classes import class_ids
from vidlab.flow import to_gray
from vidlab.jobs import MaskFile
from vidlab.jobs.drive import drive
from vidlab.jobs.measuring import judging_flow, pair_motion
from vidlab.jobs.reading import open_reading
from vidlab.jobs.truth import MaskFolder
from vidlab.metrics.boundary import boundary_f, davis_tolerance_px
from vidlab.metrics.consistency import Consistency
from vidlab.metrics.overlap import iou
from vidlab.metrics.proxy import OutlineContrast, RankCorrelation, quality_proxy
from vidlab.params import EvaluateParams, EvidenceParams, method_params
from vidlab.synthetic.adversaries import ADVERSARIES
from vidlab.synthetic.suite import suite
from vidlab.temporal import create_stabilizer
from vidlab.temporal.evidence import to_evidence
from vidlab.temporal.protocol import Evidence
from vidlab.types import BoolMask, Frame, UInt8Image

RECORD = Path(__file__).resolve().parents[1] / "vidlab" / "metrics" / "proxy.json"
SEQUENCES = Path(__file__).resolve().parents[2] / "shared" / "real" / "sequences"
NETWORKS = {"YOLOv8n-seg": ("yolov8n_seg.json", False), "DeepLabV3": ("deeplabv3_probs", True)}
METHODS = ("flow_fusion", "flow_fusion_two_pass", "gaussian", "exponential")
SEED = 5
SIZE_HW, N_FRAMES = (270, 480), 30
GROWN_PX = 9  # too large and too small by half of this


def versions_of(images: list[UInt8Image], evidence: list[Evidence]) -> dict[str, BoolMask]:
    """Make the versions that are ranked: name → bool (T, H, W)."""
    size_hw = images[0].shape[:2]
    raw = np.stack([_union(step.raw, size_hw) for step in evidence])
    versions = {"raw": raw} | {name: make(raw) for name, make in ADVERSARIES.items()}
    kernel = np.ones((GROWN_PX, GROWN_PX), np.uint8)
    versions["too small"] = np.stack([cv2.erode(mask.view(np.uint8), kernel) > 0 for mask in raw])
    versions["too large"] = np.stack([cv2.dilate(mask.view(np.uint8), kernel) > 0 for mask in raw])
    for method in METHODS:
        items = (
            (Frame(image, i, i / 25), step, None)
            for i, (image, step) in enumerate(zip(images, evidence, strict=True))
        )
        driven = drive(create_stabilizer(method_params(method)), items)
        versions[method] = np.stack([_union(stable.masks, size_hw) for *_, stable in driven])
    return versions


def rank(images: list[UInt8Image], versions: dict[str, BoolMask], truth: BoolMask) -> float:
    """Return Spearman's rho of the proxy with (J + F) / 2 over a clip's versions; NaN if all are equal."""
    flow, grays = judging_flow(EvaluateParams()), [to_gray(image) for image in images]
    calm = {name: Consistency() for name in versions}
    contrast = {name: OutlineContrast() for name in versions}
    accuracy: dict[str, list[float]] = {name: [] for name in versions}
    tolerance_px = davis_tolerance_px(truth.shape[1:])
    for t, image in enumerate(images):
        moved = pair_motion(flow, grays[t], grays[t - 1]) if t else None
        for name, masks in versions.items():
            to_prev, hidden = (None, None) if moved is None else (moved.flow_to_prev, moved.occluded)
            calm[name].update(masks[t], flow_to_prev=to_prev, occluded=hidden)
            contrast[name].update(masks[t], image)
            f = boundary_f(masks[t], truth[t], tolerance_px=tolerance_px)
            accuracy[name].append((iou(masks[t], truth[t]) + f) / 2)
    guessed = [
        quality_proxy(contrast=contrast[name].compute(), flicker=1 - calm[name].compute())
        for name in versions
    ]
    return float(spearmanr(guessed, [np.mean(values) for values in accuracy.values()]).statistic)


def synthetic() -> Iterator[tuple[str, float]]:
    """Yield every clip of the suite with its rho."""
    for clip in suite(size_hw=SIZE_HW, n_frames=N_FRAMES, seed=SEED):
        frames = list(clip)
        settings = EvidenceParams().model_dump()
        evidence = [to_evidence(seen, class_ids=clip.class_ids, **settings) for _, seen in frames]
        images = [frame.image for frame, _ in frames]
        truth = np.stack([_union(frame.instances.masks, SIZE_HW) for frame, _ in frames])
        yield clip.name, rank(images, versions_of(images, evidence), truth)


def real() -> Iterator[tuple[str, float]]:
    """Yield every real sequence and network with its rho."""
    for folder in sorted(SEQUENCES.iterdir()) if SEQUENCES.is_dir() else []:
        wanted = class_ids(json.loads((folder / "sequence.json").read_text("utf-8"))["target_classes"])
        truth = np.stack(list(MaskFolder(folder / "truth", size_hw=None)))
        for network, (masks, probs) in NETWORKS.items():
            reading = open_reading(
                folder / "frames", masks_from=MaskFile(folder / masks, probs), class_ids=wanted,
                source=None, segment=None, evidence=None,
            )  # fmt: skip
            read = [(frame.image, step) for frame, step, _ in reading.with_evidence()]
            images, evidence = [image for image, _ in read], [step for _, step in read]
            yield f"{folder.name}, {network}", rank(images, versions_of(images, evidence), truth)


def _union(masks: NDArray[np.bool_], size_hw: tuple[int, ...]) -> BoolMask:
    return masks.any(axis=0) if len(masks) else np.zeros(size_hw, np.bool_)


def measure(part: Iterator[tuple[str, float]]) -> list[float]:
    """Print each clip's rho as it comes, and return the defined ones."""
    found = []
    for name, rho in part:
        if math.isnan(rho):  # a network that finds nothing leaves nothing to rank
            print(f"{name:28} nothing to rank", flush=True)
            continue
        print(f"{name:28} {rho:+.2f}", flush=True)
        found.append(rho)
    return found


def main() -> int:
    """Measure, print, and keep the means if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="keep the means for vidlab evaluate to print")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    before = json.loads(RECORD.read_text("utf-8"))["rank_correlation"] if RECORD.is_file() else {}
    drawn, filmed = measure(synthetic()), measure(real())
    means = RankCorrelation(
        synthetic=round(float(np.mean(drawn)), 3),
        n_synthetic=len(drawn),
        real=round(float(np.mean(filmed)), 3) if filmed else before.get("real", float("nan")),
        n_real=len(filmed) or before.get("n_real", 0),
    )
    print(f"mean of {means.n_synthetic} synthetic clips {means.synthetic:+.3f}")
    print(f"mean of {means.n_real} real ones {means.real:+.3f}")
    if args.write:
        text = json.dumps(
            {"made by": "benchmarks/proxy.py --write", "rank_correlation": asdict(means)}, indent=2
        )
        RECORD.write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
