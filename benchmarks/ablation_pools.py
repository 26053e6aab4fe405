"""Proposals for the ablation: the phantom's, and those of a weak network on real data."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from microtome.benchmark.objects.kinds import KINDS
from microtome.benchmark.objects.phantom import ObjectPhantomConfig, object_phantom
from microtome.benchmark.objects.trial import Pool
from microtome.cli.create import NewProject, create
from microtome.cli.session import opened
from microtome.loop.models import predict
from microtome.loop.simulation import Budget, simulate
from microtome.objects.oracle import ObjectOracle
from microtome.objects.predicted import predicted_source
from microtome.objects.sets import ProposalSets
from microtome.objects.settings import ProposalSettings
from microtome.oracle import CostModel

PHANTOM = "phantom"
LABELLED_SECTIONS = 1  # of the phantom; the small volume whose 1 024 objects are known, beside 28 672 others
TINY = ObjectPhantomConfig(sections=3, across=16)


REAL = ("vnc-mitochondria", "isbi2012-mitochondria", "vnc-synapses", "isbi2012-synapses")
DOWNSAMPLE = (1, 2, 2)  # to 9.2 nm and 8 nm
SETTINGS = ProposalSettings(smallest=64, per_section=True)
WAIT = 3600  # seconds, at most, for a trial of the same data that opens them
PATCHES = 32  # of 64² that the network saw, one in three with something of the class


def pool(name: str, folder: Path, *, tiny: bool = False) -> Pool:
    """The proposals of this name, made in `folder` if they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    if name == PHANTOM:
        return _phantom(folder / "volume", tiny=tiny)
    dataset, target = name.split("-")
    return _real(dataset, target, folder / "project")


def _phantom(folder: Path, *, tiny: bool) -> Pool:
    config = ObjectPhantomConfig()
    config = TINY if tiny else replace(config, sections=config.sections + LABELLED_SECTIONS)
    found = object_phantom(config, folder)
    known = found.proposals.table().section < LABELLED_SECTIONS
    names = [kind.name for kind in KINDS]
    return Pool(
        found.image,
        found.proposals,
        found.correct,
        np.flatnonzero(~known),
        np.flatnonzero(known),
        found.kinds,
        names,
    )


def _real(dataset: str, target: str, folder: Path) -> Pool:
    """What a weak network proposes in each section; in those that it learned from, objects are known."""
    if not (folder / "project.toml").exists():
        new = NewProject(
            classes=(target,),
            dataset=dataset,
            downsample=DOWNSAMPLE,
            strategy="random",
            start=PATCHES,
            start_strategy="foreground-random-33",
            recipe="demo",
        )
        create(folder, new, lambda text: None)
    with opened(folder, "cpu", lambda *words: None, wait=WAIT) as session:
        simulate(session, Budget(PATCHES), CostModel())
        store = predict(session)
        source = predicted_source(store.folder, store.classes, store.classes, session.image.shape)
        found = ProposalSets(folder).proposed(source, SETTINGS)
        table, train = found.table(), session.project.config.train_box
        said = ObjectOracle(session.truth).correct(found, range(len(table)))
        image = session.image
    judged = np.array([said[row] != "unsure" for row in range(len(table))])
    correct = np.array([said[row] == "correct" for row in range(len(table))])
    known = (table.section >= train.start[0]) & (table.section < train.stop[0])
    asked, labelled = np.flatnonzero(judged & ~known), np.flatnonzero(judged & known)
    return Pool(image, found, correct, asked, labelled, (~correct).astype(np.int64), ("correct", "incorrect"))
