"""The ablation: what answers come to by design, by hand and by the formula, and trials that go on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microtome.benchmark.objects.ablation import (
    PAPER,
    Design,
    annotated,
    at_random,
    expected_at_random,
    scaled,
    told,
)
from microtome.benchmark.objects.kinds import KINDS
from microtome.benchmark.objects.phantom import ObjectPhantomConfig, object_phantom
from microtome.benchmark.objects.trial import TAUGHT, Plan, Pool, Trial
from microtome.benchmark.protocol.cells import Cells
from microtome.learn.triplet import TripletTraining
from microtome.learn.vae import VAETraining
from microtome.net.vae import VAEConfig
from microtome.objects.clustering import Clusters
from microtome.objects.features import FeatureSettings
from microtome.objects.streams import Streams

GROUPS = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
CORRECT = np.array([True, True, False, True, False, False, False, True, False, True])


def clusters(groups: np.ndarray) -> Clusters:
    return Clusters(groups, np.zeros(len(groups)), np.zeros((len(groups), 1)))


def features(values: np.ndarray) -> np.ndarray:
    noise = 0.01 * np.random.default_rng(0).normal(size=(len(values), 3))
    return (values[:, None] + noise).astype(np.float32)


def test_a_case_worked_by_hand() -> None:
    """Answers T T F make the first group correct, F F T the second not; the answered keep theirs."""
    made = told(clusters(GROUPS), CORRECT, np.array([0, 1, 2, 5, 6, 7]))
    assert made.labels.tolist() == [True, True, False, True, True, False, False, True, False, False]
    assert made.accuracy(CORRECT) == 0.8


def test_objects_of_groups_without_answers_are_taken_to_be_correct() -> None:
    made = told(clusters(GROUPS), CORRECT, np.array([5, 6, 8]))
    assert made.labels.tolist() == [True] * 5 + [False] * 5
    assert made.accuracy(CORRECT) == pytest.approx(6 / 10)


def test_groups_of_other_objects_are_refused() -> None:
    with pytest.raises(ValueError, match="expected groups of 3 objects; got 10"):
        told(clusters(GROUPS), CORRECT[:3], np.array([0]))


def test_the_formula_by_hand() -> None:
    assert expected_at_random(np.array([True, True, False, False]), 2) == 0.75
    assert expected_at_random(np.array([True, False]), 5) == 1.0
    assert expected_at_random(np.arange(28_700) < 0.762 * 28_700, 1280) == pytest.approx(0.7726, abs=1e-4)


def test_answers_at_random_come_to_the_formula() -> None:
    correct = np.arange(500) % 4 > 0
    rng = np.random.default_rng(0)
    found = [at_random(correct, 100, rng).accuracy(correct) for _ in range(400)]
    deviation = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(expected_at_random(correct, 100), abs=4 * deviation)


def test_an_answer_at_random_changes_no_other_label() -> None:
    made = at_random(CORRECT, 3, np.random.default_rng(1))
    others = np.delete(np.arange(10), made.rows)
    assert len(set(made.rows.tolist())) == 3
    assert made.labels[others].all()
    assert (made.labels[made.rows] == CORRECT[made.rows]).all()


def test_groups_by_the_stream_that_shows_the_errors_find_them_all() -> None:
    kind = np.arange(400) % 4
    correct = kind != 3
    streams = Streams(features(10.0 * (kind == 3)), features(10.0 * (np.arange(400) % 3)))
    rng = np.random.default_rng(0)
    by_mask, by_image = (
        annotated(design.grouped(streams, rng), correct, 20, rng) for design in (Design(4, 1), Design(1, 4))
    )
    assert by_mask.accuracy(correct) == 1.0
    assert by_image.accuracy(correct) < 0.9


def test_errors_of_one_stream_each_are_found_by_both_in_a_hierarchy() -> None:
    kind = np.arange(600) % 6
    correct = kind < 4
    streams = Streams(features(10.0 * (kind == 4)), features(3.0 * (kind == 5)))
    rng = np.random.default_rng(0)
    made = annotated(Design(2, 4).grouped(streams, rng), correct, 40, rng)
    assert made.accuracy(correct) == 1.0


def test_labels_by_groups_that_mix_may_be_worse_than_none_and_say_so() -> None:
    rng = np.random.default_rng(5)
    correct = rng.random(2000) < 0.76
    groups = np.repeat(np.arange(400), 5)
    rows = np.array([rng.choice(np.flatnonzero(groups == group), 3, replace=False) for group in range(400)])
    made = told(clusters(groups), correct, rows.ravel())
    assert made.warning
    assert made.error > 0


def test_the_paper_asks_about_1280_objects_at_most() -> None:
    assert {5 * design.groups for design in PAPER} == {640, 1280}
    assert [str(design) for design in PAPER[-2:]] == ["hierarchical 64 × 4", "hierarchical 32 × 8"]


@pytest.mark.parametrize(("objects", "groups"), [(28_700, 256), (3000, 24), (10, 8)])
def test_scaled_designs_have_as_many_groups_each(objects: int, groups: int) -> None:
    assert {design.groups for design in scaled(objects, 0.0446)} == {groups}


def test_designs_without_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one group"):
        Design(0, 4)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    config = ObjectPhantomConfig(sections=2, across=5, correct=0.6)
    found = object_phantom(config, tmp_path_factory.mktemp("trial") / "phantom")
    known = found.proposals.table().section == 0
    names = [kind.name for kind in KINDS]
    asked, labelled = np.flatnonzero(~known), np.flatnonzero(known)
    return Pool(found.image, found.proposals, found.correct, asked, labelled, found.kinds, names)


NET = VAEConfig(latent=3, widths=(16, 32), side=16)
FEATURES = FeatureSettings(NET, NET, VAETraining(steps=2, batch=4), side=64, most=8, around=None)
PLAN = Plan(
    (Design(2, 1), Design(1, 2), Design(1, 2, fused=True)), Design(1, 2), FEATURES, TripletTraining(1)
)


def test_a_trial_has_every_design_and_all_that_networks_were_taught(pool: Pool, tmp_path: Path) -> None:
    cells = Cells(tmp_path / "cells.jsonl")
    Trial(pool, PLAN, 1, tmp_path / "work").run(cells)
    rows = [(cell["design"], cell["taught"]) for cell in cells.values()]
    assert rows == [
        ("random 10", "none"),
        ("mask only 2", "none"),
        ("image only 2", "none"),
        ("late fusion 2", "none"),
        *(("image only 2", taught) for taught in TAUGHT),
    ]
    correct = pool.correct[pool.asked].mean()
    for cell in cells.values():
        assert cell["answers"] == 10
        assert cell["before"] == correct
        shares = [cell["right"][name] * np.mean(pool.kinds[pool.asked] == k)
                  for k, name in enumerate(pool.names) if name in cell["right"]]  # fmt: skip
        assert sum(shares) == pytest.approx(cell["accuracy"])


def test_a_killed_trial_goes_on_and_comes_to_the_same(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    trial = Trial(pool, PLAN, 1, tmp_path / "work")
    trial.run(Cells(path))
    whole = path.read_bytes()
    trial.run(Cells(path))
    assert path.read_bytes() == whole
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]) + lines[3][:20])
    Trial(pool, PLAN, 1, tmp_path / "elsewhere").run(Cells(path))
    assert list(Cells(path).values()) == _cells(tmp_path, whole)


def test_other_settings_are_other_cells(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    Trial(pool, replace(PLAN, designs=(Design(2, 1),)), 1, tmp_path / "a").run(Cells(path))
    count = len(Cells(path))
    other = replace(FEATURES, training=VAETraining(steps=3, batch=4))
    plan = replace(PLAN, designs=(Design(2, 1),), features=other)
    Trial(pool, plan, 1, tmp_path / "b").run(Cells(path))
    assert len(Cells(path)) == 2 * count


def test_rows_of_other_networks_have_a_name_and_none_at_random(pool: Pool, tmp_path: Path) -> None:
    cells = Cells(tmp_path / "cells.jsonl")
    features = replace(FEATURES, around=3)
    Trial(pool, replace(PLAN, features=features, name="cut out"), 1, tmp_path / "work").run(cells)
    designs = {str(cell["design"]) for cell in cells.values()}
    assert designs == {"mask only 2, cut out", "image only 2, cut out", "late fusion 2, cut out"}


def test_networks_are_not_taught_by_objects_that_are_all_alike(pool: Pool, tmp_path: Path) -> None:
    alike = pool.labelled[pool.correct[pool.labelled]]
    cells = Cells(tmp_path / "cells.jsonl")
    Trial(replace(pool, labelled=alike), PLAN, 1, tmp_path / "work").run(cells)
    assert {cell["taught"] for cell in cells.values()} == {"none"}


def _cells(folder: Path, whole: bytes) -> list[dict[str, object]]:
    (folder / "whole.jsonl").write_bytes(whole)
    return list(Cells(folder / "whole.jsonl").values())
