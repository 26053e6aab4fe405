"""What growing costs: minutes a megavoxel by model, as Guay (2021) has it, and what the rest may take."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from microtome.box import Box, count
from microtome.project.cost import MEGAVOXEL, Cost, costs_of
from microtome.project.folder import Project
from microtome.project.growth import audits_of, sections_in
from microtome.project.journal import Journal
from microtome.project.records import Effort, Model

DRIFT = "drift"  # the kind of event that says how a model did on an audit
ALARM = 2.0  # times the cost near by; Guay (2021) measured 2.4 in sections far away
DRAWS = 2000  # of the bootstrap


@dataclass(frozen=True)
class Iteration:
    """What the boxes cost that one model filled in; the first were drawn by hand."""

    number: int
    model: int | None
    sections: int  # that the model learned from
    net: str
    errors: str  # which weigh more
    members: int
    cost: Cost


def iterations(project: Project) -> list[Iteration]:
    """Every model that filled something in which was answered, in order, without audits."""
    journal = project.journal
    models = {model.id: model for model in journal.models()}
    found = []
    for number, (key, efforts) in enumerate(_by_model(journal)):
        model = models.get(key)
        sections = 0 if model is None else sections_in(journal, model.trained_on)
        kind = ("by hand", "", 0) if model is None else _kind(model)
        found.append(Iteration(number, key, sections, *kind, costs_of(None, efforts)))
    return found


def _by_model(journal: Journal) -> list[tuple[int | None, list[Effort]]]:
    """Efforts by the model that was shown for a query's first answer, else by that of its round.

    What was drawn by hand comes first, and stays there when it is corrected later.
    """
    far = {query.id for query in audits_of(journal)}
    efforts = [effort for effort in journal.efforts() if effort.query_id not in far]
    of_round = {model.round + 1: model.id for model in journal.models()}
    shown: dict[int, int | None] = {}
    found: dict[int | None, list[Effort]] = {}
    for effort in efforts:
        model = shown.setdefault(effort.query_id, effort.shown_model) or of_round.get(effort.round)
        found.setdefault(model, []).append(effort)
    return sorted(found.items(), key=lambda pair: pair[0] or 0)


def _kind(model: Model) -> tuple[str, str, int]:
    """The net, the errors that weighed more, and the members of a model, as it was trained."""
    net, corrections = model.settings["net"], model.settings["corrections"]
    thin = any(kernel[0] > 1 for kernel in net["kernels"])
    word = "thin" if thin else "separable" if net["separable"] else "flat"
    return word, corrections["errors"] if corrections["strength"] else "none", model.settings["members"]


@dataclass(frozen=True)
class Forecast:
    """Minutes for the boxes that are left to ask for, and the interval of 95 % of resampled sections.

    The interval is None where one section alone tells of the rate.
    """

    boxes: int
    megavoxels: float
    minutes: float
    low: float | None
    high: float | None


def forecast(project: Project, *, seed: int = 0) -> Forecast | None:
    """What the rest of `splits.train` may take, at the rate of the latest model's sections.

    The interval resamples those sections (percentile bootstrap), and where the latest model does worse far
    away its upper end is that much higher. None before a section was corrected whose minutes are known.
    """
    journal, config = project.journal, project.config
    rates = _rates(journal)
    if not len(rates):
        return None
    done = {effort.query_id for effort in journal.efforts()} | {skip.query_id for skip in journal.skips()}
    left = count(config.train_box, config.query.shape) - len(done)
    z, y, x = config.query.shape
    megavoxels = max(left, 0) * z * y * x / MEGAVOXEL
    expected = megavoxels * float(rates.mean())
    if len(rates) == 1:
        return Forecast(max(left, 0), megavoxels, expected, None, None)
    rng = np.random.default_rng(seed)
    means = rng.choice(rates, (DRAWS, len(rates))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5)).tolist()
    farther = max((drift.ratio for drift in drifts(journal)[-1:]), default=1.0)
    return Forecast(
        max(left, 0),
        megavoxels,
        expected,
        megavoxels * low,
        megavoxels * high * max(farther, 1.0),
    )


@dataclass(frozen=True)
class Drift:
    """How much dearer a model's prediction is to correct in an audit than near what it learned from.

    Both are seconds of the cost model for the same kind of correction, so no person's pace is in it.
    """

    model: int
    box: Box
    far: float  # minutes a megavoxel
    near: float
    missed: float  # FN-401 in the audit, percent of its area
    made_up: float  # FP-401

    @property
    def ratio(self) -> float:
        """Far over near; 1 where nothing is to be corrected at either place."""
        return self.far / self.near if self.near else 1.0 if not self.far else float("inf")

    @property
    def alarm(self) -> bool:
        """Whether the next seed should be planted there."""
        return self.ratio >= ALARM


def drifts(journal: Journal) -> list[Drift]:
    """What was found in audits, in order; of each model the place where it did worst comes last."""
    found = []
    for event in journal.events(DRIFT):
        data = dict(event.data)
        start, stop = (tuple(corner) for corner in data.pop("box"))
        found.append(Drift(box=Box(start, stop), **data))
    return sorted(found, key=lambda drift: (drift.model, drift.ratio))


def told(project: Project) -> dict[str, Any]:
    """What growing cost by model, what the rest may take, and how models do far away, as plain data."""
    ahead = forecast(project)
    far = drifts(project.journal)
    return {
        "iterations": [
            {
                "iteration": step.number,
                "model": step.model,
                "learned_from": step.sections,
                "net": step.net,
                "errors": step.errors or None,
                "members": step.members or None,
                "answers": step.cost.answers,
                "megavoxels": step.cost.megavoxels,
                "minutes": step.cost.minutes,
                "min_per_mvox": step.cost.minutes_per_megavoxel,
                "least": step.cost.least,
                "most": step.cost.most,
            }
            for step in iterations(project)
        ],
        "forecast": None if ahead is None else asdict(ahead),
        "audits": [
            {**asdict(drift), "box": str(drift.box), "ratio": drift.ratio, "alarm": drift.alarm}
            for drift in far
        ],
    }


def _rates(journal: Journal) -> Float64[np.ndarray, "n"]:
    """Minutes a megavoxel of each section that the latest model filled in, where known."""
    by_query: dict[int, list[Effort]] = {}
    for model, efforts in _by_model(journal)[-1:]:
        for effort in efforts if model is not None else ():
            by_query.setdefault(effort.query_id, []).append(effort)
    costs = (costs_of(None, said) for said in by_query.values())
    return np.array(
        [cost.minutes_per_megavoxel for cost in costs if cost.voxels and cost.minutes], np.float64
    )
