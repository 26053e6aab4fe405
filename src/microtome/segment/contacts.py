"""Which instances touch or come close, and over what area: of two label volumes, or within one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped, UInt64
from scipy import ndimage

from microtome.box import Box, Int3
from microtome.progress import Progress
from microtome.schedule import Schedule
from microtome.segment.columns import Column
from microtome.segment.components import Blocks
from microtome.segment.labelled import dense, open_labels, watched
from microtome.segment.moments import summed
from microtome.segment.surface import Lines, Wanted, crossings, steps
from microtome.volume import Volume, VoxelSize

BLOCK: Int3 = (16, 256, 256)  # a million voxels: distances need 40 bytes each, and joint labels 30
Codes = Int64[np.ndarray, "_"]
Places = Shaped[np.ndarray, "_"]
PENDING = 100_000  # pairs that wait to be added up, or as many as there are in the table


@dataclass(frozen=True, eq=False)
class ContactTable:
    """Pairs of instances that touch, come close or overlap, in the order of their ids."""

    ids: UInt64[np.ndarray, "n"]
    others: UInt64[np.ndarray, "n"]  # of the other volume; within one volume the larger id
    contact_um2: Float64[np.ndarray, "n"]
    overlap_um3: Float64[np.ndarray, "n"]  # 0 within one volume

    def __len__(self) -> int:
        return len(self.ids)

    def columns(self) -> dict[str, Column]:
        """By the name that each has in a file, for `write_columns`."""
        return {
            "id": self.ids,
            "other_id": self.others,
            "contact_um2": self.contact_um2,
            "overlap_um3": self.overlap_um3,
        }


def contacts(
    uri: str,
    other_uri: str,
    schedule: Schedule,
    progress: Progress,
    *,
    voxel_size_nm: VoxelSize | None = None,
    block: Int3 = BLOCK,
) -> ContactTable:
    """The area over which instances of two label volumes meet, or of one if both names are the same.

    Raises:
        FileNotFoundError: If there is no such volume.
        ValueError: If one is no volume of labels, or they differ in shape.
    """
    volume = _common(uri, other_uri, voxel_size_nm)
    task = _Touching(uri, other_uri, volume.voxel_size_nm)
    return _found(task, schedule, progress, volume.shape, block)


def close_contacts(
    uri: str,
    other_uri: str,
    within_nm: float,
    schedule: Schedule,
    progress: Progress,
    *,
    voxel_size_nm: VoxelSize | None = None,
    block: Int3 = BLOCK,
) -> ContactTable:
    """The area of each instance's surface from which one of another volume is at most `within_nm` away.

    Each place of the surface counts for the nearest one. The distance is the width of the gap: 0 where they
    touch. Blocks are read with so much around them.

    Raises:
        FileNotFoundError: If there is no such volume.
        ValueError: If one is no volume of labels, they differ in shape or are the same, or the distance is
            negative.
    """
    if uri == other_uri:
        raise ValueError(f"expected two label volumes to look for close ones in; got {uri} twice")
    if not 0 <= within_nm < np.inf:
        raise ValueError(f"expected a distance of 0 nm or more; got {within_nm}")
    volume = _common(uri, other_uri, voxel_size_nm)
    task = _Facing(uri, other_uri, volume.voxel_size_nm, within_nm)
    return _found(task, schedule, progress, volume.shape, block)


@dataclass(frozen=True)
class _Touching:
    """The contacts that begin in a block of two volumes."""

    uri: str
    other_uri: str
    voxel_size_nm: VoxelSize

    def __call__(self, box: Box) -> ContactTable:
        pair = _read_pair(self.uri, self.other_uri, self.voxel_size_nm, box, (0, 0, 0))
        joint = pair.joint(pair.other)
        a, b = joint.one, joint.other

        def wanted(first: Places, last: Places) -> Bool[np.ndarray, "_"]:
            meet = (a[first] > 0) & (b[last] > 0) & (a[first] != a[last]) & (b[first] != b[last])
            return meet & (a[first] < b[last]) if self.uri == self.other_uri else meet

        def meeting(line: Lines) -> Codes:
            one, other = a[line[0]], b[line[-1]]
            meet = wanted(line[0], line[-1])
            for between in line[1:-1]:  # a long step may lead over a gap
                meet &= (a[between] == one) | (b[between] == other)
            return (one * pair.n + other)[meet]

        return _table(pair, joint, wanted, meeting, box, self.voxel_size_nm)


@dataclass(frozen=True)
class _Facing:
    """The surfaces in a block from which an instance of another volume is not far."""

    uri: str
    other_uri: str
    voxel_size_nm: VoxelSize
    within_nm: float

    def __call__(self, box: Box) -> ContactTable:
        pair = _read_pair(self.uri, self.other_uri, self.voxel_size_nm, box, self._halo)
        joint = pair.joint(self._near(pair))
        a, near = joint.one, joint.other

        def wanted(first: Places, last: Places) -> Bool[np.ndarray, "_"]:
            return (a[first] > 0) & (near[first] > 0) & (a[first] != a[last])

        def facing(line: Lines) -> Codes:
            free = np.logical_or.reduce([a[point] == 0 for point in line[1:]])  # not all within instances
            return (a * pair.n + near)[line[0]][wanted(line[0], line[-1]) & free]

        return _table(pair, joint, wanted, facing, box, self.voxel_size_nm)

    @property
    def _halo(self) -> Int3:
        """Beyond the reach of the steps: what can matter to a voxel a step below a surface."""
        size = np.array(self.voxel_size_nm)
        deep = np.linalg.norm(steps(self.voxel_size_nm).voxels * size, axis=1).max()
        z, y, x = np.ceil((self.within_nm + deep) / size).astype(int).tolist()
        return (z, y, x)

    def _near(self, pair: "_Pair") -> Shaped[np.ndarray, "z y x"]:
        """Within instances: the one of the other volume that is nearest, if the gap between is not too wide.

        The gap is the distance to the other one less that to the outside: both from the same voxel's centre.
        """
        inside, absent = pair.one > 0, pair.other == 0
        if not inside.any() or absent.all():
            return np.zeros_like(pair.other)
        depth = ndimage.distance_transform_edt(inside, self.voxel_size_nm)
        distance, places = ndimage.distance_transform_edt(absent, self.voxel_size_nm, return_indices=True)
        close = inside & (distance - depth <= self.within_nm + 1e-3)  # a picometre for rounding
        return np.where(close, pair.other[tuple(places)], 0)


@dataclass(frozen=True, eq=False)
class _Pair:
    """What was read of two volumes for a block: of each voxel the places of its labels in the two ids."""

    read: Box
    volume: Int3
    ids: UInt64[np.ndarray, "_"]
    others: UInt64[np.ndarray, "_"]
    one: Shaped[np.ndarray, "z y x"]
    other: Shaped[np.ndarray, "z y x"]

    @property
    def n(self) -> int:
        return len(self.others)

    def joint(self, other: Shaped[np.ndarray, "z y x"]) -> "_Joint":
        """The labels `one` and other ones as a single number for each voxel."""
        if self.one is other:
            same = np.arange(self.n)
            return _Joint(other, same, same)
        codes, labels = dense(self.one.astype(np.int64) * self.n + other)
        one, rest = np.divmod(codes.astype(np.int64), self.n)
        return _Joint(labels, one, rest)


@dataclass(frozen=True, eq=False)
class _Joint:
    """What stands for two labels of a voxel, and both labels of what stands for them."""

    labels: Shaped[np.ndarray, "z y x"]
    one: Int64[np.ndarray, "_"]
    other: Int64[np.ndarray, "_"]


def _read_pair(uri: str, other_uri: str, size: VoxelSize, box: Box, halo: Int3) -> _Pair:
    volume = open_labels(uri, size)
    read = box.grown(steps(size).reach).grown(halo).intersection(Box.of(volume.shape))
    ids, one = dense(volume.read(read))
    if uri == other_uri:
        return _Pair(read, volume.shape, ids, ids, one, one)
    others, other = dense(open_labels(other_uri, size).read(read))
    return _Pair(read, volume.shape, ids, others, one, other)


def _table(
    pair: _Pair,
    joint: _Joint,
    wanted: Wanted,
    met: Callable[[Lines], Codes],
    box: Box,
    voxel_size_nm: VoxelSize,
) -> ContactTable:
    """`met` gives the pairs that meet at crossings, from the joint labels along each that may be `wanted`."""
    found = steps(voxel_size_nm)
    codes, areas = [], []

    def either_way(first: Places, last: Places) -> Bool[np.ndarray, "_"]:
        return wanted(first, last) | wanted(last, first)

    for step, um2 in zip(found.voxels, found.area_um2, strict=True):
        parts = int(np.abs(step).max())
        line = crossings(joint.labels, pair.read, box, pair.volume, step, parts, either_way)
        here = np.concatenate([met(line), met(line[::-1])])
        codes.append(here)
        areas.append(np.full(len(here), um2))
    over = np.empty(0, np.int64)
    if pair.one is not pair.other:
        core = box.relative_to(pair.read).slices
        one, other = pair.one[core], pair.other[core]
        both = (one > 0) & (other > 0)
        over = one[both].astype(np.int64) * pair.n + other[both]
    every, of = np.unique(np.concatenate([*codes, over]), return_inverse=True)
    areas.append(np.zeros(len(over)))
    voxels = np.bincount(of[len(of) - len(over) :], minlength=len(every))
    return ContactTable(
        pair.ids[every // pair.n],
        pair.others[every % pair.n],
        summed(of, np.concatenate(areas), len(every)),
        voxels * (np.prod(voxel_size_nm) / 1e9),
    )


def _found(
    task: Callable[[Box], ContactTable], schedule: Schedule, progress: Progress, volume: Int3, block: Int3
) -> ContactTable:
    """The contacts of all blocks. What waits to be added up never needs more memory than the pairs found."""
    boxes = Blocks(volume, block).boxes
    pending: list[ContactTable] = []
    rows = 0
    for _, part in watched(schedule(task, boxes), progress, "contacts", len(boxes)):
        pending.append(part)
        rows += len(part)
        if rows > 2 * len(pending[0]) + PENDING:
            pending = [_joined(pending)]
            rows = len(pending[0])
    return _joined(pending)


def _joined(parts: Sequence[ContactTable]) -> ContactTable:
    pairs = np.concatenate([np.stack([part.ids, part.others], axis=1) for part in parts])
    every, of = np.unique(pairs, axis=0, return_inverse=True)
    areas, overlaps = (
        summed(of, np.concatenate(columns), len(every))
        for columns in zip(*((part.contact_um2, part.overlap_um3) for part in parts), strict=True)
    )
    return ContactTable(every[:, 0], every[:, 1], areas, overlaps)


def _common(uri: str, other_uri: str, voxel_size_nm: VoxelSize | None) -> Volume:
    """The first of two volumes that fit each other."""
    volume, other = open_labels(uri, voxel_size_nm), open_labels(other_uri, voxel_size_nm)
    if volume.shape != other.shape:
        raise ValueError(
            f"{other_uri}: expected the shape of {uri}, which is {volume.shape}; got {other.shape}"
        )
    if not np.allclose(volume.voxel_size_nm, other.voxel_size_nm):
        sizes = f"of {volume.voxel_size_nm} nm; got {other.voxel_size_nm}"
        raise ValueError(f"{other_uri}: expected voxels as in {uri}, {sizes}")
    return volume
