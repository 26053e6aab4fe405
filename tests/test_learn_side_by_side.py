"""Networks of an ensemble that are trained at the same time."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from microtome.learn.config import AugmentConfig, TrainConfig
from microtome.learn.examples import Example
from microtome.learn.side_by_side import Run, fit_all
from microtome.learn.train import Trained, Trainer
from microtome.net.config import NetConfig
from microtome.progress import silent

TRAINER = Trainer(
    NetConfig(widths=(4, 8)), 2, TrainConfig(steps=4, batch=2, window=(1, 16, 16)), AugmentConfig()
)
RUNS = [Run(seed) for seed in range(3)]


def examples(label: int = 1) -> list[Example]:
    rng = np.random.default_rng(0)
    labels = np.zeros((1, 32, 32), np.uint8)
    labels[:, :, 16:] = label
    return [Example(rng.integers(0, 256, labels.shape, dtype=np.uint8), labels)]


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def close(one: Trained, other: Trained) -> bool:
    return all(
        torch.allclose(value.double(), other.snapshots[0][name].double(), atol=1e-3)
        for name, value in one.snapshots[0].items()
    )


@pytest.mark.usefixtures("two_threads")
def test_networks_side_by_side_are_those_that_are_trained_one_after_the_other() -> None:
    heard: list[tuple[int, int]] = []
    together = fit_all(
        TRAINER, examples(), RUNS, lambda task, done, total, note="": heard.append((done, total))
    )
    torch.set_num_threads(1)
    alone = fit_all(TRAINER, examples(), RUNS, silent)
    assert all(close(one, other) for one, other in zip(together, alone, strict=True))
    assert not close(together[0], together[1])
    assert heard[-1] == (12, 12)


@pytest.mark.slow
@pytest.mark.usefixtures("two_threads")
def test_what_training_refuses_is_said_here() -> None:
    with pytest.raises(ValueError, match="labels"):
        fit_all(TRAINER, examples(label=7), RUNS[:2], silent)
