"""Parts of the tiled sections of a TIFF, of which only the tiles that a box touches are decoded."""

import itertools

import numpy as np
import tifffile
from jaxtyping import Shaped

from microtome.box import Box
from microtome.volume.tiff_layout import Page


def in_tiles(page: Page) -> bool:
    """Whether the section is cut along y and x into tiles of one channel."""
    first = _first(page)
    return first.is_tiled and len(first.tile or ()) == 2 and first.samplesperpixel == 1


def read_tiles(page: Page, box: Box, dtype: np.dtype) -> Shaped[np.ndarray, "y x"]:
    """The voxels of the section in y and x of `box`, from the open file; a tile that was left out is 0."""
    result = np.zeros(box.shape[1:], dtype)
    height, width = _first(page).tile or (1, 1)
    across = -(-_first(page).imagewidth // width)
    rows, columns = (
        range(a // side, -(-b // side))
        for a, b, side in zip(box.start[1:], box.stop[1:], (height, width), strict=True)
    )
    for row, column in itertools.product(rows, columns):
        tile = _tile(page, row * across + column)
        if tile is not None:
            place = Box((0, row * height, column * width), (1, row * height + height, column * width + width))
            shared = place.intersection(Box((0, *box.start[1:]), (1, *box.stop[1:])))
            inside, outside = shared.relative_to(place), shared.shifted((0, -box.start[1], -box.start[2]))
            result[outside.slices[1:]] = tile[inside.slices[1:]]
    return result


def _first(page: Page) -> tifffile.TiffPage:
    """The page that says how this one is stored."""
    assert page.keyframe is not None
    return page.keyframe


def _tile(page: Page, index: int) -> Shaped[np.ndarray, "y x"] | None:
    if not page.databytecounts[index]:
        return None
    file = page.parent.filehandle
    file.seek(page.dataoffsets[index])
    data = file.read(page.databytecounts[index])
    decoded, _, _ = _first(page).decode(data, index, jpegtables=page.jpegtables)
    return None if decoded is None else decoded[0, :, :, 0]
