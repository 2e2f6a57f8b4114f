"""The forms in which people hold masks: how they are told apart, read as evidence, and given back."""

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ShapeError
from vidlab.temporal.protocol import StableFrame
from vidlab.types import OBJECT_CLASS_ID, BoolMask, ClassProbs, Float32Array, UInt8Image

Masks: TypeAlias = NDArray[Any]
ChannelOrder: TypeAlias = Literal["rgb", "bgr"]
Form: TypeAlias = Literal["mask", "objects", "map", "maps", "labels"]

FORMS = (
    "bool (H, W), bool (N, H, W), float32 (H, W) or (K, H, W) with probabilities, "
    "or integers (H, W) with one class per pixel"
)
MOST_LABELS = 64  # in one frame; more are probabilities in 255 steps, or a picture


def to_rgb(image: UInt8Image, *, channel_order: ChannelOrder) -> UInt8Image:
    """Check an image and return it as RGB; may share memory with it.

    Raises:
        ShapeError: It is not uint8 (H, W, 3); says what to do about the usual others.
    """
    if not isinstance(image, np.ndarray):
        raise ShapeError(f"image must be a NumPy array, uint8 (H, W, 3), got {type(image).__name__}")
    if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size:
        return np.ascontiguousarray(image[..., ::-1]) if channel_order == "bgr" else image
    hint = ""
    if image.ndim == 2:
        hint = "; of a gray picture make three channels, np.stack([image] * 3, axis=-1)"
    elif image.ndim == 3 and image.shape[2] == 4:
        hint = "; leave the fourth channel out, image[..., :3]"
    elif image.ndim == 3 and image.shape[0] == 3:
        hint = "; move the channels to the end, image.transpose(1, 2, 0)"
    elif image.dtype != np.uint8:
        hint = "; if it lies in [0, 1], write (image * 255).astype(np.uint8)"
    raise ShapeError(f"image must be uint8 (H, W, 3), got {image.dtype} {image.shape}{hint}")


def form_of(masks: Masks, size_hw: tuple[int, int]) -> Form:
    """Tell the form of masks for an image of this size.

    Raises:
        ShapeError: They are in none of the forms, or of another size; says what to do about the usual others.
    """
    if not isinstance(masks, np.ndarray):
        raise ShapeError(f"masks must be a NumPy array, {FORMS}; got {type(masks).__name__}")
    if masks.ndim not in (2, 3) or masks.shape[-2:] != size_hw:
        raise ShapeError(_wrong_size(masks, size_hw))
    if masks.dtype == np.bool_:
        return "mask" if masks.ndim == 2 else "objects"
    if np.issubdtype(masks.dtype, np.floating):
        return "map" if masks.ndim == 2 else "maps"
    if np.issubdtype(masks.dtype, np.integer) and masks.ndim == 2:
        return "labels"
    hint = "; masks of several objects must be bool, write masks > 0" if masks.ndim == 3 else ""
    raise ShapeError(f"masks must be {FORMS}; got {masks.dtype} {masks.shape}{hint}")


def describe(form: Form) -> str:
    """Name a form as error texts do."""
    return {
        "mask": "bool (H, W)",
        "objects": "bool (N, H, W)",
        "map": "float (H, W)",
        "maps": "float (K, H, W)",
        "labels": "integers (H, W)",
    }[form]


def to_probs(masks: Masks, form: Form, *, background: int | None) -> ClassProbs:
    """Read masks of any form but `objects` as probabilities of classes.

    Raises:
        ShapeError: Probabilities lie outside [0, 1], or labels are negative or too many.
    """
    if form == "labels":
        return _of_labels(masks, background=background)
    if form in ("map", "maps"):
        low, high = float(masks.min(initial=0.0)), float(masks.max(initial=0.0))
        if not (low >= 0 and high <= 1):  # NaN is neither
            found = high if high > 1 else low
            raise ShapeError(
                f"probabilities must lie in [0, 1], got {found:g}; "
                "of logits take the sigmoid or softmax first, values to 255 divide by 255"
            )
    layers = (masks if masks.ndim == 3 else masks[np.newaxis]).astype(np.float32)
    return ClassProbs(layers, tuple(range(OBJECT_CLASS_ID, OBJECT_CLASS_ID + len(layers))))


def kept(masks: Masks, form: Form, *, background: int | None) -> Masks:
    """Return what `to_form` has to know of the masks that were given: their form, and labels if all count."""
    if form == "labels" and background is None:
        return masks.copy()
    return np.broadcast_to(np.zeros((), masks.dtype), masks.shape)  # takes no memory while it waits


def to_form(
    stable: StableFrame, masks: Masks, form: Form, *, background: int | None, prob_threshold: float
) -> Masks:
    """Return a stable frame in the form of the masks that were given for it, as `kept` kept them."""
    if form == "labels":
        return _to_labels(stable, masks, background=background)
    if form == "mask":
        found = stable.masks[list(stable.class_ids).index(OBJECT_CLASS_ID)] if stable.class_ids else False
        return np.array(np.broadcast_to(found, masks.shape), np.bool_)
    probs: Float32Array = np.zeros(masks.shape if masks.ndim == 3 else (1, *masks.shape), np.float32)
    for k, (class_id, state) in enumerate(zip(stable.class_ids, stable.states, strict=True)):
        layer = _threshold_moved(stable.probs[k], state.threshold, to=prob_threshold)
        if form == "map":  # rounding and what comes after the threshold must not contradict the mask
            layer = _agreeing(layer, stable.masks[k], threshold=np.float32(prob_threshold))
        probs[class_id - OBJECT_CLASS_ID] = layer
    return probs.reshape(masks.shape).astype(masks.dtype)


def _of_labels(labels: Masks, *, background: int | None) -> ClassProbs:
    present = [int(label) for label in np.unique(labels)]
    if present[0] < 0:
        raise ShapeError(f"labels must be 0 or more, got {present[0]}")
    if len(present) > MOST_LABELS:
        raise ShapeError(
            f"a frame must hold at most {MOST_LABELS} different labels, got {len(present)}; "
            "if these are probabilities, write masks.astype(np.float32) / 255"
        )
    present = [label for label in present if label != background]
    layers = np.zeros((len(present), *labels.shape), np.float32)
    for layer, label in zip(layers, present, strict=True):
        layer[labels == label] = 1
    return ClassProbs(layers, tuple(present))


def _to_labels(stable: StableFrame, labels: Masks, *, background: int | None) -> Masks:
    result = labels.copy()
    if background is not None:
        result[:] = background
    elif stable.class_ids:  # every pixel belongs to a class; where nothing is left, to the one that was given
        ids = np.array(stable.class_ids).astype(labels.dtype)
        some = stable.probs.max(axis=0) > 0
        result[some] = ids[stable.probs.argmax(axis=0)][some]
    for class_id, mask in zip(stable.class_ids, stable.masks, strict=True):
        result[mask] = class_id
    return result


def _threshold_moved(probs: Float32Array, threshold: float, *, to: float) -> Float32Array:
    """Bend [0, 1] so that the threshold of the stable mask lies where the caller has his."""
    if threshold == to:
        return probs
    return np.interp(probs, [0.0, threshold, 1.0], [0.0, to, 1.0]).astype(np.float32)


def _agreeing(probs: Float32Array, mask: BoolMask, *, threshold: np.float32) -> Float32Array:
    """Move probabilities as little as needed to be above the threshold in the mask and nowhere else."""
    above = np.nextafter(threshold, np.float32(1))
    return np.where(mask, np.maximum(probs, above), np.minimum(probs, threshold))


def _wrong_size(masks: Masks, size_hw: tuple[int, int]) -> str:
    height, width = size_hw
    sizes = f"({height}, {width}) or (N, {height}, {width})"
    said = f"masks must be {sizes}, as large as the image, got {masks.shape}"
    if masks.ndim == 3 and masks.shape[:2] == size_hw:
        return f"{said}; move the last axis to the front, masks.transpose(2, 0, 1)"
    if masks.ndim == 4 and masks.shape[1] == 1:
        return f"{said}; drop the axis of length 1, masks[:, 0]"
    return said
