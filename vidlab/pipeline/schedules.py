"""Who works when: the stages of a pipeline one after the other, or each in a thread of its own.

                    sequential                       overlapped
    decode      ▇   ▇   ▇                        ▇▇▇▇▇▇
    preprocess   ▇   ▇   ▇                        ▇ ▇ ▇ ▇
    infer         ▇▇  ▇▇  ▇▇                       ▇▇▇▇▇▇▇▇

One after the other, an item takes the sum of its stages; overlapped, it takes as long as the slowest of them,
where each stage has a core (or a device) of its own. Both give the same results in the same order, and both
write every stage's work on a `Timeline`.
"""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias

from vidlab.errors import ParameterError
from vidlab.pipeline.threads import Crew
from vidlab.profiling import Span, Timeline

logger = logging.getLogger(__name__)

DECODE = "decode"
Numbered: TypeAlias = tuple[int, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """Work that makes one item of one item.

    Attributes:
        name: Name of the stage, in spans and errors.
        work: Takes an item, returns an item.
        synchronize: Waits for a device, so that a span ends when the device is done; None on the CPU.
        parallel: Its library computes on all cores with threads of its own, as torch does on the CPU. Two
            such pools on the same cores keep each other waiting, so that an overlapped pipeline has but one:
            this step and those after it run in the consumer's thread, those before it on one core each.
    """

    name: str
    work: Callable[[Any], Any]
    synchronize: Callable[[], None] | None = None
    parallel: bool = False

    def over(self, items: Iterable[Numbered], *, timeline: Timeline) -> Iterator[Numbered]:
        """Work on each item, on the timeline."""
        for number, item in items:
            with timeline.span(self.name, number, synchronize=self.synchronize):
                result = self.work(item)
            del item  # a frame that is done with need not wait for the next one to come
            yield number, result
            del result


@dataclass(frozen=True, slots=True)
class Gather:
    """Makes lists of `size` items, the last one shorter: frames to batches. Batches are numbered from 0."""

    size: int

    def over(self, items: Iterable[Numbered], *, timeline: Timeline) -> Iterator[Numbered]:
        """Collect items; takes no time worth a span."""
        if self.size < 1:
            raise ParameterError(f"a batch must hold at least 1 item, got {self.size}")
        batch: list[Any] = []
        n_batches = 0
        for _, item in items:
            batch.append(item)
            if len(batch) == self.size:
                yield n_batches, batch
                batch, n_batches = [], n_batches + 1
        if batch:
            yield n_batches, batch


@dataclass(frozen=True, slots=True)
class Scatter:
    """Takes lists apart again: batches to frames, numbered from 0."""

    def over(self, items: Iterable[Numbered], *, timeline: Timeline) -> Iterator[Numbered]:
        """Hand out the members of each batch; takes no time worth a span."""
        number = 0
        for _, batch in items:
            for item in batch:
                yield number, item
                number += 1


Stage: TypeAlias = Step | Gather | Scatter


def sequential(
    source: Iterable[Any], steps: Sequence[Stage], *, timeline: Timeline, source_name: str = DECODE
) -> Generator[Any, None, None]:
    """Take an item through all stages before the next one is read, in the caller's thread.

    Args:
        source: Gives the items; each `next` is one span of the stage `source_name`. It is closed at the end.
        steps: What happens to each item, in order.
        timeline: Takes the spans.
        source_name: Name of the stage that reads the source.

    Returns:
        A generator of results, in the order of the source.

    Raises:
        Exception: Whatever the source or a step raises, after the results before it.
    """
    items: Iterator[Numbered] = _read(source, name=source_name, timeline=timeline)
    with closing(items):  # type: ignore[type-var]  # a generator, which has close
        chained: Iterator[Numbered] = items
        for step in steps:
            chained = step.over(chained, timeline=timeline)
        for _, result in chained:
            yield result


def overlapped(
    source: Iterable[Any],
    steps: Sequence[Stage],
    *,
    timeline: Timeline,
    queue_size: int,
    source_name: str = DECODE,
    patience_s: float | None = None,
) -> Generator[Any, None, None]:
    """Run the source and each step in a thread of its own, with bounded queues between them.

    From the first `parallel` step on, steps run in the consumer's thread instead: what the consumer does
    between two results does not overlap with them, and `patience_s` does not watch them.

    Threads start with the first `next`, and end with the last result, with an error, when the generator is
    closed, and when the consumer or the user interrupts. A generator that is kept in a variable and not run
    to its end is best used in `with contextlib.closing(overlapped(…)) as results:`.

    Args:
        source: Gives the items; each `next` is one span of the stage `source_name`. It is closed at the end,
            in the thread that read it.
        steps: What happens to each item, in order. `Gather` and `Scatter` get no thread: they run in that of
            the step after them.
        timeline: Takes the spans.
        queue_size: Most items that wait between two stages, at least 1; more evens out stages of varying
            length, and takes more memory.
        source_name: Name of the stage that reads the source.
        patience_s: Longest wait for one result, in seconds; None waits as long as it takes.

    Returns:
        A generator of results, in the order of the source.

    Raises:
        ParameterError: `queue_size` is less than 1.
        StallError: No result came within `patience_s`; it names the stages that were at work.
        Exception: Whatever the source or a step raises, with its traceback, after the results before it.
    """
    if queue_size < 1:
        raise ParameterError(f"queue_size must be at least 1, got {queue_size}")
    groups, rest = _threads_of(steps)
    crew = Crew(queue_size=queue_size, one_core_each=any(map(_is_parallel, steps)))

    def run() -> Generator[Any, None, None]:
        with crew:
            items = crew.start(source_name, lambda _: _read(source, name=source_name, timeline=timeline))
            for name, group in groups:
                items = crew.start(name, _chain(group, timeline), reads=items)
            results = _chain(rest, timeline)(crew.results(items, patience_s=patience_s))
            for _, result in results:
                yield result

    return run()


def _read(source: Iterable[Any], *, name: str, timeline: Timeline) -> Generator[Numbered, None, None]:
    """Number the items of the source, each `next` on the timeline; close the source in the same thread."""
    iterator = iter(source)
    number = 0
    try:
        while True:
            start_s = timeline.clock()
            try:
                item = next(iterator)
            except StopIteration:
                return
            timeline.add(Span(name, number, start_s, timeline.clock()))
            yield number, item
            del item
            number += 1
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def _chain(stages: Sequence[Stage], timeline: Timeline) -> Callable[[Iterator[Numbered]], Iterator[Numbered]]:
    def over(items: Iterator[Numbered]) -> Iterator[Numbered]:
        for stage in stages:
            items = stage.over(items, timeline=timeline)
        return items

    return over


def _threads_of(steps: Sequence[Stage]) -> tuple[list[tuple[str, list[Stage]]], list[Stage]]:
    """Group each step with what gathers or scatters before it; the rest is the consumer's.

    That is what comes after the last step, or from the first parallel one on.
    """
    groups: list[tuple[str, list[Stage]]] = []
    waiting: list[Stage] = []
    is_own = True
    for step in steps:
        waiting.append(step)
        is_own = is_own and not _is_parallel(step)
        if isinstance(step, Step) and is_own:
            groups.append((step.name, waiting))
            waiting = []
    return groups, waiting


def _is_parallel(stage: Stage) -> bool:
    return isinstance(stage, Step) and stage.parallel
