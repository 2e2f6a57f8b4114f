"""Optical flow that is estimated once for a pair of pictures, for methods that are tried again and again."""

from collections import OrderedDict
from collections.abc import Hashable
from hashlib import blake2b
from threading import Lock
from typing import Literal

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
    """Flows of any number of estimators, up to a number of bytes; threads may share it.

    The one that was not asked for the longest goes first.

    Attributes:
        n_bytes: What the flows take now.
    """

    def __init__(self, *, memory_mb: float, dtype: FlowDtype = "float32") -> None:
        """Set up an empty memory.

        Args:
            memory_mb: Most that the flows may take, MB; 0 remembers nothing.
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
        self._flows: OrderedDict[Key, NDArray[np.floating]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._flows)

    def find(self, key: Key) -> Float32Array | None:
        """Return a remembered flow, float32 (H, W, 2), not to be changed; None if there is none."""
        with self._lock:
            flow = self._flows.get(key)
            if flow is None:
                return None
            self._flows.move_to_end(key)
        return flow.astype(np.float32, copy=False)

    def keep(self, key: Key, flow: Float32Array) -> None:
        """Remember a flow, float32 (H, W, 2), and forget others where the room is needed."""
        kept = flow.astype(self._dtype)  # a copy: nobody else's changes reach it
        kept.flags.writeable = False
        with self._lock:
            if kept.nbytes > self._most_bytes or key in self._flows:
                return
            self._flows[key] = kept
            self.n_bytes += kept.nbytes
            while self.n_bytes > self._most_bytes:
                _, oldest = self._flows.popitem(last=False)
                self.n_bytes -= oldest.nbytes


class RememberedFlow:
    """A flow that looks up what was estimated before for the same two pictures.

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
        digests = self._digest(picture_from), self._digest(picture_to)
        key = (self.identity, scale, picture_from.shape, *digests)
        found = self._memory.find(key)
        if found is None:
            found = self._flow.small(picture_from, picture_to, scale=scale)
            self._memory.keep(key, found)
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
