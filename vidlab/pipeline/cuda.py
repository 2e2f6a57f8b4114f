"""The schedule for a CUDA device: bytes travel while the kernels of the batch before them run.

    host           fill 0   fill 1          take 0, fill 2
    copy stream      ▇ 0      ▇ 1              ▇ 2
    compute stream     ▇▇▇▇▇ 0  ▇▇▇▇▇ 1  ▇▇▇▇▇ 2
    return stream            ▪ 0      ▪ 1      ▪ 2

Frames are staged in pinned memory, the only memory that the device copies from by itself. Streams wait for
each other by events, on the device. The host waits for one event only: that of the batch whose buffers it is
about to use again, `n_buffers` batches ago. Nothing in the loop waits for the whole device.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError
from vidlab.pipeline.networks import TimedNetwork
from vidlab.pipeline.preprocess import Preprocessor, after_copy

COPY, COMPUTE, RETURN = "copy", "infer", "return"  # stages on the timeline
Batch = NDArray[np.uint8]


class Spans(Protocol):
    """What takes the device's spans: `vidlab.profiling.events.EventSpans`."""

    def span(self, stage: str, item: int) -> AbstractContextManager[None]:
        """Mark begin and end of a block on the current stream."""

    def collect(self) -> None:
        """Put what was marked on the timeline, after the run."""


class Cuda(Protocol):
    """What the schedule asks of CUDA; `TorchCuda` is torch's, tests bring their own."""

    def stream(self) -> Any:
        """Make a stream, which has `wait_event` and `synchronize`."""

    def event(self) -> Any:
        """Make an event, which has `record`, on the current stream, and `synchronize`."""

    def on(self, stream: Any) -> AbstractContextManager[Any]:
        """Make a stream the current one."""

    def pinned(self, shape: tuple[int, ...], like: Any) -> Any:
        """Make page-locked host memory, uint8, or of the type of `like`."""

    def on_device(self, shape: tuple[int, ...]) -> Any:
        """Make uint8 memory on the device."""

    def fill(self, pinned: Any, batch: Batch) -> None:
        """Copy an array into pinned memory, on the host, at once."""

    def copy(self, target: Any, source: Any) -> None:
        """Queue a copy on the current stream."""

    def keep(self, value: Any, stream: Any) -> None:
        """Keep a value's memory from being given away before `stream` is done with it."""

    def to_array(self, pinned: Any) -> NDArray[Any]:
        """Return a copy of pinned memory that stays when the memory is used again."""


def double_buffered(
    batches: Iterable[Batch], work: Callable[[Any], Any], *, n_buffers: int, cuda: Cuda, spans: Spans
) -> Generator[NDArray[Any], None, None]:
    """Run device work over batches, copies and kernels overlapped.

    To overlap decoding too, give it `overlapped(source, …)` as its batches.

    Args:
        batches: uint8 (N, H, W, 3); the last may hold fewer frames. Another size starts with new buffers.
        work: Takes a batch on the device, uint8 (N, H, W, 3); returns one tensor, (N, …), on the device. It
            must not wait for the device itself, or nothing overlaps.
        n_buffers: Batches under way at once, at least 2; more evens out batches of varying length, and
            takes more memory.
        cuda: CUDA, as `TorchCuda(device)`.
        spans: Takes the stages `copy`, `infer` and `return` of every batch, by the device's own clock.

    Returns:
        A generator of arrays, one for each batch, in order. When it ends or is closed, the device is done.

    Raises:
        ParameterError: `n_buffers` is less than 2.
        ShapeError: A batch is not uint8 (N, H, W, 3).
        Exception: Whatever the batches or the work raise.
    """
    if n_buffers < 2:
        raise ParameterError(f"n_buffers must be at least 2, got {n_buffers}")
    return _run(batches, _Lanes(cuda, work, spans), n_buffers=n_buffers, cuda=cuda, spans=spans)


def _run(
    batches: Iterable[Batch], lanes: "_Lanes", *, n_buffers: int, cuda: Cuda, spans: Spans
) -> Generator[NDArray[Any], None, None]:
    slots: list[_Slot] = []
    number = 0
    try:
        for number, batch in enumerate(batches):
            if batch.dtype != np.uint8 or batch.ndim != 4:
                raise ShapeError(f"a batch must be uint8 (N, H, W, 3), got {batch.dtype} {batch.shape}")
            if not slots or not slots[0].holds(batch):
                yield from _drain(slots, number)
                slots = [_Slot(cuda, batch.shape) for _ in range(n_buffers)]
            slot = slots[number % n_buffers]
            if slot.busy:
                yield slot.take()
            lanes.send(slot, batch, number)
        yield from _drain(slots, number + 1)
    finally:
        lanes.wait()  # no buffer is freed while the device still reads or writes it
        close = getattr(batches, "close", None)
        if close is not None:
            close()
    spans.collect()


def _drain(slots: list["_Slot"], number: int) -> Iterator[NDArray[Any]]:
    """Take what is under way, oldest first; `number` is that of the next batch."""
    for place in range(len(slots)):
        slot = slots[(number + place) % len(slots)]
        if slot.busy:
            yield slot.take()


class _Slot:
    """The buffers of one batch on its way."""

    def __init__(self, cuda: Cuda, shape: tuple[int, ...]) -> None:
        self._cuda, self._shape = cuda, shape
        self.pinned, self.device = cuda.pinned(shape, None), cuda.on_device(shape)
        self.copied, self.computed, self.returned = cuda.event(), cuda.event(), cuda.event()
        self.answer: Any = None
        self.n_answers = 0
        self.busy = False

    def holds(self, batch: Batch) -> bool:
        """Whether a batch fits: of the same frame size, with no more frames."""
        return batch.shape[1:] == self._shape[1:] and batch.shape[0] <= self._shape[0]

    def room_for(self, output: Any) -> Any:
        """Return pinned memory for an output; made once, with room for a full batch."""
        if self.answer is None or self.answer.shape[1:] != output.shape[1:]:
            self.answer = self._cuda.pinned((self._shape[0], *output.shape[1:]), output)
        self.n_answers = output.shape[0]
        return self.answer[: self.n_answers]

    def take(self) -> NDArray[Any]:
        """Wait for this batch alone, and return its result."""
        self.returned.synchronize()
        self.busy = False
        return self._cuda.to_array(self.answer[: self.n_answers])


class _Lanes:
    """Three streams, and the order in which they wait for each other."""

    def __init__(self, cuda: Cuda, work: Callable[[Any], Any], spans: Spans) -> None:
        self._cuda, self._work, self._spans = cuda, work, spans
        self._copy, self._compute, self._return = (cuda.stream() for _ in range(3))

    def send(self, slot: _Slot, batch: Batch, number: int) -> None:
        """Queue everything that is to happen to a batch; returns at once."""
        cuda, span = self._cuda, self._spans.span
        pinned, device = slot.pinned[: len(batch)], slot.device[: len(batch)]
        cuda.fill(pinned, batch)
        slot.busy = True
        with cuda.on(self._copy):
            with span(COPY, number):
                cuda.copy(device, pinned)
            slot.copied.record()
        with cuda.on(self._compute):
            self._compute.wait_event(slot.copied)
            with span(COMPUTE, number):
                output = self._work(device)
            slot.computed.record()
        with cuda.on(self._return):
            self._return.wait_event(slot.computed)
            with span(RETURN, number):
                cuda.copy(slot.room_for(output), output)
            cuda.keep(output, self._return)
            slot.returned.record()

    def wait(self) -> None:
        """Wait for all three; only after the loop."""
        for stream in (self._copy, self._compute, self._return):
            stream.synchronize()


class TorchCuda:
    """CUDA through torch."""

    def __init__(self, device: str) -> None:
        """Choose a device, `cuda` or `cuda:N`.

        Raises:
            DeviceError: It is not here.
            MissingExtraError: torch is not installed.
        """
        from vidlab.models.device import require_device, require_torch

        self._torch: Any = require_torch()
        self._device = require_device(device)

    def stream(self) -> Any:
        """See `Cuda`; what was queued before, such as a network's weights, is there when it starts."""
        stream = self._torch.cuda.Stream(self._device)
        stream.wait_stream(self._torch.cuda.current_stream(self._device))
        return stream

    def event(self) -> Any:
        """See `Cuda`; waiting for it leaves the core to the decoder."""
        return self._torch.cuda.Event(blocking=True)

    def on(self, stream: Any) -> AbstractContextManager[Any]:
        """See `Cuda`."""
        context: AbstractContextManager[Any] = self._torch.cuda.stream(stream)
        return context

    def pinned(self, shape: tuple[int, ...], like: Any) -> Any:
        """See `Cuda`."""
        dtype = self._torch.uint8 if like is None else like.dtype
        return self._torch.empty(shape, dtype=dtype, pin_memory=True)

    def on_device(self, shape: tuple[int, ...]) -> Any:
        """See `Cuda`."""
        return self._torch.empty(shape, dtype=self._torch.uint8, device=self._device)

    def fill(self, pinned: Any, batch: Batch) -> None:
        """See `Cuda`."""
        pinned.copy_(self._torch.from_numpy(np.ascontiguousarray(batch)))

    def copy(self, target: Any, source: Any) -> None:
        """See `Cuda`."""
        target.copy_(source, non_blocking=True)

    def keep(self, value: Any, stream: Any) -> None:
        """See `Cuda`."""
        value.record_stream(stream)

    def to_array(self, pinned: Any) -> NDArray[Any]:
        """See `Cuda`."""
        return np.array(pinned.numpy())


def device_work(prepare: Preprocessor, network: TimedNetwork) -> Callable[[Any], Any]:
    """Return the work on a batch that has arrived: resize and normalize, infer, one class per pixel.

    Args:
        prepare: The way `device`.
        network: A semantic network; detectors wait for the device themselves, and overlap nothing.

    Raises:
        ParameterError: `prepare` is another way.
    """
    arrive = after_copy(prepare)
    return lambda batch: network.labels(network(arrive(batch)))
