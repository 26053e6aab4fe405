"""A study on what a project's own people answered: which strategy would have served them best so far?"""

from pathlib import Path

import numpy as np

from microtome.benchmark.protocol.spec import Answers, digest
from microtome.benchmark.protocol.task import Scene, Task
from microtome.box import Box
from microtome.evaluate.agreement import majority
from microtome.learn.settings import TABLES
from microtome.loop.training import by_query
from microtome.project import Project, open_project

FEWEST = 12  # answered queries of which anything can be said
TESTED = 3  # one answered query in so many is tested on, and never chosen
NOTES = (
    "Tested on a third of the answers, drawn once at random: neighbours of what was trained on may be among "
    "them, so the scores are higher than they would be elsewhere in the volume.",
    "Only patches that were asked can be chosen: what another strategy would have asked is not known.",
)


def task_of_answers(own: Answers) -> Task:
    """The task that a project's answers make.

    Raises:
        ValueError: If the project has fewer than `FEWEST` answered queries, or is none.
        OSError: If its image cannot be read.
    """
    with open_project(Path(own.folder), TABLES) as project:
        labels = answered(project, own.last)
        image, classes = project.image(), len(project.config.classes) + 1
    if len(labels) < FEWEST:
        raise ValueError(
            f"expected at least {FEWEST} answered queries to compare strategies on; got {len(labels)}"
        )
    boxes = sorted(labels)
    order = np.random.default_rng(0).permutation(len(boxes)).tolist()
    tested = len(boxes) // TESTED

    def truth(box: Box) -> np.ndarray:
        return labels[box]

    pool, test = (tuple(sorted(boxes[k] for k in part)) for part in (order[tested:], order[:tested]))
    content = [[str(box), labels[box].tobytes().hex(), image.read(box).tobytes().hex()] for box in boxes]
    return Task(Scene(image, truth, pool), Scene(image, truth, test), classes, digest(content))


def answered(project: Project, last: int) -> dict[Box, np.ndarray]:
    """The labels of each query that was answered up to that answer; of several people the majority's."""
    answers = [answer for answer in project.journal.answers() if (answer.id or 0) <= last]
    return {project.journal.query(k).box: majority(said) for k, said in by_query(answers).items()}


def schedule(patches: int) -> tuple[int, tuple[int, ...]]:
    """Size of the start set, and the budgets after each round: doubling, up to most of the patches.

    Raises:
        ValueError: If there are fewer than 4 patches.
    """
    if patches < 4:
        raise ValueError(f"expected at least 4 patches to choose from; got {patches}")
    start = max(2, min(8, patches // 4))
    budgets = [start * 2**k for k in range(1, 20) if start * 2**k <= 3 * patches // 4]
    return start, tuple(budgets) or (2 * start,)
