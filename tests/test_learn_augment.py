import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from microtome.labels import IGNORE
from microtome.learn.augment import augmented, symmetry, undo_symmetry
from microtome.learn.config import AugmentConfig

NOTHING = AugmentConfig(
    symmetries=False, rotation=0, scale=0, elastic=0, jitter=0, brightness=0, contrast=0, noise=0, blur=0
)
GEOMETRY: dict[str, AugmentConfig] = {
    "symmetries": dataclasses.replace(NOTHING, symmetries=True),
    "rotation": dataclasses.replace(NOTHING, rotation=40.0),
    "scale": dataclasses.replace(NOTHING, scale=0.3),
    "elastic": dataclasses.replace(NOTHING, elastic=3.0),
    "jitter": dataclasses.replace(NOTHING, jitter=3.0),
    "all": dataclasses.replace(NOTHING, symmetries=True, rotation=15.0, scale=0.1, elastic=2.0, jitter=1.0),
}
GREYS: dict[str, AugmentConfig] = {
    "brightness": dataclasses.replace(NOTHING, brightness=0.3),
    "contrast": dataclasses.replace(NOTHING, contrast=0.3),
    "noise": dataclasses.replace(NOTHING, noise=0.3),
    "blur": dataclasses.replace(NOTHING, blur=1.0),
    "cutout": dataclasses.replace(NOTHING, cutout=1.0),
}
every_geometry = pytest.mark.parametrize("config", GEOMETRY.values(), ids=GEOMETRY)
every_grey = pytest.mark.parametrize("config", GREYS.values(), ids=GREYS)


def batch(shape: tuple[int, int, int, int] = (6, 3, 32, 32)) -> tuple[np.ndarray, np.ndarray]:
    """Images whose grey value is 100 times the label: halves of class 1 and 2 around a square of 0."""
    labels = np.ones(shape, np.uint8)
    labels[..., shape[-1] // 2 :] = 2
    labels[:, :, 6:18, 5:14] = 0
    return labels * np.uint8(100), labels


def run(config: AugmentConfig, seed: int = 0, **kwargs: tuple) -> tuple[torch.Tensor, torch.Tensor]:
    return augmented(*batch(**kwargs), config, (0.0, 1.0), np.random.default_rng(seed))


@pytest.mark.parametrize("turn", range(8))
def test_undoing_a_symmetry_is_its_inverse(turn: int) -> None:
    array = torch.arange(24).reshape(2, 3, 4)
    assert torch.equal(undo_symmetry(symmetry(array, turn), turn), array)
    assert torch.equal(symmetry(undo_symmetry(array, turn), turn), array)


def test_the_eight_symmetries_are_those_of_the_square() -> None:
    square = np.arange(4).reshape(2, 2)
    by_hand = {tuple(np.rot90(a, k).ravel()) for a in (square, square.T) for k in range(4)}
    found = {tuple(symmetry(torch.from_numpy(square), turn).ravel().tolist()) for turn in range(8)}
    assert len(found) == 8
    assert found == by_hand


def test_bit_0_flips_x_bit_1_flips_y_and_bit_2_transposes() -> None:
    array = torch.tensor([[1, 2, 3], [4, 5, 6]])
    assert symmetry(array, 1).tolist() == [[3, 2, 1], [6, 5, 4]]
    assert symmetry(array, 2).tolist() == [[4, 5, 6], [1, 2, 3]]
    assert symmetry(array, 4).tolist() == [[1, 4], [2, 5], [3, 6]]


def test_with_everything_off_images_are_only_normalised() -> None:
    images, labels = batch()
    x, y = augmented(images, labels, NOTHING, (100.0, 50.0), np.random.default_rng(0))
    np.testing.assert_array_equal(x.numpy()[:, 0], (images.astype(np.float32) - 100) / 50)
    np.testing.assert_array_equal(y.numpy(), labels)


@every_geometry
def test_labels_move_with_the_image(config: AugmentConfig) -> None:
    for seed in range(4):
        x, y = run(config, seed)
        known = y != IGNORE
        sure = known & (x[:, 0] % 100 == 0)  # between two classes the image is a mixture of their greys
        assert sure.float().mean() > 0.5
        # a border where 0 and 200 meet may mix to 100; it is one voxel wide
        agrees = (x[:, 0] == 100 * y)[sure].float().mean()
        assert agrees > 0.99


@every_geometry
def test_the_geometry_is_changed(config: AugmentConfig) -> None:
    assert not np.array_equal(run(config)[1].numpy(), batch()[1])


@pytest.mark.parametrize("name", ["rotation", "scale", "elastic", "jitter"])
def test_what_comes_from_outside_is_unknown_and_never_a_class(name: str) -> None:
    labels = np.full((8, 2, 24, 24), 1, np.uint8)
    _, y = augmented(labels, labels, GEOMETRY[name], (0.0, 1.0), np.random.default_rng(0))
    assert set(np.unique(y)) == {1, IGNORE}


def test_unknown_labels_stay_unknown_wherever_they_go() -> None:
    labels = np.full((8, 1, 24, 24), IGNORE, np.uint8)
    _, y = augmented(labels, labels, GEOMETRY["all"], (0.0, 1.0), np.random.default_rng(0))
    np.testing.assert_array_equal(y.numpy(), labels)


def test_sections_of_one_image_are_not_jittered() -> None:
    images, labels = batch((6, 1, 32, 32))
    x, y = augmented(images, labels, GEOMETRY["jitter"], (0.0, 1.0), np.random.default_rng(0))
    np.testing.assert_allclose(x.numpy()[:, 0], images, atol=1e-3)
    np.testing.assert_array_equal(y.numpy(), labels)


def test_a_window_that_is_not_square_is_only_flipped() -> None:
    images, labels = batch((20, 1, 24, 40))
    x, y = augmented(images, labels, GEOMETRY["symmetries"], (0.0, 1.0), np.random.default_rng(0))
    np.testing.assert_array_equal(x.numpy()[:, 0], 100 * y.numpy())
    flips = {tuple(symmetry(torch.from_numpy(labels[0]), turn).ravel().tolist()) for turn in range(4)}
    assert {tuple(one.ravel().tolist()) for one in y} == flips


def test_a_rotation_keeps_distances_where_the_window_is_not_square() -> None:
    labels = np.zeros((40, 1, 32, 64), np.uint8)
    labels[:, :, 8:24, 24:40] = 1
    config = dataclasses.replace(NOTHING, rotation=90.0)
    _, y = augmented(labels, labels, config, (0.0, 1.0), np.random.default_rng(0))
    areas = (y == 1).sum(dim=(1, 2, 3)).numpy()
    np.testing.assert_allclose(areas, 16 * 16, rtol=0.06)


@every_grey
def test_grey_values_are_changed_and_labels_are_not(config: AugmentConfig) -> None:
    x, y = run(config)
    images, labels = batch()
    assert not np.allclose(x.numpy()[:, 0], images, atol=0.01)
    np.testing.assert_array_equal(y.numpy(), labels)


def test_a_blur_keeps_the_mean_of_a_neighbourhood() -> None:
    images = np.zeros((1, 1, 8, 8), np.uint8)
    images[0, 0, 4, 4] = 160
    x, _ = augmented(images, images, GREYS["blur"], (0.0, 1.0), np.random.default_rng(0))
    assert x[0, 0, 0, 3:6, 3:6].tolist() == [[10, 20, 10], [20, 40, 20], [10, 20, 10]]
    assert x.sum() == 160


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.integers(8, 30), st.integers(8, 30), st.integers(1, 3))
def test_windows_of_any_shape_keep_it_and_hold_known_labels_only(seed: int, y: int, x: int, z: int) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (3, z, y, x)).astype(np.uint8)
    labels = rng.choice([0, 1, 2, IGNORE], images.shape).astype(np.uint8)
    config = AugmentConfig(cutout=1.0)
    image, target = augmented(images, labels, config, (128.0, 64.0), rng)
    assert (image.shape, target.shape) == ((3, 1, z, y, x), (3, z, y, x))
    assert torch.isfinite(image).all()
    assert set(np.unique(target)) <= {0, 1, 2, IGNORE}


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_generator_makes_the_same_changes(seed: int) -> None:
    config = AugmentConfig(cutout=0.5)
    first, again, other = run(config, seed), run(config, seed), run(config, seed + 1)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_the_random_state_of_the_process_plays_no_part() -> None:
    before = torch.get_rng_state()
    run(AugmentConfig(cutout=0.5))
    assert torch.equal(torch.get_rng_state(), before)


def test_its_arguments_are_left_as_they_were() -> None:
    images, labels = batch()
    augmented(images, labels, AugmentConfig(cutout=1.0), (0.0, 1.0), np.random.default_rng(0))
    np.testing.assert_array_equal(images, batch()[0])
    np.testing.assert_array_equal(labels, batch()[1])
