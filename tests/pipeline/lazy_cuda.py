"""A CUDA that does nothing until it is waited for: whoever does not wait, or too late, gets wrong pixels.

Work is queued on streams and runs when somebody waits for an event or a stream, and then only as far as that
needs. A host that fills a buffer again before its copy ran overwrites what was to be copied.
"""

from contextlib import contextmanager

import numpy as np


class Memory:
    """An array on the device, or pinned on the host; slices share it, as a tensor's do."""

    def __init__(self, array):
        self.array = array

    @property
    def shape(self):
        return self.array.shape

    @property
    def dtype(self):
        return self.array.dtype

    def __getitem__(self, part):
        return Memory(self.array[part])


class Stream:
    def __init__(self, cuda, name):
        self.cuda, self.name, self.queue = cuda, name, []

    def wait_event(self, event):
        self.cuda.log.append((self.name, "waits for", event.name))
        self.queue.append(event.run)

    def synchronize(self):
        self.cuda.log.append(("host", "waits for stream", self.name))
        self.run_to(len(self.queue))

    def run_to(self, place):
        while place > 0 and self.queue:
            self.queue.pop(0)()
            place -= 1


class Event:
    def __init__(self, cuda, name):
        self.cuda, self.name, self.stream, self.done = cuda, name, None, True

    def record(self):
        self.stream, self.done = self.cuda.current, False
        self.cuda.log.append((self.stream.name, "records", self.name))

        def reached():
            self.done = True

        self.mark = reached
        self.stream.queue.append(reached)

    def run(self):
        """What a stream or the host waits for: everything before the mark, on its stream."""
        while not self.done:
            self.stream.run_to(1)

    def synchronize(self):
        self.cuda.log.append(("host", "waits for", self.name))
        self.run()


class LazyCuda:
    """As `vidlab.pipeline.cuda.Cuda`; `log` holds who did what, in the order of the host's calls."""

    NAMES = ("copy", "compute", "return")

    def __init__(self):
        self.log, self.streams, self.n_events, self.current = [], [], 0, None
        self.kept = []

    def stream(self):
        self.streams.append(Stream(self, self.NAMES[len(self.streams)]))
        return self.streams[-1]

    def event(self):
        slot, kind = divmod(self.n_events, 3)
        self.n_events += 1
        return Event(self, f"{('copied', 'computed', 'returned')[kind]} {slot}")

    @contextmanager
    def on(self, stream):
        before, self.current = self.current, stream
        yield
        self.current = before

    def pinned(self, shape, like):
        return Memory(np.full(shape, 77, np.uint8 if like is None else like.dtype))

    def on_device(self, shape):
        return Memory(np.full(shape, 99, np.uint8))

    def fill(self, pinned, batch):
        self.log.append(("host", "fills", int(batch.flat[0])))
        pinned.array[:] = batch

    def copy(self, target, source):
        self.launch(lambda: np.copyto(target.array, source.array))

    def launch(self, act):
        self.log.append((self.current.name, "queues", "work"))
        self.current.queue.append(act)

    def keep(self, value, stream):
        self.kept.append(stream.name)

    def to_array(self, pinned):
        return pinned.array.copy()


class LazySpans:
    """Notes which spans were asked for, and that they were collected after everything else."""

    def __init__(self, cuda):
        self.cuda, self.taken, self.collected = cuda, [], 0

    @contextmanager
    def span(self, stage, item):
        self.taken.append((stage, item, self.cuda.current.name))
        yield

    def collect(self):
        self.collected += 1
        self.cuda.log.append(("host", "collects", "spans"))
