"""A clip in memory: every frame with what a network said of it, as small as it keeps its meaning.

picture          uint8, 3 bytes per pixel
instances        a bit per mask and pixel
probabilities    a byte per map and pixel where they came as bytes, half precision else
raw, truth       a bit per pixel
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import SourceError
from vidlab.flow.remembered import BYTES_PER_MB
from vidlab.flow.warp import shrink
from vidlab.jobs.packing import PackedMasks
from vidlab.jobs.rehearsal_scale import scaled_hw, shrink_masks, shrink_observation
from vidlab.params import EvidenceParams
from vidlab.temporal.evidence import to_evidence
from vidlab.types import BoolMask, ClassProbs, Float32Array, Instances, Observation, UInt8Image

STEPS = np.float32(255)  # of a probability that came from a PNG


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """One frame of a clip in memory.

    Attributes:
        number: Its place in the clip, from 0.
        pts_s: Presentation time, seconds.
        image: uint8 (h, w, 3), RGB.
        said: What the network said of it.
        raw: Union of the wanted classes at the operating point, (1, h, w).
        truth: True mask, (1, h, w); None where there is no truth.
    """

    number: int
    pts_s: float
    image: UInt8Image
    said: "KeptInstances | KeptProbs"
    raw: PackedMasks
    truth: PackedMasks | None

    @property
    def n_bytes(self) -> int:
        """What it takes in memory."""
        truth = 0 if self.truth is None else self.truth.bits.nbytes
        return self.image.nbytes + self.said.n_bytes + self.raw.bits.nbytes + truth


@dataclass(frozen=True, slots=True)
class KeptInstances:
    """Instances of a frame, their masks as bits.

    Attributes:
        masks: (N, h, w).
        scores: float32 (N,), [0, 1].
        class_ids: int64 (N,).
        track_ids: int64 (N,), the identities that they came with; None without.
    """

    masks: PackedMasks
    scores: Float32Array
    class_ids: NDArray[np.int64]
    track_ids: NDArray[np.int64] | None

    @property
    def n_bytes(self) -> int:
        """What they take in memory."""
        return self.masks.bits.nbytes + self.scores.nbytes + self.class_ids.nbytes

    def unpack(self) -> Instances:
        """Return the instances."""
        return Instances(self.masks.unpack(), self.scores, self.class_ids, self.track_ids)


@dataclass(frozen=True, slots=True)
class KeptProbs:
    """Soft masks of a frame.

    Attributes:
        values: uint8 (K, h, w), in steps of 1/255, or float16 (K, h, w).
        class_ids: One id for each map.
    """

    values: NDArray[np.uint8] | NDArray[np.float16]
    class_ids: tuple[int, ...]

    @classmethod
    def of(cls, probs: Float32Array, class_ids: tuple[int, ...]) -> "KeptProbs":
        """Keep float32 (K, h, w), [0, 1]; what came as bytes comes back to the last bit."""
        steps = np.rint(probs * STEPS).astype(np.uint8)
        is_exact = np.array_equal(steps / STEPS, probs)
        return cls(steps if is_exact else probs.astype(np.float16), class_ids)

    @property
    def n_bytes(self) -> int:
        """What they take in memory."""
        return self.values.nbytes

    def unpack(self) -> ClassProbs:
        """Return the probabilities."""
        if self.values.dtype == np.uint8:
            return ClassProbs(np.asarray(self.values / STEPS, np.float32), self.class_ids)
        return ClassProbs(self.values.astype(np.float32), self.class_ids)


class MaskRow(Sequence[BoolMask]):
    """Masks of consecutive frames, kept as bits and unpacked when they are looked at.

    >>> kept = MaskRow([PackedMasks.of(np.eye(2, dtype=bool)[np.newaxis])])
    >>> kept[0].tolist()
    [[True, False], [False, True]]
    """

    def __init__(self, packed: Sequence[PackedMasks]) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, place: int) -> BoolMask: ...
    @overload
    def __getitem__(self, place: slice) -> "MaskRow": ...
    def __getitem__(self, place: int | slice) -> "BoolMask | MaskRow":
        if isinstance(place, slice):
            return MaskRow(self._packed[place])
        mask: BoolMask = self._packed[place].unpack()[0]
        return mask


class Keeper:
    """Takes frames into memory at a chosen size, and refuses more than fit.

    Attributes:
        frames: What was taken so far.
        n_bytes: What it takes.
    """

    def __init__(
        self, *, scale: float, memory_mb: float, class_ids: tuple[int, ...] | None, rules: EvidenceParams
    ) -> None:
        """Set up empty.

        Args:
            scale: Size to keep as a share of the frames', (0, 1].
            memory_mb: Most that the frames may take, MB.
            class_ids: COCO ids of the wanted classes; None takes all.
            rules: Which detections count.
        """
        self.frames: list[KeptFrame] = []
        self.n_bytes = 0
        self._scale, self._memory_mb = scale, memory_mb
        self._class_ids, self._rules = class_ids, rules

    def take(
        self,
        image: UInt8Image,
        observation: Observation,
        *,
        pts_s: float,
        truth: BoolMask | None,
        n_expected: int | None,
    ) -> None:
        """Take the next frame.

        Args:
            image: uint8 (H, W, 3), RGB.
            observation: What the network said of it; wanted classes only.
            pts_s: Presentation time, seconds.
            truth: bool (H, W), or None.
            n_expected: Frames of the whole clip, None where nobody knows.

        Raises:
            SourceError: The clip does not fit into the memory.
        """
        small_hw = scaled_hw(image.shape[:2], self._scale)
        small = shrink_observation(observation, small_hw)
        raw = to_evidence(small, class_ids=self._class_ids, **self._rules.model_dump()).raw
        union: BoolMask = np.logical_or.reduce(raw, axis=0)
        frame = KeptFrame(
            len(self.frames),
            pts_s,
            np.array(shrink(image, small_hw)),
            _kept(small),
            PackedMasks.of(union[np.newaxis]),
            None if truth is None else PackedMasks.of(shrink_masks(truth[np.newaxis], small_hw)),
        )
        self.frames.append(frame)
        self.n_bytes += frame.n_bytes
        self._require_room(n_expected)

    def _require_room(self, n_expected: int | None) -> None:
        n_frames = max(len(self.frames), n_expected or 0)
        needed_mb = self.n_bytes / len(self.frames) * n_frames / BYTES_PER_MB
        # before the end it is a forecast, which the frames to come may better
        slack = 1.0 if len(self.frames) == n_frames else 2.0
        if needed_mb > slack * self._memory_mb or self.n_bytes > self._memory_mb * BYTES_PER_MB:
            raise SourceError(
                f"a clip to be tried on must fit into {self._memory_mb:g} MB, got {n_frames} frames of about "
                f"{needed_mb:.0f} MB; take fewer frames (--max-frames), a smaller scale, or more memory"
            )


def _kept(observation: Observation) -> KeptInstances | KeptProbs:
    if isinstance(observation, ClassProbs):
        return KeptProbs.of(observation.probs, observation.class_ids)
    masks = PackedMasks.of(observation.masks)
    return KeptInstances(masks, observation.scores, observation.class_ids, observation.track_ids)
