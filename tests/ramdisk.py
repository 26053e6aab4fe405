"""Imported before a temporary folder is made: they lie in memory where there is room, unless TMPDIR is set.

Tests that write journals and volumes spent half of their time waiting for a disk.
"""

import os
import tempfile

MEMORY = "/dev/shm"
ROOM = 2**30  # bytes; many times what the tests hold at a time


def _fits(folder: str) -> bool:
    """Whether the tests have room there, and may run what they compile."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    free = found.f_bavail * found.f_frsize
    return free > ROOM and not found.f_flag & os.ST_NOEXEC and os.access(folder, os.W_OK)


if "TMPDIR" not in os.environ and _fits(MEMORY):
    os.environ["TMPDIR"], tempfile.tempdir = MEMORY, None
