"""Aligned patches: hand-made objects at every angle, beside the border, large and small."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from microtome.box import Box
from microtome.objects import align
from microtome.objects.align import OUTSIDE, Patch, Scene, aligned, aligned_patches, cut_out
from microtome.objects.proposals import Proposals, propose
from microtome.objects.settings import ProposalSettings
from microtome.objects.sources import OneClass, Polarity, Source
from microtome.volume import ArrayVolume

NM = (40.0, 4.0, 4.0)
SHAPE = (120, 130)
MIDDLE = (60.3, 64.7)
ANGLES = [*range(-85, 100, 20), 90, 0, 45]


def turned(degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Of every pixel, how far down and how far right of the middle it lies, in axes turned by an angle."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    y, x, turn = y - MIDDLE[0], x - MIDDLE[1], math.radians(degrees)
    return y * math.cos(turn) + x * math.sin(turn), x * math.cos(turn) - y * math.sin(turn)


def proposed(source: Source, folder: Path) -> Proposals:
    return propose(source, ProposalSettings(smallest=1, dilation=(1, 5, 5)), folder / "001")


def patch_of(mask: np.ndarray, folder: Path, image: np.ndarray | None = None, side: int = 96) -> Patch:
    found = proposed(OneClass(ArrayVolume(mask, NM)), folder)
    grey = mask.astype(np.uint8) * 200 if image is None else image
    assert len(found.table()) == 1
    return aligned(Scene(ArrayVolume(grey, NM), found.ids(), side=side), found.table(), 0)


@pytest.mark.parametrize("degrees", ANGLES)
def test_the_principal_axis_stands_upright_in_the_middle(degrees: float, tmp_path: Path) -> None:
    down, right = turned(degrees)
    mask = (down / 30) ** 2 + (right / 9) ** 2 < 1
    patch = patch_of(mask[None], tmp_path)
    at = np.argwhere(patch.mask == 1)
    covariance = np.cov(at.T)
    assert abs(covariance[0, 1]) < 0.02 * (covariance[0, 0] - covariance[1, 1])
    assert covariance[0, 0] > covariance[1, 1]
    assert np.abs(at.mean(axis=0) - 47.5).max() < 0.5
    assert abs(len(at) - mask.sum()) < 0.03 * mask.sum()
    assert patch.mask.dtype == np.int8
    assert np.abs((patch.image > 100).astype(int) - patch.mask).mean() < 0.03  # the image turns with it


@pytest.mark.parametrize("degrees", ANGLES)
def test_the_pre_synaptic_side_is_on_the_left(degrees: float, tmp_path: Path) -> None:
    down, right = turned(degrees)
    inside = (np.abs(down) < 25) & (np.abs(right) < 7)
    pre, post = inside & (right < -1), inside & (right > 1)
    volumes = [ArrayVolume(side[None], NM) for side in (pre, post, pre | post)]
    found = proposed(Polarity(*volumes), tmp_path)
    image = ArrayVolume(np.where(pre, 50, np.where(post, 250, 150)).astype(np.uint8)[None], NM)
    patch = aligned(Scene(image, found.ids(), found.sides()), found.table(), 0)
    left, right_half = patch.mask[:, :64], patch.mask[:, 64:]
    assert (left == 1).sum() > 0.95 * pre.sum()
    assert (right_half == -1).sum() > 0.95 * post.sum()
    assert (left == -1).sum() == (right_half == 1).sum() == 0
    assert abs(float(patch.image[60:68, 59:62].mean()) - 50) < 5
    assert abs(float(patch.image[60:68, 66:69].mean()) - 250) < 5


def hook(degrees: float) -> np.ndarray:
    """A body with a tail below, along its left side: unlike its mirror image."""
    down, right = turned(degrees)
    return ((np.abs(right) < 8) & (np.abs(down) < 10)) | (
        (np.abs(right + 6) < 2.5) & (np.abs(down - 12) < 24)
    )


@pytest.mark.parametrize("degrees", [30, 90, 180, 210, -45])
def test_without_polarity_the_longer_tail_is_below_and_nothing_is_mirrored(
    degrees: float, tmp_path: Path
) -> None:
    upright = patch_of(hook(0)[None], tmp_path / "0").mask
    patch = patch_of(hook(degrees)[None], tmp_path / "1").mask
    differing = (patch != upright).sum() / upright.sum()
    assert differing < 0.12
    assert (patch != upright[:, ::-1]).sum() / upright.sum() > 2 * differing
    rows = np.nonzero(patch)[0]
    assert ((rows - rows.mean()) ** 3).mean() > 0


def test_the_largest_section_is_shown(tmp_path: Path) -> None:
    mask = np.zeros((5, 60, 60), bool)
    mask[1:4, 25:30, 25:30] = True
    mask[3, 20:40, 25:30] = True
    image = np.broadcast_to(np.array([10, 20, 30, 40, 50], np.uint8)[:, None, None], mask.shape).copy()
    patch = patch_of(mask, tmp_path, image, side=32)
    assert (patch.image == 40).all()
    assert patch.mask.sum() == 100


def test_beyond_the_volume_the_image_is_grey_and_the_mask_empty(tmp_path: Path) -> None:
    mask = np.zeros((1, 50, 60), bool)
    mask[0, :11, :5] = True
    patch = patch_of(mask, tmp_path, np.full(mask.shape, 77, np.uint8), side=64)
    assert (patch.image.min(), patch.image.max()) == (77, OUTSIDE)
    assert patch.mask.sum() == 55
    assert patch.image[patch.mask == 1].max() < OUTSIDE
    assert (patch.image[40:, 40:] == 77).all()
    assert (patch.image[:25] == OUTSIDE).all()
    assert (patch.image[:, :28] == OUTSIDE).all()


def test_an_upright_object_is_cut_out_as_it_is(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 90, 90), dtype=np.uint8)
    mask = np.zeros(image.shape, bool)
    mask[0, 30:60, 40:50] = True
    patch = patch_of(mask, tmp_path, image, side=40)
    assert np.array_equal(patch.image, image[0, 25:65, 25:65])
    assert np.array_equal(patch.mask, mask[0, 25:65, 25:65])


def test_one_voxel_and_a_disc_have_an_orientation_too(tmp_path: Path) -> None:
    mask = np.zeros((1, 41, 41), bool)
    mask[0, 20, 20] = True
    assert np.argwhere(patch_of(mask, tmp_path, side=9).mask).tolist() == [[4, 4]]
    disc = np.hypot(*np.mgrid[-20:21, -20:21])[None] < 8
    assert np.array_equal(patch_of(disc, tmp_path / "disc", side=33).mask, disc[0, 4:37, 4:37])


def test_of_an_object_larger_than_the_patch_a_part_is_seen(tmp_path: Path) -> None:
    ring = np.hypot(*np.mgrid[-50:51, -50:51])
    mask = ((ring > 44) & (ring < 49))[None]
    assert patch_of(mask, tmp_path, side=48).mask.any()


def test_a_coarser_step_shows_more_and_averages(tmp_path: Path) -> None:
    down, right = turned(0)
    mask = ((np.abs(down) < 30) & (np.abs(right) < 10))[None]
    stripes = np.where(np.indices(mask.shape)[1] % 2, 200, 100).astype(np.uint8)
    found = proposed(OneClass(ArrayVolume(mask, NM)), tmp_path)
    scene = Scene(ArrayVolume(stripes, NM), found.ids(), side=48, step=2)
    patch = aligned(scene, found.table(), 0)
    assert abs(int(patch.mask.sum()) - mask.sum() / 4) < 20
    assert np.abs(patch.image[4:-4, 4:-4].astype(int) - 150).max() <= 1


class Counting:
    """A volume that counts the voxels read from it."""

    def __init__(self, data: np.ndarray) -> None:
        self.inner, self.read_voxels, self.reads = ArrayVolume(data, NM), 0, 0
        self.shape, self.dtype, self.voxel_size_nm = self.inner.shape, self.inner.dtype, NM

    def read(self, box: Box) -> np.ndarray:
        self.read_voxels, self.reads = self.read_voxels + box.size, self.reads + 1
        return self.inner.read(box)

    def write(self, box: Box, data: np.ndarray) -> None:
        raise AssertionError


def test_neighbours_are_read_together_and_look_as_they_do_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    mask = ndimage.gaussian_filter(rng.random((12, 200, 220)), (1, 4, 4)) > 0.52
    image = rng.integers(0, 256, mask.shape, dtype=np.uint8)
    found = proposed(OneClass(ArrayVolume(mask, NM)), tmp_path)
    table = found.table()
    assert len(table) > 30
    whole = Counting(image)
    together = dict(aligned_patches(Scene(whole, found.ids(), side=32), table, range(len(table))))
    assert whole.reads == 1
    assert whole.read_voxels <= image.size
    assert sorted(together) == list(range(len(table)))
    monkeypatch.setattr(align, "CELL", (4, 64, 64))
    alone = Scene(ArrayVolume(image, NM), found.ids(), side=32)
    for row, patch in together.items():
        other = aligned(alone, table, row)
        assert np.array_equal(patch.image, other.image)
        assert np.array_equal(patch.mask, other.mask)
        assert patch.mask.any()


def test_wrong_scenes_are_refused(tmp_path: Path) -> None:
    mask = np.ones((2, 20, 20), bool)
    found = proposed(OneClass(ArrayVolume(mask, NM)), tmp_path)
    grey = ArrayVolume(mask.astype(np.uint8), NM)
    with pytest.raises(ValueError, match="image of uint8; got float32"):
        Scene(ArrayVolume(mask.astype(np.float32), NM), found.ids())
    with pytest.raises(ValueError, match=r"labels of the image's shape \(1, 20, 20\); got \(2, 20, 20\)"):
        Scene(ArrayVolume(np.zeros((1, 20, 20), np.uint8), NM), found.ids())
    with pytest.raises(ValueError, match="positive side and step; got 0 and 1"):
        Scene(grey, found.ids(), side=0)
    other = ArrayVolume(np.full(mask.shape, 9, np.uint32), NM)
    with pytest.raises(ValueError, match="object 1 is not in section 0: the table is of another"):
        aligned(Scene(grey, other), found.table(), 0)


def test_an_object_is_cut_out_with_a_rim_as_wide_as_told() -> None:
    mask = np.zeros((9, 9), np.int8)
    mask[4, 3:5], mask[4, 5] = 1, -1  # either half of a synapse
    image = np.arange(81, dtype=np.uint8).reshape(9, 9)
    patch = Patch(image, mask)
    seen = ndimage.binary_dilation(mask != 0)  # a pixel each way
    assert np.array_equal(cut_out(patch, 1), np.where(seen, image, OUTSIDE))
    assert np.array_equal(cut_out(patch, 0), np.where(mask != 0, image, OUTSIDE))
    assert np.array_equal(cut_out(patch, 99), image)
