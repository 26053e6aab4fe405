"""Size, surface, place and shape of every instance of a label volume, in one pass over its blocks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped, UInt64

from microtome.box import Box, Int3, tile
from microtome.progress import Progress
from microtome.schedule import Schedule
from microtome.segment.columns import Column, column_of
from microtome.segment.labelled import dense, open_labels, watched
from microtome.segment.moments import Moments, moments, principal, runs, summed, together
from microtome.segment.surface import Steps, crossings, steps
from microtome.volume import VoxelSize

BLOCK: Int3 = (32, 512, 512)  # 8 million voxels: at most about 0.3 GB
AXES = ("major_axis_nm", "middle_axis_nm", "minor_axis_nm")
PENDING = 100_000  # rows of parts that wait to be added up, or as many as there are objects


@dataclass(frozen=True, eq=False)
class MeasurementTable:
    """What was measured of each instance, in the order of their ids; axes z y x.

    Positions in nm count from the corner of the volume: voxel 0 reaches from 0 to its size. A surface is what
    lies within the volume; where the volume's border cuts an object, the area of the cut is `cut_um2`.
    """

    ids: UInt64[np.ndarray, "n"]
    voxels: Int64[np.ndarray, "n"]
    surface_um2: Float64[np.ndarray, "n"]
    cut_um2: Float64[np.ndarray, "n"]
    centroid_nm: Float64[np.ndarray, "n 3"]
    start: Int64[np.ndarray, "n 3"]  # bounding box, in voxels, half-open
    stop: Int64[np.ndarray, "n 3"]
    axes_nm: Float64[np.ndarray, "n 3"]  # whole lengths of the ellipsoid of equal second moments, falling
    axis: Float64[np.ndarray, "n 3"]  # unit vector of the longest, in nm; its negative says the same
    voxel_size_nm: VoxelSize

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def volume_um3(self) -> Float64[np.ndarray, "n"]:
        return self.voxels * (np.prod(self.voxel_size_nm) / 1e9)

    @property
    def elongation(self) -> Float64[np.ndarray, "n"]:
        """The longest axis over the middle one: 1 for a sphere or a disc."""
        return self.axes_nm[:, 0] / self.axes_nm[:, 1]

    @property
    def flatness(self) -> Float64[np.ndarray, "n"]:
        """The middle axis over the shortest: 1 for a sphere or a rod."""
        return self.axes_nm[:, 1] / self.axes_nm[:, 2]

    @property
    def equivalent_diameter_nm(self) -> Float64[np.ndarray, "n"]:
        """Of the sphere of equal volume."""
        return 1e3 * np.cbrt(6 / np.pi * self.volume_um3)

    @property
    def sphericity(self) -> Float64[np.ndarray, "n"]:
        """The surface of the sphere of equal volume over the surface, with the cut: 1 for a sphere."""
        return np.pi * (self.equivalent_diameter_nm / 1e3) ** 2 / (self.surface_um2 + self.cut_um2)

    @property
    def touches_border(self) -> Bool[np.ndarray, "n"]:
        """Whether the border, of the volume or of what was measured of it, may have cut some of it off."""
        return self.cut_um2 > 0

    def box(self, row: int) -> Box:
        """The bounding box of the object in a row."""
        return Box(tuple(self.start[row].tolist()), tuple(self.stop[row].tolist()))

    def columns(self) -> dict[str, Column]:
        """By the name that each has in a file, for `write_columns`."""
        return {
            "id": self.ids,
            "voxels": self.voxels,
            "volume_um3": self.volume_um3,
            "surface_um2": self.surface_um2,
            "cut_um2": self.cut_um2,
            **_by_axis("centroid_{}_nm", self.centroid_nm),
            **_by_axis("start_{}", self.start),
            **_by_axis("stop_{}", self.stop),
            **dict(zip(AXES, self.axes_nm.T, strict=True)),
            **_by_axis("axis_{}", self.axis),
            "elongation": self.elongation,
            "flatness": self.flatness,
            "equivalent_diameter_nm": self.equivalent_diameter_nm,
            "sphericity": self.sphericity,
            "touches_border": self.touches_border,
        }


def measurements_in(table: Mapping[str, Sequence[object]], voxel_size_nm: VoxelSize) -> MeasurementTable:
    """What `columns` gave, read from a file: every digit is the same.

    Raises:
        ValueError: If a column is missing, or holds something else.
    """

    def by_axis(name: str, dtype: type[np.generic]) -> Shaped[np.ndarray, "n 3"]:
        return np.stack([column_of(table, name.format(axis), dtype) for axis in "zyx"], axis=1)

    return MeasurementTable(
        column_of(table, "id", np.uint64),
        column_of(table, "voxels", np.int64),
        column_of(table, "surface_um2", np.float64),
        column_of(table, "cut_um2", np.float64),
        by_axis("centroid_{}_nm", np.float64),
        by_axis("start_{}", np.int64),
        by_axis("stop_{}", np.int64),
        np.stack([column_of(table, name, np.float64) for name in AXES], axis=1),
        by_axis("axis_{}", np.float64),
        voxel_size_nm,
    )


def measure(
    uri: str,
    schedule: Schedule,
    progress: Progress,
    *,
    voxel_size_nm: VoxelSize | None = None,
    block: Int3 = BLOCK,
    domain: Box | None = None,
) -> MeasurementTable:
    """What there is to measure of every label but 0 of a volume of any size; needs the memory of a block.

    Of what lies in `domain`, the whole volume unless given: its faces are the border.

    Raises:
        FileNotFoundError: If there is no such volume.
        ValueError: If it is no volume of labels, or is damaged.
    """
    volume = open_labels(uri, voxel_size_nm)
    domain = domain or Box.of(volume.shape)
    boxes = [one.write for one in tile(domain, block, (0, 0, 0), origin=(0, 0, 0))]
    task = _Measured(uri, volume.voxel_size_nm, domain)
    results = watched(schedule(task, boxes), progress, "measure", len(boxes))
    return _table(_added_up(part for _, part in results), volume.voxel_size_nm)


@dataclass(frozen=True, eq=False)
class _Sums:
    """What was found of n objects in some blocks, and of m whose surface begins there or next to them."""

    ids: UInt64[np.ndarray, "n"]
    moments: Moments
    cut_um2: Float64[np.ndarray, "n"]
    surface_of: UInt64[np.ndarray, "m"]
    surface_um2: Float64[np.ndarray, "m"]


@dataclass(frozen=True)
class _Measured:
    """The sums of a block of a domain."""

    uri: str
    voxel_size_nm: VoxelSize
    domain: Box

    def __call__(self, box: Box) -> _Sums:
        volume, lines = open_labels(self.uri, self.voxel_size_nm), steps(self.voxel_size_nm)
        read = box.grown(lines.reach).intersection(self.domain)
        ids, labels = dense(volume.read(read))
        places = read.relative_to(self.domain), box.relative_to(self.domain), self.domain.shape
        surface = _surface(labels, len(ids), *places, lines)
        here = labels[box.relative_to(read).slices]
        found = runs(here)
        of = here[found.z, found.y, found.x]
        present, rows = np.unique(of, return_inverse=True)
        near = np.flatnonzero(surface)
        return _Sums(
            ids[present],
            moments(found, rows, len(present), box.start),
            self._cut(here, len(ids), box)[present],
            ids[near],
            surface[near],
        )

    def _cut(self, here: Shaped[np.ndarray, "z y x"], n: int, box: Box) -> Float64[np.ndarray, "{n}"]:
        """Where the objects of a block meet the domain's border, in µm²."""
        area = np.zeros(n)
        for axis in range(3):
            face = np.prod(np.delete(self.voxel_size_nm, axis)) / 1e6
            if box.start[axis] == self.domain.start[axis]:
                area += face * np.bincount(np.take(here, 0, axis).ravel(), minlength=n)
            if box.stop[axis] == self.domain.stop[axis]:
                area += face * np.bincount(np.take(here, -1, axis).ravel(), minlength=n)
        return area


def _surface(
    labels: Shaped[np.ndarray, "z y x"], n: int, read: Box, box: Box, volume: Int3, found: Steps
) -> Float64[np.ndarray, "{n}"]:
    """The surface, in µm², of each of `n` labels that steps from the voxels of a box cross; none of 0."""
    area = np.zeros(n)
    for step, um2 in zip(found.voxels, found.area_um2, strict=True):
        for ends in crossings(labels, read, box, volume, step):
            area += um2 * np.bincount(ends, minlength=n)
    area[0] = 0
    return area


def _added_up(parts: Iterable[_Sums]) -> _Sums:
    """The sums of all blocks. What waits to be added up never needs more memory than the objects found."""
    pending: list[_Sums] = []
    rows = 0
    for part in parts:
        pending.append(part)
        rows += len(part.ids)
        if rows > 2 * len(pending[0].ids) + PENDING:
            pending = [_joined(pending)]
            rows = len(pending[0].ids)
    return _joined(pending)


def _joined(parts: Sequence[_Sums]) -> _Sums:
    ids, of = np.unique(np.concatenate([part.ids for part in parts]), return_inverse=True)
    near, of_near = np.unique(np.concatenate([part.surface_of for part in parts]), return_inverse=True)
    return _Sums(
        ids,
        together([part.moments for part in parts]).grouped(of, len(ids)),
        summed(of, np.concatenate([part.cut_um2 for part in parts]), len(ids)),
        near,
        summed(of_near, np.concatenate([part.surface_um2 for part in parts]), len(near)),
    )


def _table(sums: _Sums, voxel_size_nm: VoxelSize) -> MeasurementTable:
    surface = np.zeros(len(sums.ids))  # what fills the volume has none
    surface[np.searchsorted(sums.ids, sums.surface_of)] = sums.surface_um2
    size, found = np.array(voxel_size_nm), sums.moments
    variances, axis = principal(
        found.covariance(voxel_size_nm) + np.diag(size**2 / 12)
    )  # of boxes, not points
    return MeasurementTable(
        sums.ids,
        found.voxels,
        surface,
        sums.cut_um2,
        (found.mean + 0.5) * size,
        found.start,
        found.stop,
        2 * np.sqrt(5 * variances),
        axis,
        voxel_size_nm,
    )


def _by_axis(name: str, values: Shaped[np.ndarray, "n 3"]) -> dict[str, Column]:
    return {name.format(axis): column for axis, column in zip("zyx", values.T, strict=True)}
