"""Optical flow that is estimated once for a pair of pictures, for methods that are tried again and again."""

from collections import OrderedDict
from hashlib import blake2b
from threading import Lock
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError
from vidlab.flow.dis import DisFlow
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


class RememberedFlow(DisFlow):
    """A `DisFlow` that looks up what was estimated before for the same two pictures.

    One thread uses it at a time; several may share its memory.
    """

    def __init__(self, *, preset: str, scale: float, memory: FlowMemory, frame_scale: float = 1.0) -> None:
        """Choose effort, resolution and memory.

        Args:
            preset: As for `DisFlow`.
            scale: As for `DisFlow`, a share of the pictures that come.
            memory: Where flows are kept.
            frame_scale: Size of the pictures that come as a share of the true frames, (0, 1]: what is meant
                in pixels of the frame, as in the test for occlusions, still is.

        Raises:
            ParameterError: Unknown preset, or a scale outside (0, 1].
        """
        super().__init__(preset=preset, scale=scale)
        if not 0 < frame_scale <= 1:
            raise ParameterError(f"frame_scale must lie in (0, 1], got {frame_scale}")
        self._preset, self._frame_scale, self._memory = preset, frame_scale, memory
        self._recent: list[tuple[NDArray[np.uint8], bytes]] = []

    def scale_for(self, size_hw: tuple[int, ...]) -> float:
        """Return the share of the true frames' size, (0, 1], at which flow is estimated."""
        return super().scale_for(size_hw) * self._frame_scale

    def small_hw(self, size_hw: tuple[int, ...]) -> tuple[int, int]:
        """Return the height and width, in pixels, at which the flow of pictures of this size is estimated."""
        share = super().scale_for(size_hw)
        return max(1, round(size_hw[0] * share)), max(1, round(size_hw[1] * share))

    def small(
        self, gray_from: NDArray[np.uint8], gray_to: NDArray[np.uint8], *, scale: float
    ) -> Float32Array:
        """Return what `DisFlow.small` does, looked up where it is known; not to be changed."""
        key = (self._preset, scale, gray_from.shape, self._digest(gray_from), self._digest(gray_to))
        flow = self._memory.find(key)
        if flow is None:
            flow = super().small(gray_from, gray_to, scale=scale)
            self._memory.keep(key, flow)
        return flow

    def _digest(self, gray: NDArray[np.uint8]) -> bytes:
        for picture, digest in self._recent:
            if picture is gray:
                return digest
        digest = blake2b(gray.tobytes(), digest_size=DIGEST_BYTES).digest()
        self._recent = [(gray, digest), *self._recent[: RECENT - 1]]
        return digest
