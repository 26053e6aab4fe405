import sys

import numpy as np
import pytest

from microtome.memory import give_back


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted as Linux does")
def test_what_was_freed_goes_back_to_the_system() -> None:
    pieces = [np.ones(2**13) for _ in range(1000)]  # too small for pages of their own: 64 MiB
    kept = pieces[::10]  # all over the heap, so that hardly anything is returned by itself
    del pieces
    before = resident()
    give_back()
    assert before - resident() > 40 * 2**20
    assert all(piece.all() for piece in kept)
