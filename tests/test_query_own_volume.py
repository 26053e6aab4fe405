from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import pdist, squareform

from microtome.box import Box, Int3, grid
from microtome.predict.posterior import Posterior
from microtome.query.candidates import Candidates
from microtome.query.embedding import appearance
from microtome.query.own_volume import own_volume, two_stream
from models import Predicting


def pool(image: np.ndarray, shape: Int3) -> Candidates:
    return Candidates(tuple(grid(Box.of(image.shape), shape)), 2, image=lambda box: image[box.slices])


def stripes(shape: Int3) -> tuple[np.ndarray, np.ndarray]:
    """Two sections a pair: noise that runs along y, and the same turned to run along x. Which is which."""
    sections, turned = [], []
    for k in range(shape[0]):
        noise = gaussian_filter(np.random.default_rng(k).normal(size=shape[1:]), (6, 1))
        section = (128 + 30 * noise / noise.std()).clip(0, 255).astype(np.uint8)
        sections.append(section.T if k % 2 else section)
        turned.append(k % 2)
    return np.stack(sections), np.array(turned)


def nearest_of_same_kind(rows: np.ndarray, kinds: np.ndarray) -> float:
    """The share of boxes whose nearest neighbour is of the same kind."""
    distance = squareform(pdist(rows))
    np.fill_diagonal(distance, np.inf)
    return float((kinds[distance.argmin(axis=1)] == kinds).mean())


def test_textures_that_differ_only_in_direction_are_told_apart_and_by_simple_statistics_they_are_not() -> (
    None
):
    image, turned = stripes((16, 64, 64))
    candidates = pool(image, (1, 32, 32))
    kinds = np.repeat(turned, 4)
    assert nearest_of_same_kind(own_volume(candidates, candidates.boxes), kinds) == 1
    assert nearest_of_same_kind(appearance(candidates, candidates.boxes), kinds) < 0.75


def test_the_same_boxes_always_lie_in_the_same_place() -> None:
    candidates = pool(stripes((4, 64, 64))[0], (1, 32, 32))
    first, again = (own_volume(candidates, candidates.boxes) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.shape == (16, 128)


def test_columns_are_standardised_over_the_boxes() -> None:
    candidates = pool(stripes((4, 64, 64))[0], (1, 32, 32))
    rows = own_volume(candidates, candidates.boxes)
    assert rows.any(axis=0).sum() > 1
    assert rows.mean(axis=0) == pytest.approx(np.zeros(128), abs=1e-9)
    assert ((np.abs(rows.std(axis=0) - 1) < 1e-9) | (rows == 0).all(axis=0)).all()  # 0: a word none is near


def test_a_block_is_the_mean_of_its_sections() -> None:
    image, turned = stripes((8, 64, 64))
    image = np.repeat(image, 3, axis=0)
    candidates = pool(image, (3, 32, 32))
    rows = own_volume(candidates, candidates.boxes)
    assert nearest_of_same_kind(rows, np.repeat(turned, 4)) == 1


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 3), (2, 8, 8), (1, 9, 40), (2, 17, 7)])
def test_boxes_of_any_shape_have_a_place(shape: Int3) -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 40, 40), dtype=np.uint8)
    candidates = pool(image, shape)
    rows = own_volume(candidates, candidates.boxes[:8])
    assert rows.shape[0] == 8
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_flat_images_all_lie_in_one_place(grey: int) -> None:
    candidates = pool(np.full((1, 64, 64), grey, np.uint8), (1, 16, 16))
    rows = own_volume(candidates, candidates.boxes)
    assert pdist(rows).max() == 0


def test_noise_of_a_few_grey_values_does_not_look_like_texture() -> None:
    image, _ = stripes((2, 64, 64))
    faint = 128 + np.random.default_rng(0).integers(0, 2, (2, 64, 64))
    flat = np.full((2, 64, 64), 128)
    candidates = pool(np.concatenate([image, faint, flat]).astype(np.uint8), (1, 64, 64))
    rows = own_volume(candidates, candidates.boxes)
    distance = squareform(pdist(rows))
    assert distance[2:, 2:].max() < distance[:2, 2:].min()


def places(boxes: Sequence[Box]) -> np.ndarray:
    """Where boxes lie in y, and what is the same for all."""
    return np.array([[box.start[1], 1000] for box in boxes], np.float32)


def nothing(box: Box) -> Posterior:
    raise AssertionError


def test_two_streams_have_the_same_weight_and_the_whole_has_length_1() -> None:
    image, _ = stripes((1, 64, 64))
    boxes = pool(image, (1, 16, 16)).boxes
    candidates = Candidates(boxes, 2, Predicting(nothing, places), image=lambda box: image[box.slices])
    rows = two_stream(candidates, boxes)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(16))
    assert (rows[:, :-2] ** 2).sum(axis=1) == pytest.approx(np.full(16, 0.5))
    assert (rows[:, -2:] ** 2).sum(axis=1) == pytest.approx(np.full(16, 0.5))
    assert np.sign(rows[:, -2]).tolist() == [-1] * 8 + [1] * 8


@pytest.mark.parametrize("embedding", [own_volume, two_stream])
def test_an_image_is_needed(embedding: Callable) -> None:
    box = Box((0, 0, 0), (1, 8, 8))
    with pytest.raises(ValueError, match="expect"):
        embedding(Candidates((box,), 2), [box])
