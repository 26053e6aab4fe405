"""What is measured of a model, and of what was asked, in every round of a study."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from microtome.benchmark.protocol.cells import Content
from microtome.benchmark.protocol.task import Task
from microtome.evaluate.calibration import auroc, expected_calibration_error, rank_correlation
from microtome.evaluate.contours import boundary_f, false_negative_area
from microtome.evaluate.overlap import contingency, dice, empty_table, jaccard
from microtome.labels import BACKGROUND, IGNORE
from microtome.oracle import CostModel
from microtome.predict.posterior import class_map, entropy
from microtome.query.candidates import ModelView
from microtome.query.embedding import unit

Measures = dict[str, float]

DEFAULT = CostModel()
SLOW = CostModel(draw_seconds=3 * DEFAULT.draw_seconds, start_seconds=3 * DEFAULT.start_seconds)
MOST_VOXELS = 200_000  # that AUROC and calibration are computed from; of more, a regular sample


def overlap_scores(task: Task, view: ModelView, fn_n: int) -> Measures:
    """Overlap, contours and misses on the test boxes, at the threshold ½; means over the classes."""
    table = empty_table(task.classes - 1)
    contours, missed = [], []
    for box in task.test.boxes:
        truth, predicted = task.test.truth(box), class_map(view.posterior(box))
        predicted[truth == IGNORE] = BACKGROUND
        table = table + contingency(truth, predicted, task.classes - 1)
        for c in range(1, task.classes):
            contours.append(boundary_f(truth == c, predicted == c))
            missed.append(false_negative_area(truth == c, predicted == c, fn_n))
    classes = range(1, task.classes)
    return {
        "jaccard": float(np.mean([jaccard(table, c) for c in classes])),
        "dice": float(np.mean([dice(table, c) for c in classes])),
        "boundary_f": float(np.mean(contours)),
        "fn_n": float(np.mean(missed)),
    }


def signal(task: Task, view: ModelView, free: Sequence[int]) -> Measures:
    """Whether the model's uncertainty tells where it is wrong, over the open candidates."""
    if not free:
        return dict.fromkeys(("spearman", "auroc", "ece"), float("nan"))
    uncertain, wrong_share, voxels, wrong, confident = [], [], [], [], []
    candidates = task.candidates(tuple(free), model=view)
    for index, posterior in candidates.posteriors():
        truth = task.pool.truth(candidates.boxes[index])
        known = truth != IGNORE
        values, errors = entropy(posterior.mean)[known], (class_map(posterior) != truth)[known]
        uncertain.append(values.mean(dtype=np.float64))
        wrong_share.append(errors.mean())
        voxels.append(values)
        wrong.append(errors)
        confident.append(posterior.mean.max(axis=0)[known])
    thin = _thinned(sum(len(values) for values in voxels))
    errors = np.concatenate(wrong)[thin]
    return {
        "spearman": rank_correlation(np.array(uncertain), np.array(wrong_share)),
        "auroc": auroc(np.concatenate(voxels)[thin].astype(np.float64), errors),
        "ece": expected_calibration_error(np.concatenate(confident)[thin].astype(np.float64), ~errors),
    }


def asked(task: Task, picks: Sequence[int], view: ModelView | None) -> Content:
    """Of each pick the share of foreground and the seconds of three annotators; of the batch its redundancy.

    `correcting` draws or corrects what the model shows, whichever is quicker; `drawing` draws everything;
    `slow` is as the first but takes three times as long to begin an object and to draw.
    """
    correcting: list[float] = []
    drawing: list[float] = []
    slow: list[float] = []
    for k in picks:
        box = task.pool.boxes[k]
        truth = np.where(task.pool.truth(box) == IGNORE, BACKGROUND, task.pool.truth(box)).astype(np.uint8)
        drawing.append(DEFAULT.scratch(truth))
        shown = None if view is None else class_map(view.posterior(box))
        for annotator, seconds in ((DEFAULT, correcting), (SLOW, slow)):
            scratch = annotator.scratch(truth)
            seconds.append(scratch if shown is None else min(scratch, annotator.correction(truth, shown)))
    return {
        "foreground": task.foreground[list(picks)].tolist(),
        "seconds_correcting": correcting,
        "seconds_drawing": drawing,
        "seconds_slow": slow,
        "redundancy": redundancy(task.looks[list(picks)]),
    }


def redundancy(rows: Float64[np.ndarray, "n d"]) -> float:
    """Mean cosine of all pairs of rows: 1 where all are alike; NaN of fewer than two."""
    if len(rows) < 2:
        return float("nan")
    cosines = unit(rows) @ unit(rows).T
    return float((cosines.sum() - np.trace(cosines)) / (len(rows) * (len(rows) - 1)))


def _thinned(count: int) -> slice:
    return slice(None, None, max(1, -(-count // MOST_VOXELS)))
