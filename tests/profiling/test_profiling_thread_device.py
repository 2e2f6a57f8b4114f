"""A device made of a thread behaves as a GPU does: calls return at once, errors arrive when waited for."""

import threading
import time

import pytest

from vidlab.profiling import measure_both_ways
from vidlab.profiling.thread_device import ThreadDevice


def test_calls_return_before_the_work_is_done_and_waiting_finishes_it():
    begun, go, done = threading.Event(), threading.Event(), []
    with ThreadDevice() as device:
        device.submit(lambda: (begun.set(), go.wait(10), done.append(1)))
        device.submit(lambda: done.append(2))
        assert begun.wait(10)
        assert done == []
        go.set()
        device.synchronize()
        assert done == [1, 2]


def test_errors_arrive_when_the_device_is_waited_for_and_it_goes_on():
    with ThreadDevice() as device:
        device.submit(lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            device.synchronize()
        device.synchronize()


def test_a_clock_that_does_not_wait_is_fooled_by_it():
    with ThreadDevice() as device:
        both = measure_both_ways(
            lambda: device.submit(time.sleep, 0.05), synchronize=device.synchronize, n_warmup=1, n_repeats=3
        )
    assert both.is_fooled
    assert both.synchronized.median_s >= 0.05
