"""Processes that end with the one that began them: killed, it cannot tell them to stop."""

import os
import threading
from multiprocessing import parent_process


def end_with_parent() -> None:
    """End this process, which another one spawned, as soon as that one is gone."""
    threading.Thread(target=_end, daemon=True).start()


def _end() -> None:
    parent = parent_process()
    assert parent is not None, "a worker has a parent"
    parent.join()
    os._exit(1)
