"""What the simulated user study looks at: the ablation's phantom, in groups by networks of several seeds."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ablation_pools import PHANTOM, pool
from bench_objects_ablation import SETTINGS
from microtome.benchmark.objects.ablation import BEST, Design
from microtome.benchmark.objects.trial import Plan, Trial
from microtome.benchmark.protocol.spec import digest
from microtome.learn.vae import VAETraining
from microtome.net.vae import SMALL_IMAGES, SMALL_MASKS
from microtome.objects.clustering import Clusters

LIGHT, ABLATION = "light", "ablation"
NETWORKS = {
    LIGHT: replace(
        SETTINGS,
        masks=SMALL_MASKS,
        images=SMALL_IMAGES,
        training=VAETraining(steps=600, batch=64),
        most=4000,
    ),  # patches of 64² averaged down to 32²: a minute of one core a seed
    ABLATION: SETTINGS,
}
FOLDERS = {LIGHT: "light", ABLATION: "seed"}  # the latter as bench_objects_ablation.py names its own


@dataclass(frozen=True, eq=False)
class Judged:
    """Proposals whose truth is known, and the groups that features make of them."""

    networks: str  # which made the features
    seed: int
    clusters: Clusters
    wrong: np.ndarray  # (n,) bool
    probability: np.ndarray  # (n,) float64: the model's mean over each

    @property
    def sha256(self) -> str:
        return digest([self.clusters.groups.tolist(), self.wrong.tolist(), self.probability.tolist()])


def judged(networks: str, seed: int, work: Path, *, tiny: bool = False) -> Judged:
    """The phantom in groups by networks of this seed; what is not in `work` yet is made."""
    found = pool(PHANTOM, work / PHANTOM, tiny=tiny)
    settings, design = NETWORKS[networks], BEST
    if tiny:
        settings = replace(settings, training=VAETraining(steps=5, batch=8), most=64)
        design = Design(8, 2)
    folder = work / PHANTOM / f"{FOLDERS[networks]}-{seed}"
    streams = Trial(found, Plan(features=settings), seed, folder).streams()
    clusters = design.grouped(streams, np.random.default_rng((seed, 2)))
    probability = found.proposals.table().probability[found.asked]
    return Judged(networks, seed, clusters, ~found.correct[found.asked], probability)
