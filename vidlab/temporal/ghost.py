"""Step 6: a mask that the network no longer confirms fades, and is gone after a stated number of frames."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GhostState:
    """What is remembered of one class between frames.

    Attributes:
        confidence: Exponentially weighted mean of the evidence's strength, [0, 1].
        miss_streak: Frames in a row without a raw mask.
    """

    confidence: float
    miss_streak: int


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
        return GhostState(strength, 0 if found else 1)
    confidence = confidence_memory * state.confidence + (1 - confidence_memory) * strength
    return GhostState(confidence, 0 if found else state.miss_streak + 1)


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
