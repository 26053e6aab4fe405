"""Mean probabilities of a model over the masks of objects."""

from pathlib import Path

import numpy as np
import pytest

from judged_objects import SHAPE, five
from microtome.evaluate.objects import roi_accuracy
from microtome.objects import acceptance
from microtome.objects.acceptance import mean_probability
from microtome.volume import ArrayVolume
from proposing import NM, ids_of, smooth


@pytest.mark.parametrize("block", [(32, 512, 512), (3, 7, 11)])
def test_means_are_those_of_the_obvious_way(
    tmp_path: Path, block: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptance, "BLOCK", block)
    found, probability = five(tmp_path), smooth(np.random.default_rng(0), SHAPE)
    means = mean_probability(found, [ArrayVolume(probability, NM)])
    ids = ids_of(found)
    assert np.allclose(means, [probability[ids == k].mean() / 255 for k in range(1, 6)])


def test_two_classes_add_up_and_their_sum_is_compared_with_a_half(tmp_path: Path) -> None:
    found = five(tmp_path)
    pre, post = np.full((2, *SHAPE), 0.3, np.float32)
    pre[5:] = 0.1
    means = mean_probability(found, [ArrayVolume(pre, NM), ArrayVolume(post, NM)])
    assert roi_accuracy(means, np.array([True, True, True, False, False])) == 1


def test_volumes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    found = five(tmp_path)
    with pytest.raises(ValueError, match="proposals' shape"):
        mean_probability(found, [ArrayVolume(np.zeros((1, 2, 3), np.uint8), NM)])
    with pytest.raises(ValueError, match="one class or two; got 0"):
        mean_probability(found, [])
    with pytest.raises(ValueError, match="expected bytes"):
        mean_probability(found, [ArrayVolume(np.zeros(SHAPE, np.int16), NM)])
