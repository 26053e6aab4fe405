"""Instances found block by block against scipy's of the whole."""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import yaozarrs
import yaozarrs.v05
from hypothesis import given, settings
from scipy import ndimage

from instances import components_of, in_order, labelled, real, stored, whole
from microtome.box import Box, Int3
from microtome.schedule import in_turn, on_dask
from microtome.segment.instances import label_instances
from microtome.segment.settings import InstanceSettings
from microtome.volume import Volume, open_volume
from microtome.volume.pyramid import Coarser

sides = st.tuples(*[st.integers(1, 12)] * 3)


def noise(shape: Int3, seed: int, roughness: float = 0.8) -> np.ndarray:
    """A random mask of blobs, walls and specks."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.random(shape), roughness)
    return smooth > np.quantile(smooth, rng.uniform(0.2, 0.8))


@pytest.fixture(scope="module")
def specks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    mask = noise((9, 14, 15), 0)
    return stored(tmp_path_factory.mktemp("specks") / "p.zarr", mask.astype(np.uint8) * 255), mask


@settings(max_examples=12)
@given(
    sides,
    sides,
    st.integers(0, 2**32 - 1),
    st.sampled_from([6, 26]),
    st.sampled_from([1, 4]),
    st.sampled_from([(0, False), (5, False), (3, True)]),
)
def test_whatever_the_blocks_the_instances_are_those_of_the_whole(
    shape: Int3, block: Int3, seed: int, connectivity: int, smallest: int, holes: tuple[int, bool]
) -> None:
    mask = noise(shape, seed)
    block = tuple(
        max(n, -(-side // 2)) for n, side in zip(block, shape, strict=True)
    )  # 8 at most: each costs
    how = InstanceSettings(
        connectivity=connectivity, smallest=smallest, holes=holes[0], holes_per_section=holes[1]
    )
    with tempfile.TemporaryDirectory() as folder:
        probability = stored(Path(folder) / "p.zarr", mask)
        ids, summary = labelled(probability, Path(folder), how, block)
    expected = components_of(mask, how)
    assert ids.dtype == np.uint64
    assert np.array_equal(ids, expected)
    assert summary.instances == expected.max()
    assert summary.voxels == np.count_nonzero(expected)


def test_a_byte_of_128_is_a_probability_of_one_half(tmp_path: Path) -> None:
    values = np.array([0, 127, 0, 128, 255], np.uint8).reshape(1, 1, 5)
    ids, summary = labelled(stored(tmp_path / "p.zarr", values), tmp_path, InstanceSettings())
    assert ids.ravel().tolist() == [0, 0, 0, 1, 1]
    assert (summary.instances, summary.voxels, summary.filled) == (1, 2, 0)


def test_a_volume_of_nothing_has_no_instances(tmp_path: Path) -> None:
    ids, summary = labelled(
        stored(tmp_path / "p.zarr", np.zeros((3, 4, 5), np.uint8)), tmp_path, InstanceSettings()
    )
    assert not ids.any()
    assert (summary.instances, summary.voxels) == (0, 0)


def test_a_volume_of_foreground_alone_is_one_instance(tmp_path: Path) -> None:
    probability = stored(tmp_path / "p.zarr", np.ones((3, 4, 5), bool))
    ids, _ = labelled(probability, tmp_path, InstanceSettings(holes=100), (2, 2, 2))
    assert (ids == 1).all()


def test_smoothing_is_the_same_in_blocks_as_in_the_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 256, (9, 20, 21), np.uint8)
    probability = stored(tmp_path / "p.zarr", values, (40.0, 10.0, 10.0))
    how = InstanceSettings(smoothing_nm=15.0, threshold=0.52)
    ids, _ = labelled(probability, tmp_path / "blocks", how, (5, 9, 11))
    smooth = ndimage.gaussian_filter(values.astype(np.float32) / 255, (15 / 40, 1.5, 1.5), truncate=4)
    assert np.array_equal(ids, components_of(smooth >= 0.52, how))
    assert ids.max() > 5


def test_a_hole_is_filled_up_to_the_size_asked_for_and_with_what_lies_in_it(tmp_path: Path) -> None:
    mask = np.zeros((7, 7, 14), bool)
    mask[1:6, 1:6, 1:6] = True
    mask[2:5, 2:5, 2:5] = False
    mask[3, 3, 3] = True  # an island
    mask[2:5, 2:5, 8:11] = True
    mask[3, 3, 9] = False
    probability = stored(tmp_path / "p.zarr", mask)
    few, summary = labelled(probability, tmp_path / "few", InstanceSettings(holes=25), (4, 4, 7))
    assert (few[3, 3, 9], few[2, 2, 2], summary.filled) == (2, 0, 1)
    every, summary = labelled(probability, tmp_path / "all", InstanceSettings(holes=26), (4, 4, 7))
    assert (every[2:5, 2:5, 2:5] == 1).all()
    assert (summary.instances, summary.filled) == (2, 27)


def test_a_hole_in_a_single_section_is_one(tmp_path: Path) -> None:
    mask = np.zeros((1, 5, 5), bool)
    mask[0, 1:4, 1:4] = True
    mask[0, 2, 2] = False
    ids, _ = labelled(stored(tmp_path / "p.zarr", mask), tmp_path, InstanceSettings(holes=1), (1, 2, 2))
    assert ids[0, 2, 2] == 1


class Killed(BaseException):
    """What a kill looks like from inside."""


def dying(after: int) -> Callable[..., Iterator[Any]]:
    """A schedule that dies after so many blocks, of all searches together."""
    calls = itertools.count()

    def schedule(function: Callable[[Any], Any], items: Any) -> Iterator[Any]:  # noqa: ANN401
        for result in in_turn(function, items):
            if next(calls) == after:
                raise Killed
            yield result

    return schedule


HOW = InstanceSettings(smallest=3, holes=4, block=(5, 7, 8))


@pytest.mark.parametrize(
    "after", [3, pytest.param(12, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.slow), 31]
)
def test_a_run_that_was_killed_goes_on_and_gives_the_same(
    after: int, specks: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    target, work = tmp_path / "ids.zarr", tmp_path / "work"
    with pytest.raises(Killed):
        label_instances(specks[0], target, HOW, work, schedule=dying(after))
    assert not target.exists()
    summary = label_instances(specks[0], target, HOW, work)
    assert np.array_equal(whole(target), components_of(specks[1], HOW))
    assert summary.instances == whole(target).max()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ids.zarr", "work"]
    assert sorted(path.name for path in work.iterdir()) == ["plan.json", "result.json"]


@pytest.mark.parametrize(
    "after", [6, pytest.param(14, marks=pytest.mark.slow), pytest.param(22, marks=pytest.mark.slow), 30]
)
def test_a_watershed_that_was_killed_goes_on_and_gives_the_same(
    after: int, specks: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    how = InstanceSettings(method="watershed", seed_distance_nm=15.0, block=HOW.block)
    (tmp_path / "killed").mkdir()
    run = (specks[0], tmp_path / "killed" / "ids.zarr", how, tmp_path / "killed" / "work")
    with pytest.raises(Killed):
        label_instances(*run, schedule=dying(after))
    label_instances(*run)
    assert np.array_equal(whole(run[1]), labelled(specks[0], tmp_path / "once", how)[0])


@pytest.mark.parametrize(
    ("name", "cut"),
    [("work/**/*.npz", True), ("work/**/c/**/*", False), (".ids.zarr.partial/**/c/**/*", False)],
)
def test_files_that_were_cut_off_or_lost_are_made_again(
    name: str, cut: bool, specks: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    target, work = tmp_path / "ids.zarr", tmp_path / "work"
    with pytest.raises(Killed):
        label_instances(specks[0], target, HOW, work, schedule=dying(30))
    files = [path for path in tmp_path.glob(name) if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]) if cut else path.unlink()
    label_instances(specks[0], target, HOW, work)
    assert np.array_equal(whole(target), components_of(specks[1], HOW))


def test_blocks_that_are_done_are_not_searched_again(
    specks: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Killed):
        label_instances(specks[0], tmp_path / "ids.zarr", HOW, tmp_path / "work", schedule=dying(30))
    monkeypatch.setattr("microtome.segment.holes.layer", None)  # a search would fail
    monkeypatch.setattr("microtome.segment.instances.layer", None)
    label_instances(specks[0], tmp_path / "ids.zarr", HOW, tmp_path / "work")


def levels_of(path: Path) -> list[str]:
    return sorted(child.name for child in path.iterdir() if child.is_dir())


@pytest.fixture
def _tall_pyramid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microtome.volume.pyramid.SMALL", 4)


@pytest.mark.usefixtures("_tall_pyramid")
def test_ids_are_a_valid_labels_image_with_levels_of_the_most_frequent(
    specks: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    target = tmp_path / "ids.ome.zarr"
    label_instances(specks[0], target, HOW, tmp_path / "work")
    assert levels_of(target) == ["0", "1", "2"]
    yaozarrs.validate_zarr_store(str(target))
    about = yaozarrs.open_group(str(target)).ome_metadata()
    assert isinstance(about, yaozarrs.v05.LabelImage)
    assert [dataset.path for dataset in about.multiscales[0].datasets] == ["0", "1", "2"]
    finest: Volume = open_volume(target)
    assert np.array_equal(whole(target), components_of(specks[1], HOW))
    for level in ("1", "2"):
        finest, found = Coarser(finest, (2, 2, 2), labels=True), open_volume(f"{target}::{level}")
        assert found.voxel_size_nm == finest.voxel_size_nm
        assert np.array_equal(found.read(Box.of(found.shape)), finest.read(Box.of(finest.shape)))


@pytest.mark.usefixtures("_tall_pyramid")
def test_a_run_killed_at_its_levels_goes_on_there(
    specks: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = (specks[0], tmp_path / "ids.ome.zarr", HOW, tmp_path / "work")
    with monkeypatch.context() as broken:
        broken.setattr("microtome.volume.copying.describe_image", raising(Killed))
        with pytest.raises(Killed):
            label_instances(*run)
    assert not run[1].exists()
    monkeypatch.setattr("microtome.segment.instances._written", None)  # finding them again would fail
    monkeypatch.setattr("microtome.volume.unfinished.Copy.__call__", None)  # and so would a level
    assert label_instances(*run).instances == whole(run[1]).max()
    assert levels_of(run[1]) == ["0", "1", "2"]


@pytest.mark.usefixtures("_tall_pyramid")
def test_a_target_that_was_removed_is_made_anew(specks: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    run = (specks[0], tmp_path / "ids.ome.zarr", HOW, tmp_path / "work")
    summary = label_instances(*run)
    shutil.rmtree(run[1])
    with pytest.raises(Killed):
        label_instances(*run, schedule=dying(30))
    assert label_instances(*run) == summary
    assert np.array_equal(whole(run[1]), components_of(specks[1], HOW))


def raising(error: type[BaseException]) -> Callable[..., None]:
    def call(*_: object, **__: object) -> None:
        raise error

    return call


def test_a_finished_run_gives_its_summary_again(specks: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    run = (specks[0], tmp_path / "ids.zarr", HOW, tmp_path / "work")
    summary = label_instances(*run)
    assert label_instances(*run, schedule=dying(0)) == summary


def test_other_settings_do_not_go_on_with_a_run(specks: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(Killed):
        label_instances(specks[0], tmp_path / "ids.zarr", HOW, tmp_path / "work", schedule=dying(3))
    with pytest.raises(ValueError, match="was begun with another volume, target or settings"):
        label_instances(specks[0], tmp_path / "ids.zarr", replace(HOW, smallest=4), tmp_path / "work")


def test_a_target_of_another_run_stays_as_it_is(specks: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    (tmp_path / "ids.zarr").mkdir()
    with pytest.raises(FileExistsError, match="exists already"):
        label_instances(specks[0], tmp_path / "ids.zarr", HOW, tmp_path / "work")
    assert [path.name for path in tmp_path.iterdir()] == ["ids.zarr"]


def test_a_work_folder_with_something_else_in_it_is_refused(
    specks: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="expected a new or an empty folder for work"):
        label_instances(specks[0], tmp_path / "ids.zarr", HOW, tmp_path)


def test_a_target_that_blocks_cannot_be_written_into_is_refused(
    specks: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"expected a target whose name ends in \.zarr; got .*ids\.tif"):
        label_instances(specks[0], tmp_path / "ids.tif", HOW, tmp_path / "work")


def test_labels_are_no_probabilities(tmp_path: Path) -> None:
    labels = stored(tmp_path / "p.zarr", np.zeros((1, 2, 3), np.uint32))
    with pytest.raises(ValueError, match="expected bytes, real numbers or a mask; got uint32"):
        label_instances(labels, tmp_path / "ids.zarr", HOW, tmp_path / "work")


@pytest.mark.filterwarnings("default")  # of Dask and its web server
@pytest.mark.slow
def test_the_workers_of_a_cluster_find_the_same(specks: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True) as cluster,
        on_dask(cluster.scheduler_address) as schedule,
    ):
        label_instances(specks[0], tmp_path / "ids.zarr", HOW, tmp_path / "work", schedule=schedule)
    assert np.array_equal(whole(tmp_path / "ids.zarr"), components_of(specks[1], HOW))


def test_in_order_numbers_by_first_voxels() -> None:
    assert in_order(np.array([0, 7, 7, 2, 9, 2])).tolist() == [0, 1, 1, 2, 3, 2]


def test_the_mitochondria_of_a_real_volume_are_those_of_the_whole(tmp_path: Path) -> None:
    mask = real("vnc_sstem/mitochondria.tif", Box((0, 0, 0), (8, 400, 400))) > 0
    probability = stored(tmp_path / "p.zarr", mask.astype(np.uint8) * 255, (45.0, 4.6, 4.6))
    how = InstanceSettings(connectivity=26, smallest=100, holes=50)
    ids, summary = labelled(probability, tmp_path, how, (3, 256, 256))
    assert np.array_equal(ids, components_of(mask, how))
    assert summary.instances > 3
