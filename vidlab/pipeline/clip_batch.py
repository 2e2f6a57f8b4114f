"""Clips in batches, as tensors, with what is missing in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vidlab.errors import ShapeError
from vidlab.video.dataset import Clip, LostClip

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class ClipBatch:
    """Some clips; those that could not be read are left out, so N may be less than the batch size.

    Attributes:
        clips: uint8 (N, T, H, W, 3), or what the data set's layout or transform makes of it; (0,) if all
            clips of the batch are lost.
        labels: int64 (N,), class of each.
        indices: int64 (N,), number of each in the data set.
        lost: The clips that were left out.
    """

    clips: "Tensor"
    labels: "Tensor"
    indices: "Tensor"
    lost: tuple[LostClip, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_bytes(self) -> int:
        """Size of clips, labels and numbers."""
        return sum(part.numel() * part.element_size() for part in (self.clips, self.labels, self.indices))

    def pin_memory(self) -> "ClipBatch":
        """Return a copy in page-locked memory; torch's loader calls this where there is CUDA."""
        parts = {name: getattr(self, name).pin_memory() for name in ("clips", "labels", "indices")}
        return replace(self, **parts)


def collate(items: Sequence[Clip | LostClip]) -> ClipBatch:
    """Make a batch of clips; lost ones are dropped, not replaced.

    A replacement would show some other clip twice in the epoch, and shift the classes without a word.

    Raises:
        ShapeError: The clips differ in shape.
    """
    import torch
    from torch.utils.data import default_collate

    found = [item for item in items if isinstance(item, Clip)]
    lost = tuple(item for item in items if isinstance(item, LostClip))
    shapes = sorted({tuple(np.shape(item.frames)) for item in found})
    if len(shapes) > 1:
        raise ShapeError(
            f"clips of a batch must have one shape, got {shapes[0]} and {shapes[1]}; give a clip_size"
        )
    # In a worker, torch's own collate writes straight into shared memory, without a second copy.
    clips = default_collate([torch.as_tensor(item.frames) for item in found]) if found else torch.empty(0)
    return ClipBatch(
        clips,
        torch.tensor([item.label for item in found], dtype=torch.int64),
        torch.tensor([item.index for item in found], dtype=torch.int64),
        lost,
    )
