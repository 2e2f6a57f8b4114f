"""Draw the sample scene of data/sample: video, true masks, flickering detections and probabilities.

    python scripts/make_sample.py [--out data/sample] [--seed 11]

The scene is fixed but for its seed: a dog walks through, a person passes behind it the other way and leaves,
a small dog in the distance leaves early. Ends by printing the size of what it wrote.
"""

import argparse
import json
from dataclasses import asdict, replace
from fractions import Fraction
from itertools import tee
from pathlib import Path

import av
import cv2
import numpy as np
from pycocotools import mask as coco_mask

from vidlab.classes import class_name
from vidlab.synthetic import (
    PROFILES,
    Role,
    SceneFrame,
    SceneSpec,
    corrupt_instances,
    corrupt_probs,
    iter_scene,
)
from vidlab.types import Instances

DOG, PERSON = 18, 1
SIZE_HW = (270, 480)
N_FRAMES = 60
FPS = 24
CRF = 27  # small enough to commit, clean enough to look at
PROB_STEP = 8  # grey levels; the PNGs are half the size and the threshold does not notice

CAST = (
    Role(DOG, size=0.46, x=0.2, bottom=0.9, speed_px=3.6),
    Role(PERSON, size=0.56, x=0.92, bottom=0.8, speed_px=-8.2),
    Role(DOG, size=0.2, x=0.80, bottom=0.585, speed_px=4.2),
)

# worse than the network it resembles, so that sixty frames show every kind of failure
FLICKER = replace(
    PROFILES["yolo_like"], missed_share=0.16, missed_run_frames=1.6, hardness_spread=0.0, hole_share=0.18,
    jitter=0.035, jitter_memory=0.5, false_per_frame=0.12, false_run_frames=2.0, false_score=0.3,
)  # fmt: skip


def sample_spec(seed: int) -> SceneSpec:
    """Return the spec of the sample scene."""
    return SceneSpec(
        seed=seed, size_hw=SIZE_HW, n_frames=N_FRAMES, fps=FPS, cast=CAST, speed_px=1.5, occlusion=1,
        distractors=0, clutter=0.3, camera_pan_px=0.4, camera_zoom=0.03, motion_blur=0.5, defocus_px=0.45,
        noise=2.0, light_change=0.06, rotation_deg=2.0, scaling=0.03,
    )  # fmt: skip


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write an 8-bit grey PNG, as small as it goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def to_coco(found: Instances, image_id: int) -> list[dict]:
    """List detections as COCO results with compressed RLE."""
    results = []
    for mask, score, class_id in zip(found.masks, found.scores, found.class_ids, strict=True):
        rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        x, y, width, height = (float(v) for v in coco_mask.toBbox(rle))
        results.append(
            {
                "image_id": image_id,
                "category_id": int(class_id),
                "bbox": [x, y, width, height],
                "score": round(float(score), 4),
                "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
            }
        )
    return results


def write_video(path: Path, frames: list[SceneFrame]) -> None:
    """Encode H.264 that a browser plays."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": str(CRF), "preset": "veryslow"})
        stream.height, stream.width = SIZE_HW
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, FPS)
        stream.codec_context.thread_count = 1  # the same bytes on every machine
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="rgb24")))
        container.mux(stream.encode(None))


def write_truth_and_masks(out: Path, frames: list[SceneFrame], seed: int) -> None:
    """Write truth, detections and probabilities; the target class is the dog."""
    first, second = tee(frame.instances for frame in frames)
    seen = corrupt_instances(first, profile=FLICKER, rng=np.random.default_rng([seed, 1]))
    soft = corrupt_probs(
        second, class_ids=(DOG,), profile=PROFILES["deeplab_like"], rng=np.random.default_rng([seed, 2])
    )
    results: list[dict] = []
    for frame, found, probs in zip(frames, seen, soft, strict=True):
        target = frame.instances.masks[frame.instances.class_ids == DOG].any(axis=0)
        write_png(out / "truth" / f"{frame.index:05}.png", np.where(target, np.uint8(255), np.uint8(0)))
        grey = np.round(probs.probs[0] * 255 / PROB_STEP) * PROB_STEP
        write_png(out / "probs" / f"{frame.index:05}.png", np.clip(grey, 0, 255).astype(np.uint8))
        results += to_coco(found, frame.index)
    (out / "detections.json").write_text(json.dumps(results, separators=(",", ":")) + "\n")


def main() -> None:
    """Write the sample."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("data/sample"))
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    spec = sample_spec(options.seed)
    frames = list(iter_scene(spec))
    write_video(options.out / "video.mp4", frames)
    write_truth_and_masks(options.out, frames, options.seed)
    scene = {
        "command": f"python scripts/make_sample.py --seed {options.seed}",
        "seed": options.seed,
        "fps": FPS,
        "n_frames": N_FRAMES,
        "size_hw": SIZE_HW,
        "target_classes": [class_name(DOG)],
        "classes": [class_name(DOG), class_name(PERSON)],
        "spec": asdict(spec),
        "corruption": asdict(FLICKER),
    }
    (options.out / "scene.json").write_text(json.dumps(scene, indent=2) + "\n")
    sizes = [path.stat().st_size for path in options.out.rglob("*") if path.is_file()]
    print(f"{options.out}: {len(sizes)} files, {sum(sizes) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
