"""The whole circle on real mitochondria, small: propose, ask, answer, train, propose again."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from microtome.cli.create import NewProject, create
from microtome.cli.object_names import object_strategies
from microtome.cli.session import opened
from microtome.learn.config import Recipe, TrainConfig
from microtome.learn.vae import VAETraining
from microtome.loop.object_rounds import ObjectSimulation, RoundPlan
from microtome.loop.object_training import object_classes, taught_classes, train_on_objects
from microtome.loop.session import Session
from microtome.loop.simulation import Budget
from microtome.loop.simulation import simulate as paint
from microtome.net.config import NetConfig
from microtome.net.vae import VAEConfig
from microtome.objects.features import FeatureSettings
from microtome.objects.sets import ProposalSets
from microtome.objects.settings import ProposalSettings
from microtome.oracle import CostModel
from microtome.progress import silent
from restoring import ROOT

VNC = ROOT / "vnc_sstem"
CROP = (slice(0, 4), slice(0, 256), slice(0, 512))
RECIPE = Recipe(
    net=NetConfig(widths=(8, 16, 32)),
    train=TrainConfig(steps=40, batch=4, window=(1, 64, 64)),
)
FEATURES = FeatureSettings(
    masks=VAEConfig(latent=4, widths=(16, 32), side=16),
    images=VAEConfig(latent=8, widths=(16, 32), side=16),
    training=VAETraining(steps=20, batch=16),
    side=64,
    step=2,
)


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sections with mitochondria, asked about on the left, tested on the right; and a first model."""
    if not VNC.is_dir():
        pytest.skip(f"{VNC} is not here; set MICROTOME_DATA to test with real data")
    root = tmp_path_factory.mktemp("painted")
    for name in ("image", "mitochondria"):
        np.save(root / f"{name}.npy", tifffile.imread(VNC / f"{name}.tif")[CROP])
    new = NewProject(
        classes=("mitochondria",),
        image=str(root / "image.npy"),
        voxel_size_nm=(50, 4.6, 4.6),
        labels=str(root / "mitochondria.npy"),
        train="0:4,0:256,0:320",
        test="0:4,0:256,320:512",
        strategy="random",
        start_strategy="foreground-random",
    )
    create(root / "vnc", new, lambda text: None)
    with opened(root / "vnc", "cpu", silent) as made:
        paint(replace(made, recipe=RECIPE, sampling="single"), Budget(8), CostModel())
    return root / "vnc"


@contextmanager
def copied(folder: Path) -> Iterator[Session]:
    """A copy of a project, beside the image."""
    copy = folder.with_name(f"copy-{len(list(folder.parent.iterdir()))}")
    shutil.copytree(folder, copy)
    with opened(copy, "cpu", silent) as made:
        yield replace(made, recipe=RECIPE, sampling="single")


@pytest.fixture
def session(painted: Path) -> Iterator[Session]:
    with copied(painted) as session:
        yield session


@pytest.fixture(scope="module")
def after_a_round(painted: Path) -> Path:
    """The project after a round of random objects."""
    with copied(painted) as session:
        assert len(ObjectSimulation(session, plan("random", 1)).run()) == 2
        return session.project.root


@pytest.fixture
def later(after_a_round: Path) -> Iterator[Session]:
    with copied(after_a_round) as session:
        yield session


def plan(strategy: str, rounds: int) -> RoundPlan:
    return RoundPlan(
        strategy=object_strategies((2, 2, 2))[strategy],
        name=strategy,
        each=8,
        rounds=rounds,
        proposals=ProposalSettings(threshold=0.5, smallest=40, per_section=True),
        features=FEATURES,
        tune="images",
        steps=10,
    )


def test_two_rounds_go_on_where_they_were_stopped_and_are_scored_alike(session: Session) -> None:
    once = ObjectSimulation(session, plan("two-stream", 1)).run()
    assert [score.answers for score in once] == [0, 8]
    assert once[0].accuracy == once[0].right  # a model accepts all that it proposed
    twice = ObjectSimulation(session, plan("two-stream", 2)).run()
    assert twice[:2] == once
    assert [score.answers for score in twice] == [0, 8, 16]
    assert len({score.objects for score in twice}) == 1
    journal = session.project.journal
    box = session.project.config.train_box
    queries = journal.verdicts.queries()
    assert all(box.contains(query.box) for query in queries)
    assert len({query.object_key for query in queries}) == len(queries) == 16
    sets = ProposalSets(session.project.root)
    assert sets.finished() == ["001", "002", "003"]
    assert sets.opened("002").result.carried > 0
    assert ObjectSimulation(session, plan("two-stream", 2)).run() == twice
    with pytest.raises(ValueError, match="2 rounds are done already; got 1"):
        ObjectSimulation(session, plan("two-stream", 1)).run()
    with pytest.raises(ValueError, match="was simulated with each 8; got 9: simulate with that"):
        ObjectSimulation(session, replace(plan("two-stream", 3), each=9)).run()


def test_where_no_object_lies_in_the_train_split_there_is_nothing_to_ask(session: Session) -> None:
    everything = ProposalSettings(threshold=1e-9, smallest=40)
    with pytest.raises(ValueError, match=r"nothing to ask: no object of proposals 001 .* splits\.train"):
        ObjectSimulation(session, replace(plan("random", 1), proposals=everything)).run()


def test_a_strategy_that_needs_no_features_makes_none(later: Session) -> None:
    assert not (ProposalSets(later.project.root).opened("001").folder / "features").exists()


def test_rounds_go_on_from_objects_and_networks_that_were_begun_with(session: Session) -> None:
    simulation = ObjectSimulation(session, plan("two-stream", 1))
    features = simulation.begin().folder / "features"
    made = {path: path.stat().st_mtime_ns for path in features.rglob("*") if path.is_file()}
    assert any("mask-vae" in str(path) for path in made)
    simulation.run()
    assert {path: path.stat().st_mtime_ns for path in made} == made


def test_training_on_objects_expects_a_recipe_that_fine_tunes(session: Session) -> None:
    with pytest.raises(ValueError, match="expects a recipe that fine-tunes"):
        train_on_objects(session, [])


def test_objects_of_one_class_of_several_teach_nothing(later: Session) -> None:
    found = ProposalSets(later.project.root).opened("001")
    assert object_classes(later, found) == (1,)
    config = later.project.config.model_copy(update={"classes": ("mitochondria", "membranes")})
    several = replace(later, project=replace(later.project, config=config))
    assert object_classes(several, found) == (1,)
    with pytest.raises(ValueError, match="the project has mitochondria, membranes"):
        taught_classes(several, found)


def test_a_plan_that_is_damaged_is_named(later: Session) -> None:
    (ProposalSets(later.project.root).folder / "simulation.json").write_text("{")
    with pytest.raises(ValueError, match=r"simulation\.json is damaged: a simulation expects its plan there"):
        ObjectSimulation(later, plan("random", 2)).run()
