"""Components, block by block, against scipy's of the whole."""

import numpy as np
import pytest
from scipy import ndimage

from microtome.box import Box, Int3
from microtome.segment.components import Blocks, Neighbours, joined, layer


def blockwise(mask: np.ndarray, block: Int3, neighbours: Neighbours, smallest: int = 1) -> np.ndarray:
    """The components of a mask by their first voxels; those too small within a block are missing."""
    blocks = Blocks(mask.shape, block)
    layers = [layer(mask[box.slices], neighbours, smallest) for box in blocks.boxes]
    counts = np.array([one.count for one in layers])
    whole = joined(blocks, lambda number: layers[number].faces, counts, neighbours)
    labels = np.zeros(mask.shape, np.int64)
    for box, one, first in zip(blocks.boxes, layers, np.cumsum(counts) - counts, strict=True):
        of = np.concatenate([[0], 1 + whole[first : first + one.count]])
        labels[box.slices] = of[one.numbers][one.labels]
    return in_order(labels)


def in_order(labels: np.ndarray) -> np.ndarray:
    """The same components, numbered by their first voxels."""
    found, first = np.unique(labels, return_index=True)
    ranks = np.argsort(np.argsort(first[found > 0])) + 1
    return np.concatenate([[0] * int(found[0] == 0), ranks]).astype(int)[np.searchsorted(found, labels)]


def masks(rng: np.random.Generator) -> tuple[np.ndarray, Int3]:
    shape = tuple(rng.integers(1, 16, 3).tolist())
    noise = rng.random(shape)
    mask = ndimage.gaussian_filter(noise, rng.uniform(0, 1.5)) > rng.uniform(0.4, 0.6)
    block = np.maximum(rng.integers(1, 9, 3), np.array(shape) // 4)  # more than 5 of a side take seconds
    return mask, tuple(block.tolist())


@pytest.mark.parametrize("connectivity", [6, 26])
@pytest.mark.parametrize("flat", [False, True])
def test_whatever_the_blocks_the_components_are_those_of_scipy(connectivity: int, flat: bool) -> None:
    rng, neighbours = np.random.default_rng(connectivity + flat), Neighbours(connectivity, flat)
    for _ in range(12):
        mask, block = masks(rng)
        expected, _ = ndimage.label(mask, neighbours.structure)
        assert np.array_equal(blockwise(mask, block, neighbours), in_order(expected)), (mask.shape, block)


def test_small_components_are_left_out_only_where_nothing_can_be_missing_from_them() -> None:
    rng = np.random.default_rng(2)
    for _ in range(30):
        mask, block = masks(rng)
        labels = blockwise(mask, block, Neighbours(), smallest=5)
        every, _ = ndimage.label(mask)
        large = np.bincount(every.ravel())[every] >= 5
        sizes = np.bincount(labels.ravel(), minlength=labels.max() + 1)[labels]
        found = (labels > 0) & (sizes >= 5)
        assert np.array_equal(found, mask & large)


def test_a_spiral_through_many_blocks_is_one_component() -> None:
    mask = np.zeros((1, 31, 31), bool)
    low, high = 0, 30
    while low <= high:
        mask[0, low, max(low - 2, 0) : high + 1] = mask[0, low : high + 1, high] = True
        mask[0, high, low : high + 1] = mask[0, low + 2 : high + 1, low] = True
        low, high = low + 2, high - 2
    assert ndimage.label(mask)[1] == 1
    assert blockwise(mask, (1, 4, 3), Neighbours()).max() == 1


def test_blocks_that_touch_at_a_corner_only_are_joined_with_26_neighbours_alone() -> None:
    mask = np.zeros((4, 4, 4), bool)
    mask[1, 1, 1] = mask[2, 2, 2] = True
    assert blockwise(mask, (2, 2, 2), Neighbours(26)).max() == 1
    assert blockwise(mask, (2, 2, 2), Neighbours(6)).max() == 2
    assert blockwise(mask, (2, 2, 2), Neighbours(26, flat=True)).max() == 2


def test_blocks_are_numbered_and_found_by_their_place() -> None:
    blocks = Blocks((5, 4, 3), (2, 4, 2))
    assert blocks.counts == (3, 1, 2)
    assert [blocks.boxes[k] for k in (0, 5)] == [Box((0, 0, 0), (2, 4, 2)), Box((4, 0, 2), (5, 4, 3))]
    for number in range(6):
        assert blocks.number(blocks.place(number)) == number
    assert blocks.number((0, 1, 0)) is None
    assert blocks.number((-1, 0, 0)) is None


def test_a_mask_of_nothing_has_no_components() -> None:
    nothing = layer(np.zeros((2, 3, 4), bool), Neighbours())
    assert nothing.count == 0
    assert (
        joined(Blocks((2, 3, 4), (2, 3, 4)), lambda _: nothing.faces, np.array([0]), Neighbours()).size == 0
    )


def test_another_connectivity_is_refused() -> None:
    with pytest.raises(ValueError, match="connectivity of 6 or 26; got 18"):
        Neighbours(18)
