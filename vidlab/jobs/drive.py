"""The one driver of `reset`, `step` and `flush`: the frames of every face go through here."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

from vidlab.errors import UsageError
from vidlab.temporal.protocol import Evidence, Stabilizer, StableFrame
from vidlab.types import Frame

KeptT = TypeVar("KeptT")


def drive(
    stabilizer: Stabilizer, items: Iterable[tuple[Frame, Evidence, KeptT]]
) -> Iterator[tuple[Frame, KeptT, StableFrame]]:
    """Feed a stabilizer frame by frame and pair every result with the frame it belongs to.

    At most `stabilizer.delay + 1` frames wait for their result; nothing grows with the length of the clip.

    Args:
        stabilizer: Reset here; not to be used elsewhere meanwhile.
        items: For each frame, in order: the frame, what the network said about it, and anything the caller
            wants back with its result. Only the frame and the last are held while the result is owed.

    Yields:
        One triple per frame, in order: the frame, what the caller gave, the stable result.

    Raises:
        UsageError: The stabilizer does not return exactly one result per frame within its delay.
    """
    stabilizer.reset()
    waiting: deque[tuple[Frame, KeptT]] = deque()
    for results in steps(stabilizer, items, waiting=waiting):
        yield from results
    yield from rest(stabilizer, waiting=waiting)


def steps(
    stabilizer: Stabilizer,
    items: Iterable[tuple[Frame, Evidence, KeptT]],
    *,
    waiting: deque[tuple[Frame, KeptT]],
) -> Iterator[Iterator[tuple[Frame, KeptT, StableFrame]]]:
    """Drive a stabilizer like `drive`, but without its end, and yield the results of each step together.

    Between two steps, stabilizer and `waiting` are all that a run is: put away together and taken up later,
    with the items that follow, they go on as if nothing had happened.

    Args:
        stabilizer: As it was after the frames that came before; it is not reset.
        items: As for `drive`.
        waiting: Frames whose result is owed; changed as frames come and go.

    Yields:
        For each frame the triples that are now complete, often none, to be taken before the next step.

    Raises:
        UsageError: The stabilizer owes more than its delay, or gives too many results.
    """
    for frame, evidence, kept in items:
        waiting.append((frame, kept))
        yield _paired(stabilizer.step(frame.image, evidence), waiting)
        if len(waiting) > stabilizer.delay:
            raise UsageError(
                f"a stabilizer with delay {stabilizer.delay} must owe at most so many results, "
                f"got {len(waiting)} owed after frame {frame.index}"
            )


def rest(
    stabilizer: Stabilizer, *, waiting: deque[tuple[Frame, KeptT]]
) -> Iterator[tuple[Frame, KeptT, StableFrame]]:
    """Yield the triples that are still owed after the last step.

    Raises:
        UsageError: They are not as many as there are frames waiting.
    """
    yield from _paired(stabilizer.flush(), waiting)
    if waiting:
        raise UsageError(f"a stabilizer must return one result per frame, got {len(waiting)} too few")


def _paired(
    results: Iterable[StableFrame], waiting: deque[tuple[Frame, KeptT]]
) -> Iterator[tuple[Frame, KeptT, StableFrame]]:
    for stable in results:
        if not waiting:
            raise UsageError("a stabilizer must return one result per frame, got one too many")
        frame, kept = waiting.popleft()
        yield frame, kept, stable
