"""Instances between borders, against the ids that the borders were made from."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from bench_instances import errors, leaky
from instances import labelled, real, stored
from microtome.box import Box
from microtome.segment.adjacency import Contacts
from microtome.segment.agglomeration import merged
from microtome.segment.settings import InstanceSettings

BORDERS = InstanceSettings(method="boundaries", seed_distance_nm=40.0, merge_below=0.6)


@cache
def neurons() -> tuple[np.ndarray, np.ndarray]:
    truth = real("flyem_medulla/instances.tif", Box((0, 0, 0), (40, 120, 120))).astype(np.int64)
    return truth, leaky(truth, 0)


def test_neurons_are_told_apart_across_gaps_in_their_borders(tmp_path: Path) -> None:
    truth, likely = neurons()
    ids, _ = labelled(stored(tmp_path / "p.zarr", likely), tmp_path, BORDERS)
    (rand, voi), (rand_before, voi_before) = errors(truth, ids), errors(truth, ndimage.label(likely < 128)[0])
    assert ids.all()
    assert rand < 0.5 * rand_before
    assert voi < 0.5 * voi_before


@pytest.mark.parametrize("per_section", [False, True])
def test_whatever_the_blocks_the_neurons_are_those_of_the_whole(per_section: bool, tmp_path: Path) -> None:
    part = np.s_[:12, :60, :70]
    probability = stored(tmp_path / "p.zarr", neurons()[1][part])
    how = InstanceSettings(
        method="boundaries", seed_distance_nm=30.0, merge_below=0.5, per_section=per_section, smoothing_nm=5.0
    )
    expected, summary = labelled(probability, tmp_path / "whole", how)
    found, _ = labelled(probability, tmp_path / "blocks", how, (7, 37, 50))
    assert summary.instances > 3
    assert np.array_equal(found, expected)


def test_what_a_border_encloses_is_a_fragment_even_without_a_seed(tmp_path: Path) -> None:
    likely = np.zeros((1, 20, 33), np.uint8)
    likely[0, :, 20] = likely[0, :, 24] = 250
    probability = stored(tmp_path / "p.zarr", likely, (30.0, 10.0, 10.0))
    how = InstanceSettings(method="boundaries", seed_distance_nm=40.0)
    ids, _ = labelled(probability, tmp_path, how)
    assert ids[0, 5, [0, 22, 32]].tolist() == [1, 2, 3]


def test_the_least_likely_border_goes_first_and_its_sides_then_share_theirs() -> None:
    faces = np.array([10.0, 1.0, 9.0])
    mean = np.array([0.1, 0.2, 0.6])  # of 0-1, 0-2 and 1-2: once 0 and 1 are one, 0.56 to 2
    contacts = Contacts(
        np.array([0, 0, 1]),
        np.array([1, 2, 2]),
        np.zeros(3, np.float32),
        np.arange(3),
        255 * mean * faces,
        faces,
    )
    assert merged(contacts, np.arange(3), 0.5).tolist() == [0, 0, 1]
    assert merged(contacts, np.arange(3), 0.57).tolist() == [0, 0, 0]
    assert merged(contacts, np.array([0, 0, 1, 2]), 0.05).tolist() == [0, 0, 1, 2]
