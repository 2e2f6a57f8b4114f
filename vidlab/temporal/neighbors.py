"""The maps of several frames carried straight to another one: each is resampled once, however old it is.

    recursion      p₃ ──▶ ⊕ p₂ ──▶ ⊕ p₁ ──▶ here      what p₃ says is resampled, and blurred, three times
    aggregation    p₃ ────────────────────▶ here
                          p₂ ─────────────▶ here      once each, along flows that follow each other
                                  p₁ ─────▶ here

Once there are as many as wanted, their mean, which is a map like any other, begins anew as the only one: it
speaks for all that is older, and the number of maps stays bounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vidlab.flow.warp import followed, resample, resize_flow, resize_map
from vidlab.temporal.extent import Window, is_something, reached, union
from vidlab.types import Float32Array


@dataclass(frozen=True, slots=True)
class Source:
    """A map that speaks for later frames.

    Attributes:
        probs: float32 (H, W), [0, 1], as it was in its own frame.
        window: Rows and columns outside of which it is nothing.
        age: Frames since.
        share: float32 (h, w), [0, 1], at the size of the flow: its part in the mean; None for all of it.
    """

    probs: Float32Array
    window: Window
    age: int = 0
    share: Float32Array | None = None


class Trail:
    """The flows from a frame back to those before it, the same for all classes."""

    def __init__(self, *, neighbors: int) -> None:
        """Set up a trail that reaches `neighbors` frames far, at least one."""
        self.neighbors = neighbors
        self.clear()

    def clear(self) -> None:
        """Forget everything: nothing leads across a cut."""
        self._small: list[Float32Array] = []
        self._full: dict[int, Float32Array] = {}

    def extend(self, small_flow: Float32Array, flow: Float32Array) -> None:
        """Go one frame on, along float32 (h, w, 2), and the same at the size of the picture, (H, W, 2)."""
        older = self._small[: self.neighbors - 1]
        self._small = [small_flow, *(followed(small_flow, path) for path in older)]
        self._full = {1: flow}

    def small(self, age: int) -> Float32Array:
        """Return where this frame's pixels were `age` frames ago, float32 (h, w, 2), in small pixels."""
        return self._small[age - 1]

    def full(self, age: int) -> Float32Array:
        """Return the same at the size of the picture, float32 (H, W, 2), pixels."""
        if age not in self._full:
            height, width = self._full[1].shape[:2]
            self._full[age] = resize_flow(self.small(age), (height, width))
        return self._full[age]


def aged(sources: Sequence[Source], small_flow: Float32Array) -> tuple[Source, ...]:
    """Return sources as the next frame has them, one frame older; shares are carried along the flow."""
    return tuple(
        replace(
            source,
            age=source.age + 1,
            share=None if source.share is None else resample(source.share, small_flow, repeat_border=True),
        )
        for source in sources
    )


def with_newest(
    sources: Sequence[Source], probs: Float32Array, *, window: Window, share: Float32Array
) -> tuple[Source, ...]:
    """Add a frame's own map, float32 (H, W), whose part in the mean is `share`, float32 (h, w)."""
    rest = 1 - share
    older = (replace(s, share=rest if s.share is None else s.share * rest) for s in sources)
    return (*older, Source(probs, window, share=share))


def mean_of(sources: Sequence[Source], trail: Trail) -> tuple[Float32Array, Window]:
    """Return the mean of at least one source in the frame where a trail ends, and where it may be something.

    What comes from outside the picture is 0.
    """
    size_hw = sources[0].probs.shape
    window = union(
        *(source.window for source in sources),
        *(reached(s.window, trail.small(s.age), size_hw=size_hw) for s in sources),
    )
    mean: Float32Array = np.zeros(size_hw, np.float32)
    if not is_something(window):
        return mean, window
    for source in filter(lambda source: is_something(source.window), sources):
        part = resample(source.probs[window], trail.full(source.age)[window])
        if source.share is None:  # the only one: all of the mean
            mean[window] = part
        else:
            mean[window] += part * resize_map(source.share, size_hw)[window]
    return mean, window
