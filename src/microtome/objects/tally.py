"""Size, place, extent and probability of components, counted block by block and added up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from microtome.box import Box, Int3
from microtome.segment.moments import Moments, least, moments, principal, runs, summed
from microtome.volume import VoxelSize


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

    @property
    def moments(self) -> Moments:
        return Moments(self.voxels, self.start, self.stop, self.mean, self.scatter)

    def grouped(self, groups: Int64[np.ndarray, "n"], count: int) -> "Tally":
        """The tally of `count` wholes, if these are their parts, at least one of each."""
        return Tally(
            **vars(self.moments.grouped(groups, count)),
            probability=summed(groups, self.probability, count),
            first=least(self.first, groups, count),
            **_areas(groups[self.area_of], self.area_z, self.area),
        )

    def axes(self, voxel_size_nm: VoxelSize) -> Float64[np.ndarray, "n 3"]:
        """Unit vector, in nm, of the longest extent, its largest part positive; any of several as long."""
        return principal(self.moments.covariance(voxel_size_nm))[1]


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
    found = runs(mask)
    of = numbers[labels[found.z, found.y, found.x]] - 1
    kept = of >= 0
    sums = _sums(probability[mask], found.length)[kept]
    found, of, n = found.chosen(kept), of[kept], int(numbers.max())
    placed = found.shifted(box.start)
    return Tally(
        **vars(moments(found, of, n, box.start)),
        probability=summed(of, sums, n),
        first=least(np.ravel_multi_index((placed.z, placed.y, placed.x), volume), of, n),
        **_areas(of, placed.z, found.length),
    )


def together(parts: Sequence[Tally]) -> Tally:
    """The components of several tallies, one after the other."""
    before = np.cumsum([0, *(len(part) for part in parts)])
    moved = [part.area_of + count for part, count in zip(parts, before[:-1], strict=True)]
    columns = {name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])}
    return Tally(**{**columns, "area_of": np.concatenate(moved)})


def _sums(values: Shaped[np.ndarray, "v"], lengths: Int64[np.ndarray, "r"]) -> Float64[np.ndarray, "r"]:
    """The sum over each run, of the values of all runs one after the other."""
    if not len(lengths):
        return np.empty(0)
    return np.add.reduceat(values.astype(np.float64), np.cumsum(lengths) - lengths)


def _areas(
    of: Int64[np.ndarray, "r"], z: Int64[np.ndarray, "r"], voxels: Int64[np.ndarray, "r"]
) -> dict[str, Int64[np.ndarray, "a"]]:
    depth = int(z.max(initial=0)) + 1
    codes, place = np.unique(of * depth + z, return_inverse=True)
    of_area, of_section = np.divmod(codes, depth)
    area = summed(place, voxels, len(codes)).astype(np.int64)
    return {"area_of": of_area, "area_z": of_section, "area": area}
