"""The table of objects, and its files."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microtome.box import Box
from microtome.objects.table import COLUMNS, ObjectTable, read_table, write_table


def table() -> ObjectTable:
    return ObjectTable(
        ids=np.array([1, 2]),
        keys=np.array([7, 3]),
        start=np.array([[0, 1, 2], [3, 4, 5]]),
        stop=np.array([[2, 4, 9], [4, 6, 7]]),
        voxels=np.array([11, 3]),
        probability=np.array([0.1 + 0.2, 1.0]),
        centre=np.array([[0.5, 2.25, 1 / 3], [3.0, 4.5, 5.5]]),
        axis=np.array([[0.0, 0.6, 0.8], [1.0, 0.0, 0.0]]),
        section=np.array([1, 3]),
    )


EMPTY = ObjectTable(
    *(np.empty(0, np.int64) for _ in range(2)),
    *(np.empty((0, 3), np.int64) for _ in range(2)),
    np.empty(0, np.int64),
    np.empty(0),
    np.empty((0, 3)),
    np.empty((0, 3)),
    np.empty(0, np.int64),
)


def same(a: ObjectTable, b: ObjectTable) -> bool:
    return all(np.array_equal(value, vars(b)[name]) for name, value in vars(a).items())


def test_boxes_and_rows_are_found_by_id_and_by_key() -> None:
    assert table().box(1) == Box((3, 4, 5), (4, 6, 7))
    assert table().rows(np.array([2, 1, 2])).tolist() == [1, 0, 1]
    assert table().rows_of_keys(np.array([3, 7])).tolist() == [1, 0]
    assert len(table()) == 2


@pytest.mark.parametrize("unknown", [0, -1, 3])
def test_unknown_ids_are_named(unknown: int) -> None:
    with pytest.raises(ValueError, match=rf"expected ids in 1\.\.2; got {unknown}"):
        table().rows(np.array([1, unknown]))


@pytest.mark.parametrize("unknown", [0, 1, 5, 9])
def test_unknown_keys_are_named(unknown: int) -> None:
    with pytest.raises(ValueError, match=f"got {unknown}"):
        table().rows_of_keys(np.array([3, unknown]))
    with pytest.raises(ValueError, match=f"got {unknown}"):
        EMPTY.rows_of_keys(np.array([unknown]))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("ids", [1, 3], "the ids 1, 2"),
        ("keys", [3, 3], "got one twice"),
        ("keys", [3, 0], "positive keys"),
        ("stop", [[2, 4, 9], [3, 6, 7]], "boxes with voxels; object 2"),
        ("voxels", [0, 3], "objects with voxels; object 1"),
        ("probability", [0.5, 1.01], "probabilities in"),
        ("probability", [float("nan"), 1.0], "probabilities in"),
        ("centre", [[0.0, 0.0, float("inf")], [0.0, 0.0, 0.0]], "finite centres"),
        ("axis", [[0.0, 0.6, 0.7], [1.0, 0.0, 0.0]], "axes of length 1"),
        ("section", [2, 3], "sections that cross"),
    ],
)
def test_what_no_object_has_is_refused(column: str, value: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(table(), **{column: np.array(value)})


@pytest.mark.parametrize("whole", [table(), EMPTY])
def test_a_file_gives_back_every_digit(whole: ObjectTable, tmp_path: Path) -> None:
    write_table(whole, tmp_path / "objects.csv")
    assert same(read_table(tmp_path / "objects.csv"), whole)
    assert [path.name for path in tmp_path.iterdir()] == ["objects.csv"]


def test_a_parquet_file_gives_back_every_digit(tmp_path: Path) -> None:
    write_table(table(), tmp_path / "objects.parquet")
    assert same(read_table(tmp_path / "objects.parquet"), table())
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(ValueError, match="is no table"):
        read_table(tmp_path / "bad.parquet")


def test_without_pyarrow_parquet_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyarrow", "pyarrow.parquet", "pyarrow.lib"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=r"pip install 'microtome\[parquet\]'"):
        write_table(table(), tmp_path / "objects.parquet")
    assert not list(tmp_path.iterdir())


def test_a_table_is_csv_or_parquet(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.csv or \.parquet; got objects\.txt"):
        write_table(table(), tmp_path / "objects.txt")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "objects.csv"
    write_table(table(), path)

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_table(EMPTY, path)
    assert same(read_table(path), table())
    assert [entry.name for entry in tmp_path.iterdir()] == ["objects.csv"]


HEADER = ",".join(COLUMNS)
ROW = "1,1,0,0,0,1,1,1,1,0,0.5,0,0,0,1,0,0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns id, key, .*; got none"),
        ("id,key\n1,1\n", "expected the columns id, key, start_z"),
        (f"{HEADER}\n{ROW[:-2]}\n", "expected 17 values in every row; row 1 has 16"),
        (f"{HEADER}\n{ROW}\n2,2,0\n", "expected 17 values in every row; row 2 has 3"),
        (f"{HEADER}\n{ROW.replace('0.5', 'half')}\n", "is no table of objects"),
        (f"{HEADER}\n{ROW.replace('0.5', '1.5')}\n", "probabilities in"),
        (f"{HEADER}\n{ROW.replace('1,1,0', '1,99999999999999999999,0', 1)}\n", "is no table of objects"),
    ],
)
def test_a_damaged_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "objects.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_table(path)
    assert str(path) in str(error.value)


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"objects\.csv does not exist"):
        read_table(tmp_path / "objects.csv")
    (tmp_path / "objects.csv").write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match="is no table"):
        read_table(tmp_path / "objects.csv")
