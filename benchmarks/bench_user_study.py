"""A simulated user study: the time to find all errors among proposals, by the order they are shown in.

Nobody judged anything here. What a look costs and what is missed are assumptions, named in
`microtome.benchmark.objects.scan`; each is varied by itself. Results are kept as they come, in
benchmarks/results/user-study.jsonl: a run that was killed goes on where it was.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from microtome.benchmark.objects.orders import by_suspicion, said_wrong, unsure_first
from microtome.benchmark.objects.scan import RARITY, STUDY_SECONDS, Looks, ScanModel, fitted, looked, searched
from microtome.benchmark.protocol.cells import Cells, Content
from microtome.benchmark.protocol.spec import digest
from microtome.objects.every import doubt
from record import RESULTS
from user_study_pools import LIGHT, NETWORKS, Judged, judged
from user_study_report import report

RESULT = RESULTS / "user-study.jsonl"
SHARES = (0.5, 0.9, 0.95, 1.0)  # of the errors
ANSWERS = 1280  # of the representatives that are judged before the other objects

PLAIN = ScanModel(0, 0)
AS_FITTED = "as fitted"
LEAST, MOST = 717, 1207
"""Tiles in half an hour in cluster order, against 670 at random: the ends of a 95 % interval of the ratio,
of 930 ± 237 and 670 ± 224 with ten people each, taken as lognormal."""
MODELS: Mapping[str, ScanModel] = {
    AS_FITTED: fitted(PLAIN),
    "no switch cost": fitted(PLAIN, alike=670),
    "least switch cost": fitted(PLAIN, alike=LEAST),
    "most switch cost": fitted(PLAIN, alike=MOST),
    "no switch cost, nothing is missed": fitted(replace(PLAIN, rarity=()), alike=670),
    "nothing is missed": fitted(replace(PLAIN, rarity=())),
    "twice as much is missed": fitted(replace(PLAIN, rarity=tuple((p, 2 * q) for p, q in RARITY))),
    "odd ones stand out": fitted(replace(PLAIN, sameness=0.5)),
    "sameness lulls": fitted(replace(PLAIN, sameness=2.0)),
    "a mark takes 0.4 s": fitted(replace(PLAIN, click_seconds=0.4)),  # move a key on, press another
    "a mark takes 4 s": fitted(replace(PLAIN, click_seconds=4.0)),
    "a page takes 10 s": fitted(replace(PLAIN, page_seconds=10.0)),
    "pages of 20": fitted(replace(PLAIN, tiles=20)),
    "pages of 200": fitted(replace(PLAIN, tiles=200)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=list(range(5)))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "objects-ablation")
    parser.add_argument("--networks", choices=NETWORKS, default=LIGHT, help="What makes the features.")
    parser.add_argument("--report", action="store_true", help="Compute nothing; write the page's tables.")
    parser.add_argument("--tiny", action="store_true", help="A small phantom and hardly any training.")
    words = parser.parse_args()
    torch.set_num_threads(1)
    result = words.work / "cells.jsonl" if words.tiny else RESULT
    if not words.report:
        words.work.mkdir(parents=True, exist_ok=True)
        cells = Cells(result)
        for seed in words.seeds:
            study(judged(words.networks, seed, words.work, tiny=words.tiny), cells)
    if not words.tiny:
        report(result)


def study(pool: Judged, cells: Cells) -> None:
    """Add what is not there yet: every order with every model."""
    orders = Person(pool).orders()
    for name, model in MODELS.items():
        for order, search in orders.items():
            key = digest([pool.networks, pool.seed, pool.sha256, order, name, asdict(model)])
            if key not in cells:
                rng = np.random.default_rng((pool.seed, 4))
                cells.add(key, _content(pool, order, name, search(model, rng)))
    print(f"{pool.networks} {pool.seed}: {pool.wrong.sum()} errors of {len(pool.wrong)}", flush=True)


Search = Callable[[ScanModel, np.random.Generator], Looks]


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody who looks for the errors of a pool, in one of several orders."""

    pool: Judged

    def orders(self) -> dict[str, Search]:
        """By name."""
        pool = self.pool
        rows = np.arange(len(pool.wrong))
        rng = np.random.default_rng((pool.seed, 3))
        asked = pool.clusters.in_order(pool.clusters.representatives(min(ANSWERS, len(rows)), rng))
        by_doubt = by_suspicion(pool.clusters, doubt(pool.clusters, pool.probability))
        return {
            "random": partial(self._along, rng.permutation(rows)),
            "cluster": partial(self._along, pool.clusters.in_order(rows)),
            "unsure first": partial(self._along, unsure_first(pool.probability)),
            "clusters, unsure ones first": partial(self._along, by_doubt),
            "clusters, by answers": partial(self._asked_first, asked),
        }

    def _along(self, order: np.ndarray, model: ScanModel, rng: np.random.Generator) -> Looks:
        return self._on(self._look(order, model, rng), order, model, rng)

    def _asked_first(self, asked: np.ndarray, model: ScanModel, rng: np.random.Generator) -> Looks:
        """Representatives, then the groups in which most of them were marked."""
        first = self._look(asked, model, rng)
        order = by_suspicion(self.pool.clusters, said_wrong(self.pool.clusters, asked, first.found))
        rest = order[~np.isin(order, asked)]
        return self._on(first.then(self._look(rest, model, rng)), order, model, rng)

    def _on(self, looks: Looks, order: np.ndarray, model: ScanModel, rng: np.random.Generator) -> Looks:
        return searched(looks, lambda left: self._look(order[left[order]], model, rng), self.pool.wrong)

    def _look(self, order: np.ndarray, model: ScanModel, rng: np.random.Generator) -> Looks:
        return looked(order, self.pool.clusters.groups, self.pool.wrong, model, rng)


def _content(pool: Judged, order: str, model: str, looks: Looks) -> Content:
    objects, errors = len(pool.wrong), int(pool.wrong.sum())
    first = np.zeros(len(looks.rows), bool)
    first[np.unique(looks.rows, return_index=True)[1]] = True
    hits = {"met": first & pool.wrong[looks.rows], "found": looks.found}
    times = {
        name: {f"{share:g}": looks.until(which, int(np.ceil(share * errors))) for share in SHARES}
        for name, which in hits.items()
    }
    return {
        "networks": pool.networks,
        "seed": pool.seed,
        "order": order,
        "model": model,
        "objects": objects,
        "errors": errors,
        **times,
        "found_once": float(looks.found[:objects].sum() / errors),
        "once_seconds": float(looks.seconds[:objects].sum()),
        "found_in_half_an_hour": int(looks.found[np.cumsum(looks.seconds) <= STUDY_SECONDS].sum()),
    }


if __name__ == "__main__":
    main()
