"""All labels as one volume."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from exchanging import ANSWERED, DEEP, NM, SHAPE, answered, asked, labels, new_project
from microtome.box import Box
from microtome.labels import IGNORE
from microtome.project import ImageConfig, Project
from microtome.project.exchange import export_volume
from microtome.project.exchange import volume as exchange_volume
from microtome.volume import open_volume


def expected() -> np.ndarray:
    whole = np.full(SHAPE, IGNORE, dtype=np.uint8)
    for box in (ANSWERED, DEEP):
        whole[box.slices] = labels(box)
    return whole


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = new_project(tmp_path)
    for query in asked(project, ANSWERED, DEEP, Box((2, 0, 12), (3, 4, 20)))[:2]:
        answered(project, query)
    return project


@pytest.mark.parametrize("name", ["out.ome.zarr", "out.tif"])
@pytest.mark.parametrize("block", [2**23, 1])
def test_the_volume_holds_every_answer_and_nothing_else(
    tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch, name: str, block: int
) -> None:
    monkeypatch.setattr(exchange_volume, "_BLOCK", block)
    assert export_volume(project, tmp_path / name) == 2
    volume = open_volume(tmp_path / name)
    assert volume.voxel_size_nm == NM
    np.testing.assert_array_equal(volume.read(Box.of(SHAPE)), expected())


def test_small_blocks_give_the_same(
    tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_volume, "_block_shape", lambda spec: (2, 5, 7))
    export_volume(project, tmp_path / "out.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), expected())


def test_other_programs_find_names_and_colours(tmp_path: Path, project: Project) -> None:
    export_volume(project, tmp_path / "out.ome.zarr")
    group = zarr.open_group(tmp_path / "out.ome.zarr", mode="r")
    about = group.attrs["ome"]["image-label"]  # type: ignore[index, call-overload]
    assert {one["label-value"]: one["class"] for one in about["properties"]} == {
        0: "background",
        1: "mito",
        2: "vesicle",
        255: "unlabelled",
    }
    assert {one["label-value"]: one["rgba"] for one in about["colors"]}[1] == [230, 159, 0, 255]
    np.testing.assert_array_equal(np.asarray(group["0"]), expected())
    assert json.loads((tmp_path / "out.ome.zarr" / "zarr.json").read_text())["node_type"] == "group"


def test_a_downsampled_project_exports_its_own_voxels(tmp_path: Path) -> None:
    from exchanging import config

    image = config(tmp_path).image
    half = ImageConfig(
        uri=image.uri,
        voxel_size_nm=NM,
        downsample=(1, 2, 2),
        shape=(3, 8, 10),
        fingerprint=image.fingerprint,
    )
    with new_project(tmp_path, image=half) as project:
        asked(project, ANSWERED)
        answered(project, 1)
        export_volume(project, tmp_path / "out.ome.zarr")
    assert open_volume(tmp_path / "out.ome.zarr").voxel_size_nm == (40.0, 8.0, 8.0)


def test_without_answers_nothing_is_written(tmp_path: Path) -> None:
    with new_project(tmp_path) as project:
        asked(project, ANSWERED)
        with pytest.raises(ValueError, match="has no answers to export"):
            export_volume(project, tmp_path / "out.tif")
    assert not (tmp_path / "out.tif").exists()
