"""A user's own function as a Segmenter, whatever it is made of: what it returns is checked, not trusted."""

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidlab.classes import class_id as id_of
from vidlab.classes import class_name
from vidlab.errors import ParameterError, ShapeError
from vidlab.models.protocol import Kind
from vidlab.types import ClassProbs, Instances, Observation, UInt8Image

HASH_DIGITS = 8
MASK_THRESHOLD = 0.5  # of masks given as probabilities
INSTANCE_KEYS = ("masks", "scores", "class_ids")
Answers: TypeAlias = tuple[Any, Sequence[UInt8Image]]  # what the function returned, and for which pictures


def from_callable(
    fn: Callable[..., Any],
    *,
    kind: Kind,
    class_ids: Sequence[int | str],
    name: str,
    takes: Literal["image", "batch"] = "image",
) -> "OwnFunction":
    """Make a Segmenter of a function, which jobs take as `masks_from`, or `network`.

        def find_dogs(image):                      # uint8 (H, W, 3), RGB
            found = my_network(image)              # NumPy or torch, on any device
            return found.masks, found.scores, found.labels

        dogs = models.from_callable(find_dogs, kind="instances", class_ids=["dog"], name="my_dogs")
        jobs.stabilize(Path("clip.mp4"), masks_from=dogs, out=Path("runs/dogs"))

    Of one picture, `instances` are masks (N, H, W), scores (N,) in [0, 1] and class ids (N,), as a tuple, a
    mapping with these three names, or `Instances`; masks are bool, or 0 and 1, or probabilities, cut at 0.5.
    `probs` are (K, H, W) in [0, 1], one map for each of the `class_ids`, or (H, W) of a single one, or
    `ClassProbs`; scores before softmax or sigmoid are refused.

    Args:
        fn: Gets one picture, uint8 (H, W, 3), RGB, and returns what it sees there; or a list of pictures of
            any sizes, and returns a list, or an array with one more axis in front.
        kind: What it returns.
        class_ids: What it can see: ids, or names of COCO, VOC or `CUSTOM_IDS`.
        name: What outputs call it.
        takes: Whether the function gets one picture or a batch.

    Raises:
        ParameterError: No class, one twice or an unknown one; or the name is empty.

    >>> bright = from_callable(
    ...     lambda image: image.mean(axis=2) / 255, kind="probs", class_ids=["sky"], name="bright"
    ... )
    >>> seen = bright.segment([np.full((1, 2, 3), 255, np.uint8)])[0]
    >>> seen.class_ids, seen.probs.tolist()
    ((187,), [[[1.0, 1.0]]])
    """
    ids = tuple(id_of(str(one)) if isinstance(one, str) else int(one) for one in class_ids)
    if not ids or len(set(ids)) < len(ids):
        raise ParameterError(f"class_ids must name each class once, and one at least, got {list(class_ids)}")
    if not name:
        raise ParameterError("name must say what the function is called in outputs, got an empty one")
    if kind not in ("instances", "probs"):
        raise ParameterError(f"kind must be instances or probs, got {kind!r}")
    return OwnFunction(fn, kind=kind, class_ids=ids, name=name, takes=takes)


class OwnFunction:
    """What `from_callable` makes; its three stages in a row are `segment`."""

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        kind: Kind,
        class_ids: tuple[int, ...],
        name: str,
        takes: Literal["image", "batch"],
    ) -> None:
        """Take a function; see `from_callable`, which checks the arguments."""
        self.kind: Kind = kind
        self.class_ids = class_ids
        self.name = name
        self.weights = describe_function(fn)
        self._fn = fn
        self._takes = takes

    def segment(self, images: Sequence[UInt8Image]) -> list[Observation]:
        """Call the function and check what comes.

        Args:
            images: uint8 (H, W, 3), RGB, any size.

        Raises:
            ShapeError: It returned arrays of another shape or dtype.
            ParameterError: It returned values out of range, or a class it was not said to know.
        """
        return self.finish(self.infer(self.prepare(images))) if len(images) else []

    def prepare(self, images: Sequence[UInt8Image]) -> Sequence[UInt8Image]:
        """Return copies, which the function may write into; see `StagedSegmenter`."""
        return [np.array(image) for image in images]

    def infer(self, prepared: Sequence[UInt8Image]) -> Answers:
        """Call the function; see `StagedSegmenter`."""
        if self._takes == "image":
            return [self._fn(image) for image in prepared], prepared
        return self._fn(list(prepared)), prepared

    def finish(self, found: Answers) -> list[Observation]:
        """Check what the function returned; see `StagedSegmenter`."""
        answers, images = found
        if not hasattr(answers, "__len__") or len(answers) != len(images):
            got = f"{len(answers)}" if hasattr(answers, "__len__") else type(answers).__name__
            raise ShapeError(
                f"{self.name} must return one answer for each of {len(images)} pictures, got {got}"
            )
        read = self._instances if self.kind == "instances" else self._probs
        return [
            read(answer, (image.shape[0], image.shape[1]))
            for answer, image in zip(answers, images, strict=True)
        ]

    def _instances(self, answer: Any, size_hw: tuple[int, int]) -> Instances:
        if isinstance(answer, Instances):
            masks, scores, ids = answer.masks, answer.scores, answer.class_ids
        else:
            masks, scores, ids = map(to_numpy, self._three(answer))
        n_found = len(scores) if scores.ndim == 1 else -1
        if masks.ndim != 3 or ids.shape != (n_found,) or len(masks) != n_found:
            raise ShapeError(
                f"{self.name} must return masks (N, H, W), scores (N,) and class ids (N,), "
                f"got {masks.shape}, {scores.shape} and {ids.shape}"
            )
        self._require_size(masks, size_hw, "masks")
        scores = self._in_range(scores, "scores")
        ids = self._known(ids)
        found = Instances(self._as_masks(masks), scores, ids)
        return found.where(np.asarray(found.masks.any(axis=(1, 2))))  # an empty mask is no object

    def _three(self, answer: Any) -> tuple[Any, Any, Any]:
        if isinstance(answer, Mapping) and all(key in answer for key in INSTANCE_KEYS):
            return answer["masks"], answer["scores"], answer["class_ids"]
        if isinstance(answer, tuple | list) and len(answer) == len(INSTANCE_KEYS):
            return answer[0], answer[1], answer[2]
        raise ShapeError(
            f"{self.name} must return masks, scores and class ids, as a tuple or a mapping with the names "
            f"{', '.join(INSTANCE_KEYS)}, got {_described(answer)}"
        )

    def _probs(self, answer: Any, size_hw: tuple[int, int]) -> ClassProbs:
        if isinstance(answer, ClassProbs):
            if answer.class_ids != self.class_ids:
                raise ParameterError(
                    f"{self.name} must return maps of its classes in their order, {self.class_ids}, "
                    f"got {answer.class_ids}"
                )
            answer = answer.probs
        probs = to_numpy(answer)
        if probs.ndim == 2 and len(self.class_ids) == 1:
            probs = probs[np.newaxis]
        if probs.ndim != 3 or len(probs) != len(self.class_ids):
            raise ShapeError(
                f"{self.name} must return probabilities ({len(self.class_ids)}, H, W), a map for each of its "
                f"classes, got {probs.shape}"
            )
        self._require_size(probs, size_hw, "probabilities")
        return ClassProbs(self._in_range(probs, "probabilities"), self.class_ids)

    def _require_size(self, maps: NDArray[Any], size_hw: tuple[int, int], what: str) -> None:
        if maps.shape[1:] != size_hw:
            raise ShapeError(
                f"{self.name} must return {what} of the picture's size, {size_hw[1]}×{size_hw[0]}, "
                f"got {maps.shape[2]}×{maps.shape[1]}"
            )

    def _in_range(self, values: NDArray[Any], what: str) -> NDArray[np.float32]:
        if values.dtype.kind not in "fbiu":
            raise ShapeError(f"{self.name} must return {what} as numbers, got {values.dtype.name}")
        as_float = values.astype(np.float32)
        if as_float.size and not (as_float.min() >= 0 and as_float.max() <= 1):  # NaN is neither
            low, high = as_float.min(), as_float.max()
            raise ParameterError(
                f"{self.name} must return {what} in [0, 1], got {low:g} to {high:g}; logits need a softmax "
                "or a sigmoid, bytes a division by 255"
            )
        return as_float

    def _as_masks(self, masks: NDArray[Any]) -> NDArray[np.bool_]:
        if masks.dtype == np.bool_:
            return masks
        return np.asarray(self._in_range(masks, "masks") > MASK_THRESHOLD)

    def _known(self, ids: NDArray[Any]) -> NDArray[np.int64]:
        if ids.size and ids.dtype.kind not in "iu":
            raise ShapeError(f"{self.name} must return class ids as whole numbers, got {ids.dtype.name}")
        unknown = sorted(set(ids.tolist()) - set(self.class_ids))
        if unknown:
            known = ", ".join(f"{one} {class_name(one)}" for one in self.class_ids)
            raise ParameterError(f"{self.name} must return classes it can see ({known}), got {unknown[0]}")
        return ids.astype(np.int64)


def describe_function(fn: Callable[..., Any]) -> str:
    """Return a function's name and, where it can be read, the hash of its source, as the label of weights."""
    named = fn if hasattr(fn, "__qualname__") else type(fn)
    name = f"{named.__module__}.{named.__qualname__}"
    try:
        source = inspect.getsource(named)
    except (OSError, TypeError):
        return f"function {name}"
    return f"function {name} ({hashlib.sha256(source.encode()).hexdigest()[:HASH_DIGITS]})"


def to_numpy(value: Any) -> NDArray[Any]:
    """Return a torch tensor, wherever it is, or anything that `np.asarray` takes as an array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if value.is_floating_point():
            value = value.float()  # NumPy has no bfloat16
        value = value.numpy()
    return np.asarray(value)


def _described(answer: Any) -> str:
    if isinstance(answer, Mapping):
        return f"a mapping with {', '.join(map(str, answer)) or 'nothing'}"
    shape = getattr(answer, "shape", None)
    if shape is not None:
        return f"an array {tuple(shape)}"
    return f"{len(answer)} things" if isinstance(answer, tuple | list) else type(answer).__name__
