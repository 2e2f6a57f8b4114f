"""Draw the sample scene of data/sample: video, true masks, flickering detections and probabilities.

    python scripts/make_sample.py [--out data/sample] [--seed 21]

The scene is fixed but for its seed: a dog walks through, a person passes behind it the other way and leaves,
a small dog in the distance leaves early. Ends by printing the size of what it wrote.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from vidlab.classes import class_name
from vidlab.masks.coco import CocoResultsWriter
from vidlab.masks.png import write_mask_png, write_probs_png
from vidlab.synthetic import (
    PROFILES,
    Role,
    SceneFrame,
    SceneSpec,
    corrupt_instances,
    corrupt_probs,
    iter_scene,
)
from vidlab.video import VideoWriter

DOG, PERSON = 18, 1
SIZE_HW = (270, 480)
N_FRAMES = 60
FPS = 24
CRF = 20  # small enough to commit, clean enough to look at
PROB_LEVELS = 20  # steps of the probabilities: PNGs of half the size, and a threshold does not notice

CAST = (
    Role(DOG, size=0.46, x=0.2, bottom=0.9, speed_px=3.6),
    Role(PERSON, size=0.56, x=0.92, bottom=0.8, speed_px=-8.2),
    Role(DOG, size=0.2, x=0.80, bottom=0.585, speed_px=4.2),
)

# worse than the network it resembles, so that sixty frames show every kind of failure
FLICKER = replace(
    PROFILES["yolo_like"], missed_share=0.16, missed_run_frames=1.6, hardness_spread=0.0, hole_share=0.18,
    jitter=0.035, jitter_memory=0.5, false_per_frame=0.12, false_run_frames=2.0, false_score=0.4,
)  # fmt: skip
SOFT_FLICKER = replace(
    PROFILES["deeplab_like"], missed_share=0.12, missed_run_frames=1.6, hardness_spread=0.0, hole_share=0.2,
    region_noise=3.0, region_memory=0.6, confidence_spread=0.0,
)  # fmt: skip


def sample_spec(seed: int) -> SceneSpec:
    """Return the spec of the sample scene."""
    return SceneSpec(
        seed=seed, size_hw=SIZE_HW, n_frames=N_FRAMES, fps=FPS, cast=CAST, speed_px=1.5, occlusion=1,
        distractors=0, clutter=0.3, camera_pan_px=0.4, camera_zoom=0.03, motion_blur=0.5, defocus_px=0.45,
        noise=2.0, light_change=0.06, rotation_deg=2.0, scaling=0.03,
    )  # fmt: skip


def write_video(path: Path, frames: list[SceneFrame]) -> None:
    """Encode the frames."""
    with VideoWriter(path, size_hw=SIZE_HW, fps=FPS, crf=CRF, preset="slow") as writer:
        for frame in frames:
            writer.write(frame.image, pts_s=frame.pts_s)


def write_truth(out: Path, frames: list[SceneFrame]) -> None:
    """Write the union of the target class, and every object with its class and identity."""
    with CocoResultsWriter(out / "truth_instances.json") as writer:
        for frame in frames:
            target = frame.instances.masks[frame.instances.class_ids == DOG].any(axis=0)
            write_mask_png(_png(out / "truth", frame), target)
            writer.append(frame.instances, image_id=frame.index)


def write_observations(out: Path, frames: list[SceneFrame], seed: int) -> None:
    """Write detections of all classes, and probabilities of the target class."""
    truth = [frame.instances for frame in frames]
    seen = corrupt_instances(truth, profile=FLICKER, rng=np.random.default_rng([seed, 1]))
    soft = corrupt_probs(truth, class_ids=(DOG,), profile=SOFT_FLICKER, rng=np.random.default_rng([seed, 2]))
    with CocoResultsWriter(out / "detections.json") as writer:
        for frame, found, probs in zip(frames, seen, soft, strict=True):
            writer.append(found, image_id=frame.index)
            stepped = np.round(probs.probs[0] * PROB_LEVELS) / np.float32(PROB_LEVELS)
            write_probs_png(_png(out / "probs", frame), stepped)


def _png(folder: Path, frame: SceneFrame) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{frame.index:05}.png"


def main() -> None:
    """Write the sample."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("data/sample"))
    parser.add_argument("--seed", type=int, default=21)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    spec = sample_spec(options.seed)
    frames = list(iter_scene(spec))
    write_video(options.out / "video.mp4", frames)
    write_truth(options.out, frames)
    write_observations(options.out, frames, options.seed)
    scene = {
        "command": f"python scripts/make_sample.py --seed {options.seed}",
        "seed": options.seed,
        "fps": FPS,
        "n_frames": N_FRAMES,
        "size_hw": SIZE_HW,
        "target_classes": [class_name(DOG)],
        "classes": [class_name(DOG), class_name(PERSON)],
        "spec": asdict(spec),
        "corruption_of_detections": asdict(FLICKER),
        "corruption_of_probs": asdict(SOFT_FLICKER),
    }
    (options.out / "scene.json").write_text(json.dumps(scene, indent=2) + "\n")
    sizes = [path.stat().st_size for path in options.out.rglob("*") if path.is_file()]
    print(f"{options.out}: {len(sizes)} files, {sum(sizes) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
