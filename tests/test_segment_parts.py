from pathlib import Path

import numpy as np

from microtome.box import Box
from microtome.segment.arrays import load_arrays, load_faces, save_arrays
from microtome.segment.components import Neighbours, layer
from microtome.segment.parts import Found, Parts, load_parts, parts_of, save_parts

BOX = Box((1, 2, 3), (4, 6, 8))


def found_in(mask: np.ndarray, smallest: int = 1) -> Found:
    one = layer(mask, Neighbours(), smallest)
    return Found(one, one.faces, np.arange(one.count, dtype=np.uint8))


def parts_in(mask: np.ndarray, smallest: int = 1) -> Parts:
    return parts_of(found_in(mask, smallest), BOX, (10, 10, 10))


def test_parts_know_their_size_and_where_they_begin_in_the_volume() -> None:
    mask = np.zeros(BOX.shape, bool)
    mask[0, 1, 2:4] = mask[2, 3, 4] = True
    parts = parts_in(mask)
    assert parts.voxels.tolist() == [2, 1]
    assert parts.first.tolist() == [135, 357]


def test_parts_are_painted_where_they_were_found() -> None:
    mask = np.random.default_rng(0).random(BOX.shape) > 0.6
    found = found_in(mask)
    values = np.arange(10, 10 + found.layer.count, dtype=np.uint64)
    expected = np.where(mask, 9 + found.layer.labels, 7)
    assert np.array_equal(parts_in(mask).painted(values, 7, BOX.shape), expected)


def test_what_is_too_small_and_ends_in_the_block_is_no_part() -> None:
    mask = np.zeros(BOX.shape, bool)
    mask[1, 1, 1] = mask[0, 3, 4] = True
    parts = parts_in(mask, smallest=2)
    assert parts.first.tolist() == [157]
    assert not parts.painted(np.ones(1, np.uint8), 0, BOX.shape)[1, 1, 1]


def test_parts_that_are_loaded_are_those_that_were_saved(tmp_path: Path) -> None:
    mask = np.random.default_rng(1).random(BOX.shape) > 0.5
    parts, faces = parts_in(mask), found_in(mask).faces
    save_parts(parts, faces, tmp_path / "0.npz")
    loaded, planes = load_parts(tmp_path / "0.npz"), load_faces(tmp_path / "0.npz")
    assert loaded is not None
    assert all(np.array_equal(a, b) for a, b in zip(vars(loaded).values(), vars(parts).values(), strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(planes.first, faces.first, strict=True))


def test_arrays_that_are_missing_cut_off_or_changed_are_none(tmp_path: Path) -> None:
    path = tmp_path / "0.npz"
    assert load_arrays(path) is None
    save_arrays({"a": np.arange(100)}, path)
    content = path.read_bytes()
    path.write_bytes(content[:200])
    assert load_arrays(path) is None
    path.write_bytes(content[:300] + bytes([content[300] ^ 1]) + content[301:])
    assert load_arrays(path) is None
