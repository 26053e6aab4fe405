"""How models do far from what they learned: tried on the audits, against what they filled in near by."""

import numpy as np
from jaxtyping import UInt8

from microtome.evaluate.contours import false_negative_area, false_positive_area
from microtome.labels import IGNORE
from microtome.loop.models import view
from microtome.loop.session import Session
from microtome.oracle import CostModel, Hand
from microtome.predict.posterior import class_map
from microtome.project import Journal, Model
from microtome.project.cost import MEGAVOXEL
from microtome.project.growth import audits_of, grows
from microtome.project.growth_cost import DRIFT, drifts

PIECE = 401  # voxels of a missed or made-up piece that matters: Guay (2021), figure 3
WORTH = Hand(tolerance=1, smallest=20, thresholds=(0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95))
"""Who corrects slides the threshold to where it is best, and leaves alone what is hardly wrong."""


def look_far(session: Session, cost: CostModel) -> bool:
    """Try the latest model on an audit that was answered, if it was not tried there; whether there was one.

    Raises:
        ValueError: If the model is damaged.
        OSError: If the image cannot be read.
    """
    journal, latest = session.project.journal, session.project.journal.latest_model()
    if latest is None or latest.id is None or not grows(session.project.config):
        return False
    tried = {str(drift.box) for drift in drifts(journal) if drift.model == latest.id}
    for query in audits_of(journal):
        answers = journal.answers_to(query.id or 0)
        if answers and str(query.box) not in tried:
            near = _near(journal, latest, cost)
            if near is None:
                return False
            predicted = class_map(view(session, latest).posterior(query.box))
            labels = answers[-1].labels
            known = labels != IGNORE
            truth, found = known & (labels > 0), known & (predicted > 0)
            journal.add_event(
                DRIFT,
                {
                    "model": latest.id,
                    "box": [list(query.box.start), list(query.box.stop)],
                    "far": _minutes(cost, labels, predicted),
                    "near": near,
                    "missed": false_negative_area(truth, found, PIECE),
                    "made_up": false_positive_area(truth, found, PIECE),
                },
            )
            return True
    return False


def _near(journal: Journal, model: Model, cost: CostModel) -> float | None:
    """Minutes a megavoxel to correct what this model filled in; None where nothing was corrected yet."""
    assert model.id is not None, "records of a journal have an id"
    far = {query.id for query in audits_of(journal)}
    last = max(model.trained_on, default=0)
    rates = []
    for answer in journal.answers(since_id=last):
        preview = journal.previews.shown(answer.query_id, model.id)
        if preview is not None and answer.query_id not in far:
            shown = preview.within(journal.query(answer.query_id).box)
            rates.append(_minutes(cost, answer.labels, shown))
    return float(np.mean(rates)) if rates else None


def _minutes(cost: CostModel, labels: UInt8[np.ndarray, "z y x"], shown: UInt8[np.ndarray, "z y x"]) -> float:
    """Minutes a megavoxel that a correction of what is worth it takes, by the cost model."""
    said = np.where(labels == IGNORE, shown, labels)
    return cost.correction(WORTH.corrected(said, shown), shown) / 60 / (labels.size / MEGAVOXEL)
