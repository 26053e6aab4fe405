"""The loop: ask, answer, train, and again until the budget is spent.

What to do next is read from the journal alone, so a loop that was killed goes on where it was, and asks
what it would have asked.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from microtome.box import Box, Int3, count, grid
from microtome.evaluate.overlap import ContingencyTable, contingency, empty_table
from microtome.labels import IGNORE
from microtome.learn.config import Recipe
from microtome.learn.examples import Example
from microtome.oracle import CostModel, GroundTruthOracle, Oracle
from microtome.predict.blocks import predictions, region_posterior
from microtome.predict.model import SegmentationModel, load_model, save_model
from microtome.predict.posterior import Posterior, class_map
from microtome.predict.sampling import Sampling
from microtome.predict.store import PredictionStore, open_store, predict_into, prediction_chunks
from microtome.progress import Progress, silent
from microtome.project import Answer, Model, Project, Query, total_cost
from microtome.query.candidates import Candidates, open_boxes
from microtome.query.strategy import Strategy
from microtome.volume import Volume

MOST_CANDIDATES = 100_000  # boxes that a round chooses from; a volume with more of them is sampled


@dataclass(frozen=True)
class Budget:
    """Where a simulation ends: patches answered, or minutes spent, whichever is reached first."""

    patches: int
    minutes: float = float("inf")

    def __post_init__(self) -> None:
        if self.patches < 1 or not self.minutes > 0:
            raise ValueError(f"a budget expects at least 1 patch and some minutes; got {self}")


@dataclass(frozen=True)
class Session:
    """An open project with everything that it takes to work on it."""

    project: Project
    recipe: Recipe
    strategy: Strategy
    start: Strategy  # asks before there is a model
    sampling: Sampling
    device: str = "cpu"
    progress: Progress = field(default=silent)

    @property
    def classes(self) -> int:
        """Number of classes, background included."""
        return len(self.project.config.classes) + 1

    @cached_property
    def image(self) -> Volume:
        """The image, opened and checked once."""
        return self.project.image()

    @cached_property
    def truth(self) -> Volume:
        """The known labels.

        Raises:
            ValueError: If the project has none.
        """
        truth = self.project.truth()
        if truth is None:
            raise ValueError(
                f"{self.project.root} has no [truth]: known labels are needed to simulate and to evaluate"
            )
        return truth


def ask(session: Session, n: int) -> list[Query]:
    """Add the next round's queries to the journal, at most `n`, and return them; none when all was asked.

    Raises:
        ValueError: If queries of the round before are still open, the image changed since the project was
            made, or the strategy lacks what it needs.
    """
    journal, config = session.project.journal, session.project.config
    _ = session.image  # opening it refuses one that changed
    if journal.open_queries():
        raise ValueError(
            f"{len(journal.open_queries())} queries are open; answer them before asking for more"
        )
    asked = journal.queries()
    number = 1 + max((query.round for query in asked), default=-1)
    latest = journal.latest_model()
    strategy = session.start if latest is None else session.strategy
    candidates = _candidates(session, [query.box for query in asked], latest)
    selection = strategy.select(candidates, n, np.random.default_rng((config.seed, number)))
    name = config.query.start_strategy if latest is None else config.query.strategy
    return journal.add_queries(
        [
            Query(
                round=number,
                box=candidates.boxes[pick.index],
                strategy=name,
                score=pick.score,
                rank=rank,
                reason=pick.reason,
            )
            for rank, pick in enumerate(selection)
        ]
    )


def batch_size(session: Session) -> int:
    """How many queries the next round has: `query.start` in the first, `query.batch` later."""
    query = session.project.config.query
    return query.batch if session.project.journal.latest_model() else query.start


def train(session: Session) -> Model:
    """Train on all answers and add the model to the journal.

    Raises:
        ValueError: If there is no answer yet.
        OSError: If the model cannot be written.
    """
    journal, config = session.project.journal, session.project.config
    answers = list(journal.answers())
    if not answers:
        raise ValueError("training expects at least one answer; the journal holds none")
    number = max(journal.query(answer.query_id).round for answer in answers)
    latest = journal.latest_model()
    # not more than 63 bits; a seed of its own for each round
    seed = int(np.random.default_rng((config.seed, number, 1)).integers(2**31))
    began = time.monotonic()
    model = _fitted(session, latest, answers, seed)
    seconds = time.monotonic() - began
    folder = _model_folder(session.project, 1 + len(journal.models()))
    save_model(model, folder, seed=seed, answers=[answer.id for answer in answers])
    return journal.add_model(
        Model(
            round=number,
            seed=seed,
            path=str(folder.relative_to(session.project.root)),
            settings=asdict(session.recipe),
            trained_on=tuple(answer.id for answer in answers if answer.id is not None),
            metrics={"loss": model.losses[-1], "classes": list(config.classes)},
            seconds=seconds,
        )
    )


def simulate(session: Session, budget: Budget, cost: CostModel, *, final: Recipe | None = None) -> None:
    """Rounds of asking, answering by the known truth, and training, until `budget` is spent.

    Ends with a model that saw every answer, made by the recipe `final` if one is given. Killed at any
    moment and started again, it goes on where it was.

    Raises:
        ValueError: If the project has no truth.
        OSError: If the project cannot be written.
    """
    journal = session.project.journal
    while True:
        if journal.open_queries() and not _spent(session, budget):
            _answer(session, budget, cost)
        elif _untrained(session):
            train(replace(session, recipe=final) if final and _spent(session, budget) else session)
        elif _spent(session, budget) or not ask(session, _affordable(session, budget)):
            return


@dataclass(frozen=True)
class Evaluation:
    """What a model got right in a box."""

    model: int
    box: Box
    table: ContingencyTable  # pooled over the voxels of the box


def evaluate(session: Session, model_id: int | None = None, box: Box | None = None) -> Evaluation:
    """Compare a model, the latest unless named, with the truth in `box`, the test split unless given.

    Raises:
        ValueError: If there is no such model, no truth, or no test split.
    """
    config, record = session.project.config, recorded(session, model_id)
    domain = box or config.test_box
    if domain is None:
        raise ValueError("expected a box to evaluate in: the project has no splits.test and none was given")
    truth, table = session.truth, empty_table(len(config.classes))
    for place, posterior in predictions(
        load(session, record),
        session.image,
        domain,
        samples=config.query.samples,
        seed=config.seed,
        progress=session.progress,
    ):
        table = table + contingency(truth.read(place), class_map(posterior), len(config.classes))
    return Evaluation(_id(record), domain, table)


def predict(session: Session, model_id: int | None = None, box: Box | None = None) -> PredictionStore:
    """Predict `box`, the whole volume unless given, into the project's store; what is done is not done again.

    Raises:
        ValueError: If there is no such model.
        OSError: If the store cannot be written.
    """
    config, record, image = session.project.config, recorded(session, model_id), session.image
    model = load(session, record)
    store = open_store(
        session.project.predictions_dir / Path(record.path).name,
        config.classes,
        image.shape,
        image.voxel_size_nm,
        prediction_chunks(model.recipe.net),
    )
    predict_into(
        store,
        model,
        image,
        box or Box.of(image.shape),
        samples=config.query.samples,
        seed=config.seed,
        progress=session.progress,
    )
    return store


def recorded(session: Session, model_id: int | None) -> Model:
    """The journal's record of a model: the latest, or the one of that id.

    Raises:
        ValueError: If there is none.
    """
    models = session.project.journal.models()
    chosen = [model for model in models if model_id in (None, model.id)]
    if not chosen:
        known = ", ".join(str(model.id) for model in models) or "none: train one first"
        got = "no number" if model_id is None else model_id
        raise ValueError(f"expected one of the project's models ({known}); got {got}")
    return chosen[-1]


def load(session: Session, record: Model) -> SegmentationModel:
    """The model of a journal's record.

    Raises:
        ValueError: If its folder is missing, damaged, or of another net than the project's.
    """
    model = load_model(session.project.root / record.path, session.recipe, device=session.device)
    return replace(model, sampling=session.sampling)


def _candidates(session: Session, asked: list[Box], latest: Model | None) -> Candidates:
    config = session.project.config
    boxes = open_boxes(_sampled(config.train_box, config.query.shape, config.seed), asked)
    truth = None if config.truth is None else session.truth.read
    predictor = None if latest is None else _predictor(session, latest)
    return Candidates(boxes, session.classes, predictor, truth)


def _sampled(domain: Box, shape: Int3, seed: int) -> list[Box]:
    """The boxes of the grid; of a volume with very many, a random sample, the same for the same seed."""
    if count(domain, shape) <= MOST_CANDIDATES:
        return list(grid(domain, shape))
    sides = [side // n for side, n in zip(domain.shape, shape, strict=True)]
    rng = np.random.default_rng((seed, 0, 2))  # not a stream of any round or training
    cells = np.unique(np.stack([rng.integers(0, side, MOST_CANDIDATES) for side in sides], axis=1), axis=0)
    starts = cells * shape + domain.start
    return [Box((z, y, x), (z + shape[0], y + shape[1], x + shape[2])) for z, y, x in starts.tolist()]


def _predictor(session: Session, record: Model) -> Callable[[Box], Posterior]:
    """The posterior of any box by the recorded model, as the query settings sample it."""
    config, image, model = session.project.config, session.image, load(session, record)
    seed = config.seed * 1000 + record.round  # of dropout masks
    return lambda box: region_posterior(
        model, image, box, samples=config.query.samples, seed=seed, progress=session.progress
    )


def _fitted(session: Session, latest: Model | None, answers: list[Answer], seed: int) -> SegmentationModel:
    if latest is not None and session.recipe.fine_tune is not None:
        base = load(session, latest)
    else:
        base = SegmentationModel(session.recipe, session.classes, session.sampling, session.device)
    examples = examples_from(session.project, session.image, answers, margin=_margin(session.recipe))
    return base.fit(examples, seed=seed, progress=session.progress)


def examples_from(project: Project, image: Volume, answers: list[Answer], *, margin: Int3) -> list[Example]:
    """Each answer with `margin` voxels of image around it, and every label that falls into it."""
    whole = Box.of(image.shape)
    labelled = [(project.journal.query(answer.query_id).box, answer.labels) for answer in answers]
    examples = []
    for box, _ in labelled:
        outer = box.grown(margin).intersection(whole)
        labels = np.full(outer.shape, IGNORE, dtype=np.uint8)
        for other, known in labelled:
            shared = other.intersection(outer)
            if shared.size:
                target = labels[shared.relative_to(outer).slices]
                piece = known[shared.relative_to(other).slices]
                target[piece != IGNORE] = piece[piece != IGNORE]
        examples.append(Example(image.read(outer), labels))
    return examples


def _margin(recipe: Recipe) -> Int3:
    z, y, x = recipe.train.window
    return z // 2, y // 2, x // 2


def _answer(session: Session, budget: Budget, cost: CostModel) -> None:
    """Answer the open queries one by one, each on disk before the next, while the budget lasts."""
    journal = session.project.journal
    queries = journal.open_queries()
    for k, answer in enumerate(_oracle(session, cost).answer(queries)):
        journal.add_answer(answer)
        session.progress("answering", k + 1, len(queries), "")
        if _spent(session, budget):
            return


def _oracle(session: Session, cost: CostModel) -> Oracle:
    truth = session.truth
    latest = session.project.journal.latest_model()
    if latest is None:
        return GroundTruthOracle(truth.read, cost)
    predictor = _predictor(session, latest)
    return GroundTruthOracle(truth.read, cost, lambda box: class_map(predictor(box)), latest.id)


def _untrained(session: Session) -> bool:
    """Whether there are answers that the latest model did not see."""
    latest = session.project.journal.latest_model()
    last = max(latest.trained_on, default=0) if latest else 0
    return next(session.project.journal.answers(since_id=last), None) is not None


def _spent(session: Session, budget: Budget) -> bool:
    cost = total_cost(session.project.journal)
    return cost.answers >= budget.patches or cost.minutes >= budget.minutes


def _affordable(session: Session, budget: Budget) -> int:
    return min(batch_size(session), budget.patches - total_cost(session.project.journal).answers)


def _id(record: Model) -> int:
    assert record.id is not None, "records of a journal have an id"
    return record.id


def _model_folder(project: Project, number: int) -> Path:
    """The folder of the next model, cleared of one that was written but never entered in the journal."""
    folder = project.models_dir / f"{number:03d}"
    shutil.rmtree(folder, ignore_errors=True)
    return folder
