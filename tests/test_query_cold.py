"""What is asked before there is a model."""

import time

import numpy as np
import pytest

from microtome.box import Box, grid
from microtome.query.candidates import Candidates
from microtome.query.cold import ColdStart
from microtome.query.embedding import appearance

SHAPE = (1, 96, 96)
BOXES = tuple(grid(Box.of(SHAPE), (1, 16, 16)))
RARE = 21  # one candidate of 36 that looks like no other


def _image() -> np.ndarray:
    rng = np.random.default_rng(0)
    image = rng.normal(140, 5, SHAPE)
    image[BOXES[RARE].slices] = 30 + 180 * (np.indices((1, 16, 16)).sum(axis=0) // 2 % 2)
    return image.clip(0, 255).astype(np.uint8)


IMAGE = _image()
CANDIDATES = Candidates(BOXES, 2, image=lambda box: IMAGE[box.slices])


@pytest.mark.parametrize("seed", range(5))
def test_what_looks_like_nothing_else_is_asked_first_of_its_half(seed: int) -> None:
    picks = ColdStart().select(CANDIDATES, 6, np.random.default_rng(seed))
    assert len({pick.index for pick in picks}) == 6
    assert RARE in [pick.index for pick in picks[:2]]


def test_half_of_it_is_spread_over_the_volume() -> None:
    picks = ColdStart().select(CANDIDATES, 8, np.random.default_rng(0))
    assert sum("evenly" in pick.reason for pick in picks) == 4
    assert sum("least like" in pick.reason for pick in picks) == 4


def test_an_image_of_one_grey_is_still_covered() -> None:
    flat = Candidates(BOXES, 2, image=lambda box: np.zeros(box.shape, np.uint8))
    picks = ColdStart().select(flat, 6, np.random.default_rng(0))
    assert picks
    assert len({pick.index for pick in picks}) == len(picks)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 3), (2, 5, 17)])
def test_blocks_of_any_shape_have_an_appearance(shape: tuple[int, int, int]) -> None:
    block = Box.of(shape)
    looks = appearance(Candidates((block,), 2, image=lambda box: np.zeros(box.shape, np.uint8)), [block])
    assert looks.shape == (1, 6)
    assert np.isfinite(looks).all()


def test_it_does_not_look_at_every_candidate_of_a_large_volume() -> None:
    domain = Box.of((64, 1024, 1024))
    many = Candidates(tuple(grid(domain, (1, 64, 64))), 2, image=lambda box: np.zeros(box.shape, np.uint8))
    began = time.monotonic()
    assert len(ColdStart().select(many, 8, np.random.default_rng(0))) >= 4
    assert time.monotonic() - began < 5
