"""What the adversaries' test measures, in a module of its own so that two processes can share the work."""

import cv2
import numpy as np

from vidlab.flow import FarnebackFlow, occluded, to_gray
from vidlab.metrics.boundary import boundary_f
from vidlab.metrics.flicker import ExcessFlicker
from vidlab.metrics.headline import headline
from vidlab.metrics.overlap import iou
from vidlab.synthetic import PROFILES, corrupt_instances, iter_scene, random_scene
from vidlab.synthetic.adversaries import ADVERSARIES
from vidlab.synthetic.spec import CLASS_IDS

SIZE_HW = (480, 854)
N_FRAMES = 20  # more than the median's window
MIN_SCORE = 0.25


def scene_of(seed):
    return random_scene(
        seed,
        size_hw=SIZE_HW,
        n_frames=N_FRAMES,
        classes=(CLASS_IDS[seed % len(CLASS_IDS)],),
        speed_px=(3.0, 6.0)[seed % 2],
        n_objects=1 + seed % 2,
        min_size=0.35,
        max_size=0.7,
    )


def predictions(frames, seed):
    """What a network like YOLO finds: bool (T, H, W), the union of its detections."""
    rng = np.random.default_rng([seed, 1])
    found = corrupt_instances((f.instances for f in frames), profile=PROFILES["yolo_like"], rng=rng)
    return np.stack([instances.masks[instances.scores >= MIN_SCORE].any(axis=0) for instances in found])


def rank(seed):
    """Mean speed of the objects in the picture, px/frame, and version → (J, F at 2 px, excess, headline)."""
    cv2.setNumThreads(1)
    frames = list(iter_scene(scene_of(seed)))
    truth = np.stack([frame.instances.masks.any(axis=0) for frame in frames])
    raw = predictions(frames, seed)
    versions = {"truth": truth, "raw": raw} | {name: make(raw) for name, make in ADVERSARIES.items()}
    flicker = {name: ExcessFlicker() for name in versions}
    accuracy = {name: [] for name in versions}
    estimate, grays = FarnebackFlow(scale=0.5), [to_gray(frame.image) for frame in frames]
    for t in range(N_FRAMES):
        flow = hidden = None
        if t:
            flow = estimate(grays[t], grays[t - 1])
            hidden = occluded(flow, estimate(grays[t - 1], grays[t]))
        for name, masks in versions.items():
            flicker[name].update(masks[t], target=truth[t], flow_to_prev=flow, occluded=hidden)
            accuracy[name].append((iou(masks[t], truth[t]), boundary_f(masks[t], truth[t], tolerance_px=2)))
    ranked = {}
    for name in versions:
        j, f_2px = (float(value) for value in np.mean(accuracy[name], axis=0))
        excess = flicker[name].compute().excess
        ranked[name] = (j, f_2px, excess, headline(j=j, f_2px=f_2px, excess_flicker=excess))
    pairs = zip(frames[1:], truth[1:], strict=True)
    speeds = [np.linalg.norm(f.flow_to_prev[mask], axis=-1).mean() for f, mask in pairs if mask.any()]
    return float(np.mean(speeds)), ranked
