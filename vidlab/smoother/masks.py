"""`MaskSmoother`: masks of any network made stable in a loop over plain arrays."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError, UsageError
from vidlab.params import EvidenceParams, MethodParams, method_model
from vidlab.schema import build
from vidlab.smoother.feed import Feed
from vidlab.smoother.forms import (
    ChannelOrder,
    Form,
    Masks,
    describe,
    form_of,
    kept,
    to_form,
    to_probs,
    to_rgb,
)
from vidlab.smoother.instances import InstanceSmoother, StableInstances
from vidlab.temporal.evidence import to_evidence
from vidlab.types import OBJECT_CLASS_ID, Instances, UInt8Image

DEFAULT_METHOD = "flow_fusion"  # a loop wants its masks at once: the default for files looks ahead
SURE = np.float32(1)  # the score of a mask that comes without one


@dataclass(frozen=True, slots=True)
class StableMasks:
    """The stable masks of one frame; unpacks as `index, masks`.

    Attributes:
        index: Frame, from 0.
        masks: In the form they were given.
        track_ids: int64 (N,), identity of each object, from 1; None where masks are not those of objects.
        rows: int64 (N,): which row of the frame's own masks each object is, -1 where the frame has none of it
            and the mask bridges a gap; None where masks are not those of objects.
    """

    index: int
    masks: Masks
    track_ids: NDArray[np.int64] | None = None
    rows: NDArray[np.int64] | None = None

    def __iter__(self) -> Iterator[Any]:
        yield self.index
        yield self.masks


class MaskSmoother:
    """Makes masks stable, frame by frame, and returns them in the form they came in.

        smoother = vidlab.MaskSmoother()
        for image, masks in stream:
            stable = smoother(image, masks)

    `image` is uint8 (H, W, 3) in RGB (or `channel_order="bgr"`, as OpenCV reads). `masks` is one of:

    - bool (H, W): one mask; needs no scores.
    - bool (N, H, W): objects, in any order and number. Comes back as one row per object, in the order of
      their identities; see `last.track_ids` and `last.rows`. Masks of objects do not overlap.
    - float (H, W) or (K, H, W): probabilities, [0, 1], of one thing or of K classes. One map comes back above
      `prob_threshold` (0.5) exactly where its stable mask is; of several, the largest wins.
    - integers (H, W): one class per pixel; 0 is background (0 and 255 is a mask). With `background=None`
      every label is a class, and no pixel is left without one.

    The form is that of the first frame, until `reset`.
    """

    def __init__(
        self,
        method: str = DEFAULT_METHOD,
        *,
        channel_order: ChannelOrder = "rgb",
        background: int | None = 0,
        **settings: Any,
    ) -> None:
        """Choose how masks are made stable.

        Args:
            method: One of `vidlab.params.METHODS`; `vidlab params` lists them.
            channel_order: Of the images.
            background: Of integer masks, the label of what belongs to no class; None if there is none.
            **settings: Tunables of the method, such as `memory=0.9`, and of `EvidenceParams`.

        Raises:
            ParameterError: The method or a setting is unknown, or a value lies outside its range.
        """
        if channel_order not in ("rgb", "bgr"):
            raise ParameterError(f"channel_order must be 'rgb' or 'bgr', got {channel_order!r}")
        params, self._rules = split_settings(method, settings)
        self._method, self._channel_order, self._background = method, channel_order, background
        self._feed: Feed[Masks] = Feed(params)
        self._objects = InstanceSmoother(params, evidence=self._rules)
        self.delay = self._feed.delay
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is frame 0 of a clip."""
        self._feed.reset()
        self._objects.reset()
        self._form: Form | None = None
        self._like: tuple[tuple[int, ...], np.dtype[Any]] | None = None  # shape without N, dtype
        self._last: StableMasks | None = None

    @property
    def last(self) -> StableMasks | None:
        """The latest result, with the identities of its objects; None before the first."""
        return self._last

    def __call__(self, image: UInt8Image, masks: Masks, *, scores: Any = None) -> Masks:
        """Take one frame and return its stable masks at once.

        Args:
            image: uint8 (H, W, 3).
            masks: In one of the forms that the class describes.
            scores: For bool (N, H, W): how sure the network is of each mask, [0, 1]; without, of all.

        Raises:
            ShapeError: Image or masks are in no known form, or in another than the first frame's.
            UsageError: The method needs frames to come first; use `step` and `flush`, or `over`.
        """
        if self.delay:
            raise UsageError(
                f"a method that is called frame by frame must have no delay, got {self._method!r} with "
                f"{self.delay} frames; use step() and flush(), over(), or method={DEFAULT_METHOD!r}"
            )
        (done,) = self.step(image, masks, scores=scores)
        return done.masks

    def step(self, image: UInt8Image, masks: Masks, *, scores: Any = None) -> list[StableMasks]:
        """Take one frame and return the results that are complete now: up to `delay` frames late.

        Arguments and errors are those of a call. For methods that look ahead; `flush` returns the rest.
        """
        image = to_rgb(image, channel_order=self._channel_order)
        size_hw = (image.shape[0], image.shape[1])
        form = self._require_same_form(masks, form_of(masks, size_hw))
        if form == "objects":
            found = self._objects.step(image, objects(masks, scores))
            return self._noted([of_objects(one) for one in found])
        if scores is not None:
            raise ShapeError(f"scores must come with masks of objects, bool (N, H, W), got {describe(form)}")
        evidence = to_evidence(
            to_probs(masks, form, background=self._background),
            class_ids=None,
            min_score=self._rules.min_score,
            drop_below=self._rules.drop_below,
            prob_threshold=self._rules.prob_threshold,
        )
        waiting = kept(masks, form, background=self._background)
        return self._noted(self._as_given(self._feed.step(image, evidence, waiting)))

    def flush(self) -> list[StableMasks]:
        """Return the results still owed, oldest first; the next frame is frame 0 of another clip."""
        if self._form == "objects":
            done = [of_objects(one) for one in self._objects.flush()]
        else:
            done = self._as_given(self._feed.flush())
        self.reset()
        return self._noted(done)

    def over(self, stream: Iterable[tuple[UInt8Image, Masks]]) -> Iterator[tuple[UInt8Image, Masks]]:
        """Yield every image of a clip with its stable masks, whatever the method's delay.

        Args:
            stream: Images with their masks, in order; at most `delay` images wait at a time.
        """
        self.reset()
        waiting: deque[UInt8Image] = deque()
        for image, masks in stream:
            waiting.append(image)
            for _, stable in self.step(image, masks):
                yield waiting.popleft(), stable
        for _, stable in self.flush():
            yield waiting.popleft(), stable

    def _as_given(self, done: Iterable[tuple[int, Masks, Any]]) -> list[StableMasks]:
        form, threshold = self._form or "mask", self._rules.prob_threshold
        return [
            StableMasks(
                index,
                to_form(stable, masks, form, background=self._background, prob_threshold=threshold),
            )
            for index, masks, stable in done
        ]

    def _noted(self, done: list[StableMasks]) -> list[StableMasks]:
        self._last = done[-1] if done else self._last
        return done

    def _require_same_form(self, masks: Masks, form: Form) -> Form:
        shape = masks.shape[1:] if form == "objects" else masks.shape
        first = self._like or (shape, masks.dtype)
        if first != (shape, masks.dtype) or form != (self._form or form):
            raise ShapeError(
                f"masks must keep the form and size of the first frame, {first[1]} {first[0]}, "
                f"got {masks.dtype} {shape}; call reset() before another clip"
            )
        self._form, self._like = form, first
        return form


def split_settings(method: str, settings: dict[str, Any]) -> tuple[MethodParams, EvidenceParams]:
    """Build the tunables of a method and of the evidence from settings of both.

    Raises:
        ParameterError: The method or a setting is unknown, or a value lies outside its range.
    """
    evidence = {name: value for name, value in settings.items() if name in EvidenceParams.model_fields}
    others = {name: value for name, value in settings.items() if name not in evidence}
    return build(method_model(method), others), build(EvidenceParams, evidence)


def objects(masks: Masks, scores: Any) -> Instances:
    """Return objects of no particular class.

    Raises:
        ShapeError: There is not one score per mask.
    """
    sure = np.full(len(masks), SURE) if scores is None else np.asarray(scores, np.float32)
    if sure.shape != (len(masks),):
        raise ShapeError(f"there must be one score per mask, got {sure.shape} for {len(masks)} masks")
    return Instances(masks, sure, np.full(len(masks), OBJECT_CLASS_ID, np.int64))


def of_objects(found: StableInstances) -> StableMasks:
    """Return stable objects as plain arrays."""
    return StableMasks(found.index, found.instances.masks, found.instances.track_ids, found.rows)
