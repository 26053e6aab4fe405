"""What the journal remembers: queries, answers, skips, models, events; it gives `id` and `created_at`."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from microtome.box import Box

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Query:
    """A request to paint the classes in a box; rank 0 is the first of its round.

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

    `method` says how they came about: "scratch", "corrected", …; `shown_model` is the id of the model whose
    prediction was filled in before; `supersedes` is the id of the answer to the same query that it replaces.

    Raises:
        ValueError: If the annotator or method is empty, or the time is negative or not finite.
    """

    id: int | None = None
    query_id: int
    annotator: str
    labels: UInt8[np.ndarray, "z y x"]
    active_seconds: float
    method: str
    shown_model: int | None = None
    supersedes: int | None = None
    created_at: str | None = None

    def __post_init__(self) -> None:
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

    query_id: int
    round: int
    annotator: str
    current: bool
    voxels: int
    active_seconds: float
