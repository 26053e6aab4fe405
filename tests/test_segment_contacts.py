"""Contacts of instances: known areas, and the same whatever the blocks."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from microtome.box import Int3
from microtome.progress import silent
from microtome.schedule import in_turn
from microtome.segment.contacts import ContactTable, close_contacts, contacts
from microtome.volume import VoxelSize
from shapes import stored

NM: VoxelSize = (45.0, 4.6, 4.6)
WHOLE: Int3 = (99, 999, 999)


def touching(folder: Path, one: np.ndarray, other: np.ndarray, block: Int3 = WHOLE) -> ContactTable:
    n = len(list(folder.iterdir()))
    uris = [stored(folder / f"{n + k}.tif", labels, NM) for k, labels in enumerate((one, other))]
    return contacts(*uris, in_turn, silent, block=block)


def touching_within(folder: Path, labels: np.ndarray, block: Int3 = WHOLE) -> ContactTable:
    uri = stored(folder / f"{len(list(folder.iterdir()))}.tif", labels, NM)
    return contacts(uri, uri, in_turn, silent, block=block)


def close(
    folder: Path, one: np.ndarray, other: np.ndarray, within_nm: float, block: Int3 = WHOLE
) -> ContactTable:
    n = len(list(folder.iterdir()))
    uris = [stored(folder / f"{n + k}.tif", labels, NM) for k, labels in enumerate((one, other))]
    return close_contacts(*uris, within_nm, in_turn, silent, block=block)


def same(one: ContactTable, other: ContactTable) -> bool:
    return all(
        np.allclose(mine, theirs, rtol=1e-9, atol=1e-15)
        if mine.dtype.kind == "f"
        else np.array_equal(mine, theirs)
        for mine, theirs in zip(one.columns().values(), other.columns().values(), strict=True)
    )


def blobs(rng: np.random.Generator, shape: Int3, sigma: float = 1.2) -> np.ndarray:
    noise = ndimage.gaussian_filter(rng.random(shape), sigma)
    labels = ndimage.label(noise > np.quantile(noise, 0.6))[0] + 3 * (noise > np.quantile(noise, 0.85))
    return labels.astype(np.uint16)


def halves(angle: float) -> np.ndarray:
    """Ids 1 and 2 on both sides of a plane through z; 6 sections of 900 × 900 nm."""
    y, x = np.ogrid[-100:101, -100:101]
    side = np.cos(angle) * x + np.sin(angle) * y > 0.3
    return np.repeat((1 + side)[None], 6, axis=0).astype(np.uint8)


@pytest.mark.parametrize("angle", [0.2, 0.4, 0.6])
def test_the_area_between_two_instances_is_that_of_the_plane(angle: float, tmp_path: Path) -> None:
    labels = halves(angle)
    expected = 6 * 45 * 201 * 4.6 / np.cos(angle) / 1e6
    found = touching_within(tmp_path, labels)
    assert (found.ids.tolist(), found.others.tolist()) == ([1], [2])
    assert found.contact_um2[0] == pytest.approx(expected, rel=0.03)
    assert found.overlap_um3[0] == 0
    found = touching(tmp_path, labels * (labels == 1), labels * np.uint8(labels == 2))
    assert (found.ids.tolist(), found.others.tolist()) == ([1], [2])
    assert found.contact_um2[0] == pytest.approx(expected, rel=0.03)


def test_a_gap_is_no_contact_but_a_close_one(tmp_path: Path) -> None:
    one, other = np.zeros((2, 6, 60, 60), np.uint8)
    one[:, :, 10:20], other[:, :, 24:30] = 1, 5  # 4 voxels between
    area = 6 * 45 * 60 * 4.6 / 1e6
    assert len(touching(tmp_path, one, other)) == 0
    assert len(touching_within(tmp_path, one + other)) == 0
    assert len(close(tmp_path, one, other, 18)) == 0
    found = close(tmp_path, one, other, 19)
    assert (found.ids.tolist(), found.others.tolist()) == ([1], [5])
    assert found.contact_um2[0] == pytest.approx(area, rel=0.1)


def test_a_section_between_is_as_wide_as_a_section(tmp_path: Path) -> None:
    one, other = np.zeros((2, 9, 40, 40), np.uint8)
    one[2:4], other[5:7] = 1, 1
    assert len(close(tmp_path, one, other, 44)) == 0
    assert close(tmp_path, one, other, 46).contact_um2[0] == pytest.approx((40 * 4.6) ** 2 / 1e6, rel=0.1)


def test_what_overlaps_is_a_volume_not_a_contact(tmp_path: Path) -> None:
    one, other = np.zeros((2, 8, 50, 50), np.uint8)
    other[1:7, 5:45, 5:45] = 3
    one[3:5, 20:30, 20:30] = 2
    found = touching(tmp_path, one, other)
    assert (found.ids.tolist(), found.others.tolist()) == ([2], [3])
    assert found.overlap_um3[0] == pytest.approx(200 * 45 * 4.6**2 / 1e9)
    assert found.contact_um2[0] == 0


@pytest.mark.parametrize(("seed", "cut"), [(0, (2, 2, 1)), (1, (1, 2, 2))])
def test_whatever_the_blocks_the_contacts_are_those_of_the_whole(
    seed: int, cut: Int3, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(5, 13, 3).tolist())
    block = tuple(-(-side // n) for side, n in zip(shape, cut, strict=True))
    one, other = blobs(rng, shape), blobs(rng, shape)
    assert same(touching(tmp_path, one, other, block), touching(tmp_path, one, other))
    assert same(touching_within(tmp_path, one, block), touching_within(tmp_path, one))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_blocks_close_contacts_are_those_of_the_whole(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    one, other = blobs(rng, (6, 60, 40), 2.0), blobs(rng, (6, 60, 40), 2.0)
    whole = close(tmp_path, one, other, 10)
    assert len(whole) > 5
    assert same(close(tmp_path, one, other, 10, (3, 25, 40)), whole)


def test_within_a_volume_each_pair_is_there_once_with_the_smaller_id_first(tmp_path: Path) -> None:
    found = touching_within(tmp_path, blobs(np.random.default_rng(2), (8, 30, 30)))
    assert len(found) > 2
    assert np.all(found.ids < found.others)
    assert len(np.unique(np.stack([found.ids, found.others]), axis=1).T) == len(found)


def test_pairs_are_added_up_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = blobs(np.random.default_rng(0), (6, 16, 15))
    whole = touching_within(tmp_path, labels)
    monkeypatch.setattr("microtome.segment.contacts.PENDING", 0)
    assert same(touching_within(tmp_path, labels, (6, 8, 8)), whole)


def test_ids_of_any_size_are_kept(tmp_path: Path) -> None:
    labels = np.zeros((2, 8, 8), np.uint64)
    labels[:, :, 2:4], labels[:, :, 4:6] = 2**63 + 1, 7
    np.save(tmp_path / "labels.npy", labels)
    uri = str(tmp_path / "labels.npy")
    found = contacts(uri, uri, in_turn, silent, voxel_size_nm=NM, block=(2, 8, 4))
    assert (found.ids.tolist(), found.others.tolist()) == ([7], [2**63 + 1])


def test_volumes_of_nothing_have_no_contacts(tmp_path: Path) -> None:
    nothing = np.zeros((3, 4, 5), np.uint8)
    assert len(touching(tmp_path, nothing, nothing)) == 0
    assert len(close(tmp_path, nothing, nothing, 10)) == 0


def test_volumes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    uris = [stored(tmp_path / f"{k}.tif", np.ones((2, 3, 3 + k), np.uint8), NM) for k in range(2)]
    with pytest.raises(ValueError, match=r"1\.tif: expected the shape of .*0\.tif.*; got \(2, 3, 4\)"):
        contacts(*uris, in_turn, silent)
    with pytest.raises(ValueError, match="expected two label volumes"):
        close_contacts(uris[0], uris[0], 10, in_turn, silent)
    with pytest.raises(ValueError, match="expected a distance of 0 nm or more; got -1"):
        close_contacts(*uris, -1, in_turn, silent)
    other = stored(tmp_path / "other.tif", np.ones((2, 3, 3), np.uint8), (40.0, 4.0, 4.0))
    with pytest.raises(ValueError, match=r"other\.tif: expected voxels as in .*; got \(40"):
        contacts(uris[0], other, in_turn, silent)
