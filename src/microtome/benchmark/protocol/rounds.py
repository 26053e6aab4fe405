"""rounds.csv: what a study measured, a row for each strategy, seed and round."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from microtome.benchmark.protocol.files import expected, replacing

FULL = "full-supervision"
"""Its rows are no strategy: they say what all labels of the pool give."""

_KEYS = ("strategy", "seed", "round", "patches")
COLUMNS = (
    *_KEYS,
    *("voxels", "jaccard", "dice", "boundary_f", "fn_n"),
    *("minutes_correcting", "minutes_drawing", "minutes_slow"),
    *("foreground", "asked_foreground", "spearman", "auroc", "ece", "redundancy"),
    *("train_seconds", "predict_seconds", "choose_seconds"),
)
"""Of rounds.csv; there may be more numbers."""

LARGEST = 1e12
"""Of the numbers of a row: sums and squares of a table of them stay finite."""


@dataclass(frozen=True, slots=True)
class Row:
    """One trained model of a study: the labels it saw, and its numbers by column; NaN where there is none."""

    strategy: str
    seed: int
    round: int
    patches: int
    values: Mapping[str, float]


def read_rounds(path: Path) -> list[Row]:
    """The rows of rounds.csv; an empty number is NaN.

    Raises:
        ValueError: If a column or a number is not what it should be, or a strategy has a seed and a budget
            twice.
        OSError: If there is no such file.
    """
    with expected("the table of a study", path), path.open(newline="", encoding="utf-8") as file:
        try:
            rows = _rows(csv.DictReader(file))
        except (ValueError, csv.Error) as error:
            raise ValueError(f"{path}: {error}") from None
    seen = set()
    for row in rows:
        if (place := (row.strategy, row.seed, row.patches)) in seen:
            raise ValueError(f"{path}: expected each strategy, seed and budget once; got {place} twice")
        seen.add(place)
    return rows


def write_rounds(records: Sequence[Mapping[str, object]], path: Path) -> None:
    """Records by column as rows of a table, numbers in full, an empty cell where there is none.

    Raises:
        OSError: If it cannot be written.
    """
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in record.items()} for record in records)


def _cell(value: object) -> object:
    return "" if value is None or value != value else value


def _rows(reader: csv.DictReader) -> list[Row]:
    if missing := sorted(set(COLUMNS) - set(reader.fieldnames or ())):
        raise ValueError(f"expected the columns of a study; missing are {missing}")
    return [_row(cells, f"line {reader.line_num}") for cells in reader]


def _row(cells: Mapping[str, str], where: str) -> Row:
    if None in cells or None in cells.values():
        raise ValueError(f"{where}: expected a cell for every column")
    if not cells["strategy"]:
        raise ValueError(f"{where}: expected the name of a strategy; got none")
    numbers = {name: _number(cell, f"{where}, {name}") for name, cell in cells.items() if name != "strategy"}
    for name, least in (("seed", 0), ("round", 0), ("patches", 1)):
        if not (numbers[name] >= least and numbers[name].is_integer()):
            raise ValueError(f"{where}, {name}: expected a whole number from {least} on; got {cells[name]!r}")
    if not 0 <= numbers["jaccard"] <= 1 and cells["jaccard"]:
        raise ValueError(f"{where}, jaccard: expected a number from 0 to 1; got {cells['jaccard']!r}")
    return Row(
        strategy=cells["strategy"],
        seed=int(numbers["seed"]),
        round=int(numbers["round"]),
        patches=int(numbers["patches"]),
        values={name: value for name, value in numbers.items() if name not in _KEYS},
    )


def _number(cell: str, where: str) -> float:
    try:
        value = float(cell or "nan")
    except ValueError:
        value = float("inf")
    if abs(value) > LARGEST:
        raise ValueError(f"{where}: expected a number of at most {LARGEST:g}, or nothing; got {cell[:40]!r}")
    return value
