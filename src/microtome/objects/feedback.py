"""From what people decided of objects back to voxels, for a model to learn from (Lin et al. 2020).

A correct object's voxels are foreground, an incorrect one's background; what lies around them stays unknown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64, Shaped, UInt8

from microtome.box import Box, Int3
from microtome.labels import BACKGROUND, IGNORE, annotated
from microtome.learn.config import Recipe, TrainConfig
from microtome.learn.examples import Example
from microtome.objects.decisions import Decision
from microtome.objects.proposals import Proposals
from microtome.objects.table import ObjectTable
from microtome.query.candidates import pieces
from microtome.volume import Volume

INITIAL_SHARE = 0.25  # of the windows that come from painted examples (Lin et al. 2020)
LONGEST: Int3 = (16, 256, 256)  # voxels of an object that are taught, around its largest section
CELL: Int3 = (32, 512, 512)  # voxels; objects that begin in one are read together
STEPS = 400  # of fine-tuning, unless the project says how it fine-tunes
SLOWER = 0.3  # of the learning rate, likewise


@dataclass(frozen=True, eq=False)
class Judged:
    """Objects of a set of proposals and whether each is correct.

    `classes` are what the objects are in the labels of the project: one, or the pre- and the post-synaptic
    side.

    Raises:
        ValueError: If a row is unknown, or the classes are not one for each side of an object.
    """

    proposals: Proposals
    correct: Mapping[int, bool]  # by row of the table
    classes: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        count = self.proposals.result.objects
        strange = [row for row in self.correct if not 0 <= row < count]
        if strange:
            raise ValueError(f"expected rows of {count} objects; got {strange[0]}")
        sides = 1 if self.proposals.sides() is None else 2
        if len(self.classes) != sides or min(self.classes) <= BACKGROUND:
            raise ValueError(f"expected {sides} class(es) that the objects are; got {self.classes}")

    def labels(self, box: Box) -> UInt8[np.ndarray, "z y x"]:
        """What the decisions say of the voxels of a box; unknown where they say nothing.

        Raises:
            OSError: If the label volumes cannot be read.
        """
        said = np.full((2, self.proposals.result.objects + 1), IGNORE, np.uint8)
        for row, correct in self.correct.items():
            said[:, row + 1] = (self.classes[0], self.classes[-1]) if correct else BACKGROUND
        ids, sides = self.proposals.ids().read(box), self.proposals.sides()
        if sides is None:
            return said[0][ids]
        return said[np.maximum(sides.read(box), 1) - 1, ids]


def decided_rows(table: ObjectTable, found: Mapping[int, Decision]) -> dict[int, bool]:
    """Of the objects of a table that people decided on, by row, whether each is correct.

    Decisions on objects that the table no longer has, and open ones, are left out.
    """
    rows = {key: row for row, key in enumerate(table.keys.tolist())}
    return {
        rows[key]: decision.correct
        for key, decision in found.items()
        if key in rows and decision.correct is not None
    }


def judged_examples(judged: Judged, image: Volume, margin: Int3) -> list[Example]:
    """An example of each object that was decided on: its box with `margin` voxels of image around it.

    Of a very long object it is a part, around the section in which it is largest. Other objects in the box
    are taught as they were decided.

    Raises:
        ValueError: If the image is of another shape than the proposals.
        OSError: If a volume cannot be read.
    """
    if image.shape != judged.proposals.plan.shape:
        raise ValueError(
            f"expected an image of the proposals' shape {judged.proposals.plan.shape}; got {image.shape}"
        )
    table, whole = judged.proposals.table(), Box.of(image.shape)
    rows = sorted(judged.correct)
    outer = [box.grown(margin).intersection(whole) for box in _parts(judged.proposals, table, rows)]
    examples: list[Example] = []
    for hull, members in pieces(outer, CELL):
        grey, labels = image.read(hull), judged.labels(hull)
        for k in members:
            place = outer[k].relative_to(hull).slices
            examples.append(Example(grey[place].copy(), labels[place].copy(), image.voxel_size_nm))
    return examples


def mixed(
    painted: Sequence[Example], judged: Sequence[Example], initial: float = INITIAL_SHARE
) -> list[Example]:
    """Examples of which a share `initial` of the windows is drawn from what was painted.

    Painted ones share theirs by their labelled voxels, judged objects alike, be they large or small.

    Raises:
        ValueError: If the share is not in [0, 1), or nothing is painted or judged that should be drawn from.
    """
    voxels = [int(annotated(example.labels).sum()) for example in painted]
    if not 0 <= initial < 1 or not judged or (initial and not sum(voxels)):
        raise ValueError(
            f"expected a share of painted windows in [0, 1) and examples of either kind; got {initial}, "
            f"{sum(map(bool, voxels))} painted and {len(judged)} judged"
        )
    weighted = [
        replace(example, weight=initial * count / sum(voxels))
        for example, count in zip(painted, voxels, strict=True)
        if initial and count
    ]
    return [*weighted, *(replace(example, weight=(1 - initial) / len(judged)) for example in judged)]


def tuning(recipe: Recipe, *, steps: int | None = None, learning_rate: float | None = None) -> Recipe:
    """The recipe with which a model learns from judged objects: as the project fine-tunes, if it says how.

    Otherwise it is a shorter training at a lower rate. Windows are drawn from all examples by their weights
    alone, so none is rejected or drawn around foreground.

    Raises:
        ValueError: If a setting is out of range.
    """
    base = recipe.fine_tune or replace(
        recipe.train, steps=STEPS, epochs=0, learning_rate=SLOWER * recipe.train.learning_rate
    )
    tune: TrainConfig = replace(base, foreground=0.0, reject=0.0)
    if steps is not None:
        tune = replace(tune, steps=steps, epochs=0)
    if learning_rate is not None:
        tune = replace(tune, learning_rate=learning_rate)
    return replace(recipe, fine_tune=tune)


def _parts(found: Proposals, table: ObjectTable, rows: Sequence[int]) -> list[Box]:
    """The box of each object, cut down to `LONGEST` around a voxel of its largest section."""
    ids = found.ids()
    boxes = []
    for row in rows:
        box = table.box(row)
        if any(side > most for side, most in zip(box.shape, LONGEST, strict=True)):
            middle = _middle(ids.read(_section(table, row)), int(table.ids[row]), _section(table, row))
            box = _around(middle, box)
        boxes.append(box)
    return boxes


def _section(table: ObjectTable, row: int) -> Box:
    box, z = table.box(row), int(table.section[row])
    return Box((z, *box.start[1:]), (z + 1, *box.stop[1:]))


def _middle(ids: Shaped[np.ndarray, "1 y x"], key: int, section: Box) -> Int64[np.ndarray, "3"]:
    """The voxel of the object nearest the mean of those in this section."""
    own = np.argwhere(ids == key)
    nearest = own[((own - own.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return nearest + section.start


def _around(middle: Int64[np.ndarray, "3"], box: Box) -> Box:
    corners = list(_cut(middle.tolist(), box))
    return Box(*zip(*corners, strict=True))


def _cut(middle: Sequence[int], box: Box) -> Iterator[tuple[int, int]]:
    for at, low, high, most in zip(middle, box.start, box.stop, LONGEST, strict=True):
        start = max(low, min(at - most // 2, high - most))
        yield start, min(high, start + most)
