"""Length and thickness of instances that are long, along the middle line of one object at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64
from scipy import ndimage
from skimage.graph import MCP_Geometric

from microtome.box import Box
from microtome.progress import Progress
from microtome.schedule import Schedule
from microtome.segment.columns import Column, column_of
from microtome.segment.crop import MOST, crop, cubes
from microtome.segment.kept import NOTHING_KEPT, Kept
from microtome.segment.labelled import open_labels, watched
from microtome.segment.measure import MeasurementTable

LONG = 2.0  # length over diameter from which on an object is long
BRANCHED = 2.5  # volume over that of a tube along the line, from which on there are branches, or a sheet
SMOOTH = 2.0  # voxels: standard deviation along a path, so that its steps do not count as length


@dataclass(frozen=True, eq=False)
class CentrelineTable:
    """What centrelines say of instances, in the order of a table of measurements; NaN of those not long."""

    ids: UInt64[np.ndarray, "n"]
    length_nm: Float64[np.ndarray, "n"]  # from tip to tip
    radius_nm: Float64[np.ndarray, "n"]  # mean along it, the tips aside
    voxel_nm: Float64[np.ndarray, "n"]  # side of the voxels that it was found in

    def __len__(self) -> int:
        return len(self.ids)

    def columns(self) -> dict[str, Column]:
        """By the name that each has in a file, for `write_columns`."""
        return {
            "id": self.ids,
            "length_nm": self.length_nm,
            "mean_radius_nm": self.radius_nm,
            "centreline_voxel_nm": self.voxel_nm,
        }


def centrelines_in(table: Mapping[str, Sequence[object]]) -> CentrelineTable | None:
    """What `columns` gave, read from a file; None if it has no lengths.

    Raises:
        ValueError: If only some of the columns are there, or they hold something else.
    """
    if "length_nm" not in table:
        return None
    names = ("length_nm", "mean_radius_nm", "centreline_voxel_nm")
    return CentrelineTable(
        column_of(table, "id", np.uint64), *(column_of(table, name, np.float64) for name in names)
    )


def centrelines(
    uri: str,
    table: MeasurementTable,
    schedule: Schedule,
    progress: Progress,
    *,
    most: int = MOST,
    kept: Kept = NOTHING_KEPT,
) -> CentrelineTable:
    """The centrelines of the instances in a table of `measure`, each found in at most so many voxels.

    Those that are `kept` are not looked for again, and each that is found is kept.

    Raises:
        FileNotFoundError: If there is no such volume.
        ValueError: If it is no volume of labels, or is damaged.
    """
    open_labels(uri, table.voxel_size_nm)
    labels, known = table.ids.tolist(), kept.known()
    values = np.array([known.get(label, (np.nan,) * 3) for label in labels]).reshape(len(table), 3)
    left = [row for row, label in enumerate(labels) if label not in known]
    items = [(labels[row], table.box(row)) for row in left]
    results = schedule(_Centreline(uri, table.voxel_size_nm, most), items)
    for number, found in watched(results, progress, "centrelines", len(items)):
        kept.keep(items[number][0], found)
        values[left[number]] = found
    return CentrelineTable(table.ids, values[:, 0], values[:, 1], values[:, 2])


@dataclass(frozen=True)
class _Centreline:
    uri: str
    voxel_size_nm: tuple[float, float, float]
    most: int

    def __call__(self, item: tuple[int, Box]) -> tuple[float, float, float]:
        label, box = item
        labels = open_labels(self.uri, self.voxel_size_nm)
        solid = cubes(crop(labels, label, box, self.most), self.most)
        unresolved = any(side == 1 < whole for side, whole in zip(box.shape, labels.shape, strict=True))
        length, radius = (np.nan, np.nan) if unresolved else _length_and_radius(solid.depth_nm > 0)
        side = solid.side_nm
        return length * side, radius * side, side


def _centreline(
    mask: Bool[np.ndarray, "z y x"],
) -> tuple[Float64[np.ndarray, "k 3"], Float64[np.ndarray, "k"]]:
    """The path between the two voxels that are furthest apart within the object, and its radii, in voxels.

    It keeps away from the surface (TEASAR, Sato et al. 2000). Thinning would give branches too, but that of
    scikit-image 0.26 leaves nothing of some objects of even width.
    """
    depth = ndimage.distance_transform_edt(mask)
    inside = np.where(mask, 1.0, -1.0)  # MCP takes no negative ways
    first = _furthest(inside, np.argwhere(mask)[0])
    last = _furthest(inside, first)
    ways = MCP_Geometric(np.where(mask, np.maximum(depth, 1e-6) ** -2, -1.0))
    ways.find_costs([tuple(first)], [tuple(last)])
    path = np.array(ways.traceback(tuple(last)))
    radii = ndimage.maximum_filter(depth, 3)[tuple(path.T)]  # the path may run beside the middle
    smooth = ndimage.gaussian_filter1d(path.astype(float), SMOOTH, axis=0, mode="nearest")
    smooth[[0, -1]] = path[[0, -1]]
    return smooth, radii


def _furthest(inside: Float64[np.ndarray, "z y x"], start: Int64[np.ndarray, "3"]) -> Int64[np.ndarray, "3"]:
    costs, _ = MCP_Geometric(inside).find_costs([tuple(start)])
    reached = np.where(np.isfinite(costs), costs, -1)
    return np.array(np.unravel_index(reached.argmax(), reached.shape))


def _length_and_radius(mask: Bool[np.ndarray, "z y x"]) -> tuple[float, float]:
    """Of the centreline, in voxels; NaN of what is not long, or whose volume is not along a line."""
    if not mask.any():
        return np.nan, np.nan
    path, radii = _centreline(mask)
    along = np.cumsum(np.linalg.norm(np.diff(path, axis=0, prepend=path[:1]), axis=1))
    length = float(along[-1]) + 1  # a path ends in the middle of voxels
    middle = np.minimum(along, along[-1] - along) >= radii  # ends are round
    radius = float(radii[middle].mean()) if middle.any() else float(radii.max())
    tube = np.pi * radius**2 * length
    long = length >= LONG * 2 * radius and mask.sum() <= BRANCHED * tube
    return (length, radius) if long else (np.nan, np.nan)
