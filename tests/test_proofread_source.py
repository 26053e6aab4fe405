"""The pictures of proposed objects."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from microtome.box import Box
from microtome.learn.settings import TABLES
from microtome.objects.proposals import open_proposals, propose
from microtome.objects.sources import OneClass, Polarity, ProposalSettings
from microtome.project import Project, open_project
from microtome.serve.proofread_source import (
    CLOSEST,
    CONTEXT,
    DEEPEST,
    SIDE,
    WIDEST,
    ObjectSource,
    Pictures,
    ProposedObjects,
)
from microtome.volume import ArrayVolume
from proofreading import SHAPE, VOXEL_NM, bodies, object_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = object_project(tmp_path_factory.mktemp("source") / "mito")
    with open_project(folder, TABLES) as project:
        yield project


@pytest.fixture
def source(project: Project) -> ProposedObjects:
    return ProposedObjects(project.image(), open_proposals(project.root / "objects" / "001"))


def sourced(folder: Path, probability: np.ndarray, nm: tuple[float, float, float]) -> ProposedObjects:
    image = ArrayVolume((255 * probability).astype(np.uint8), nm)
    found = propose(OneClass(ArrayVolume(probability, nm)), ProposalSettings(smallest=1), folder / "001")
    return ProposedObjects(image, found)


def test_it_is_a_source_of_every_object(source: ProposedObjects) -> None:
    assert isinstance(source, ObjectSource)
    assert len(source.objects()) == 24


def test_an_object_s_number_is_its_set_s_and_its_key_lasts(tmp_path: Path) -> None:
    probability = bodies()
    first = np.zeros_like(probability)
    first[:, 150:] = probability[:, 150:]
    for name, volume in (("001", first), ("002", probability)):
        previous = [open_proposals(tmp_path / "001")] if name == "002" else []
        source = OneClass(ArrayVolume(volume, VOXEL_NM))
        propose(source, ProposalSettings(smallest=8), tmp_path / name, previous=previous)
    second = open_proposals(tmp_path / "002")
    shown = ProposedObjects(ArrayVolume((255 * probability).astype(np.uint8), VOXEL_NM), second)
    facts = {key: shown.facts(key) for key in shown.objects()}
    assert any(one.id != key for key, one in facts.items())
    for key, one in facts.items():
        ids, mask = second.ids().read(one.box), shown.mask(key)
        assert (ids == one.id).sum() == mask.sum() == one.voxels


def test_a_tile_is_the_image_around_the_object_in_its_section(
    source: ProposedObjects, project: Project
) -> None:
    image = project.image().read(Box.of(SHAPE))
    solid = bodies() > 0
    for key in (1, 10, 24):
        facts, tiles = source.facts(key), source.tiles([key])
        y, x = ((a + b) // 2 - SIDE // 2 for a, b in list(zip(facts.box.start, facts.box.stop))[1:])  # noqa: B905
        rows, columns = (np.arange(at, at + SIDE) for at in (y, x))
        inside = np.ix_((rows >= 0) & (rows < SHAPE[1]), (columns >= 0) & (columns < SHAPE[2]))
        there = np.ix_(rows[(rows >= 0) & (rows < SHAPE[1])], columns[(columns >= 0) & (columns < SHAPE[2])])
        assert np.array_equal(tiles.image[0][inside], image[facts.section][there])
        assert tiles.mask[0].sum() == (solid[facts.section] & _within(facts.box)).sum()


def _within(box: Box) -> np.ndarray:
    mask = np.zeros(SHAPE[1:], dtype=bool)
    mask[box.slices[1:]] = True
    return mask


def test_a_small_object_is_shown_close_up(source: ProposedObjects) -> None:
    facts = source.facts(1)
    longest = max(facts.box.shape[1:])
    assert CLOSEST <= facts.close < SIDE
    assert facts.close >= 2 * longest
    assert facts.nm == VOXEL_NM[2]


def test_a_stack_shows_the_sections_around_the_object_and_its_tile_among_them(
    source: ProposedObjects,
) -> None:
    facts, stack = source.facts(4), source.stack(4)
    assert facts.first == max(0, facts.box.start[0] - CONTEXT)
    assert facts.last == min(SHAPE[0], facts.box.stop[0] + CONTEXT) - 1
    assert len(stack.image) == facts.last + 1 - facts.first
    tile = source.tiles([4])
    assert np.array_equal(stack.image[facts.section - facts.first], tile.image[0])
    assert np.array_equal(stack.mask[facts.section - facts.first], tile.mask[0])


def test_a_large_object_is_shown_whole_at_a_coarser_scale(tmp_path: Path) -> None:
    probability = np.zeros((3, 400, 700), dtype=np.float32)
    probability[1, 50:350, 20:620] = 1
    source = sourced(tmp_path, probability, (40.0, 4.0, 4.0))
    facts, tiles = source.facts(1), source.tiles([1])
    assert facts.nm == 20.0
    assert facts.close == SIDE
    area = tiles.mask[0].sum() * (facts.nm / 4) ** 2
    assert area == pytest.approx(300 * 600, rel=0.05)
    assert not tiles.mask[0][[0, -1]].any()
    assert not tiles.mask[0][:, [0, -1]].any()


def test_oblong_voxels_are_shown_in_true_proportion(tmp_path: Path) -> None:
    probability = np.zeros((1, 100, 200), dtype=np.float32)
    probability[0, 40:60, 80:120] = 1  # 160 nm square
    mask = sourced(tmp_path, probability, (40.0, 8.0, 4.0)).tiles([1]).mask[0]
    assert mask.any(axis=1).sum() == mask.any(axis=0).sum() == 20


def test_a_deep_object_shows_the_sections_around_its_own(tmp_path: Path) -> None:
    probability = np.zeros((150, 12, 12), dtype=np.float32)
    probability[:, 4:7, 4:7] = 1
    probability[100, 3:8, 3:8] = 1
    source = sourced(tmp_path, probability, (4.0, 4.0, 4.0))
    facts = source.facts(1)
    assert facts.section == 100
    assert facts.first <= 100 <= facts.last
    assert facts.last + 1 - facts.first == DEEPEST == len(source.stack(1).image)
    region = source.region(1)
    assert region.shape[0] == WIDEST[0]
    assert region.start[0] <= 100 < region.stop[0]
    assert source.mask(1).shape == region.shape


def test_the_mask_of_an_enlarged_view_is_the_object_alone(source: ProposedObjects) -> None:
    region, mask = source.region(8), source.mask(8)
    facts = source.facts(8)
    assert region.contains(facts.box)
    assert int(mask.sum()) == facts.voxels


def test_every_object_in_a_box_is_told_from_its_neighbour(source: ProposedObjects) -> None:
    shown = source.all_in(Box((2, 0, 0), (3, 100, 300)))
    assert np.array_equal(shown > 0, bodies()[2:3, :100] > 0)
    assert len(np.unique(shown)) > 2


def test_the_sides_of_a_synapse_are_told_apart(tmp_path: Path) -> None:
    pre, post = np.zeros((2, 2, 60, 60), dtype=np.float32)
    pre[:, 20:30, 10:30] = post[:, 20:30, 30:50] = 1
    volumes = [ArrayVolume(one, (40.0, 4.0, 4.0)) for one in (pre, post, np.maximum(pre, post))]
    found = propose(Polarity(*volumes), ProposalSettings(smallest=1), tmp_path / "001")
    image = ArrayVolume(np.zeros((2, 60, 60), dtype=np.uint8), (40.0, 4.0, 4.0))
    source = ProposedObjects(image, found)
    mask = source.tiles([1]).mask[0]
    assert (mask == 1).sum() == (mask == 2).sum() == 200
    assert np.argwhere(mask == 1)[:, 1].max() < np.argwhere(mask == 2)[:, 1].min()


def test_pictures_are_packed_four_mask_pixels_to_a_byte() -> None:
    image = np.arange(2 * 16, dtype=np.uint8).reshape(2, 4, 4)
    mask = np.zeros((2, 4, 4), dtype=np.uint8)
    mask[0, 0] = (1, 2, 0, 1)
    packed = Pictures(image, mask).packed()
    assert packed[:32] == image.tobytes()
    assert packed[32:] == bytes([1 + 2 * 4 + 64, 0, 0, 0, 0, 0, 0, 0])


def test_an_unknown_object_is_refused(source: ProposedObjects) -> None:
    with pytest.raises(ValueError, match="expected the key of a proposed object; got 99"):
        source.facts(99)


def test_objects_of_another_volume_are_refused(project: Project) -> None:
    image = ArrayVolume(np.zeros((6, 200, 299), dtype=np.uint8), VOXEL_NM)
    with pytest.raises(
        ValueError, match=r"of shape \(6, 200, 300\); the project's image has \(6, 200, 299\)"
    ):
        ProposedObjects(image, open_proposals(project.root / "objects" / "001"))
