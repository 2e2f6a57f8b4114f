"""Step 6: the mask is held to what the network confirms.

The contract, per class and shot, whatever the flow and the running mean say:
- **gone**: a mask is empty from `gone_after` frames after (looking ahead: and before) the nearest frame in
  which the network found the object; at once where only a remnant at the border is left of it;
- **kept**: an object found in `kept_after` frames in a row is shown in the last of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vidlab.temporal.area import at_border
from vidlab.types import BoolMask

REMNANT = 0.1  # of the object's area: what the flow failed to carry out of the picture with the rest
LOOK_PX = 4  # a coarse look is often enough to see that two masks meet


@dataclass(frozen=True, slots=True)
class GhostState:
    """What is remembered of one class between frames.

    Attributes:
        confidence: Exponentially weighted mean of the evidence's strength, [0, 1].
        miss_streak: Frames in a row without a raw mask.
        found_streak: Frames in a row with one.
        was_found: In any frame of the shot so far.
    """

    confidence: float
    miss_streak: int
    found_streak: int
    was_found: bool


def confirm(
    state: GhostState | None, *, found: bool, strength: float, confidence_memory: float
) -> GhostState:
    """Take in whether the network found the object in this frame.

    Args:
        state: After the frame before; None for the first frame of a shot.
        found: The raw mask of this frame is not empty.
        strength: How sure the network is of it, [0, 1]; counted as 0 when not found.
        confidence_memory: Weight of the past, [0, 1).
    """
    strength = strength if found else 0.0
    if state is None:
        return GhostState(strength, miss_streak=int(not found), found_streak=int(found), was_found=found)
    confidence = confidence_memory * state.confidence + (1 - confidence_memory) * strength
    if found:
        return GhostState(confidence, 0, found_streak=state.found_streak + 1, was_found=True)
    return GhostState(confidence, state.miss_streak + 1, found_streak=0, was_found=state.was_found)


def fading(missed: int, *, fade_after: int, gone_after: int) -> float:
    """Return the factor by which an unconfirmed probability is multiplied.

    Args:
        missed: Frames since (or until) the nearest frame in which the object was found.
        fade_after: Missed frames without any fading.
        gone_after: Missed frames from which the factor is 0.

    Returns:
        1 up to `fade_after`, then falling in equal steps, 0 from `gone_after` on.

    >>> [fading(n, fade_after=1, gone_after=5) for n in range(6)]
    [1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
    """
    if missed >= gone_after:
        return 0.0
    if missed <= fade_after:
        return 1.0
    return (gone_after - missed) / (gone_after - fade_after)


def is_remnant(mask: BoolMask, areas_px: Sequence[int], index: int) -> bool:
    """Say whether an unconfirmed mask is the rest of an object that has left through the border.

    Args:
        mask: bool (H, W).
        areas_px: Raw areas of the frames around, this one included; all of one shot.
        index: Which of them is this frame.

    Returns:
        Whether it touches the border, and either the mask or the object when it was found last (or will be
        found next) has less than REMNANT of the object's largest area.

    >>> mask = np.zeros((20, 20), bool)
    >>> mask[5:8, 0] = True
    >>> is_remnant(mask, [100, 0], 1), is_remnant(mask, [10, 0], 1)
    (True, False)
    """
    if not at_border(mask):
        return False
    before = next((area for area in reversed(areas_px[:index]) if area), 0)
    after = next((area for area in areas_px[index + 1 :] if area), 0)
    return min(int(np.count_nonzero(mask)), max(before, after)) < REMNANT * max(areas_px)


def share_a_pixel(a: BoolMask, b: BoolMask) -> bool:
    """Say whether two masks, bool (H, W), meet anywhere.

    >>> share_a_pixel(np.eye(3, dtype=bool), np.eye(3, dtype=bool)[::-1])
    True
    """
    coarse = np.s_[::LOOK_PX, ::LOOK_PX]
    return bool((a[coarse] & b[coarse]).any() or (a & b).any())
