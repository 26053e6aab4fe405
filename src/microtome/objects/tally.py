"""Size, place, extent and probability of components, counted block by block and added up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from microtome.box import Box, Int3
from microtome.volume import VoxelSize

_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # of axes: what a scatter matrix holds


@dataclass(frozen=True, eq=False)
class Tally:
    """What was counted of n components, or of the parts of them that lie in a block.

    `scatter` sums the products of offsets from the mean, as a matrix zz yy xx zy zx yx. Areas are a list of
    triples: of the component `area_of`, `area` voxels lie in section `area_z`.
    """

    voxels: Int64[np.ndarray, "n"]
    probability: Float64[np.ndarray, "n"]  # sum over the voxels
    first: Int64[np.ndarray, "n"]  # place of the first voxel in z y x order, counted through the volume
    start: Int64[np.ndarray, "n 3"]
    stop: Int64[np.ndarray, "n 3"]
    mean: Float64[np.ndarray, "n 3"]
    scatter: Float64[np.ndarray, "n 6"]
    area_of: Int64[np.ndarray, "a"]
    area_z: Int64[np.ndarray, "a"]
    area: Int64[np.ndarray, "a"]

    def __len__(self) -> int:
        return len(self.voxels)

    @property
    def sections(self) -> Int64[np.ndarray, "n"]:
        """The section in which each is largest, the first of equals."""
        order = np.lexsort((self.area_z, -self.area, self.area_of))
        _, best = np.unique(self.area_of[order], return_index=True)
        return self.area_z[order][best]

    def chosen(self, kept: Bool[np.ndarray, "n"]) -> "Tally":
        """Only some of the components."""
        counted = kept[self.area_of]
        return Tally(
            self.voxels[kept],
            self.probability[kept],
            self.first[kept],
            self.start[kept],
            self.stop[kept],
            self.mean[kept],
            self.scatter[kept],
            (np.cumsum(kept) - 1)[self.area_of[counted]],
            self.area_z[counted],
            self.area[counted],
        )

    def grouped(self, groups: Int64[np.ndarray, "n"], count: int) -> "Tally":
        """The tally of `count` wholes, if these are their parts, at least one of each.

        Means and scatters are joined by Chan, Golub & LeVeque (1983): no differences of large numbers.
        """
        voxels = _summed(groups, self.voxels, count)
        weighted = self.mean * self.voxels[:, None]
        mean = np.stack([_summed(groups, part, count) for part in weighted.T], axis=1) / voxels[:, None]
        off = self.mean - mean[groups]
        between = np.stack([self.voxels * off[:, i] * off[:, j] for i, j in _PAIRS])
        scatter = [_summed(groups, part, count) for part in self.scatter.T + between]
        return Tally(
            voxels.astype(np.int64),
            _summed(groups, self.probability, count),
            _least(self.first, groups, count),
            _lowest(self.start, groups, count),
            -_lowest(-self.stop, groups, count),
            mean,
            np.stack(scatter, axis=1),
            *_areas(groups[self.area_of], self.area_z, self.area),
        )

    def axes(self, voxel_size_nm: VoxelSize) -> Float64[np.ndarray, "n 3"]:
        """Unit vector, in nm, of the longest extent, its largest part positive; any of several as long."""
        size = np.array(voxel_size_nm)
        moments = np.empty((len(self), 3, 3))
        for column, (i, j) in enumerate(_PAIRS):
            moments[:, i, j] = moments[:, j, i] = self.scatter[:, column] * size[i] * size[j]
        axes = np.linalg.eigh(moments / self.voxels[:, None, None])[1][:, :, -1]
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
        return axes * np.where(largest < 0, -1, 1)


def tally(
    labels: Shaped[np.ndarray, "z y x"],
    numbers: Int64[np.ndarray, "_"],
    probability: Shaped[np.ndarray, "z y x"],
    box: Box,
    volume: Int3,
) -> Tally:
    """Counts of the components in the block `box`: voxels of label l are of component `numbers[l]`, from 1.

    Those numbered 0 are left out. Voxels of two components never lie side by side along x.
    """
    mask = labels != 0
    z, y, start, length = _runs(mask)
    of = numbers[labels[z, y, start]] - 1
    sums = _sums(probability[mask], length)
    kept = of >= 0
    z, y, start, length, of, sums = (column[kept] for column in (z, y, start, length, of, sums))
    n = int(numbers.max())
    voxels = _summed(of, length, n)
    first, second = _moments(z, y, start, length, of, n)
    mean = first / voxels[:, None]
    scatter = np.stack([second[:, k] - first[:, i] * mean[:, j] for k, (i, j) in enumerate(_PAIRS)], axis=1)
    z, y, start = z + box.start[0], y + box.start[1], start + box.start[2]
    places = np.ravel_multi_index((z, y, start), volume)
    ends = np.stack([z + 1, y + 1, start + length], axis=1)
    return Tally(
        voxels.astype(np.int64),
        _summed(of, sums, n),
        _least(places, of, n),
        _lowest(np.stack([z, y, start], axis=1), of, n),
        -_lowest(-ends, of, n),
        mean + box.start,
        scatter,
        *_areas(of, z, length),
    )


def together(parts: Sequence[Tally]) -> Tally:
    """The components of several tallies, one after the other."""
    before = np.cumsum([0, *(len(part) for part in parts)])
    moved = [part.area_of + count for part, count in zip(parts, before[:-1], strict=True)]
    columns = {name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])}
    return Tally(**{**columns, "area_of": np.concatenate(moved)})


def _runs(mask: Bool[np.ndarray, "z y x"]) -> tuple[Int64[np.ndarray, "r"], ...]:
    """Section, row, first voxel and length of the runs of foreground along x, in z y x order."""
    _, rows, width = mask.shape
    edged = np.zeros((mask.shape[0] * rows, width + 2), np.int8)  # a gap on both sides of each row
    edged[:, 1:-1] = mask.reshape(-1, width)
    changes = np.flatnonzero(np.diff(edged.ravel()))
    first, last = changes[::2], changes[1::2]
    row, start = np.divmod(first, width + 2)
    z, y = np.divmod(row, rows)
    return z, y, start, last - first


def _sums(values: Shaped[np.ndarray, "v"], lengths: Int64[np.ndarray, "r"]) -> Float64[np.ndarray, "r"]:
    """The sum over each run, of the values of all runs one after the other."""
    if not len(lengths):
        return np.empty(0)
    return np.add.reduceat(values.astype(np.float64), np.cumsum(lengths) - lengths)


def _moments(
    z: Int64[np.ndarray, "r"],
    y: Int64[np.ndarray, "r"],
    start: Int64[np.ndarray, "r"],
    length: Int64[np.ndarray, "r"],
    of: Int64[np.ndarray, "r"],
    n: int,
) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 6"]]:
    """Sums over the voxels of their positions, and of the products of two, exact within a block."""
    last = start + length - 1
    x = (start + last) * length // 2
    xx = (last * (last + 1) * (2 * last + 1) - (start - 1) * start * (2 * start - 1)) // 6
    sums = (z * length, y * length, x, z * z * length, y * y * length, xx, z * y * length, z * x, y * x)
    columns = [_summed(of, values, n) for values in sums]
    return np.stack(columns[:3], axis=1), np.stack(columns[3:], axis=1)


def _summed(of: Int64[np.ndarray, "r"], values: Shaped[np.ndarray, "r"], n: int) -> Float64[np.ndarray, "n"]:
    """Sums of the values by what they are of; bincount gives whole numbers where there are none."""
    return np.bincount(of, values, n).astype(np.float64)


def _least(values: Int64[np.ndarray, "r"], of: Int64[np.ndarray, "r"], n: int) -> Int64[np.ndarray, "n"]:
    least = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(least, of, values)
    return least


def _lowest(
    corners: Int64[np.ndarray, "r 3"], of: Int64[np.ndarray, "r"], n: int
) -> Int64[np.ndarray, "n 3"]:
    return np.stack([_least(column, of, n) for column in corners.T], axis=1)  # at once is 10 times slower


def _areas(
    of: Int64[np.ndarray, "r"], z: Int64[np.ndarray, "r"], voxels: Int64[np.ndarray, "r"]
) -> tuple[Int64[np.ndarray, "a"], Int64[np.ndarray, "a"], Int64[np.ndarray, "a"]]:
    depth = int(z.max(initial=0)) + 1
    codes, place = np.unique(of * depth + z, return_inverse=True)
    area = _summed(place, voxels, len(codes)).astype(np.int64)
    return *np.divmod(codes, depth), area
