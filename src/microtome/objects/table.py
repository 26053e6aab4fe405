"""The table of objects: one row each, in the order of the numbers that they have in the label volume."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from microtome.box import Box
from microtome.segment.columns import Column, read_columns, write_columns

COLUMNS: dict[str, type] = {
    **dict.fromkeys(("id", "key", "start_z", "start_y", "start_x", "stop_z", "stop_y", "stop_x"), int),
    **dict.fromkeys(("voxels", "section"), int),
    **dict.fromkeys(("probability", "centre_z", "centre_y", "centre_x", "axis_z", "axis_y", "axis_x"), float),
}
"""Name and type of every column of a file."""


@dataclass(frozen=True, eq=False)
class ObjectTable:
    """What is known of each object. Voxels and boxes are those of the volume at hand, axes z y x.

    Raises:
        ValueError: If a column has another length, or a value that no object has.
    """

    ids: Int64[np.ndarray, "n"]  # value in ids.ome.zarr: 1, 2, …
    keys: Int64[np.ndarray, "n"]  # lasting number in the project, from 1
    start: Int64[np.ndarray, "n 3"]
    stop: Int64[np.ndarray, "n 3"]  # half-open
    voxels: Int64[np.ndarray, "n"]
    probability: Float64[np.ndarray, "n"]  # mean over the object's voxels, in [0, 1]
    centre: Float64[np.ndarray, "n 3"]  # mean of the voxels' positions
    axis: Float64[np.ndarray, "n 3"]  # unit vector of the longest extent, in nm; its negative says the same
    section: Int64[np.ndarray, "n"]  # z of the section in which it is largest, the first of equals

    def __post_init__(self) -> None:
        flat = (self.ids, self.keys, self.voxels, self.probability, self.section)
        wide = (self.start, self.stop, self.centre, self.axis)
        n = len(self.ids)
        if any(column.shape != (n,) for column in flat) or any(column.shape != (n, 3) for column in wide):
            shapes = ", ".join(str(column.shape) for column in (*flat, *wide))
            raise ValueError(f"expected columns of {n} objects; got the shapes {shapes}")
        if len(np.unique(self.keys)) != n:
            raise ValueError("expected a key of its own for every object; got one twice")
        self._require(self.ids == np.arange(1, n + 1), "the ids 1, 2, …")
        self._require(self.keys > 0, "positive keys")
        self._require(np.all((self.start >= 0) & (self.start < self.stop), axis=1), "boxes with voxels")
        self._require(self.voxels > 0, "objects with voxels")
        self._require((self.probability >= 0) & (self.probability <= 1), "probabilities in [0, 1]")
        self._require(np.isfinite(self.centre).all(axis=1), "finite centres")
        self._require(np.abs((self.axis**2).sum(axis=1) - 1) < 1e-6, "axes of length 1")
        crossed = (self.start[:, 0] <= self.section) & (self.section < self.stop[:, 0])
        self._require(crossed, "sections that cross the object's box")

    def __len__(self) -> int:
        return len(self.ids)

    def box(self, row: int) -> Box:
        """The bounding box of the object in a row."""
        return Box(tuple(self.start[row].tolist()), tuple(self.stop[row].tolist()))

    def rows(self, ids: Int64[np.ndarray, "m"]) -> Int64[np.ndarray, "m"]:
        """The rows of objects with these ids.

        Raises:
            ValueError: If there is no such object.
        """
        unknown = ids[(ids < 1) | (ids > len(self))]
        if unknown.size:
            raise ValueError(f"expected ids in 1..{len(self)}; got {unknown[0]}")
        return ids - 1

    def rows_of_keys(self, keys: Int64[np.ndarray, "m"]) -> Int64[np.ndarray, "m"]:
        """The rows of objects with these keys.

        Raises:
            ValueError: If no object has such a key.
        """
        order = np.argsort(self.keys)
        known = np.append(self.keys[order], -1)  # behind the last
        place = np.searchsorted(known[:-1], keys)
        unknown = keys[(known[place] != keys) | (keys < 1)]
        if unknown.size:
            raise ValueError(f"expected keys of objects in the table; got {unknown[0]}")
        return order[place]

    def with_keys(self, keys: Int64[np.ndarray, "n"]) -> "ObjectTable":
        """The same objects under other lasting numbers.

        Raises:
            ValueError: If there is not one for each, or one twice.
        """
        return replace(self, keys=keys)

    def _require(self, holds: Bool[np.ndarray, "n"], expected: str) -> None:
        if not holds.all():
            raise ValueError(f"expected {expected}; object {self.ids[np.argmin(holds)]} has not")


def write_table(table: ObjectTable, path: Path) -> None:
    """Write the table as CSV, or as Parquet if the name ends in .parquet; it is there whole, or not at all.

    Raises:
        ValueError: If the name ends in neither, or Parquet is asked for and not installed.
        OSError: If it cannot be written.
    """
    write_columns(_columns(table), path)


def read_table(path: Path) -> ObjectTable:
    """The table in a file of `write_table`.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is damaged, has other columns, or is Parquet and that is not installed.
    """
    columns = read_columns(path)
    if list(columns) != list(COLUMNS):
        raise ValueError(
            f"{path}: expected the columns {', '.join(COLUMNS)}; got {', '.join(columns) or 'none'}"
        )
    try:
        return _table({name: np.array(columns[name], kind) for name, kind in COLUMNS.items()})
    except (ValueError, OverflowError, TypeError) as error:
        raise ValueError(f"{path} is no table of objects: {error}") from error


def _columns(table: ObjectTable) -> dict[str, Column]:
    corners = [*table.start.T, *table.stop.T]
    values = [table.ids, table.keys, *corners, table.voxels, table.section, table.probability]
    return dict(zip(COLUMNS, [*values, *table.centre.T, *table.axis.T], strict=True))


def _table(columns: Mapping[str, Column]) -> ObjectTable:
    def wide(name: str) -> Shaped[np.ndarray, "n 3"]:
        return np.stack([columns[f"{name}_{axis}"] for axis in "zyx"], axis=1)

    return ObjectTable(
        columns["id"],
        columns["key"],
        wide("start"),
        wide("stop"),
        columns["voxels"],
        columns["probability"],
        wide("centre"),
        wide("axis"),
        columns["section"],
    )
