"""False positives taken out of a prediction by a mask of cells: what lies inside a cell is no membrane.

Named by Guay (2021) as the last step by hand, two minutes a megavoxel; the rule here is our reading of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Shaped
from scipy import ndimage

from microtome.box import Box
from microtome.labels import borders, components
from microtome.progress import Progress, silent
from microtome.volume import Volume, VolumeSpec, create_volume

_SLAB = 2**25  # voxels in memory at a time, but at least a section
_DEEPEST = 32  # sections; as many as a chunk usually has

Cells = Shaped[np.ndarray, "_ _ _"]


@dataclass(frozen=True)
class Cleaning:
    """How deep inside a cell a component has to lie to be removed.

    `erosion` is the margin at the border of a cell, in pixels; `tolerance` the share of a component, in
    [0, 1), that may lie in the margin.

    Raises:
        ValueError: If the erosion is negative or the tolerance out of its range.
    """

    erosion: float = 5.0
    tolerance: float = 0.01

    def __post_init__(self) -> None:
        if not 0 <= self.erosion < np.inf:
            raise ValueError(f"expected an erosion of 0 pixels or more; got {self.erosion}")
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"expected a tolerance from 0 to less than 1; got {self.tolerance}")


Foreground = Callable[[np.ndarray], np.ndarray]
"""Says where a block, as stored, is of the class that is to be cleaned."""


@dataclass(frozen=True)
class Removed:
    """What was taken out of a section, and how many voxels of the class were there."""

    section: int
    components: int
    voxels: int
    before: int


def enclosed(mask: Bool[np.ndarray, "z y x"], cells: Cells, cleaning: Cleaning) -> Bool[np.ndarray, "z y x"]:
    """The components of a mask, 4-connected in a section, that lie inside a cell: false positives.

    `cells` is a mask, or numbers them; 0 is what lies between them, and touching it keeps a component. Where
    two cells touch there is a border, too; the image's edge is none. Cells should have no holes.

    Raises:
        ValueError: If the shapes differ.
    """
    if mask.shape != cells.shape:
        raise ValueError(f"expected cells of the prediction's shape {mask.shape}; got {cells.shape}")
    numbers = components(mask)
    sizes = np.bincount(numbers.ravel())
    outside = np.bincount(numbers[~_eroded(cells, cleaning.erosion)], minlength=len(sizes))
    touching = np.bincount(numbers[_grown(cells == 0)], minlength=len(sizes))
    inside = (outside <= cleaning.tolerance * sizes) & (touching == 0)
    inside[0] = False
    return inside[numbers]


def clean(
    prediction: Volume,
    cells: Volume,
    out: Volume,
    foreground: Foreground,
    cleaning: Cleaning,
    progress: Progress = silent,
) -> Iterator[Removed]:
    """Write the prediction with 0 for its false positives, slab by slab, and give what each section lost.

    Raises:
        ValueError: If the shapes differ, a cell's number is below 0, all voxels have the same, or a volume is
            damaged.
        OSError: If one cannot be read or written.
    """
    _require_cells(cells, prediction)
    least, most = np.inf, -np.inf
    for box in _slabs(prediction):
        stored, numbers = prediction.read(box), cells.read(box)
        least, most = min(least, int(numbers.min())), max(most, int(numbers.max()))
        mask = foreground(stored)
        wrong = enclosed(mask, numbers, cleaning)
        out.write(box, np.where(wrong, np.zeros((), stored.dtype), stored))
        counts = _components_each(wrong)
        for k, z in enumerate(range(box.start[0], box.stop[0])):
            yield Removed(z, counts[k], int(wrong[k].sum()), int(mask[k].sum()))
            progress("cleaning", z + 1, prediction.shape[0], "")
    if least < 0:
        raise ValueError(f"expected a mask or the numbers of cells, 0 between them; got {least:.0f}")
    if least == most:
        raise ValueError(f"expected cells and something between them; got {least:.0f} everywhere")


def is_mask(prediction: Volume) -> bool:
    """Whether bytes are nothing but 0 and 1, which as probabilities would all be next to none.

    Raises:
        OSError: If the prediction cannot be read.
    """
    return prediction.dtype == np.uint8 and all(prediction.read(box).max() <= 1 for box in _slabs(prediction))


def create_cleaned(path: Path, prediction: Volume) -> Volume:
    """A new volume like the prediction, in chunks that `clean` fills whole.

    Raises:
        OSError: If there is something of that name, or it cannot be written.
    """
    spec = VolumeSpec(prediction.shape, prediction.dtype, prediction.voxel_size_nm)
    z, y, x = spec.stored_chunks
    chunks = (min(z, _step(prediction)), y, x)
    return create_volume(path, spec.shape, spec.dtype, spec.voxel_size_nm, chunks=chunks)


def _slabs(prediction: Volume) -> Iterator[Box]:
    depth, y, x = prediction.shape
    step = _step(prediction)
    for first in range(0, depth, step):
        yield Box((first, 0, 0), (min(first + step, depth), y, x))


def _step(prediction: Volume) -> int:
    """How many sections are in memory at a time."""
    _, y, x = prediction.shape
    return max(1, min(_DEEPEST, _SLAB // (y * x)))


def _require_cells(cells: Volume, prediction: Volume) -> None:
    if cells.shape != prediction.shape:
        raise ValueError(f"expected cells of the prediction's shape {prediction.shape}; got {cells.shape}")
    if cells.dtype.kind not in "bui":
        raise ValueError(f"expected a mask or the numbers of cells; got {cells.dtype}")


def _eroded(cells: Cells, by: float) -> Bool[np.ndarray, "z y x"]:
    """Voxels farther than `by` from everything that is not their own cell."""
    within = (cells != 0) & ~_between(cells)
    result = within.copy()
    for section in result:
        if by and not section.all():  # without a border there is no distance to it
            section[:] = ndimage.distance_transform_edt(section) > by
    return result


def _between(cells: Cells) -> Bool[np.ndarray, "z y x"]:
    """Voxels of a cell at the border to another one."""
    if cells.dtype == bool:
        return np.zeros(cells.shape, dtype=bool)
    return borders(cells) & ~_grown(cells == 0)


def _grown(mask: Bool[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
    """The mask and its 4-neighbours in each section."""
    structure = ndimage.generate_binary_structure(3, 1)
    structure[[0, 2]] = False
    return ndimage.binary_dilation(mask, structure)


def _components_each(mask: Bool[np.ndarray, "z y x"]) -> list[int]:
    numbers = components(mask)
    return [len(np.unique(section[section > 0])) for section in numbers]
