"""A few places of a volume, for statistics that must not cost more when the volume is larger."""

import hashlib
import math

import numpy as np

from microtome.box import Box, Int3


def sample_boxes(shape: Int3, piece: Int3, n: int, seed: int) -> list[Box]:
    """At most `n` boxes of shape `piece`, or less in a smaller volume, drawn with replacement.

    Where there are no more than `n` places in all, each is taken once, and the volume is covered. Places
    are drawn by SHA-256: what is computed from them is stored, and numpy may change its random streams.
    """
    z, y, x = (min(a, b) for a, b in zip(shape, piece, strict=True))
    places = (shape[0] - z + 1, shape[1] - y + 1, shape[2] - x + 1)
    if math.prod(places) <= n:
        starts = list(np.ndindex(places))
    else:
        starts = [_place(places, f"{seed} {i}") for i in range(n)]
    return [Box((a, b, c), (a + z, b + y, c + x)) for a, b, c in starts]


def _place(places: Int3, key: str) -> Int3:
    z, y, x = (
        int.from_bytes(hashlib.sha256(f"{key} {axis}".encode()).digest()[:8], "little") % n
        for axis, n in zip("zyx", places, strict=True)
    )
    return (z, y, x)
