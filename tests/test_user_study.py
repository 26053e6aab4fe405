"""The simulated user study: all orders find all errors, a run goes on, and the page gets its tables."""

from pathlib import Path

import numpy as np
import pytest

import bench_user_study
from bench_user_study import MODELS, Person, study
from microtome.benchmark.objects.ablation import Design
from microtome.benchmark.protocol.cells import Cells
from microtome.objects.streams import Streams
from user_study_pools import LIGHT, NETWORKS, Judged
from user_study_report import MARK, PAGE, report


@pytest.fixture(autouse=True)
def _few_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_user_study, "ANSWERS", 40)


def pool(seed: int = 0, count: int = 400) -> Judged:
    """Four sorts of objects that look different; of the last most are wrong, and less probable."""
    rng = np.random.default_rng(seed)
    sort = rng.integers(0, 4, count)
    wrong = rng.random(count) < np.array([0.02, 0.05, 0.1, 0.9])[sort]
    features = (10 * sort[:, None] + rng.normal(size=(count, 2))).astype(np.float32)
    clusters = Design(4, 2).grouped(Streams(features, features), rng)
    return Judged(LIGHT, seed, clusters, wrong, np.where(wrong, 0.6, 0.9) + 0.05 * rng.random(count))


@pytest.mark.parametrize("name", list(Person(pool()).orders()))
def test_each_order_shows_every_object_once_and_then_goes_on_until_all_errors_are_found(name: str) -> None:
    found = pool()
    for model in ("as fitted", "nothing is missed"):
        looks = Person(found).orders()[name](MODELS[model], np.random.default_rng(0))
        assert sorted(looks.rows[:400].tolist()) == list(range(400))
        assert sorted(looks.rows[looks.found].tolist()) == np.flatnonzero(found.wrong).tolist()


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    study(pool(), Cells(path))
    whole = path.read_text()
    path.write_text("\n".join(whole.splitlines()[:-5]) + '\n{"cut')
    study(pool(), Cells(path))
    assert sorted(Cells(path).values(), key=str) == sorted(_cells(whole, tmp_path), key=str)
    before = path.read_text()
    study(pool(), Cells(path))
    assert path.read_text() == before


def _cells(text: str, folder: Path) -> list[dict]:
    path = folder / "other.jsonl"
    path.write_text(text)
    return list(Cells(path).values())


def test_suspects_first_gains_by_itself_and_likeness_only_what_is_assumed(tmp_path: Path) -> None:
    cells = Cells(tmp_path / "cells.jsonl")
    study(pool(), cells)
    by = {(cell["model"], cell["order"]): cell for cell in cells.values()}
    once = {key: cell["once_seconds"] for key, cell in by.items()}
    assert once["as fitted", "cluster"] < 0.8 * once["as fitted", "random"]
    assert once["no switch cost", "cluster"] > 0.8 * once["no switch cost", "random"]
    met = {order: by["no switch cost", order]["met"]["0.5"] for order in ("random", "clusters, by answers")}
    assert met["clusters, by answers"] < met["random"]


def test_the_page_gets_both_tables_and_keeps_its_words(tmp_path: Path) -> None:
    result, page = tmp_path / "cells.jsonl", tmp_path / "page.md"
    cells = Cells(result)
    for seed in range(2):
        study(pool(seed), cells)
    page.write_text(
        "Before.\n<!-- user study: orders, light networks -->\nold\n<!-- end -->\nBetween.\n"
        "<!-- user study: assumptions, light networks -->\n<!-- end -->\nAfter.\n"
        "<!-- user study: orders, other networks -->\nkept\n<!-- end -->\n"
    )
    report(result, page)
    text = page.read_text()
    assert "old" not in text
    assert all(word in text for word in ("Before.", "Between.", "After.", "kept"))
    assert sum(line.startswith("| clusters, by answers |") for line in text.splitlines()) == 1
    assert sum(
        line.startswith(tuple(f"| {model} |" for model in MODELS)) for line in text.splitlines()
    ) == len(MODELS)
    assert "nan" not in text
    report(result, page)
    assert page.read_text() == text


def test_the_page_has_a_place_for_the_tables_of_each_networks() -> None:
    places = {(found[2], found[3]) for found in MARK.finditer(PAGE.read_text())}
    assert {("orders", name) for name in NETWORKS} | {("assumptions", LIGHT)} == places
