"""What a loader gave: each round, and their medians."""

from dataclasses import dataclass
from statistics import median

from vidlab.pipeline.loader_memory import QueueBytes
from vidlab.pipeline.torch_loader import LoaderSetting


@dataclass(frozen=True, slots=True)
class Round:
    """One run of a loader.

    Attributes:
        first_batch_s: From starting the loader to its first batch: workers started, files opened, decoded.
        clips_per_s: Clips per second in the window behind the warm-up.
        waits_ms: Wait for each batch of the window, in milliseconds.
        batch_bytes: Size of a full batch.
        lost: Clips that could not be read.
        queue: Measured memory of the full queue; None in a round that does not measure it.
        added_private: Memory of the workers beyond that of the lone process, in bytes, likewise.
        added_resident: Their resident memory, likewise.
    """

    first_batch_s: float
    clips_per_s: float
    waits_ms: tuple[float, ...]
    batch_bytes: int
    lost: int
    queue: QueueBytes | None
    added_private: int
    added_resident: int


@dataclass(frozen=True, slots=True)
class LoaderMeasurement:
    """What one setting of a loader gives.

    Attributes:
        setting: The setting, as it works here.
        rounds: Every round.
        clip_frames: Frames of a clip.
        predicted: Memory of a full queue by arithmetic.
    """

    setting: LoaderSetting
    rounds: tuple[Round, ...]
    clip_frames: int
    predicted: QueueBytes

    @property
    def clips_per_s(self) -> float:
        """Median over the rounds, clips per second."""
        return median(each.clips_per_s for each in self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """Slowest and fastest round, clips per second."""
        speeds = [each.clips_per_s for each in self.rounds]
        return min(speeds), max(speeds)

    @property
    def frames_per_s(self) -> float:
        """Median over the rounds, frames per second."""
        return self.clips_per_s * self.clip_frames

    @property
    def first_batch_s(self) -> float:
        """Median over the rounds, seconds."""
        return median(each.first_batch_s for each in self.rounds)

    @property
    def measured(self) -> QueueBytes | None:
        """Memory of the full queue as the system tells it."""
        return next((each.queue for each in self.rounds if each.queue is not None), None)

    @property
    def added_private(self) -> int:
        """Memory of the workers themselves, in bytes."""
        return max(each.added_private for each in self.rounds)
