"""What the journal remembers; it gives every record its `id` and `created_at`."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Int32, UInt8, UInt16

from microtome.box import Box, Int3

Json = dict[str, Any]

OUTWARD = "outward"
"""The strategy whose queries come to be corrected: they lie beside sections that are labelled."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """A request to paint classes in a box; rank 0 is the first of its round, below 0 are seeds.

    Raises:
        ValueError: If the box is empty, or the score is not a number.
    """

    id: int | None = None
    round: int
    kind: Literal["paint"] = "paint"
    box: Box
    strategy: str
    score: float
    rank: int
    reason: str
    created_at: str | None = None

    def __post_init__(self) -> None:
        if self.box.size == 0:
            raise ValueError(f"a query needs a box with voxels; got {self.box}")
        if math.isnan(self.score):
            raise ValueError(f"a query needs a score that is a number; got {self.score} for box {self.box}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """Labels for a query's box, `IGNORE` where nothing was said, and the time that they took.

    `instances` tells objects of one class apart, 0 where none was named. `method` says how the labels came
    about: "scratch", "accepted", "corrected", …; `shown_model` is the id of the model whose prediction was
    filled in or in view; `draft_seq` is the last step of the draft that they were taken from; `supersedes` is
    the id of the answer to the same query that this one replaces.

    Raises:
        ValueError: If the annotator or method is empty, the time is negative or not finite, or the instances
            have another shape than the labels.
    """

    id: int | None = None
    query_id: int
    annotator: str
    labels: UInt8[np.ndarray, "z y x"]
    active_seconds: float
    method: str
    shown_model: int | None = None
    supersedes: int | None = None
    instances: UInt16[np.ndarray, "z y x"] | None = None
    draft_seq: int | None = None
    created_at: str | None = None

    def __post_init__(self) -> None:
        if self.instances is not None and self.instances.shape != self.labels.shape:
            raise ValueError(
                f"instances need the labels' shape {self.labels.shape}; got {self.instances.shape}"
            )
        if not self.annotator or not self.method:
            raise ValueError(
                f"an answer needs an annotator and a method; got {self.annotator!r} and {self.method!r}"
            )
        if not 0 <= self.active_seconds < math.inf:
            raise ValueError(f"active_seconds must be finite and not negative; got {self.active_seconds}")


@dataclass(frozen=True, kw_only=True)
class Skip:
    """A query that an annotator closed without an answer."""

    id: int | None = None
    query_id: int
    annotator: str
    reason: str
    created_at: str | None = None


INSTANCE = 256  # a painted value is class + INSTANCE * instance

OpKind = Literal["edit", "undo", "redo"]
Tool = Literal[
    "brush",
    "erase",
    "fill",
    "lasso",
    "bridge",
    "remove",
    "interpolate",
    "copy",
    "background",
    "accept",
    "threshold",
    "clear",
    "restore",
]
TAKEN: tuple[Tool, ...] = ("accept", "threshold")
"""The tools that take a prediction over: as it is, and at a threshold of the annotator's."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Op:
    """One step of an annotator's draft, numbered from 1 by `seq`; `key` is the page's name for it.

    Only an edit has a tool and `runs`: rows of start, length and value over the flat index of the query's
    box, where a value is `class + 256 * instance`, or `IGNORE` for unlabelled. `model` is the one whose
    prediction was taken over by one of the tools `TAKEN`.
    """

    id: int | None = None
    query_id: int
    annotator: str
    seq: int
    key: str
    kind: OpKind
    tool: Tool | None = None
    runs: Int32[np.ndarray, "n 3"] = field(default_factory=lambda: np.empty((0, 3), np.int32))
    model: int | None = None
    created_at: str | None = None


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Seconds of activity on a query since the report before; `key` is the page's name for the report."""

    id: int | None = None
    query_id: int
    annotator: str
    key: str
    looking_seconds: float
    editing_seconds: float
    created_at: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Preview:
    """What a model predicts in a box, for people to see: of a query, or, without `query_id`, of a section.

    `uncertainty` is the entropy of the mean prediction, 255 at its largest possible value; `foreground` is
    255 · (1 − p(background)), None of a preview from before it was kept.
    """

    id: int | None = None
    model_id: int
    query_id: int | None
    box: Box
    classes: UInt8[np.ndarray, "z y x"]
    uncertainty: UInt8[np.ndarray, "z y x"]
    foreground: UInt8[np.ndarray, "z y x"] | None = None
    created_at: str | None = None

    def within(self, box: Box) -> UInt8[np.ndarray, "z y x"]:
        """The predicted classes in `box`; what is shown of a query may reach beyond its own box.

        Raises:
            ValueError: If `box` leaves that of the preview.
        """
        if not self.box.contains(box):
            raise ValueError(f"expected a box inside that of preview {self.id}, {self.box}; got {box}")
        return self.classes[box.relative_to(self.box).slices]


VerdictWord = Literal["correct", "incorrect", "unsure", "withdrawn"]
Sorting = Literal["cluster", "random", "audit"]


@dataclass(frozen=True, kw_only=True)
class JudgeQuery:
    """A request to judge an object of a set of proposals; `object_key` is its lasting number in the project.

    `box` is the object's bounding box, `cluster` the group of alike objects that it is shown with, and rank 0
    the first of its round.

    Raises:
        ValueError: If the box is empty, or the score is not a number.
    """

    id: int | None = None
    round: int
    proposals: str
    object_key: int
    box: Box
    cluster: int
    strategy: str
    score: float
    rank: int
    reason: str
    created_at: str | None = None

    def __post_init__(self) -> None:
        if self.box.size == 0:
            raise ValueError(f"object {self.object_key} needs a box with voxels; got {self.box}")
        if math.isnan(self.score):
            raise ValueError(
                f"a query needs a score that is a number; got {self.score} for object {self.object_key}"
            )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What an annotator says of an object; "withdrawn" takes back what they said before.

    `touched` tells one that was chosen from one that came about because nobody objected to the default. `key`
    is the page's name for it, and `sheet_id` the sheet on which it was given, if on one. Of the time that a
    sheet took, a verdict has what no verdict before it accounts for.

    Raises:
        ValueError: If the annotator or key is empty, or the time is negative or not finite.
    """

    id: int | None = None
    query_id: int
    annotator: str
    verdict: VerdictWord
    touched: bool = True
    active_seconds: float = 0.0
    key: str
    sheet_id: int | None = None
    supersedes: int | None = None
    created_at: str | None = None

    def __post_init__(self) -> None:
        _require_said(self.annotator, self.key, self.active_seconds)


@dataclass(frozen=True, kw_only=True)
class Audit:
    """A box, drawn at random, in which people look for objects that were not proposed.

    Raises:
        ValueError: If the box is empty.
    """

    id: int | None = None
    proposals: str
    box: Box
    created_at: str | None = None

    def __post_init__(self) -> None:
        if self.box.size == 0:
            raise ValueError(f"an audit needs a box with voxels; got {self.box}")


@dataclass(frozen=True, kw_only=True)
class AuditAnswer:
    """The objects that an annotator missed in an audit's box, a point each (z y x, voxels of the volume).

    It counts once it is `done`.

    Raises:
        ValueError: If the annotator or key is empty, or the time is negative or not finite.
    """

    id: int | None = None
    audit_id: int
    annotator: str
    points: tuple[Int3, ...]
    done: bool
    active_seconds: float = 0.0
    key: str
    sheet_id: int | None = None
    supersedes: int | None = None
    created_at: str | None = None

    def __post_init__(self) -> None:
        _require_said(self.annotator, self.key, self.active_seconds)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What an annotator is handed at a time: objects to judge, in this order, or the box of an audit."""

    id: int
    proposals: str
    annotator: str
    sorting: Sorting
    query_ids: tuple[int, ...]
    audit_id: int | None
    closed: bool
    created_at: str


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained network: where it lies, how it was made, from which answers and in how many seconds."""

    id: int | None = None
    round: int
    seed: int
    path: str
    settings: Json = field(default_factory=dict)
    trained_on: tuple[int, ...] = ()
    metrics: Json = field(default_factory=dict)
    seconds: float
    created_at: str | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """Anything else worth remembering, under a kind of the writer's choice."""

    id: int | None = None
    kind: str
    data: Json = field(default_factory=dict)
    created_at: str | None = None


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What one answer cost and gave; `voxels` is 0 for one that was superseded, its time still counts."""

    answer_id: int
    query_id: int
    round: int
    annotator: str
    method: str
    current: bool
    voxels: int
    active_seconds: float
    shown_model: int | None  # whose prediction was shown


def _require_said(annotator: str, key: str, active_seconds: float) -> None:
    if not annotator or not key:
        raise ValueError(f"what is said needs an annotator and a key; got {annotator!r} and {key!r}")
    if not 0 <= active_seconds < math.inf:
        raise ValueError(f"active_seconds must be finite and not negative; got {active_seconds}")
