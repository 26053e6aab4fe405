import dataclasses
import itertools

import numpy as np
import pytest
from scipy import ndimage

from microtome.benchmark.phantom import CLEFT, POST, PRE, Phantom, PhantomConfig, phantom

SMALL = PhantomConfig(shape=(4, 128, 128), seed=3, synapses_per_um3=6.0)


@pytest.fixture(scope="module")
def small() -> Phantom:
    return phantom(SMALL)


def changed(**fields: object) -> Phantom:
    return phantom(dataclasses.replace(SMALL, **fields))


def likeness(image: np.ndarray) -> float:
    """Mean correlation of neighbouring sections."""
    pairs = itertools.pairwise(image)
    return float(np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]))


def test_the_same_configuration_gives_the_same_bytes(small: Phantom) -> None:
    again = phantom(SMALL)
    for name in ("image", "cells", "mitochondria", "membranes", "synapses"):
        np.testing.assert_array_equal(getattr(again, name), getattr(small, name))


def test_another_seed_gives_another_tissue(small: Phantom) -> None:
    other = changed(seed=4)
    assert (other.image != small.image).mean() > 0.9
    assert (other.membranes != small.membranes).mean() > 0.1


def test_arrays_have_the_shape_asked_for_and_the_types_of_the_style(small: Phantom) -> None:
    types = {
        "image": np.uint8,
        "cells": np.uint64,
        "mitochondria": np.uint64,
        "membranes": bool,
        "synapses": np.uint8,
    }
    for name, dtype in types.items():
        assert getattr(small, name).shape == SMALL.shape
        assert getattr(small, name).dtype == dtype


def test_every_voxel_belongs_to_a_cell_and_ids_have_no_gaps(small: Phantom) -> None:
    np.testing.assert_array_equal(np.unique(small.cells), np.arange(1, small.cells.max() + 1))


def test_membranes_separate_cells_in_every_section(small: Phantom) -> None:
    for cells, membranes in zip(small.cells, small.membranes, strict=True):
        pieces, n = ndimage.label(~membranes)
        low = ndimage.minimum(cells.astype(float), pieces, np.arange(1, n + 1))
        high = ndimage.maximum(cells.astype(float), pieces, np.arange(1, n + 1))
        assert n > 3
        np.testing.assert_array_equal(low, high)


def test_each_mitochondrion_is_one_piece_inside_one_cell_off_its_membrane(small: Phantom) -> None:
    ids = np.unique(small.mitochondria)[1:]
    assert len(ids) > 0
    for i in ids:
        inside = small.mitochondria == i
        assert len(np.unique(small.cells[inside])) == 1
        assert ndimage.label(inside, np.ones((3, 3, 3)))[1] == 1
    assert not (small.membranes & (small.mitochondria > 0)).any()


def test_a_cleft_touches_two_cells_with_one_side_each(small: Phantom) -> None:
    clefts, n = ndimage.label(small.synapses > 0, np.ones((3, 3, 3)))
    assert n > 0
    for i in range(1, n + 1):
        part, cells = small.synapses[clefts == i], small.cells[clefts == i]
        pre, post = np.unique(cells[part == PRE]), np.unique(cells[part == POST])
        assert len(pre) == len(post) == 1
        assert pre[0] != post[0]
        assert set(np.unique(cells[part == CLEFT])) == {pre[0], post[0]}


def test_mitochondria_and_synapses_do_not_overlap(small: Phantom) -> None:
    assert not ((small.synapses > 0) & (small.mitochondria > 0)).any()


def test_the_default_resembles_larval_vnc() -> None:
    made = phantom(PhantomConfig(shape=(6, 256, 256), seed=1))
    assert 115 < made.image.mean() < 145  # 128.6 at half resolution
    assert 42 < made.image.std() < 60  # 51.9
    assert 0.15 < made.membranes.mean() < 0.27  # 0.204
    assert 0.3 < likeness(made.image) < 0.5  # 0.39
    assert made.image[made.membranes].mean() + 60 < made.image[~made.membranes].mean()


@pytest.mark.parametrize("share", [0.02, pytest.param(0.05, marks=pytest.mark.slow), 0.1])
def test_rarity_is_the_share_of_mitochondria(share: float) -> None:
    made = phantom(PhantomConfig(shape=(6, 256, 256), rarity=share))
    assert (made.mitochondria > 0).mean() == pytest.approx(share, rel=0.25)


def test_without_mitochondria_and_synapses_there_are_none() -> None:
    made = changed(rarity=0.0, synapses_per_um3=0.0)
    assert not made.mitochondria.any()
    assert not made.synapses.any()


def test_contrast_scales_the_grey_values(small: Phantom) -> None:
    quiet, pale = changed(noise=0.0, flicker=0.0), changed(noise=0.0, flicker=0.0, contrast=0.5)
    assert pale.image.std() == pytest.approx(quiet.image.std() / 2, rel=0.05)
    np.testing.assert_array_equal(pale.membranes, small.membranes)


def test_no_contrast_leaves_an_even_grey() -> None:
    assert np.unique(changed(contrast=0.0, noise=0.0, flicker=0.0).image).tolist() == [128]


def test_clutter_darkens_cytoplasm_and_leaves_the_truth_alone() -> None:
    clean, full = changed(clutter=0.0), changed(clutter=0.1)
    for name in ("cells", "mitochondria", "membranes", "synapses"):
        np.testing.assert_array_equal(getattr(clean, name), getattr(full, name))
    darker = full.image.astype(int) - clean.image < -40
    assert 0.03 < darker.mean() < 0.12
    assert not (darker & (clean.mitochondria > 0)).any()


def test_redundancy_makes_neighbouring_sections_alike() -> None:
    likenesses = [likeness(changed(redundancy=r, jitter_px=0.0).image) for r in (0.0, 0.5, 1.0)]
    assert likenesses == sorted(likenesses)
    assert likenesses[0] < 0.4
    assert likenesses[2] > 0.85


def test_full_redundancy_without_jitter_repeats_the_truth() -> None:
    cells = changed(redundancy=1.0, jitter_px=0.0).cells
    for section in cells[1:]:
        np.testing.assert_array_equal(section, cells[0])


def test_jitter_moves_the_truth_with_the_image() -> None:
    made = changed(redundancy=1.0, jitter_px=6.0, noise=0.0, flicker=0.0)
    dark = ndimage.uniform_filter(made.image.astype(float), (0, 3, 3))
    for image, membranes in zip(dark, made.membranes, strict=True):
        assert image[membranes].mean() + 50 < image[~membranes].mean()
    assert (made.membranes[0] != made.membranes[1]).mean() > 0.1


def test_noise_grows_with_its_knob_and_leaves_the_truth_alone(small: Phantom) -> None:
    clean, loud = changed(noise=0.0), changed(noise=30.0)
    np.testing.assert_array_equal(loud.cells, small.cells)
    assert 20 < (loud.image.astype(float) - clean.image).std() < 40


def test_flicker_moves_the_mean_of_sections() -> None:
    steady, flickering = changed(flicker=0.0, redundancy=1.0), changed(flicker=0.1, redundancy=1.0)
    assert steady.image.mean((1, 2)).std() < 2
    assert flickering.image.mean((1, 2)).std() > 5


def test_an_isotropic_volume_and_a_single_section_work() -> None:
    cube = phantom(PhantomConfig(shape=(24, 48, 48), voxel_size_nm=(10.0, 10.0, 10.0), redundancy=0.0))
    assert likeness(cube.image) > 0.55
    assert phantom(PhantomConfig(shape=(1, 40, 37))).image.shape == (1, 40, 37)


@pytest.mark.parametrize(
    "fields",
    [
        {"shape": (0, 8, 8)},
        {"rarity": 1.5},
        {"redundancy": -0.1},
        {"noise": -1.0},
        {"voxel_size_nm": (0.0, 1.0, 1.0)},
    ],
)
def test_a_value_out_of_range_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        dataclasses.replace(SMALL, **fields)
