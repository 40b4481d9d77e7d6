"""Return freed memory to the system between phases of a step."""

import ctypes
import sys


def return_freed_memory() -> None:
    """Return the free memory of the C library's heap to the system, where that is glibc; elsewhere do nothing.

    glibc keeps arrays of up to 32 MB on its heap. It returns what was freed only from the end of the heap, so that one
    small array there keeps all of it. After the graph of 3 million lines was read, 500 of 1,100 MB were free so. It
    takes milliseconds, and is for ends of phases.
    """
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(ctypes.c_size_t(0))
