"""Networks in 8-bit integers: calibrated on pieces of the volume, and refused where they lose too much."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from microtome.labels import IGNORE
from microtome.predict.int8 import Int8Engine, Loss, calibrate, measured_loss, require_small
from microtome.predict.model import SegmentationModel
from microtome.predict.network import TORCH
from microtome.predict.openvino import OpenVinoEngine
from test_engines import own_cache
from test_predict_model import image, model

__all__ = ["own_cache"]

PIECES = [image(1, 32, 32, seed=k) for k in range(4)]


class Says:
    """A model that says the same of every image."""

    def __init__(self, mask: np.ndarray) -> None:
        self.probabilities = np.stack([1.0 - mask, mask]).astype(np.float32)

    def mean(self, image: np.ndarray, samples: int, seed: int) -> np.ndarray:
        return self.probabilities


def square(side: int) -> np.ndarray:
    mask = np.zeros((1, 8, 8), np.uint8)
    mask[0, :side, :side] = 1
    return mask


def loss(int8: np.ndarray, labels: np.ndarray | None, exact: np.ndarray) -> Loss:
    return measured_loss(Says(exact), Says(int8), [(square(0), labels)], 0)


@pytest.mark.parametrize("labelled", [True, False])
def test_the_loss_is_measured_against_labels_if_there_are_any(labelled: bool) -> None:
    truth = square(4) if labelled else None
    found = loss(square(2), truth, square(6))
    assert found.against == ("the labels" if labelled else "the prediction in float32")
    assert (found.exact, found.int8) == pytest.approx((16 / 36, 4 / 16) if labelled else (1, 4 / 36))


def test_unlabelled_voxels_do_not_count() -> None:
    truth = square(4)
    truth[0, 5:] = IGNORE
    assert loss(square(8), truth, square(4)).int8 == pytest.approx(16 / 40)


def test_a_loss_beyond_the_limit_is_refused() -> None:
    require_small(Loss(0.9, 0.896, "the labels"))
    with pytest.raises(ValueError, match=r"loses 0\.0060 of Jaccard here .* the limit is 0\.005"):
        require_small(Loss(0.9, 0.894, "the labels"))


def test_pieces_to_calibrate_on_are_expected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected pieces of the volume"):
        calibrate(model(), [], tmp_path)


def test_a_model_that_was_not_calibrated_is_refused(tmp_path: Path) -> None:
    one = dataclasses.replace(model(), engine=Int8Engine(tmp_path))
    with pytest.raises(ValueError, match="expected a calibrated network"):
        one.mean(PIECES[0], 1, 0)


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["single", "dropout"])
def test_8_bits_come_close_and_stay_the_same(sampling: str, tmp_path: Path) -> None:
    one: SegmentationModel = model(sampling=sampling)  # type: ignore[arg-type]
    small = calibrate(one, PIECES, tmp_path)
    exact = dataclasses.replace(one, engine=OpenVinoEngine())
    found = small.mean(PIECES[0], 4, 0)
    np.testing.assert_allclose(found, exact.mean(PIECES[0], 4, 0), atol=0.1)
    assert not np.array_equal(found, exact.mean(PIECES[0], 4, 0))
    again = dataclasses.replace(one, engine=Int8Engine(tmp_path))
    np.testing.assert_array_equal(again.mean(PIECES[0], 4, 0), found)
    assert one.engine == TORCH
