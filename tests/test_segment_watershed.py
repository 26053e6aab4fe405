"""Watershed in blocks against that of the whole, and against other programs."""

import tempfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy import ndimage
from skimage import segmentation

from instances import ISOTROPIC, in_order, labelled, real, spheres, stored
from microtome.box import Box, Int3
from microtome.segment.adjacency import Contacts
from microtome.segment.basins import led_to, steepest
from microtome.segment.contraction import contracted
from microtome.segment.flooding import flooded, seeds_of
from microtome.segment.relief import OUTSIDE, SEED
from microtome.segment.settings import InstanceSettings

TOUCHING = ((20, 20, 20), (20, 20, 38), (20, 38, 29), (12, 45, 50))
BY_DISTANCE = InstanceSettings(method="watershed", seed_distance_nm=80.0)


@pytest.fixture(scope="module")
def touching() -> np.ndarray:
    return spheres((40, 60, 60), TOUCHING, 10.0)


def test_spheres_that_touch_are_cut_nearly_as_scikit_image_does(touching: np.ndarray, tmp_path: Path) -> None:
    ids, summary = labelled(stored(tmp_path / "p.zarr", touching), tmp_path, BY_DISTANCE, (17, 31, 60))
    distance = ndimage.distance_transform_edt(touching, ISOTROPIC)
    markers, _ = ndimage.label(distance >= BY_DISTANCE.seed_distance_nm)
    expected = in_order(segmentation.watershed(-distance, markers, mask=touching))
    assert summary.instances == 4
    assert np.array_equal(ids > 0, touching)
    assert np.count_nonzero(ids != expected) < 0.001 * np.count_nonzero(touching)


@settings(max_examples=8)
@given(
    st.tuples(st.integers(1, 9), st.integers(4, 14), st.integers(4, 14)),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 15.0]),
    st.sampled_from([0.0, 0.6]),
    st.sampled_from([0, 4]),
)
def test_whatever_the_blocks_the_watershed_is_that_of_the_whole(
    shape: Int3, seed: int, distance_nm: float, threshold: float, holes: int
) -> None:
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.random(shape), 0.8)
    probability = (np.round(smooth / smooth.max() * 12) * 20).astype(np.uint8)  # many are as high as others
    how = InstanceSettings(
        method="watershed",
        seed_distance_nm=distance_nm,
        seed_threshold=threshold if distance_nm else 0.6,
        holes=holes,
    )
    block = tuple(int(rng.integers(-(-side // 2), side + 1)) for side in shape)
    with tempfile.TemporaryDirectory() as folder:
        path = stored(Path(folder) / "p.zarr", probability)
        expected, _ = labelled(path, Path(folder) / "whole", how, shape)
        found, _ = labelled(path, Path(folder) / "blocks", how, block)
    assert np.array_equal(found, expected)


def test_foreground_without_a_seed_is_an_instance_or_is_dropped(tmp_path: Path) -> None:
    mask = spheres((9, 9, 24), ((4, 4, 4), (4, 4, 20)), 4.0)
    mask[4, 4, 12] = True
    probability = stored(tmp_path / "p.zarr", mask)
    how = {"method": "watershed", "seed_distance_nm": 30.0, "block": (9, 9, 13)}
    kept, _ = labelled(probability, tmp_path / "kept", InstanceSettings(**how))
    dropped, _ = labelled(probability, tmp_path / "dropped", InstanceSettings(**how, keep_unseeded=False))
    assert (kept[4, 4, 4], kept[4, 4, 20], kept[4, 4, 12]) == (1, 2, 3)
    assert (dropped[4, 4, 4], dropped[4, 4, 20], dropped[4, 4, 12]) == (1, 2, 0)


def test_probability_alone_tells_apart_what_is_less_likely_in_between(tmp_path: Path) -> None:
    values = np.array([250, 200, 180, 140, 150, 210, 250, 90, 160], np.uint8).reshape(1, 1, 9)
    how = InstanceSettings(method="watershed", seed_threshold=0.9)
    ids, _ = labelled(stored(tmp_path / "p.zarr", values), tmp_path, how, (1, 1, 4))
    assert ids.ravel().tolist() == [1, 1, 1, 1, 2, 2, 2, 0, 3]


def test_touching_mitochondria_of_a_real_volume_are_cut_alike_in_blocks_and_whole(tmp_path: Path) -> None:
    mask = real("vnc_sstem/mitochondria.tif", Box((0, 0, 0), (8, 300, 300))) > 0
    probability = stored(tmp_path / "p.zarr", mask, (45.0, 4.6, 4.6))
    how = InstanceSettings(method="watershed", seed_distance_nm=80.0)
    expected, _ = labelled(probability, tmp_path / "whole", how, mask.shape)
    found, summary = labelled(probability, tmp_path / "blocks", how, (5, 190, 300))
    assert np.array_equal(found, expected)
    assert summary.instances > 3


def climbed(heights: np.ndarray, place: tuple[int, ...]) -> tuple[int, ...]:
    """Where one comes to when one always goes to the highest neighbour, the first of equals."""
    ways = [(-1, 0, 0), (0, -1, 0), (0, 0, -1), (0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
    there = [tuple(a + b for a, b in zip(place, way, strict=True)) for way in ways]
    inside = [at for at in there if all(0 <= a < n for a, n in zip(at, heights.shape, strict=True))]
    best = max(inside, key=lambda at: heights[at])  # the first of equals
    return place if best == place else climbed(heights, best)


def test_a_basin_is_all_from_which_the_way_up_leads_to_the_same_place() -> None:
    heights = np.random.default_rng(5).integers(0, 6, (5, 6, 7)).astype(np.float32)
    heights[heights == 0] = OUTSIDE
    ways = steepest(np.pad(heights, 1, constant_values=OUTSIDE), flat=False)
    labels, ends = led_to(ways, heights > OUTSIDE)
    tops = np.zeros(heights.shape, int)
    for place in np.argwhere(heights > OUTSIDE):
        tops[tuple(place)] = 1 + np.ravel_multi_index(climbed(heights, tuple(place)), heights.shape)
    assert np.array_equal(labels, in_order(tops))
    assert np.array_equal(np.sort(ends), np.unique(tops[tops > 0]) - 1)


NO_CONTACTS = Contacts(
    *(np.zeros(0, dtype) for dtype in (np.int64, np.int64, np.float32, np.int64, float, float))
)


def a_graph(*edges: tuple[int, int, float]) -> Contacts:
    one, other, height = (np.array(column) for column in zip(*edges, strict=True))
    nothing = np.ones(len(edges))
    return Contacts(one, other, height.astype(np.float32), np.arange(len(edges)), nothing, nothing)


def test_a_region_belongs_to_the_seed_that_it_reaches_over_the_highest_passes() -> None:
    graph = a_graph((0, 1, 3.0), (1, 2, 5.0), (2, 3, 4.0), (4, 5, 1.0))
    seeds = np.array([7, -1, -1, 2, -1, -1])
    assert flooded(graph, seeds).tolist() == [0, 1, 1, 1, 2, 2]
    assert flooded(graph, seeds, lowest=4.5).tolist() == [0, 1, 1, 2, 3, 4]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_what_a_block_joins_flooding_would_have_joined(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = np.array([(a, b) for b in range(n) for a in range(b)])
    pairs = pairs[rng.random(len(pairs)) < 0.4]
    marks = rng.integers(0, 3, n).astype(np.uint8)
    least = np.minimum(marks[pairs[:, 0]], marks[pairs[:, 1]])  # what is inside touches over passes inside
    heights = np.where(least > 0, rng.integers(1, 4, len(pairs)), -rng.integers(1, 4, len(pairs)))
    graph = a_graph(*zip(*pairs.T.tolist(), heights.tolist(), strict=True)) if len(pairs) else NO_CONTACTS
    groups = contracted(graph, marks, rng.random(n) < 0.3)
    assert np.array_equal(
        two_floods(graph, marks), two_floods(graph.between(groups), mark_of(groups, marks))[groups]
    )


def two_floods(graph: Contacts, marks: np.ndarray) -> np.ndarray:
    """Inside of things, then everywhere."""
    inside = flooded(graph, seeds_of(graph, marks), lowest=0)
    return flooded(graph, np.where(marks > 0, inside, -1))


def mark_of(groups: np.ndarray, marks: np.ndarray) -> np.ndarray:
    return np.array([marks[groups == group].max() for group in range(groups.max() + 1)])


def test_basins_that_touch_within_a_seed_are_of_one() -> None:
    graph = a_graph((0, 1, float(SEED)), (1, 2, 4.0), (2, 3, float(SEED)))
    assert seeds_of(graph, np.array([2, 2, 2, 2, 1], np.uint8)).tolist() == [0, 0, 1, 1, -1]
    assert seeds_of(graph, np.array([2, 2, 2, 2, 1], np.uint8)[:0].reshape(0)).tolist() == []
