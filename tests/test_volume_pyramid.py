import io

import numpy as np
import pytest

from microtome.box import Box, tile
from microtome.volume import ArrayVolume, VolumeSpec
from microtome.volume.pyramid import Coarser, pyramid

NM = (8.0, 8.0, 8.0)
RNG = np.random.default_rng(0)


def levels(shape: tuple[int, int, int], nm: tuple[float, float, float], count: int | None = None) -> list:
    return [
        (level.spec.shape, level.spec.voxel_size_nm)
        for level in pyramid(VolumeSpec(shape, np.dtype(np.uint8), nm), count)
    ]


def test_thick_sections_are_not_halved_before_voxels_are_nearly_cubes() -> None:
    found = levels((100, 4096, 4096), (45.0, 4.6, 4.6))
    assert [shape for shape, _ in found] == [
        (100, 4096, 4096),
        (100, 2048, 2048),
        (100, 1024, 1024),
        (100, 512, 512),
        (50, 256, 256),
    ]
    assert [nm for _, nm in found] == [
        (45, 4.6, 4.6),
        (45, 9.2, 9.2),
        (45, 18.4, 18.4),
        (45, 36.8, 36.8),
        (90, 73.6, 73.6),
    ]


def test_cubes_are_halved_along_all_axes_until_256_voxels_are_left() -> None:
    assert [shape for shape, _ in levels((600, 700, 1025), NM)] == [
        (600, 700, 1025),
        (300, 350, 513),
        (150, 175, 257),
        (75, 88, 129),
    ]


@pytest.mark.parametrize("shape", [(1, 1, 1), (256, 256, 256)])
def test_what_is_small_has_one_level(shape: tuple[int, int, int]) -> None:
    assert levels(shape, NM) == [(shape, NM)]


def test_one_section_is_halved_whatever_its_thickness() -> None:
    assert [shape for shape, _ in levels((1, 500, 600), (1.0, 8.0, 8.0))] == [
        (1, 500, 600),
        (1, 250, 300),
        (1, 125, 150),
    ]


def test_as_many_levels_as_are_asked_for() -> None:
    assert len(levels((9, 9, 9), NM, 3)) == 3
    assert len(levels((999, 999, 999), NM, 1)) == 1
    with pytest.raises(ValueError, match="at most 2 levels, as the last has one voxel; got 3"):
        levels((2, 2, 2), NM, 3)
    with pytest.raises(ValueError, match="at least one level; got 0"):
        levels((2, 2, 2), NM, 0)


def test_grey_values_are_means_and_the_last_ones_of_those_there_are() -> None:
    image = np.array([[[1, 3, 5], [1, 3, 7]]], np.uint8)
    coarser = Coarser(ArrayVolume(image, NM), (1, 2, 2), labels=False)
    assert coarser.shape == (1, 1, 2)
    assert coarser.voxel_size_nm == (8.0, 16.0, 16.0)
    assert coarser.read(Box.of((1, 1, 2))).tolist() == [[[2, 6]]]


def test_labels_are_the_most_frequent_and_never_a_mean() -> None:
    big = 2**60
    ids = np.array([[[big, 7, 1], [big, 9, 2]]], np.uint64)
    found = Coarser(ArrayVolume(ids, NM), (1, 2, 2), labels=True).read(Box.of((1, 1, 2)))
    assert found.tolist() == [[[big, 2]]]  # of equals, the larger


@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("factors", [(2, 2, 2), (1, 2, 2), (2, 1, 1)])
def test_blockwise_equals_whole(labels: bool, factors: tuple[int, int, int]) -> None:
    volume = ArrayVolume(RNG.integers(0, 4, (7, 13, 10)).astype(np.uint16), NM)
    coarser = Coarser(volume, factors, labels)
    whole = Box.of(coarser.shape)
    found = np.zeros(coarser.shape, np.uint16)
    for block in tile(whole, (2, 3, 5), (0, 0, 0)):
        found[block.write.slices] = coarser.read(block.write)
    assert np.array_equal(found, coarser.read(whole))


def test_it_is_a_read_only_volume_with_bounds() -> None:
    coarser = Coarser(ArrayVolume(np.zeros((3, 3, 3), np.uint8), NM), (2, 2, 2), labels=False)
    assert coarser.read(Box((1, 1, 1), (1, 2, 2))).shape == (0, 1, 1)
    with pytest.raises(ValueError, match="inside 0:2,0:2,0:2"):
        coarser.read(Box.of((3, 3, 3)))
    with pytest.raises(io.UnsupportedOperation):
        coarser.write(Box.of((1, 1, 1)), np.zeros((1, 1, 1), np.uint8))
