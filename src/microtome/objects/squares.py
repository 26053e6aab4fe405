"""Square patches from anywhere in an image: what a network should know of it beside its objects."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import UInt8

from microtome.box import Box, Int3
from microtome.objects.align import CELL, OUTSIDE
from microtome.query.candidates import pieces
from microtome.volume import Volume


def anywhere(shape: Int3, wide: int, count: int, rng: np.random.Generator) -> list[Box]:
    """Squares of a section, each place as likely as any other; around the middle where a side is smaller."""
    depth, *sides = shape
    z = rng.integers(0, depth, count)
    y, x = (
        rng.integers(0, side - wide + 1, count) if side >= wide else np.full(count, (side - wide) // 2)
        for side in sides
    )
    starts = np.stack([z, y, x], axis=1)
    order = np.lexsort(tuple(starts.T[::-1]))
    return [Box((z, y, x), (z + 1, y + wide, x + wide)) for z, y, x in starts[order].tolist()]


def cut(image: Volume, boxes: Sequence[Box], step: int) -> Iterator[UInt8[np.ndarray, "s s"]]:
    """The image in each box, grey beyond it, `step` voxels to a pixel; neighbours are read together."""
    whole = Box.of(image.shape)
    inside = [box.intersection(whole) for box in boxes]
    for hull, members in pieces(inside, CELL):
        block = image.read(hull)
        for k in members:
            wide = np.full(boxes[k].shape, OUTSIDE, np.uint8)
            wide[inside[k].relative_to(boxes[k]).slices] = block[inside[k].relative_to(hull).slices]
            side = wide.shape[1] // step  # pixels
            means = wide.reshape(side, step, side, step).mean(axis=(1, 3))
            yield np.floor(means + 0.5).astype(np.uint8)
