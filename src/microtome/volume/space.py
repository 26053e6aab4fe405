"""Room on the disk, asked for before anything is written."""

import os
import shutil
import sys
from pathlib import Path


def require_room(path: Path, size: int) -> None:
    """Check that `size` bytes fit on the disk on which `path` will be.

    Raises:
        OSError: If they do not.
    """
    free = shutil.disk_usage(path.parent).free
    if free < size:
        raise OSError(f"{path}: expected {size} bytes free on the disk; got {free}")


def reserve(path: Path) -> None:
    """Give a file with holes all of its bytes on the disk.

    To write into a hole on a full disk through a memory map or HDF5 would end the program.

    Raises:
        OSError: If there is no room; the file is removed.
    """
    if sys.platform != "linux":
        return
    try:
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, path.stat().st_size))
    except OSError as error:
        path.unlink()
        raise OSError(f"{path}: {error.strerror}") from error
