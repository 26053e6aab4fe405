"""Memory that is freed goes back to the system."""

import ctypes
import gc
import sys


def give_back() -> None:
    """Have the C library return what is free; glibc keeps it in pieces that later work seldom fits.

    Where the library cannot, nothing happens.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
