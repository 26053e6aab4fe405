"""rounds.csv: what a study measured, a row for each strategy, seed and round."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
        ValueError: If there is no such file, a column or a number is not what it should be, or a strategy
            has a seed and a budget twice.
    """
    if not path.is_file():
        raise ValueError(f"expected the table of a study at {path}; there is none")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if missing := sorted(set(COLUMNS) - set(reader.fieldnames or ())):
            raise ValueError(f"{path}: expected the columns of a study; missing are {missing}")
        rows = [_row(cells, f"{path}, line {reader.line_num}") for cells in reader]
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
    part = path.with_name(path.name + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in record.items()} for record in records)
    part.replace(path)


def _cell(value: object) -> object:
    return "" if value is None or value != value else value


def _row(cells: Mapping[str, str], where: str) -> Row:
    if None in cells or None in cells.values():
        raise ValueError(f"{where}: expected a cell for every column")
    try:
        return Row(
            strategy=cells["strategy"],
            seed=int(cells["seed"]),
            round=int(cells["round"]),
            patches=int(cells["patches"]),
            values={name: float(cell or "nan") for name, cell in cells.items() if name not in _KEYS},
        )
    except ValueError as error:
        raise ValueError(f"{where}: expected numbers; {error}") from None
