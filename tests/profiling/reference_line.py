"""Two simulators of a pipeline with bounded queues, made otherwise than the package's: its yardstick.

`finish_s` is exact where stages share nothing: the recursion of a tandem queue with blocking after service.
`tick_s` runs many pipelines at once in small steps of time, and shares cores and devices at each step.
"""

import numpy as np
from numpy.typing import NDArray


def finish_s(costs: NDArray[np.float64], *, queue_size: int) -> float:
    """When the last item is done; costs float (stages, items). Nothing is shared."""
    n_stages, n_items = costs.shape
    start = np.zeros((n_stages, n_items))
    leave = np.zeros((n_stages, n_items))  # when the stage got rid of the item
    for item in range(n_items):
        for stage in range(n_stages):
            arrives = leave[stage - 1, item] if stage else 0.0
            free = leave[stage, item - 1] if item else 0.0
            start[stage, item] = max(arrives, free)
            leave[stage, item] = start[stage, item] + costs[stage, item]
            if stage < n_stages - 1 and item >= queue_size:
                leave[stage, item] = max(leave[stage, item], start[stage + 1, item - queue_size])
    return float(leave[-1, -1])


def tick_s(
    costs: NDArray[np.float64],
    *,
    cores: NDArray[np.float64],
    device: NDArray[np.int64],
    n_cores: NDArray[np.float64],
    queue_size: NDArray[np.int64],
    tick_s: float,
) -> NDArray[np.float64]:
    """When each of P pipelines is done, float (P,).

    Args:
        costs: float (P, stages, items), seconds alone.
        cores: float (P, stages), cores wanted meanwhile.
        device: int (P, stages), 0 none; stages of one device share it.
        n_cores: float (P,).
        queue_size: int (P,).
        tick_s: Length of a step.
    """
    n_lines, n_stages, n_items = costs.shape
    threads = np.ceil(cores)
    same = (device[:, :, None] == device[:, None, :]) & (device[:, :, None] > 0)
    at = np.zeros((n_lines, n_stages), int)  # item that each stage is at, or waits for
    holds = np.zeros((n_lines, n_stages), bool)
    left = np.zeros((n_lines, n_stages))
    queues = np.zeros((n_lines, n_stages + 1), int)
    queues[:, 0] = n_items
    room = np.column_stack([np.tile(queue_size[:, None], n_stages - 1), np.full(n_lines, n_items)])
    done_at, now = np.zeros(n_lines), 0.0
    rows = np.arange(n_lines)
    while (queues[:, -1] < n_items).any():
        for _ in range(2):  # what a stage gives away may let its neighbors go on at once
            for s in reversed(range(n_stages)):
                gives = holds[:, s] & (left[:, s] <= 0) & (queues[:, s + 1] < room[:, s])
                queues[:, s + 1] += gives
                at[:, s] += gives
                holds[:, s] &= ~gives
                takes = ~holds[:, s] & (queues[:, s] > 0)
                queues[:, s] -= takes
                holds[:, s] |= takes
                fresh = costs[rows, s, np.minimum(at[:, s], n_items - 1)]
                left[:, s] = np.where(takes, left[:, s] + fresh, left[:, s])  # a tick's rest is not lost
        finished = (queues[:, -1] == n_items) & (done_at == 0)
        done_at[finished] = now
        busy = holds & (left > 0)
        rate = _fair(np.where(busy, cores, 0.0), np.where(busy, threads, 0.0), n_cores)
        sharing = np.einsum("pij,pj->pi", same.astype(float), busy.astype(float))
        rate = np.where(sharing > 1, np.minimum(rate, 1 / np.maximum(sharing, 1)), rate)
        left -= np.where(busy, rate, 0.0) * tick_s
        left = np.where(holds, left, 0.0)
        now += tick_s
    return done_at


def _fair(wanted: NDArray[np.float64], threads: NDArray[np.float64], n_cores: NDArray[np.float64]) -> NDArray:
    """Fill all threads to one level, in passes: who wants less than the level is content and leaves."""
    content = threads == 0
    level = np.zeros(len(wanted))
    for _ in range(wanted.shape[1]):
        used = np.where(content, wanted, 0.0).sum(1)
        open_threads = np.where(content, 0.0, threads).sum(1)
        level = np.where(open_threads > 0, (n_cores - used) / np.maximum(open_threads, 1), n_cores)
        content = content | (wanted <= level[:, None] * threads)
    got = np.where(content, wanted, level[:, None] * threads)
    return np.where(wanted > 0, got / np.maximum(wanted, 1e-12), 1.0)
