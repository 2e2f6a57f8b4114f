"""Where the pixels of a frame are in a frame that a network saw, and how far that can be trusted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.flow import Motion
from vidlab.flow.consistency import color_error
from vidlab.flow.warp import resize_map
from vidlab.temporal.compensated import Path
from vidlab.types import Float32Array

# As flow fusion has them (see `vidlab.params.fusion`), where they were tuned: what the flow there and back
# disagrees about is lost only if the picture says so too, and an error of so many contrasts is a wrong flow.
LOST_ERROR, FLOW_ERROR = 0.2, 0.7
LEAST_TRUST = 0.02  # where neither side can be trusted, the nearer one still decides


@dataclass(frozen=True, slots=True)
class Way:
    """How a frame is reached from a keyframe, at the size of the flow.

    Attributes:
        path: Where this frame's pixels are in the keyframe.
        trust: float32 (h, w), [0, 1]: 1 where the keyframe's picture, carried, is this frame's.
    """

    path: Path
    trust: Float32Array

    def at(self, size_hw: tuple[int, int]) -> "Way":
        """Return the way on the grid of another size, in pixels of that size."""
        return Way(self.path.at(size_hw), resize_map(self.trust, size_hw))


def backwards(motion: Motion, path: Path | None) -> Path:
    """Follow a frame to the keyframe before it: to the previous frame, and on from there.

    Args:
        motion: How the previous frame became this one.
        path: From the previous frame on; None where that is the keyframe.
    """
    seen = ~(motion.lost & (motion.error >= LOST_ERROR))
    step = Path(motion.to_prev, seen)
    return step if path is None else step.onwards(path.flow, ~path.seen)


def forwards(motion: Motion, path: Path | None) -> Path:
    """Follow a frame to the keyframe after it: to the next frame, and on from there.

    Args:
        motion: How this frame became the next one, which must have been estimated both ways.
        path: From the next frame on; None where that is the keyframe.
    """
    seen = ~(motion.lost_next & (motion.error_next >= LOST_ERROR))
    step = Path(motion.to_next, seen)
    return step if path is None else step.onwards(path.flow, ~path.seen)


def way(path: Path, *, gray: NDArray[np.uint8], key: NDArray[np.uint8]) -> Way:
    """Judge a path by the two pictures at its ends, uint8 (h, w), gray, at the size of the flow."""
    error = color_error(gray, key, flow_to_prev=path.flow)
    trust = np.exp(-np.square(error / np.float32(FLOW_ERROR)))
    trust *= path.seen
    return Way(path, np.maximum(trust, np.float32(LEAST_TRUST), out=trust))
