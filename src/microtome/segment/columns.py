"""Tables in files: named columns of equal length as CSV, or as Parquet where pyarrow is installed."""

import csv
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
from jaxtyping import Shaped

from microtome.whole import whole_file

Column = Shaped[np.ndarray, "n"]
Form = Literal["csv", "parquet"]
"""How a table is stored, which is the suffix of its name."""


def write_columns(columns: Mapping[str, Column], path: Path) -> None:
    """Write a table as CSV, or as Parquet if the name ends in .parquet; it is there whole, or not at all.

    In CSV, numbers that are none (NaN) are empty.

    Raises:
        ValueError: If the name ends in neither, or Parquet is asked for and not installed.
        OSError: If it cannot be written.
    """
    write = _write_parquet if _is_parquet(path) else _write_csv
    with whole_file(path) as partial:
        write(columns, partial)


def read_columns(path: Path) -> Mapping[str, Sequence[object]]:
    """The columns of a file of `write_columns`; those of CSV as text.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is damaged, or is Parquet and that is not installed.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    return _read_parquet(path) if _is_parquet(path) else _read_csv(path)


def column_of(table: Mapping[str, Sequence[object]], name: str, dtype: type[np.generic]) -> Column:
    """A column of numbers in what `read_columns` gives; what is empty is NaN.

    Raises:
        ValueError: If there is no such column, or it holds something else.
    """
    if name not in table:
        raise ValueError(f"expected a column {name!r} in a table; it has {', '.join(table)}")
    try:
        return np.array(["nan" if value == "" else value for value in table[name]], dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"expected {np.dtype(dtype)} in column {name!r} of a table: {error}") from error


def require_form(form: Form) -> None:
    """Check that tables of that form can be written here.

    Raises:
        ValueError: If it is Parquet, and that is not installed.
    """
    if form == "parquet":
        _arrow("parquet")


def _write_csv(columns: Mapping[str, Column], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(columns)
        lines.writerows(zip(*(_written(column) for column in columns.values()), strict=True))


def _written(column: Column) -> list[object]:
    return ["" if value != value else value for value in column.tolist()]  # NaN alone differs from itself


def _read_csv(path: Path) -> Mapping[str, Sequence[object]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *lines = list(csv.reader(file, strict=True)) or [[]]
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is no table: {error}") from error
    for number, line in enumerate(lines, start=1):
        if len(line) != len(header):
            raise ValueError(
                f"{path}: expected {len(header)} values in every row; row {number} has {len(line)}"
            )
    values = zip(*lines, strict=True) if lines else [()] * len(header)
    return dict(zip(header, values, strict=True))


def _write_parquet(columns: Mapping[str, Column], path: Path) -> None:
    _arrow("parquet").write_table(_arrow("lib").table(dict(columns)), path)


def _read_parquet(path: Path) -> Mapping[str, Sequence[object]]:
    error = _arrow("lib").ArrowException
    try:
        columns: dict[str, list[object]] = _arrow("parquet").read_table(path).to_pydict()
    except (error, OSError) as reason:
        raise ValueError(f"{path} is no table: {reason}") from reason
    return columns


def _is_parquet(path: Path) -> bool:
    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"a table is .csv or .parquet; got {path.name}")
    return path.suffix == ".parquet"


def _arrow(module: str) -> ModuleType:
    try:
        return import_module(f"pyarrow.{module}")
    except ModuleNotFoundError:
        raise ValueError("Parquet needs pyarrow: pip install 'microtome[parquet]'") from None
