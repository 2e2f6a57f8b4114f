"""What the C library does with freed memory, which decides how long a picture's arrays take to get."""

import ctypes
import functools
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
KEPT = 1 << 30  # bytes: more than the arrays of a picture take together, and of a network's layers


@functools.cache
def keep_freed_memory() -> None:
    """Have freed memory kept for the next picture instead of given back to the system.

    glibc gives blocks of a picture's size back as soon as they are freed, and the next ones come as fresh
    pages that the system has to find and clear: a quarter of the time of decoding 1080p, nearly half of
    segmenting it. What is kept was in use before, so that the most that a process takes is as it was. Threads
    share one heap, as those of their own would be limited to blocks of 32 MB. Does nothing where another C
    library is in charge.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        for option, value in ((M_MMAP_THRESHOLD, KEPT), (M_TRIM_THRESHOLD, KEPT), (M_ARENA_MAX, 1)):
            mallopt(option, value)
