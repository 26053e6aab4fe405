"""Size, extent and second moments of objects, summed over runs of voxels and joined over blocks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from microtome.box import Int3
from microtome.volume import VoxelSize

_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # of axes: what a scatter matrix holds


@dataclass(frozen=True, eq=False)
class Runs:
    """Voxels of one label side by side along x, in z y x order: the first one's place, and how many."""

    z: Int64[np.ndarray, "r"]
    y: Int64[np.ndarray, "r"]
    x: Int64[np.ndarray, "r"]
    length: Int64[np.ndarray, "r"]

    def chosen(self, kept: Shaped[np.ndarray, "r"]) -> "Runs":
        """Only some of them."""
        return Runs(*(column[kept] for column in vars(self).values()))

    def shifted(self, by: Int3) -> "Runs":
        """The same runs moved `by` voxels."""
        return Runs(self.z + by[0], self.y + by[1], self.x + by[2], self.length)

    @property
    def start(self) -> Int64[np.ndarray, "r 3"]:
        return np.stack([self.z, self.y, self.x], axis=1)

    @property
    def stop(self) -> Int64[np.ndarray, "r 3"]:
        return np.stack([self.z + 1, self.y + 1, self.x + self.length], axis=1)


@dataclass(frozen=True, eq=False)
class Moments:
    """What is known of n objects, or of the parts of them that lie in a block; in voxels.

    `scatter` sums the products of offsets from the mean, as a matrix zz yy xx zy zx yx.
    """

    voxels: Int64[np.ndarray, "n"]
    start: Int64[np.ndarray, "n 3"]
    stop: Int64[np.ndarray, "n 3"]
    mean: Float64[np.ndarray, "n 3"]
    scatter: Float64[np.ndarray, "n 6"]

    def grouped(self, groups: Int64[np.ndarray, "n"], count: int) -> "Moments":
        """The moments of `count` wholes, if these are their parts, at least one of each.

        Means and scatters are joined by Chan, Golub & LeVeque (1983): no differences of large numbers.
        """
        voxels = summed(groups, self.voxels, count)
        weighted = self.mean * self.voxels[:, None]
        mean = np.stack([summed(groups, part, count) for part in weighted.T], axis=1) / voxels[:, None]
        off = self.mean - mean[groups]
        between = np.stack([self.voxels * off[:, i] * off[:, j] for i, j in _PAIRS])
        scatter = [summed(groups, part, count) for part in self.scatter.T + between]
        return Moments(
            voxels.astype(np.int64),
            _lowest(self.start, groups, count),
            -_lowest(-self.stop, groups, count),
            mean,
            np.stack(scatter, axis=1),
        )

    def covariance(self, voxel_size_nm: VoxelSize) -> Float64[np.ndarray, "n 3 3"]:
        """Of the positions of the voxels' centres, in nm²."""
        size = np.array(voxel_size_nm)
        matrices = np.empty((len(self.voxels), 3, 3))
        for column, (i, j) in enumerate(_PAIRS):
            matrices[:, i, j] = matrices[:, j, i] = self.scatter[:, column] * size[i] * size[j]
        return matrices / self.voxels[:, None, None]


def runs(labels: Shaped[np.ndarray, "z y x"]) -> Runs:
    """The runs of every label but 0."""
    depth, rows, width = labels.shape
    edged = np.zeros((depth * rows, width + 1), labels.dtype)  # background between rows
    edged[:, 1:] = labels.reshape(-1, width)
    flat = np.append(edged.ravel(), labels.dtype.type(0))
    first = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    length = np.diff(first, append=len(flat))
    labelled = flat[first[:-1]] != 0 if len(first) else np.empty(0, bool)
    row, x = np.divmod(first[:-1][labelled], width + 1)
    z, y = np.divmod(row, rows)
    return Runs(z, y, x - 1, length[:-1][labelled])


def moments(found: Runs, of: Int64[np.ndarray, "r"], n: int, corner: Int3) -> Moments:
    """Of n objects, each with a run: run r of a block at `corner` is of object `of[r]`, from 0."""
    first, second = _sums(found, of, n)
    voxels = summed(of, found.length, n)
    mean = first / voxels[:, None]
    scatter = np.stack([second[:, k] - first[:, i] * mean[:, j] for k, (i, j) in enumerate(_PAIRS)], axis=1)
    start, stop = _lowest(found.start, of, n), -_lowest(-found.stop, of, n)
    return Moments(voxels.astype(np.int64), start + corner, stop + corner, mean + corner, scatter)


def together(parts: Sequence[Moments]) -> Moments:
    """The objects of several, one after the other."""
    return Moments(
        *(np.concatenate(columns) for columns in zip(*(vars(part).values() for part in parts), strict=True))
    )


def principal(
    matrices: Float64[np.ndarray, "n 3 3"],
) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 3"]]:
    """Variances along the principal axes, largest first, and the first axis: its largest part is positive."""
    variances, vectors = np.linalg.eigh(matrices)
    axis = vectors[:, :, -1]
    largest = np.take_along_axis(axis, np.abs(axis).argmax(axis=1)[:, None], axis=1)
    return variances[:, ::-1], axis * np.where(largest < 0, -1, 1)


def summed(of: Int64[np.ndarray, "r"], values: Shaped[np.ndarray, "r"], n: int) -> Float64[np.ndarray, "n"]:
    """Sums of the values by what they are of; bincount gives whole numbers where there are none."""
    return np.bincount(of, values, n).astype(np.float64)


def least(values: Int64[np.ndarray, "r"], of: Int64[np.ndarray, "r"], n: int) -> Int64[np.ndarray, "n"]:
    """The least of the values by what they are of; the largest of integers where there are none."""
    found = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(found, of, values)
    return found


def _sums(
    found: Runs, of: Int64[np.ndarray, "r"], n: int
) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 6"]]:
    """Sums over the voxels of their positions, and of the products of two, exact within a block."""
    z, y, first, length = found.z, found.y, found.x, found.length
    last = first + length - 1
    x = (first + last) * length // 2
    xx = (last * (last + 1) * (2 * last + 1) - (first - 1) * first * (2 * first - 1)) // 6
    sums = (z * length, y * length, x, z * z * length, y * y * length, xx, z * y * length, z * x, y * x)
    columns = [summed(of, values, n) for values in sums]
    return np.stack(columns[:3], axis=1), np.stack(columns[3:], axis=1)


def _lowest(
    corners: Int64[np.ndarray, "r 3"], of: Int64[np.ndarray, "r"], n: int
) -> Int64[np.ndarray, "n 3"]:
    return np.stack([least(column, of, n) for column in corners.T], axis=1)  # at once is 10 times slower
