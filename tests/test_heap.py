"""Freed memory is used again: arrays of a picture's size cost no fresh pages after the first."""

import platform
import subprocess
import sys

import pytest

N_ARRAYS = 20
PAGES = N_ARRAYS * (64 << 20) // 4096  # that so many arrays of 64 MB touch
SCRIPT = f"""
import resource, sys, threading
import numpy as np
from vidlab.heap import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()

def fill():
    for _ in range({N_ARRAYS}):
        np.ones(64 << 20, np.uint8)

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    fill()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def in_thread():
    answer = []
    thread = threading.Thread(target=lambda: answer.append(faults()))
    thread.start()
    thread.join()
    return answer[0]

fill()
print(faults(), in_thread())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told what to keep")
def test_freed_memory_is_kept_for_all_threads():
    def faults(way):
        done = subprocess.run([sys.executable, "-c", SCRIPT, way], capture_output=True, text=True, check=True)
        return [int(word) for word in done.stdout.split()]

    assert all(count < PAGES / 100 for count in faults("kept"))
    assert all(count > PAGES / 1000 for count in faults("given back"))
