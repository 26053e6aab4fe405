"""Which groups of objects stand for the rest: the ablation of Lin et al. (2020, tables 2 and 3), in small.

On a phantom of as many proposals as theirs, and on what weak networks propose on real data. Cells are kept as
they come: a run that was killed goes on where it was. Networks are smaller than the library's default and
the paper's (`SETTINGS`), so that a seed takes half an hour on one core. In rows called "cut out" the network
of images sees objects without what lies around them (`CUT_OUT`): chosen on a phantom of its own, drawn and
trained with seed 100.
"""

import argparse
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import torch

from ablation_pools import PHANTOM, REAL, pool
from ablation_report import CUT, report
from microtome.benchmark.objects.ablation import Design, scaled
from microtome.benchmark.objects.trial import Plan, Pool, Trial
from microtome.benchmark.protocol.cells import Cells
from microtome.learn.triplet import TripletTraining
from microtome.learn.vae import VAETraining
from microtome.net.vae import VAEConfig
from microtome.objects.features import FeatureSettings
from record import RESULTS

SETTINGS = FeatureSettings(
    masks=VAEConfig(latent=20, widths=(16, 32, 64, 64), side=32),
    images=VAEConfig(latent=128, widths=(16, 32, 64, 128), side=64),
    training=VAETraining(steps=2000, batch=64),
    side=64,  # of 16 nm in the phantom
    most=10_000,
    around=None,
)
CUT_OUT = replace(SETTINGS, images=VAEConfig(latent=20, widths=(16, 32, 64), side=32), around=3)
SHARES = (1280 / 28_672, 4 * 1280 / 28_672)  # of real proposals that are asked about: as the paper, and 4 ×
CELLS = RESULTS / "objects-ablation"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", choices=(PHANTOM, *REAL), default=[PHANTOM, *REAL])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "objects-ablation")
    parser.add_argument("--report", action="store_true", help="Compute nothing; tell what is there.")
    parser.add_argument("--tiny", action="store_true", help="A small phantom and hardly any training.")
    words = parser.parse_args()
    cells = words.work / "cells" if words.tiny else CELLS
    if not words.report:
        cells.mkdir(parents=True, exist_ok=True)
        compute(words, cells)
    report(cells)


def compute(words: argparse.Namespace, cells: Path) -> None:
    """Every data set and seed is a job; a process does one at a time, in one thread."""
    context = get_context("spawn")
    with ProcessPoolExecutor(
        words.workers, context, initializer=torch.set_num_threads, initargs=(1,)
    ) as workers:
        made = {workers.submit(prepared, name, words.work, words.tiny): name for name in words.data}
        jobs: list[Future[str]] = []
        for future in as_completed(made):
            print(f"{made[future]}: {future.result()}", flush=True)
            jobs += [
                workers.submit(trial, made[future], seed, words.work, cells, words.tiny)
                for seed in words.seeds
            ]
        for job in as_completed(jobs):
            print(job.result(), flush=True)


def prepared(name: str, work: Path, tiny: bool) -> str:
    found = pool(name, work / name, tiny=tiny)
    asked, known = found.correct[found.asked], found.correct[found.labelled]
    told = f"{len(known)} labelled ones, {known.mean():.3f} correct"
    return f"{len(asked)} objects, {asked.mean():.3f} correct; {told}"


def trial(name: str, seed: int, work: Path, cells: Path, tiny: bool) -> str:
    found = pool(name, work / name, tiny=tiny)
    folder = work / name / f"seed-{seed}"
    kept = Cells(cells / f"{name}-{seed}.jsonl")
    for plan in plans(name, found, tiny=tiny):
        Trial(found, plan, seed, folder / plan.name).run(kept)
    return f"{name}, seed {seed}: done"


def plans(name: str, found: Pool, *, tiny: bool) -> tuple[Plan, Plan]:
    """What is compared: with objects cut out, which is soon done, and as plainly specified."""
    plain = Plan(features=SETTINGS)
    if name != PHANTOM or tiny:
        designs = [design for share in SHARES for design in scaled(len(found.asked), share)]
        best = max(designs, key=lambda design: (design.masks > 1 and design.images == 4, design.groups))
        plain = replace(plain, designs=tuple(dict.fromkeys(designs)), best=best)
    cut = replace(plain, designs=with_images(plain.designs, plain.best), features=CUT_OUT, name=CUT)
    return on(cut, name, tiny=tiny), on(plain, name, tiny=tiny)


def with_images(designs: Sequence[Design], best: Design) -> tuple[Design, ...]:
    """Those with as many groups as the best, and the best; groups by masks alone know no images."""
    alike = [design for design in designs if design.groups == best.groups]
    return tuple(design for design in alike if design == best or design.fused or design.masks == 1)


def on(plan: Plan, name: str, *, tiny: bool) -> Plan:
    """The plan with networks as the data ask for."""
    features = plan.features
    if name != PHANTOM:
        training = replace(features.training, steps=1000)
        features = replace(features, step=2, training=training)  # 64 pixels of 8 or 9.2 nm
    if tiny:
        features = replace(features, training=VAETraining(steps=5, batch=8), most=64)
        return replace(plan, features=features, triplets=TripletTraining(epochs=1))
    return replace(plan, features=features)


if __name__ == "__main__":
    main()
