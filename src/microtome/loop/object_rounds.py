"""Rounds of proposing objects, asking, answering by the known truth, and training, until all are done.

What to do next is read from the project, so a simulation that was killed goes on where it was.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from microtome.box import Box
from microtome.evaluate.objects import roi_accuracy
from microtome.loop.models import predict, view
from microtome.loop.object_features import decided, feature_maker, kept_networks
from microtome.loop.object_training import judged_objects, object_classes, train_on_objects
from microtome.loop.session import Session
from microtome.objects.acceptance import mean_probability
from microtome.objects.asking import ObjectAsking
from microtome.objects.features import FeatureSettings, Tuned
from microtome.objects.feedback import tuning
from microtome.objects.oracle import ANNOTATOR, ObjectOracle, Rule
from microtome.objects.predicted import predicted_source
from microtome.objects.proposals import Proposals
from microtome.objects.sets import ProposalSets
from microtome.objects.settings import ProposalSettings
from microtome.objects.strategies import TwoStream
from microtome.objects.streams import Streams
from microtome.objects.table import ObjectTable
from microtome.predict.store import PredictionStore
from microtome.project import Model
from microtome.query.strategy import Strategy
from microtome.whole import whole_file

PLAN = "simulation.json"  # beside the sets: by which plan the project is simulated

StrategyMaker = Callable[[ObjectTable, Callable[[], Streams]], Strategy]
"""A strategy for the objects of a table; their features are made only if it asks for them."""


@dataclass(frozen=True)
class RoundPlan:
    """What a simulation does in each round, and how many there are."""

    strategy: StrategyMaker
    name: str  # of the strategy
    each: int = 1280  # objects asked about in a round
    rounds: int = 2
    proposals: ProposalSettings = field(default_factory=ProposalSettings)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    tune: Tuned | None = None  # the streams whose networks learn from the answers of each round
    steps: int | None = None  # of fine-tuning the model; None as the project has it
    rule: Rule = "covers-half"

    def words(self) -> dict[str, object]:
        """All of it but how many rounds there are, as it is written down."""
        features = {"features": self.features.kept(), "proposals": asdict(self.proposals)}
        plain = {name: getattr(self, name) for name in ("name", "each", "tune", "steps", "rule")}
        return {**plain, **features}

    def __post_init__(self) -> None:
        if self.each < 1 or self.rounds < 1:
            raise ValueError(f"expected at least one object and one round; got {self.each}, {self.rounds}")


@dataclass(frozen=True, slots=True)
class RoundScore:
    """How often a model accepts the test objects that are right, and no others."""

    model: int
    answers: int  # objects that it learned from
    objects: int  # that are tested
    right: float  # share of them that is correct: what accepting all of them would get
    accuracy: float


@dataclass(frozen=True, eq=False)
class ObjectSimulation:
    """A project with a first model and known truth, taken through rounds of object queries.

    Objects wholly in `splits.test` are never asked about: those of the first set are what models are tested
    on, by the mean of their probability over each.
    """

    session: Session
    plan: RoundPlan

    def run(self) -> list[RoundScore]:
        """All rounds that are not done yet; scores before the first and after each.

        Raises:
            ValueError: If there is no model, truth, test split or object to ask about or to test on, people
                judged objects here, or the project was simulated by another plan or in more rounds.
            OSError: If the project cannot be written.
        """
        self._test_box()
        self._keep_to_plan()
        while True:
            found = self._proposed()
            if self._trained() >= self.plan.rounds:
                return self._scores()
            self._ask(found)
            self._answer(found)
            self._train()

    def begin(self) -> Proposals:
        """The first objects and their features, which `run` makes otherwise when a strategy asks for them.

        Raises:
            ValueError: If there is no model.
            OSError: If the project cannot be written.
        """
        found = self._proposed()
        self._features(found)
        return found

    def _keep_to_plan(self) -> None:
        """Write down by which plan the project is simulated; what was begun by another one is refused."""
        people = {verdict.annotator for verdict in self.session.project.journal.verdicts.verdicts()}
        if people - {ANNOTATOR}:
            raise ValueError(
                f"{self.session.project.root} holds verdicts of {', '.join(sorted(people - {ANNOTATOR}))}: "
                "a simulation expects a project of its own"
            )
        if self._trained() > self.plan.rounds:
            raise ValueError(f"{self._trained()} rounds are done already; got {self.plan.rounds}")
        path = ProposalSets(self.session.project.root).folder / PLAN
        words = json.loads(json.dumps(self.plan.words()))
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            with whole_file(path) as partial:
                partial.write_text(json.dumps(words, indent=1))
        try:
            before = dict(json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} is damaged: a simulation expects its plan there") from error
        for name, value in words.items():
            if before.get(name) != value:
                raise ValueError(
                    f"{self.session.project.root} was simulated with {name} {before.get(name)}; got {value}: "
                    "simulate with that, or in a new project"
                )

    def _trained(self) -> int:
        return sum("objects" in model.metrics for model in self.session.project.journal.models())

    def _proposed(self) -> Proposals:
        session, plan = self.session, self.plan
        store = predict(session)
        source = predicted_source(store.folder, store.classes, store.classes, session.image.shape)
        sets = ProposalSets(session.project.root)
        return sets.proposed(source, plan.proposals, progress=session.progress)

    def _ask(self, found: Proposals) -> None:
        session, verdicts = self.session, self.session.project.journal.verdicts
        if verdicts.queries(found.folder.name):
            return
        latest = session.project.journal.latest_model()
        strategy = self.plan.strategy(found.table(), lambda: self._features(found))
        asking = ObjectAsking(
            verdicts,
            found,
            strategy,
            self.plan.name,
            session.project.config.seed,
            session.project.config.train_box,
            None if latest is None else view(session, latest),
            strategy if isinstance(strategy, TwoStream) else None,
        )
        if not asking.ask(self.plan.each):
            raise ValueError(
                f"nothing to ask: no object of proposals {found.folder.name} without a verdict lies wholly "
                f"in splits.train {session.project.config.train_box}"
            )

    def _answer(self, found: Proposals) -> None:
        verdicts = self.session.project.journal.verdicts
        judged = verdicts.judged()
        waiting = [query for query in verdicts.queries(found.folder.name) if query.object_key not in judged]
        if waiting:
            verdicts.add_verdicts(self._oracle(found).verdicts(found, waiting))

    def _train(self) -> None:
        session = self.session
        recipe = tuning(session.recipe, steps=self.plan.steps)
        train_on_objects(replace(session, recipe=recipe), judged_objects(session))

    def _oracle(self, found: Proposals) -> ObjectOracle:
        return ObjectOracle(self.session.truth, object_classes(self.session, found), self.plan.rule)

    def _features(self, found: Proposals) -> Streams:
        """By the networks of the set before, which may have learned from its answers; the first has new."""
        session, settings = self.session, self.plan.features
        sets = ProposalSets(session.project.root)
        before = [name for name in sets.finished() if int(name) < int(found.folder.name)]
        networks = None
        if before:
            previous = sets.opened(before[-1])
            _, correct = decided(session, previous)
            tune = self.plan.tune if correct.any() and not correct.all() else None
            networks = kept_networks(session, previous, settings, tune)
        return feature_maker(session, found, settings).made(networks)

    def _scores(self) -> list[RoundScore]:
        """Of the model before the first round, and of those that learned from objects."""
        sets, models = ProposalSets(self.session.project.root), self.session.project.journal.models()
        first = sets.opened(sets.finished()[0])
        box, table = self._test_box(), first.table()
        rows = [row for row in range(len(table)) if box.contains(table.box(row))]
        said = self._oracle(first).correct(first, rows)
        rows = [row for row in rows if said[row] != "unsure"]
        if not rows:
            raise ValueError(f"no proposed object lies wholly in splits.test {box}: nothing to test on")
        truth = np.array([said[row] == "correct" for row in rows])
        begin = next(k for k, model in enumerate(models) if "objects" in model.metrics)
        return [self._score(model, first, np.array(rows), truth) for model in models[begin - 1 :]]

    def _score(self, model: Model, first: Proposals, rows: np.ndarray, truth: np.ndarray) -> RoundScore:
        project = self.session.project
        store = PredictionStore(project.predictions_dir / Path(model.path).name, project.config.classes)
        accepted = mean_probability(first, store.volumes()[:-1])[rows]
        learned = model.metrics.get("objects", {"correct": 0, "incorrect": 0})
        assert model.id is not None, "records of a journal have an id"
        return RoundScore(
            model.id,
            learned["correct"] + learned["incorrect"],
            len(rows),
            float(truth.mean()),
            roi_accuracy(accepted, truth),
        )

    def _test_box(self) -> Box:
        box = self.session.project.config.test_box
        if box is None:
            raise ValueError("a simulation of object queries expects splits.test: nothing to test on")
        return box
