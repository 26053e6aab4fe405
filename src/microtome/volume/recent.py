"""The last few decoded sections of a compressed stack."""

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np


class RecentSections:
    """Keeps decoded sections up to `limit_bytes`, but always the last one; pickles empty."""

    def __init__(self, limit_bytes: int = 256 * 2**20) -> None:
        self.limit_bytes = limit_bytes
        self._sections: OrderedDict[int, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, z: int, decode: Callable[[int], np.ndarray]) -> np.ndarray:
        """Section `z`, decoded unless it is still here; not to be written to."""
        with self._lock:
            if z not in self._sections:
                self._sections[z] = decode(z)
                self._shrink()
            self._sections.move_to_end(z)
            return self._sections[z]

    def forget(self, z: int) -> None:
        """Drop section `z`, because it changed."""
        with self._lock:
            self._sections.pop(z, None)

    def _shrink(self) -> None:
        while len(self._sections) > 1 and sum(a.nbytes for a in self._sections.values()) > self.limit_bytes:
            self._sections.popitem(last=False)

    def __reduce__(self) -> tuple[type["RecentSections"], tuple[int]]:
        return RecentSections, (self.limit_bytes,)
