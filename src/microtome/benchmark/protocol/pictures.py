"""Pictures of one seed of a study: what the strategies asked first, and what their last models see."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float64, Shaped, UInt8

from microtome.benchmark.protocol.spec import digest
from microtome.benchmark.protocol.study import Study
from microtome.benchmark.protocol.task import Scene, Task
from microtome.box import Box, Int3, grid
from microtome.evaluate.overlap import contingency, jaccard
from microtome.labels import BACKGROUND, IGNORE
from microtome.predict.posterior import class_map, entropy
from microtome.progress import Progress
from microtome.query.candidates import ModelView
from microtome.query.task import TaskDependent

Arrays = dict[str, Shaped[np.ndarray, "..."]]

SEED = 0
SHOWN = 6  # strategies of which pictures are made
ASKED = 6  # of the first queries of each
COMPARED = 32  # candidates whose similarity is shown
THRESHOLDS = np.linspace(0.05, 0.95, 19)


def pictures(study: Study, shown: Sequence[str], progress: Progress) -> Arrays:
    """Arrays of `panel.npz`: see `read_panel`. Trains the models again, which the cells do not hold.

    All strategies choose their first queries from the same model; the last models of each are compared on
    the test section with most foreground. Scatter and sweep are of the last of `shown`.

    Raises:
        ValueError: If the first seed of a strategy is not complete.
    """
    bench, task = study.bench, study.bench.task
    section = _fullest(task)
    arrays: Arrays = {"image": task.test.image.read(section)[0], "truth": task.test.truth(section)[0]}
    arrays["digest"] = np.array(pictures_digest(study, shown))
    first = bench.fit(SEED, study.start_set(SEED)).on(task.pool)
    for k, name in enumerate(shown):
        progress("pictures", k, len(shown), name)
        history = list(study.history(SEED, name))
        if history[-1][0] < len(bench.spec.budgets):
            raise ValueError(f"expected seed {SEED} of {name} to be complete; it is not")
        arrays |= _queries(task, first, history[0][2]["picks"][:ASKED], f"query/{name}/1")  # type: ignore[index]
        view = bench.fit(SEED, history[-1][1]).on(task.test)
        predicted = class_map(view.posterior(section))
        arrays |= {f"pred/{name}": predicted[0], f"jaccard/{name}": _jaccard(task, section, predicted)}
        if k == len(shown) - 1:
            arrays |= _reliability(task.test, view, bench.spec.query_shape)
    for strategy in bench.strategies.values():
        if isinstance(strategy, TaskDependent):
            arrays |= _similarity(study, first, strategy)
    progress("pictures", len(shown), len(shown), "")
    return arrays


def pictures_digest(study: Study, shown: Sequence[str]) -> str:
    """Of all that the pictures depend on: where it has changed they are to be made anew."""
    asked = [[list(labelled) for _, labelled, _ in study.history(SEED, name)] for name in shown]
    similar = [name for name, one in study.bench.strategies.items() if isinstance(one, TaskDependent)]
    return digest([study.bench.digest, list(shown), asked, similar])


def _similarity(study: Study, view: ModelView, strategy: TaskDependent) -> Arrays:
    """What the task-dependent strategy goes by, of a few candidates and the start set."""
    start = study.start_set(SEED)
    candidates = study.bench.task.candidates(
        study.bench.open(start), model=view, labelled=tuple(study.bench.task.pool.boxes[k] for k in start)
    )
    few = replace(strategy, pool=COMPARED)
    pool, found = few.measured(candidates, np.random.default_rng(SEED))
    _, chosen = few.searched(candidates, pool, found, len(start))
    learnt = list(range(len(pool), len(found.matrix)))
    return {
        "similarity/matrix": found.matrix,
        "similarity/measured": found.measured,
        "similarity/before": found.expected(learnt),
        "similarity/after": found.expected([*learnt, *chosen]),
    }


def _fullest(task: Task) -> Box:
    shares = [
        np.count_nonzero((task.test.truth(box) != IGNORE) & (task.test.truth(box) > 0))
        for box in task.test.boxes
    ]
    return task.test.boxes[int(np.argmax(shares))]


def _jaccard(task: Task, section: Box, predicted: UInt8[np.ndarray, "z y x"]) -> Float64[np.ndarray, ""]:
    """Of the section that is shown, mean over the classes."""
    truth = task.test.truth(section)
    table = contingency(
        truth, np.where(truth == IGNORE, BACKGROUND, predicted).astype(np.uint8), task.classes - 1
    )
    return np.array(np.mean([jaccard(table, c) for c in range(1, task.classes)]))


def _queries(task: Task, view: ModelView, picks: Sequence[int], key: str) -> Arrays:
    boxes = [task.pool.boxes[k] for k in picks]
    middle = boxes[0].shape[0] // 2
    return {
        f"{key}/image": np.stack([task.pool.image.read(box)[middle] for box in boxes]),
        f"{key}/truth": np.stack([task.pool.truth(box)[middle] for box in boxes]),
        f"{key}/uncertainty": np.stack([entropy(view.posterior(box).mean)[middle] for box in boxes]),
    }


def _reliability(scene: Scene, view: ModelView, patch: Int3) -> Arrays:
    """Dice against uncertainty of every test patch that holds or shows an object; Dice over the threshold."""
    uncertain, overlap = [], []
    counts = np.zeros((len(THRESHOLDS), 2))
    for box in scene.boxes:
        posterior, truth = view.posterior(box), scene.truth(box)
        known, proba = truth != IGNORE, 1 - posterior.mean[0]
        found, voxels = proba >= 0.5, entropy(posterior.mean)
        depth, height, width = map(min, patch, box.shape)  # a section is thinner than a 3-D query
        for place in grid(Box.of(box.shape), (depth, height, width)):
            inside = place.slices
            if (found[inside] & known[inside]).any() or (known[inside] & (truth[inside] > 0)).any():
                uncertain.append(float(voxels[inside].mean()))
                overlap.append(_dice(found[inside][known[inside]], truth[inside][known[inside]] > 0))
        counts += _counts(proba[known], truth[known])
    return {
        "scatter/uncertainty": np.array(uncertain),
        "scatter/dice": np.array(overlap),
        "sweep/threshold": THRESHOLDS,
        "sweep/dice": counts[:, 0] / np.maximum(counts[:, 1], 1),
    }


def _counts(proba: Shaped[np.ndarray, "n"], truth: UInt8[np.ndarray, "n"]) -> Float64[np.ndarray, "t 2"]:
    """Twice the intersection, and the sum of sizes, at each threshold."""
    rows = [
        (2 * np.count_nonzero((proba >= t) & (truth > 0)), np.count_nonzero(proba >= t)) for t in THRESHOLDS
    ]
    return np.array([(both, found + np.count_nonzero(truth > 0)) for both, found in rows], dtype=np.float64)


def _dice(found: Bool[np.ndarray, "n"], there: Bool[np.ndarray, "n"]) -> float:
    sizes = int(np.count_nonzero(found)) + int(np.count_nonzero(there))
    return 2 * int(np.count_nonzero(found & there)) / max(sizes, 1)
