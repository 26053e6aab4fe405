"""The table of one class of instances, in a file: measurements, and lengths where they were asked for."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, takewhile
from pathlib import Path
from typing import get_args

import numpy as np

from microtome.box import Box
from microtome.progress import Progress
from microtome.schedule import Schedule
from microtome.segment.centreline import CentrelineTable, centrelines, centrelines_in
from microtome.segment.columns import Column, Form, read_columns, write_columns
from microtome.segment.kept import KeptInFile
from microtome.segment.labelled import open_labels
from microtome.segment.measure import MeasurementTable, measure, measurements_in
from microtome.segment.mesh import Mesh, mesh
from microtome.volume.unfinished import Unfinished

KEPT = "centrelines.jsonl"


@dataclass(frozen=True, eq=False)
class InstanceTable:
    """What is known of each instance of a class, in the order of their ids."""

    measured: MeasurementTable
    lines: CentrelineTable | None = None

    def columns(self) -> dict[str, Column]:
        """By the name that each has in a file, for `write_columns`."""
        return {**self.measured.columns(), **({} if self.lines is None else self.lines.columns())}


@dataclass(frozen=True)
class InstanceFiles:
    """The ids of a class in a folder, their table and their meshes."""

    folder: Path
    name: str

    @property
    def labels(self) -> Path:
        return self.folder / f"{self.name}.ome.zarr"

    @property
    def levels(self) -> list[str]:
        """Names of the labels' levels, finest first."""
        there = takewhile(lambda number: (self.labels / str(number)).exists(), count())
        return [f"{self.labels}::{number}" for number in there]

    @property
    def meshes(self) -> Path:
        return self.folder / f"{self.name}.meshes"

    def table(self, form: Form) -> Path:
        return self.folder / f"{self.name}.{form}"

    def read(self, form: Form | None = None) -> InstanceTable:
        """What the table in that form holds, or in any, CSV first.

        Raises:
            FileNotFoundError: If there are no labels, or no table of them.
            ValueError: If it is damaged, or is Parquet and that is not installed.
        """
        return self._read(next(self._tables(), self.table("csv")) if form is None else self.table(form))

    def _read(self, path: Path) -> InstanceTable:
        found, voxel_size_nm = read_columns(path), open_labels(str(self.labels)).voxel_size_nm
        try:
            return InstanceTable(measurements_in(found, voxel_size_nm), centrelines_in(found))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def mesh(self, label: int) -> Mesh:
        """The mesh of one instance.

        Raises:
            FileNotFoundError: If there are no labels, or no table of them.
            ValueError: If there is no such instance, or labels or table are damaged.
        """
        table = self.read().measured
        rows = np.flatnonzero(table.ids == label)
        if not len(rows):
            known = f"one of {table.ids.min()} to {table.ids.max()}" if len(table) else "none, there are none"
            raise ValueError(f"expected an id of {self.name} in {self.folder}: {known}; got {label}")
        return mesh(str(self.labels), label, table.box(int(rows[0])))

    def forget(self, work: Path) -> None:
        """Remove what was made, or begun, of ids that are gone.

        Raises:
            OSError: If it cannot be removed.
        """
        for path in self._tables():
            path.unlink()
        (work / KEPT).unlink(missing_ok=True)
        for folder in (self.meshes, Unfinished(self.meshes).folder):
            if folder.exists():
                shutil.rmtree(folder)

    def measured(
        self, form: Form, schedule: Schedule, progress: Progress, domain: Box | None = None
    ) -> InstanceTable:
        """The table in that form, written unless it is there; what another one holds is not found again.

        The labels lie in `domain`, whose faces may have cut them. Where another table alone has lengths,
        they are added to this one.

        Raises:
            ValueError: If the labels or a table are damaged, or Parquet is not installed.
            OSError: If the labels cannot be read, or the table not written.
        """
        path = self.table(form)
        tables = [self._read(one) for one in sorted(self._tables(), key=lambda one: one != path)]
        if not tables:
            tables = [InstanceTable(measure(str(self.labels), schedule, progress, domain=domain))]
        table = next((one for one in tables if one.lines is not None), tables[0])
        if not path.exists() or table is not tables[0]:
            write_columns(table.columns(), path)
        return table

    def with_lengths(
        self, form: Form, table: InstanceTable, work: Path, schedule: Schedule, progress: Progress
    ) -> InstanceTable:
        """The table with lengths, written unless it has them; those found before a kill are in `work`.

        Raises:
            ValueError: If the labels are damaged, or Parquet is not installed.
            OSError: If the labels cannot be read, or the table not written.
        """
        if table.lines is not None:
            return table
        kept = KeptInFile(work / KEPT)
        lines = centrelines(str(self.labels), table.measured, schedule, progress, kept=kept)
        full = replace(table, lines=lines)
        write_columns(full.columns(), self.table(form))
        kept.path.unlink(missing_ok=True)
        return full

    def _tables(self) -> Iterator[Path]:
        """Those that are there."""
        return (path for path in map(self.table, get_args(Form)) if path.exists())
