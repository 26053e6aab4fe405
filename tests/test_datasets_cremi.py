"""CREMI's files: where the labels lie in the image, what they say, and the synapses."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from cremi_files import CLEFTS, IDS, LOCATIONS, PAIRS, RAW, START, VOXEL, write_cremi
from microtome.benchmark.datasets import (
    DATASETS,
    find,
    load,
    locate,
    nearest_voxels,
    read,
    read_partners,
    splits,
)
from microtome.benchmark.datasets.cremi import NO_CLEFT, UNKNOWN, cremi_volumes, require_cremi
from microtome.benchmark.datasets.surrounded import Surrounded
from microtome.benchmark.protocol.spec import Spec
from microtome.benchmark.protocol.task import task_of
from microtome.box import Box
from microtome.labels import IGNORE
from microtome.project.parse import parse_split
from microtome.volume import ArrayVolume

TRUTH = np.full(RAW.shape, IGNORE, np.uint8)
LABELLED = Box(START, (8, 19, 23))
TRUTH[LABELLED.slices] = np.where(CLEFTS == NO_CLEFT, 0, np.where(CLEFTS == UNKNOWN, IGNORE, 1))

SMALL = dataclasses.replace(
    DATASETS["cremi"],
    parts={
        name: dataclasses.replace(part, train="2:5,3:19,5:23", test="6:8,3:19,5:23")
        for name, part in DATASETS["cremi"].parts.items()
    },
)
FILE = "sample_A_padded_20160501.hdf"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_cremi(tmp_path / "sample.hdf")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The three samples, small, in $MICROTOME_DATA."""
    folder = tmp_path / SMALL.folder
    folder.mkdir()
    for name in SMALL.files:
        write_cremi(folder / name)
    monkeypatch.setenv("MICROTOME_DATA", str(tmp_path))
    return folder


def whole(volume: ArrayVolume | Surrounded) -> np.ndarray:
    return volume.read(Box.of(volume.shape))


def changed(path: Path, change: Callable[[h5py.File], None]) -> Path:
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replaced(path: Path, name: str, data: object, **attributes: object) -> Path:
    """The file with another data set of that name; attributes stay unless given."""

    def change(file: h5py.File) -> None:
        kept = dict(file[name].attrs)
        del file[name]
        file[name] = data
        file[name].attrs.update(kept | attributes)

    return changed(path, change)


def test_labels_lie_at_their_offset_and_nothing_is_said_around_them(file: Path) -> None:
    image, labels = cremi_volumes(file, VOXEL)
    np.testing.assert_array_equal(image.read(Box.of(image.shape)), RAW)
    np.testing.assert_array_equal(whole(labels), TRUTH)
    assert labels.labelled == LABELLED
    assert image.voxel_size_nm == labels.voxel_size_nm == VOXEL


@pytest.mark.parametrize(
    "box",
    [
        Box((0, 0, 0), (2, 24, 30)),
        Box((1, 2, 4), (3, 5, 8)),
        Box((3, 6, 8), (5, 8, 9)),
        Box((7, 18, 22), (10, 24, 30)),
        Box((4, 4, 4), (4, 4, 4)),
    ],
)
def test_any_box_of_surrounded_labels_is_that_of_the_whole(file: Path, box: Box) -> None:
    labels = cremi_volumes(file, VOXEL)[1]
    np.testing.assert_array_equal(labels.read(box), TRUTH[box.slices])


def test_surrounded_labels_refuse_other_types_writes_and_boxes_outside() -> None:
    labels = ArrayVolume(np.zeros((2, 3, 4), np.uint8), VOXEL)
    around = Surrounded(labels, (1, 1, 1), (4, 4, 5))
    with pytest.raises(ValueError, match="expected a box inside"):
        around.read(Box((0, 0, 0), (5, 4, 5)))
    with pytest.raises(io.UnsupportedOperation):
        around.write(Box((0, 0, 0), (1, 1, 1)), np.zeros((1, 1, 1), np.uint8))
    with pytest.raises(ValueError, match="expected labels inside 0:4,0:4,0:5; got 1:3,2:5,1:5"):
        Surrounded(labels, (1, 2, 1), (4, 4, 5))
    with pytest.raises(ValueError, match="expected labels inside"):
        Surrounded(labels, (-1, 0, 0), (4, 4, 5))
    with pytest.raises(ValueError, match="expected labels of uint8; got uint16"):
        Surrounded(ArrayVolume(np.zeros((2, 3, 4), np.uint16), VOXEL), (0, 0, 0), (4, 4, 5))


def test_a_file_without_padding_is_labelled_everywhere(tmp_path: Path) -> None:
    image, labels = cremi_volumes(write_cremi(tmp_path / "cropped.hdf", padded=False), VOXEL)
    assert labels.labelled == Box.of(image.shape) == Box.of(CLEFTS.shape)
    np.testing.assert_array_equal(whole(labels), TRUTH[LABELLED.slices])


@pytest.mark.parametrize(
    ("name", "data", "attributes", "expected"),
    [
        ("volumes/raw", RAW.astype(np.uint16), {}, "volumes/raw: expected uint8; got uint16"),
        ("volumes/raw", RAW, {"resolution": (40, 4, 8)}, "expected voxels of (40.0, 4.0, 4.0) nm"),
        ("volumes/raw", RAW[:7], {}, "expected labels inside the image of (7, 24, 30)"),
        ("volumes/labels/clefts", CLEFTS.astype(np.int64), {}, "clefts: expected uint64; got int64"),
        ("volumes/labels/clefts", CLEFTS, {"offset": (80, 12, 22)}, "offset of whole voxels"),
        ("volumes/labels/clefts", CLEFTS, {"offset": (80, 12)}, "'offset': expected three numbers"),
        ("volumes/labels/clefts", CLEFTS, {"offset": (80, 12, np.nan)}, "'offset': expected three numbers"),
        ("volumes/labels/clefts", CLEFTS, {"offset": (-40, 12, 20)}, "(6, 16, 18) at (-1, 3, 5)"),
    ],
)
def test_another_layout_is_refused_with_the_file_and_the_key(
    file: Path, name: str, data: np.ndarray, attributes: dict[str, object], expected: str
) -> None:
    replaced(file, name, data, **attributes)
    for refuse in (require_cremi, cremi_volumes):
        with pytest.raises(ValueError) as caught:
            refuse(file, VOXEL)
        assert expected in str(caught.value)
        assert str(file) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_file_without_clefts_or_of_another_format_is_refused(file: Path, tmp_path: Path) -> None:
    changed(file, lambda opened: opened.__delitem__("volumes/labels/clefts"))
    with pytest.raises(ValueError, match="no data set 'volumes/labels/clefts'"):
        require_cremi(file, VOXEL)
    page = tmp_path / "page.hdf"
    page.write_bytes(b"<html>moved</html>")
    with pytest.raises(OSError, match=r"page\.hdf cannot be read as HDF5"):
        require_cremi(page, VOXEL)


def test_partners_are_points_of_the_image_in_the_order_of_the_file(file: Path) -> None:
    synapses = read_partners(file)
    assert len(synapses) == 3
    np.testing.assert_array_equal(synapses.ids, PAIRS)
    offset = np.array([80.0, 12.0, 20.0])
    np.testing.assert_array_equal(synapses.pre_nm, LOCATIONS[[0, 3, 0]] + offset)
    np.testing.assert_array_equal(synapses.post_nm, LOCATIONS[[1, 2, 2]] + offset)


def test_a_point_counts_for_the_nearest_voxel(file: Path) -> None:
    voxels = nearest_voxels(read_partners(file).post_nm, VOXEL)
    np.testing.assert_array_equal(voxels, [[3, 5, 7], [4, 6, 5], [4, 6, 5]])
    np.testing.assert_array_equal(nearest_voxels(np.array([[-21.0, 2.0, 1.9]]), VOXEL), [[-1, 1, 0]])


def test_no_synapses_are_an_empty_table(file: Path) -> None:
    replaced(file, "annotations/presynaptic_site/partners", PAIRS[:0])
    synapses = read_partners(file)
    assert len(synapses) == 0
    assert synapses.pre_nm.shape == synapses.post_nm.shape == (0, 3)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("annotations/ids", [11, 5, 5, 2], "annotations/ids: expected distinct ids; got 5 twice"),
        ("annotations/ids", IDS[:3], "annotations/locations: expected 3 x 3 numbers"),
        ("annotations/ids", [1.5, 2, 3, 4], "annotations/ids: expected n numbers (ui); got float64"),
        ("annotations/locations", LOCATIONS[:, :2], "expected 4 x 3 numbers (uif); got float64 of (4, 2)"),
        (
            "annotations/locations",
            np.where(LOCATIONS > 80, np.inf, LOCATIONS),
            "annotations/locations: expected finite numbers",
        ),
        ("annotations/types", ["presynaptic_site"] * 4, "expected postsynaptic_site of id 5; got 'presyn"),
        ("annotations/types", [1, 2, 3, 4], "annotations/types: expected 4 texts; got int64 of (4,)"),
        (
            "annotations/presynaptic_site/partners",
            [[11, 4]],
            "partners: expected ids of annotations/ids; got 4",
        ),
        ("annotations/presynaptic_site/partners", [11, 5], "partners: expected n x 2 numbers"),
    ],
)
def test_damaged_annotations_are_refused_with_the_file_and_the_key(
    file: Path, name: str, data: object, expected: str
) -> None:
    replaced(file, name, data)
    with pytest.raises(ValueError) as caught:
        read_partners(file)
    assert expected in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_without_annotations_has_no_partners(file: Path) -> None:
    changed(file, lambda opened: opened.__delitem__("annotations"))
    with pytest.raises(ValueError, match="no data set 'annotations/presynaptic_site/partners'"):
        read_partners(file)
    with pytest.raises(FileNotFoundError):
        read_partners(file.with_name("none.hdf"))


def test_a_sample_is_loaded_by_name_with_splits_that_are_labelled(folder: Path) -> None:
    located = locate(SMALL, announce=lambda line: None)
    image, labels = load(SMALL, ["clefts"], located, part="B")
    assert located == folder
    np.testing.assert_array_equal(labels.read(Box.of(image.shape)), TRUTH)
    for split in splits(SMALL.parts["B"], image.shape):
        assert split is not None
        assert LABELLED.contains(parse_split(split, image.shape))
    with pytest.raises(ValueError, match="cremi has no class 'neurons'; there are clefts"):
        load(SMALL, ["neurons"], located, part="B")
    with pytest.raises(ValueError, match="cremi has the parts A, B, C; expected one of them, as in cremi/A"):
        load(SMALL, ["clefts"], located)


def test_splits_outside_of_the_labels_are_refused(folder: Path) -> None:
    part = dataclasses.replace(SMALL.parts["A"], train="1:5,3:19,5:23")
    wrong = dataclasses.replace(SMALL, parts={"A": part})
    with pytest.raises(
        ValueError, match=r"expected labels that hold 1:5,3:19,5:23; got some of 2:8,3:19,5:23"
    ):
        load(wrong, ["clefts"], folder, part="A")


@pytest.mark.parametrize("first", [37, 38])
def test_the_splits_of_the_real_samples_lie_in_labels_from_either_section(first: int) -> None:
    labelled = Box.of((125, 1250, 1250)).shifted((first, 911, 911))
    for part in find("cremi").parts.values():
        train, test = (parse_split(split, (200, 3072, 3072)) for split in splits(part, (200, 3072, 3072)))
        assert labelled.contains(train)
        assert labelled.contains(test)
        assert test.start[0] - train.stop[0] == 2  # a guard


def test_neuron_ids_are_read_by_their_path_inside_the_file(folder: Path) -> None:
    ids = read(SMALL, f"{FILE}::volumes/labels/neuron_ids", folder)
    assert ids.dtype == np.uint64
    np.testing.assert_array_equal(ids.ravel(), np.arange(ids.size))


def test_a_study_chooses_and_tests_only_where_clefts_were_looked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DATASETS, "cremi", SMALL)
    spec = Spec.model_validate(
        {
            "title": "clefts",
            "tier": "A",
            "dataset": "cremi/A",
            "classes": ("clefts",),
            "query_shape": (1, 4, 4),
            "downsample": (1, 2, 2),
            "strategies": ("entropy",),
        }
    )
    task = task_of(spec, lambda line: None)
    assert len(task.pool.boxes) == 3 * 1 * 2
    assert all(int(task.pool.truth(box).max()) <= 1 for box in task.pool.boxes)
    task.require_something_to_find()
