"""What the page may say, checked before anything else sees it; `page/types.js` has the same for the page."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from microtome.project.records import OpKind, Tool, VerdictWord

LARGEST = 2**53 - 1  # the largest whole number that JavaScript is sure of
LONGEST_NAME = 40
LONGEST_REASON = 200
MOST_REPORTS = 100
MOST_HELD = 16
MOST_SECTIONS = 12
MOST_TILES = 400
MOST_POINTS = 500


def _require_printable(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError("expected printable characters, without blanks around them")
    return text


def _require_runs(value: object) -> list[int]:
    """Checked by hand: one error, not one for each of a million numbers."""
    if not isinstance(value, list) or any(type(part) is not int or not 0 <= part < 2**31 for part in value):
        raise ValueError("expected a list of whole numbers from 0 to 2147483647")
    return value


Id = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
Runs = Annotated[
    list[int],
    PlainValidator(_require_runs),
    WithJsonSchema({"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}}),
]
Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
Key = Annotated[str, Field(pattern="^[0-9A-Za-z-]{8,64}$")]
Annotator = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_require_printable)]
Reason = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON), AfterValidator(_require_printable)]
Said = Literal["correct", "incorrect", "unsure"]
Point = tuple[Count, Count, Count]
Points = Annotated[list[Point], Field(max_length=MOST_POINTS)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Next(_Message):
    """Wants a query that the page does not hold yet."""

    annotator: Annotator
    holding: Annotated[list[Id], Field(max_length=MOST_HELD)] = []


class OpMessage(_Message):
    """One step of a draft; `runs` are flat triples start, length, value."""

    seq: Id
    key: Key
    kind: OpKind
    tool: Tool | None = None
    runs: Runs = []
    model: Id | None = None


class NewOp(_Message):
    """The next step of a draft."""

    annotator: Annotator
    op: OpMessage


class Report(_Message):
    """Seconds of activity on a query since the report before."""

    key: Key
    query: Id
    looking: Seconds
    editing: Seconds


class Activities(_Message):
    """Reports of activity."""

    annotator: Annotator
    reports: Annotated[list[Report], Field(max_length=MOST_REPORTS)]


class NewAnswer(_Message):
    """The draft as it stands is the answer; step and checksum say how it stands.

    `shown` is the model whose prediction was in view.
    """

    annotator: Annotator
    seq: Id
    shown: Id | None = None
    crc: Annotated[int, Field(strict=True, ge=0, lt=2**32)]
    reports: Annotated[list[Report], Field(max_length=MOST_REPORTS)] = []


class NewSkip(_Message):
    """The query is not to be answered."""

    annotator: Annotator
    reason: Reason
    reports: Annotated[list[Report], Field(max_length=MOST_REPORTS)] = []


class Watch(_Message):
    """Sections whose prediction is wanted on the dashboard."""

    sections: Annotated[list[Count], Field(max_length=MOST_SECTIONS)]


class Look(_Message):
    """Wants to see what the latest model predicts of an answered query."""


class Train(_Message):
    """Wants training to begin now."""


class SheetMessage(_Message):
    """Something said on a sheet of objects, under a name of the page's own."""

    annotator: Annotator
    key: Key
    reports: Annotated[list[Report], Field(max_length=MOST_REPORTS)] = []


class NewVerdict(_Message):
    """An object's verdict and the one before it, None where there was none; "withdrawn" takes it back."""

    query: Id
    verdict: VerdictWord
    was: Said | None = None


class NewVerdicts(SheetMessage):
    """Verdicts that were chosen, together."""

    verdicts: Annotated[list[NewVerdict], Field(min_length=1, max_length=MOST_TILES)]


class NewMarks(SheetMessage):
    """What was missed in an audit's box, and what was marked before."""

    points: Points
    was: Points = []


class SaidOf(_Message):
    """What the page shows as said of an object."""

    query: Id
    verdict: Said


class Confirm(SheetMessage):
    """The sheet is done as the page shows it; what was not touched is correct."""

    said: Annotated[list[SaidOf], Field(max_length=MOST_TILES)] = []
    points: Points = []


class Reopen(SheetMessage):
    """The sheet was confirmed by mistake."""


Plane = Literal["classes", "uncertainty", "foreground"]
