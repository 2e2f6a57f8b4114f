"""Clips at a share of their size: pictures, masks, and tunables that keep the meaning they had in full."""

import cv2
import numpy as np

from vidlab.flow.warp import shrink
from vidlab.params import MethodParams
from vidlab.schema import tunables
from vidlab.types import BoolMask, ClassProbs, Instances, Observation


def scaled_hw(size_hw: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Return height and width at a share of their size, pixels.

    >>> scaled_hw((480, 854), 0.5)
    (240, 427)
    """
    return max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))


def scaled_params(params: MethodParams, scale: float) -> MethodParams:
    """Return a method's tunables for frames of a share of their size, with the meaning they had in full.

    What is counted in pixels shrinks with the frames; what is a share of them as a flow's resolution grows.
    A value that switches its step off stays.
    """
    changed = {}
    for tunable in tunables(type(params)):
        value = getattr(params, tunable.name)
        if tunable.unit.startswith("px") and value != tunable.off:
            changed[tunable.name] = value * scale
        elif tunable.name == "flow_scale":
            changed[tunable.name] = min(1.0, value / scale)
    return params.model_copy(update=changed) if scale != 1 else params


def shrink_masks(masks: BoolMask, size_hw: tuple[int, int]) -> BoolMask:
    """Reduce bool (N, H, W): a pixel is what most of the pixels that it covers are."""
    if masks.shape[1:] == size_hw:
        return masks
    small = np.zeros((len(masks), *size_hw), np.bool_)
    for out, mask in zip(small, masks, strict=True):
        np.greater(shrink(mask.view(np.uint8) * np.uint8(255), size_hw), 127, out=out)
    return small


def shrink_observation(observation: Observation, size_hw: tuple[int, int]) -> Observation:
    """Reduce what a network said of a frame to a smaller picture."""
    if observation.size_hw == size_hw:
        return observation
    if isinstance(observation, Instances):
        masks = shrink_masks(observation.masks, size_hw)
        return Instances(masks, observation.scores, observation.class_ids, observation.track_ids)
    maps = [cv2.resize(p, size_hw[::-1], interpolation=cv2.INTER_AREA) for p in observation.probs]
    probs = np.stack(maps) if maps else np.zeros((0, *size_hw), np.float32)
    return ClassProbs(np.asarray(probs, np.float32), observation.class_ids)
