"""Optical flow that is estimated once for a pair of pictures, for methods that are tried again and again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from hashlib import blake2b
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError
from vidlab.flow.estimator import FlowEstimator, Picture, between
from vidlab.types import Float32Array

FlowDtype = Literal["float32", "float16"]
Key = tuple[object, ...]

BYTES_PER_MB = 1 << 20
DIGEST_BYTES = 16  # two pictures of one clip have the same by chance once in 10³⁸
RECENT = 4  # pictures whose digest is at hand: a pair is asked for twice, there and back


class FlowMemory:
    """Flows of any number of estimators, and what follows from them, up to a number of bytes.

    Threads may share it.

    The one that was not asked for the longest goes first.

    Attributes:
        n_bytes: What all of it takes now.
    """

    def __init__(self, *, memory_mb: float, dtype: FlowDtype = "float32") -> None:
        """Set up an empty memory.

        Args:
            memory_mb: Most that all of it may take, MB; 0 remembers nothing.
            dtype: `float32` gives back the bits that were estimated; `float16` takes half the room and errs
                by a thousandth of the displacement.

        Raises:
            ParameterError: The memory is negative.
        """
        if not memory_mb >= 0:
            raise ParameterError(f"memory_mb must be 0 or more, got {memory_mb}")
        self.n_bytes = 0
        self._most_bytes = int(memory_mb * BYTES_PER_MB)
        self._dtype = np.dtype(dtype)
        self._kept: OrderedDict[Key, NDArray[Any]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: Key) -> NDArray[Any] | None:
        """Return what is remembered, not to be changed; None if nothing is."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            self._kept.move_to_end(key)
        return _as_found(kept)

    def keep(self, key: Key, found: NDArray[Any]) -> NDArray[Any]:
        """Remember an array, such as a flow, float32 (H, W, 2), and forget others where the room is needed.

        Only float32 is kept in another precision: masks and single numbers stay what they are.

        Returns:
            What `find` gives from now on: who uses that gets the same the first time as later.
        """
        kept = found.astype(self._dtype if found.dtype == np.float32 else found.dtype)
        kept.flags.writeable = False  # a copy: nobody else's changes reach it
        with self._lock:
            if kept.nbytes > self._most_bytes or key in self._kept:
                return _as_found(kept)
            self._kept[key] = kept
            self.n_bytes += kept.nbytes
            while self.n_bytes > self._most_bytes:
                _, oldest = self._kept.popitem(last=False)
                self.n_bytes -= oldest.nbytes
        return _as_found(kept)


def _as_found(kept: NDArray[Any]) -> NDArray[Any]:
    return kept.astype(np.float32) if kept.dtype == np.float16 else kept


class RememberedFlow:
    """A flow that looks up what was estimated before, and what followed, for the same two pictures.

    One thread uses it at a time; several may share its memory.

    Attributes:
        sees_color: As of the flow that estimates.
    """

    def __init__(self, flow: FlowEstimator, *, memory: FlowMemory, frame_scale: float = 1.0) -> None:
        """Choose flow and memory.

        Args:
            flow: Estimates what is not known yet; its resolution is a share of the pictures that come.
            memory: Where flows are kept.
            frame_scale: Size of the pictures that come as a share of the true frames, (0, 1]: what is meant
                in pixels of the frame, as in the test for occlusions, still is.

        Raises:
            ParameterError: A scale outside (0, 1].
        """
        if not 0 < frame_scale <= 1:
            raise ParameterError(f"frame_scale must lie in (0, 1], got {frame_scale}")
        self._flow, self._frame_scale, self._memory = flow, frame_scale, memory
        self.sees_color = flow.sees_color
        self._recent: list[tuple[Picture, bytes]] = []

    @property
    def identity(self) -> Hashable:
        """What decides the flow between two pictures of a given size."""
        return self._flow.identity

    def scale_for(self, size_hw: tuple[int, ...]) -> float:
        """Return the share of the true frames' size, (0, 1], at which flow is estimated."""
        return self._flow.scale_for(size_hw) * self._frame_scale

    def small_hw(self, size_hw: tuple[int, ...]) -> tuple[int, int]:
        """Return the height and width, in pixels, at which the flow of pictures of this size is estimated."""
        return self._flow.small_hw(size_hw)

    def shrink(self, picture: Picture) -> Picture:
        """Resize uint8 (H, W) or (H, W, 3) to the size at which flow is estimated."""
        return self._flow.shrink(picture)

    def small(self, picture_from: Picture, picture_to: Picture, *, scale: float) -> Float32Array:
        """Return what the flow's `small` does, looked up where it is known; not to be changed."""
        found: Float32Array = self.once(
            ("flow", scale),
            (picture_from, picture_to),
            compute=lambda: self._flow.small(picture_from, picture_to, scale=scale),
        )
        return found

    def once(
        self, what: Hashable, pair: tuple[Picture, Picture], *, compute: Callable[[], NDArray[Any]]
    ) -> NDArray[Any]:
        """Return what `compute` makes of the flow of two small pictures, looked up where it is known."""
        key = (self.identity, what, pair[0].shape, *(self._digest(picture) for picture in pair))
        found = self._memory.find(key)
        if found is None:
            found = self._memory.keep(key, compute())
        return found

    def __call__(self, picture_from: Picture, picture_to: Picture) -> Float32Array:
        """Estimate where each pixel of one picture lies in the other; see `ScaledFlow`.

        Raises:
            ShapeError: The pictures differ in size, or are neither uint8 (H, W) nor (H, W, 3).
        """
        return between(self, picture_from, picture_to)

    def _digest(self, picture: Picture) -> bytes:
        for recent, digest in self._recent:
            if recent is picture:
                return digest
        digest = blake2b(picture.tobytes(), digest_size=DIGEST_BYTES).digest()
        self._recent = [(picture, digest), *self._recent[: RECENT - 1]]
        return digest
