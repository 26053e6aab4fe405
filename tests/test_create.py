"""New projects of data sets: their image, labels and splits, and what is said when the test is elsewhere."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.main import get_command

from cremi_files import RAW, write_cremi
from microtome.benchmark.datasets import DATASETS
from microtome.box import Box
from microtome.cli.app import app
from microtome.cli.create import NewProject, create
from microtome.cli.names import RECIPES
from microtome.learn.config import lin, lin_small
from microtome.learn.settings import TABLES, recipe_from
from microtome.project import open_project

rng = np.random.default_rng(5)
SIDES = (6, 40, 40)


@pytest.fixture
def epfl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small volumes, named like EPFL's."""
    small = dataclasses.replace(DATASETS["epfl"], shapes=dict.fromkeys(DATASETS["epfl"].shapes, SIDES))
    monkeypatch.setitem(DATASETS, "epfl", small)
    monkeypatch.setenv("MICROTOME_DATA", str(tmp_path))
    (tmp_path / small.folder).mkdir()
    for name in small.files:
        array = rng.integers(0, 255, SIDES, np.uint8)
        stack = np.where(array > 200, 255, 0).astype(np.uint8) if "groundtruth" in name else array
        tifffile.imwrite(tmp_path / small.folder / name, stack)


@pytest.fixture
def cremi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three small padded samples, named like CREMI's."""
    row = DATASETS["cremi"]
    parts = {
        name: dataclasses.replace(part, train="2:5,3:19,5:23", test="5:7,3:19,5:23")
        for name, part in row.parts.items()
    }
    monkeypatch.setitem(DATASETS, "cremi", dataclasses.replace(row, parts=parts))
    monkeypatch.setenv("MICROTOME_DATA", str(tmp_path))
    (tmp_path / row.folder).mkdir()
    for name in row.files:
        write_cremi(tmp_path / row.folder / name)


def mitochondria(dataset: str, **more: str) -> NewProject:
    return NewProject(classes=("mitochondria",), dataset=dataset, query_shape=(1, 16, 16), **more)


@pytest.mark.usefixtures("epfl")
@pytest.mark.parametrize("name", ["epfl", "lucchi"])
def test_one_of_several_images_has_to_be_named_and_how_is_said(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="parts training, testing; expected one of them, as in epfl/training"
    ):
        create(tmp_path / "p", mitochondria(name), lambda line: None)
    assert not (tmp_path / "p").exists()


@pytest.mark.usefixtures("epfl")
@pytest.mark.parametrize("name", ["epfl/training", "lucchi/training"])
def test_a_project_of_an_image_that_is_tested_elsewhere_says_what_to_do(name: str, tmp_path: Path) -> None:
    said: list[str] = []
    create(tmp_path / "p", mitochondria(name), said.append)
    assert f"{name} is tested in another image, epfl/testing" in said[-1]
    assert "\n" not in said[-1]
    with open_project(tmp_path / "p", TABLES) as project:
        assert project.config.test_box is None


@pytest.mark.usefixtures("epfl")
def test_where_to_test_in_the_image_itself_is_taken_without_a_word(tmp_path: Path) -> None:
    said: list[str] = []
    create(tmp_path / "p", mitochondria("epfl/training", train="0:3", test="4:6"), said.append)
    assert not any("another image" in line for line in said)


@pytest.mark.usefixtures("cremi")
def test_a_project_of_a_padded_sample_asks_and_tests_where_it_is_labelled(tmp_path: Path) -> None:
    new = NewProject(classes=("clefts",), dataset="cremi/C", query_shape=(1, 8, 8))
    made = create(tmp_path / "p", new, lambda line: None)
    assert made["candidates"] == 3 * 2 * 2
    assert str(made["image"]).endswith("sample_C_padded_20160501.hdf::volumes/raw")
    with open_project(tmp_path / "p", TABLES) as project:
        image, truth = project.image(), project.truth()
        assert truth is not None
        np.testing.assert_array_equal(image.read(Box.of(image.shape)), RAW)
        assert set(np.unique(truth.read(project.config.train_box))) == {0, 1}
        with pytest.raises(ValueError, match=r"unknown values in box .*: 255"):
            truth.read(Box.of(truth.shape))


@pytest.mark.parametrize("name", RECIPES)
def test_a_project_of_every_recipe_by_name_holds_all_of_its_settings(name: str, tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", rng.integers(0, 255, SIDES, np.uint8))
    new = NewProject(
        classes=("mitochondria",),
        image=str(tmp_path / "image.npy"),
        voxel_size_nm=(40.0, 4.0, 4.0),
        query_shape=(1, 16, 16),
        recipe=name,
    )
    create(tmp_path / "p", new, lambda line: None)
    with open_project(tmp_path / "p", TABLES) as project:
        recipe = recipe_from(project.config.settings)
    assert recipe == RECIPES[name]()
    recipe.require_trainable(2)


def test_the_recipes_of_lin_et_al_have_names() -> None:
    assert (RECIPES["lin"](), RECIPES["lin-small"]()) == (lin(), lin_small())


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_named_where_people_look(name: str) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (row,) = (line for line in readme.splitlines() if line.startswith("| recipes |"))
    (option,) = (one for one in get_command(app).commands["init"].params if one.name == "recipe")
    assert f"`{name}`" in row
    assert name in re.split(r"[ ,.]+", option.help)
