"""What is counted of components, against numpy on each one."""

import numpy as np
import pytest
from scipy import ndimage

from microtome.box import Box
from microtome.objects.tally import Tally, tally, together

NM = (40.0, 4.0, 8.0)


def one_by_one(labels: np.ndarray, probability: np.ndarray) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for label in range(1, labels.max() + 1):
        at = np.argwhere(labels == label)
        areas = np.bincount(at[:, 0])
        rows.append(
            {
                "voxels": len(at),
                "probability": probability[labels == label].sum(),
                "start": at.min(axis=0),
                "stop": at.max(axis=0) + 1,
                "mean": at.mean(axis=0),
                "sections": areas.argmax(),
                "covariance": np.cov((at * NM).T, bias=True),
            }
        )
    return rows


def check(found: Tally, rows: list[dict[str, object]]) -> None:
    axes = found.axes(NM)
    assert len(found) == len(rows) == len(axes)
    for k, row in enumerate(rows):
        for name in ("voxels", "start", "stop", "sections"):
            assert np.array_equal(getattr(found, name)[k], row[name]), name
        assert found.probability[k] == pytest.approx(row["probability"])
        assert found.mean[k] == pytest.approx(row["mean"])
        covariance = np.asarray(row["covariance"])
        longest = np.linalg.eigvalsh(covariance)[-1]
        assert axes[k] @ covariance @ axes[k] == pytest.approx(longest, rel=1e-9, abs=1e-9)
        assert np.linalg.norm(axes[k]) == pytest.approx(1)
        assert axes[k][np.abs(axes[k]).argmax()] > 0


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.random((9, 14, 13)), 1.0)
    labels = ndimage.label(noise > 0.52)[0].astype(np.int64)
    return labels, rng.random(labels.shape)


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_every_component_by_itself(seed: int) -> None:
    labels, probability = scene(seed)
    numbers = np.arange(labels.max() + 1)
    found = tally(labels, numbers, probability, Box.of(labels.shape), labels.shape)
    check(found, one_by_one(labels, probability))


@pytest.mark.parametrize("seed", range(5))
def test_parts_in_blocks_add_up_to_the_whole(seed: int) -> None:
    labels, probability = scene(seed)
    boxes = [Box((0, 0, 0), (4, 14, 13)), Box((4, 0, 0), (9, 6, 13)), Box((4, 6, 0), (9, 14, 13))]
    parts, groups = [], []
    for box in boxes:
        here = labels[box.slices]
        present = np.unique(here[here > 0])
        numbers = np.zeros(labels.max() + 1, np.int64)
        numbers[present] = np.arange(1, len(present) + 1)
        parts.append(tally(here, numbers, probability[box.slices], box, labels.shape))
        groups.append(present - 1)
    whole = together(parts).grouped(np.concatenate(groups), int(labels.max()))
    check(whole, one_by_one(labels, probability))
    firsts = [np.flatnonzero(labels == label)[0] for label in range(1, labels.max() + 1)]
    assert whole.first.tolist() == firsts


def test_the_axis_of_a_far_away_rod_is_its_direction() -> None:
    labels = np.zeros((40, 40, 40), np.int64)
    for k in range(-150, 151):
        z, y, x = np.rint(np.array([20, 20, 20]) + k / 10 * np.array([0.2, 1.0, 0.5])).astype(int)
        labels[z, y, x] = 1
    far = Box((100_000, 200_000, 300_000), (100_040, 200_040, 300_040))
    found = tally(labels, np.array([0, 1]), labels.astype(float), far, (200_000, 300_000, 400_000))
    direction = np.array([0.2, 1.0, 0.5]) * NM
    assert abs(found.axes(NM)[0] @ direction) / np.linalg.norm(direction) > 0.999


def test_some_may_be_left_out() -> None:
    labels, probability = scene(0)
    numbers = np.arange(labels.max() + 1)
    found = tally(labels, numbers, probability, Box.of(labels.shape), labels.shape)
    kept = np.arange(len(found)) % 2 == 0
    check(found.chosen(kept), one_by_one(labels, probability)[::2])
