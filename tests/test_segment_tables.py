"""The table of a class: written once, with lengths where they are asked for, and read back to the digit."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from instances import stored
from microtome.progress import silent
from microtome.schedule import in_turn
from microtome.segment.columns import Form, column_of, read_columns
from microtome.segment.kept import KeptInFile
from microtome.segment.tables import InstanceFiles

FORMS: list[Form] = ["csv", "parquet"]


@pytest.fixture
def files(tmp_path: Path) -> InstanceFiles:
    """Two rods and a cube."""
    labels = np.zeros((12, 14, 44), np.uint64)
    labels[2:5, 2:5, 2:42], labels[7:10, 2:5, 2:42], labels[2:6, 8:12, 8:12] = 1, 2, 2**63 + 5
    stored(tmp_path / "mito.ome.zarr", labels)
    return InstanceFiles(tmp_path, "mito")


def never(function: Callable[[Any], Any], items: Any) -> Iterator[Any]:  # noqa: ANN401
    raise AssertionError("nothing is left to do")


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_read_back_to_the_last_digit(form: Form, files: InstanceFiles) -> None:
    table = files.measured(form, in_turn, silent)
    full = files.with_lengths(form, table, files.folder, in_turn, silent)
    found = files.read(form)
    assert found.measured.ids.tolist() == [1, 2, 2**63 + 5]
    assert found.columns().keys() == full.columns().keys()
    for name, column in full.columns().items():
        assert found.columns()[name].dtype == column.dtype
        assert np.array_equal(found.columns()[name], column, equal_nan=column.dtype.kind == "f")


def test_lengths_are_columns_of_the_table_and_empty_where_an_object_is_not_long(files: InstanceFiles) -> None:
    files.with_lengths("csv", files.measured("csv", in_turn, silent), files.folder, in_turn, silent)
    table = read_columns(files.table("csv"))
    length = column_of(table, "length_nm", np.float64)
    assert length[:2] == pytest.approx(400, rel=0.1)
    assert column_of(table, "mean_radius_nm", np.float64)[:2] == pytest.approx(15, rel=0.4)
    assert table["length_nm"][2] == table["mean_radius_nm"][2] == ""
    assert len(table["voxels"]) == 3


def test_what_is_in_a_table_is_not_measured_again(files: InstanceFiles) -> None:
    table = files.with_lengths("csv", files.measured("csv", in_turn, silent), files.folder, in_turn, silent)
    for form in FORMS:
        again = files.with_lengths(form, files.measured(form, never, silent), files.folder, never, silent)
        assert np.array_equal(again.measured.surface_um2, table.measured.surface_um2)
        assert files.table(form).exists()


@pytest.mark.parametrize(("one", "other"), [FORMS, FORMS[::-1]])
def test_lengths_in_one_form_come_into_the_other(one: Form, other: Form, files: InstanceFiles) -> None:
    files.measured(one, in_turn, silent)
    full = files.with_lengths(other, files.measured(other, never, silent), files.folder, in_turn, silent)
    assert files.read(one).lines is None
    assert files.measured(one, never, silent).lines is not None
    assert files.read(one).columns().keys() == full.columns().keys()


def test_lengths_that_were_found_before_a_kill_are_kept(files: InstanceFiles) -> None:
    def dying(function: Callable[[Any], Any], items: Any) -> Iterator[Any]:  # noqa: ANN401
        yield from in_turn(function, items[:2])
        raise KeyboardInterrupt

    table = files.measured("csv", in_turn, silent)
    with pytest.raises(KeyboardInterrupt):
        files.with_lengths("csv", table, files.folder, dying, silent)
    assert "length_nm" not in read_columns(files.table("csv"))
    asked = []

    def counting(function: Callable[[Any], Any], items: Any) -> Iterator[Any]:  # noqa: ANN401
        asked.extend(label for label, _ in items)
        return in_turn(function, items)

    found = files.with_lengths("csv", table, files.folder, counting, silent).lines
    assert asked == [2**63 + 5]
    assert found is not None
    assert found.length_nm[0] == pytest.approx(found.length_nm[1])
    assert sorted(path.name for path in files.folder.iterdir()) == ["mito.csv", "mito.ome.zarr"]


def test_nothing_is_left_of_what_was_made_or_begun_of_former_ids(files: InstanceFiles) -> None:
    files.measured("csv", in_turn, silent)
    KeptInFile(files.folder / "centrelines.jsonl").keep(1, (2.0,))
    for name in ("mito.meshes", ".mito.meshes.partial"):
        (files.folder / name).mkdir()
        (files.folder / name / "1").touch()
    files.forget(files.folder)
    assert [path.name for path in files.folder.iterdir()] == ["mito.ome.zarr"]


def test_a_line_that_was_cut_off_counts_as_none(tmp_path: Path) -> None:
    kept = KeptInFile(tmp_path / "kept.jsonl")
    kept.keep(7, (1.5, float("nan")))
    with kept.path.open("a") as file:
        file.write("[8, 2.")
    kept.keep(9, (3.0, 4.0))
    assert kept.known().keys() == {7, 9}
    assert kept.known()[7][0] == 1.5
    assert np.isnan(kept.known()[7][1])


def test_a_table_of_something_else_is_named(files: InstanceFiles) -> None:
    files.table("csv").write_text("id,voxels\n1,3\n")
    with pytest.raises(ValueError, match=r"mito\.csv: expected a column 'surface_um2' .*id, voxels"):
        files.measured("csv", in_turn, silent)
    files.table("csv").write_text("id,voxels\n1,many\n")
    with pytest.raises(ValueError, match=r"mito\.csv: expected int64 in column 'voxels'"):
        files.read()


def test_without_pyarrow_parquet_is_refused_with_what_to_install(
    files: InstanceFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyarrow", "pyarrow.parquet", "pyarrow.lib"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=r"pip install 'microtome\[parquet\]'"):
        files.measured("parquet", in_turn, silent)
    assert not files.table("parquet").exists()


def test_a_mesh_is_of_the_object_asked_for(files: InstanceFiles) -> None:
    files.measured("parquet", in_turn, silent)
    found = files.mesh(2**63 + 5)
    assert found.vertices_nm.mean(axis=0) == pytest.approx([40, 100, 100], abs=3)
    with pytest.raises(ValueError, match=r"expected an id of mito .*one of 1 to 9223372036854775813; got 3"):
        files.mesh(3)


def test_of_no_objects_none_has_a_mesh(tmp_path: Path) -> None:
    stored(tmp_path / "mito.ome.zarr", np.zeros((2, 3, 4), np.uint64))
    files = InstanceFiles(tmp_path, "mito")
    table = files.measured("csv", in_turn, silent)
    assert len(files.with_lengths("csv", table, tmp_path, in_turn, silent).columns()["length_nm"]) == 0
    with pytest.raises(ValueError, match="there are none; got 1"):
        files.mesh(1)
