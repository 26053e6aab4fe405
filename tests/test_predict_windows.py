import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from microtome.box import Int3
from microtome.predict.windows import blended, mirrored, normalised

lengths = st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))


def random_image(shape: Int3) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def itself(images: Tensor) -> Tensor:
    return torch.cat([images, 1 - images], dim=1)


def constant(images: Tensor) -> Tensor:
    return torch.full((len(images), 2, *images.shape[2:]), 0.5)


def smoothed(images: Tensor) -> Tensor:
    """A mean over 3 x 3 voxels; at the edge of a window it sees zeros, as a convolution does."""
    return functional.avg_pool3d(images, (1, 3, 3), 1, (0, 1, 1))


@st.composite
def tilings(draw: st.DrawFn) -> tuple[Int3, Int3, Int3]:
    """An image's shape, a window within it, and an overlap of half a window at most."""
    window = draw(lengths)
    shape = tuple(n + draw(st.integers(0, 12)) for n in window)
    return shape, window, tuple(draw(st.integers(0, n // 2)) for n in window)


@settings(deadline=None)
@given(tilings(), st.integers(1, 5))
def test_the_weights_of_every_voxel_sum_to_one(tiling: tuple[Int3, Int3, Int3], batch: int) -> None:
    shape, window, overlap = tiling
    found = blended(constant, random_image(shape), window, overlap, batch=batch)
    np.testing.assert_allclose(found, np.full((2, *shape), 0.5), atol=1e-6)


@settings(deadline=None)
@given(tilings(), st.integers(1, 5))
def test_an_engine_that_changes_nothing_gives_the_image_back(
    tiling: tuple[Int3, Int3, Int3], batch: int
) -> None:
    shape, window, overlap = tiling
    image = random_image(shape)
    found = blended(itself, image, window, overlap, batch=batch)
    np.testing.assert_allclose(found, torch.stack([image, 1 - image]).numpy(), atol=1e-6)


def test_voxels_that_only_one_window_holds_equal_the_whole_image() -> None:
    image = random_image((2, 20, 28))
    whole = smoothed(image[None, None])[0].numpy()
    found = blended(smoothed, image, (1, 8, 10), (0, 2, 4))
    shared_y, shared_x = np.zeros(20, bool), np.zeros(28, bool)
    for start in (6, 12):
        shared_y[start : start + 2] = True
    for start in (6, 12, 18):
        shared_x[start : start + 4] = True
    alone = ~(shared_y[:, None] | shared_x)
    np.testing.assert_allclose(found[:, :, alone], whole[:, :, alone], atol=1e-6)
    assert not np.allclose(found, whole, atol=1e-6)


def test_one_window_fades_linearly_into_the_next() -> None:
    """Two windows of 4 that share 2 voxels; the first says 0, the second 1."""
    numbers = iter([0.0, 1.0])

    def numbered(images: Tensor) -> Tensor:
        return torch.stack([torch.full((1, *images.shape[2:]), next(numbers)) for _ in images])

    found = blended(numbered, random_image((1, 1, 6)), (1, 1, 4), (0, 0, 2))
    np.testing.assert_allclose(found[0, 0, 0], [0, 0, 1 / 3, 2 / 3, 1, 1], atol=1e-6)


def test_an_image_of_one_window_goes_through_the_engine_whole() -> None:
    image = random_image((2, 6, 8))
    found = blended(smoothed, image, (2, 6, 8), (0, 2, 2))
    np.testing.assert_array_equal(found, smoothed(image[None, None])[0].numpy())


def test_the_last_window_ends_with_the_image() -> None:
    asked: list[Tensor] = []

    def recording(images: Tensor) -> Tensor:
        asked.extend(images)
        return images

    image = torch.arange(7.0).reshape(1, 1, 7)
    blended(recording, image, (1, 1, 4), (0, 0, 2))
    assert [one.flatten().tolist() for one in asked] == [[0, 1, 2, 3], [2, 3, 4, 5], [3, 4, 5, 6]]


def test_normalised_grey_values_are_deviations_from_the_mean() -> None:
    image = np.array([[[0, 100, 175]]], np.uint8)
    assert normalised(image, (100.0, 50.0)).tolist() == [[[-2.0, 0.0, 1.5]]]
    assert image.tolist() == [[[0, 100, 175]]]


def test_images_are_mirrored_behind_their_end() -> None:
    image = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    assert mirrored(image, (1, 1, 2), (1, 3, 1)).tolist() == [[[1, 2, 3, 3], [4, 5, 6, 6], [4, 5, 6, 6]]]


def test_an_image_that_fits_is_not_padded() -> None:
    image = np.ones((2, 4, 6), np.uint8)
    assert mirrored(image, (2, 2, 3), (1, 4, 6)) is image


@given(lengths, lengths, lengths)
def test_mirrored_sides_are_the_smallest_that_fit(shape: Int3, multiple: Int3, least: Int3) -> None:
    image = np.arange(np.prod(shape)).astype(np.uint8).reshape(shape)
    found = mirrored(image, multiple, least)
    expected = tuple(max(-(-n // m) * m, k) for n, m, k in zip(shape, multiple, least, strict=True))
    assert found.shape == expected
    np.testing.assert_array_equal(found[: shape[0], : shape[1], : shape[2]], image)
