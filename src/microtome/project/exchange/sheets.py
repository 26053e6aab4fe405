"""What the pictures of an export show: labels out of the journal, put together for a place in one section."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import UInt8

from microtome.box import Box
from microtome.evaluate.agreement import majority
from microtome.labels import BACKGROUND, IGNORE
from microtome.project.exchange.manifest import ExportedFile, ExportedQuery, Manifest, section
from microtome.project.journal import Journal

Labels = UInt8[np.ndarray, "z y x"]
Block = tuple[Box, UInt8[np.ndarray, "_ _ _"]]


@dataclass(frozen=True, eq=False)
class Sheets:
    """The pictures of an export, and what they showed when it was made; the journal forgets nothing.

    `replaced` names, by query, answers that stand in place of what was exported.
    """

    manifest: Manifest
    journal: Journal
    replaced: dict[int, int] = field(default_factory=dict)

    def labels(self, sheet: ExportedFile) -> UInt8[np.ndarray, "y x"]:
        """What `corrected/` and `annotated/` say together, `IGNORE` beside the queries.

        Raises:
            ValueError: If what the manifest names is not in the journal, or does not fit.
        """
        return self._stitched(sheet, self._corrected)

    def raw(self, sheet: ExportedFile) -> UInt8[np.ndarray, "y x"] | None:
        """What the model had predicted; None where no query began with a prediction.

        Raises:
            ValueError: As `labels`.
        """
        if all(one.preview is None for one in self._queries(sheet)):
            return None
        return self._stitched(sheet, self._predicted)

    def _stitched(
        self, sheet: ExportedFile, of: Callable[[ExportedQuery], Labels | None]
    ) -> UInt8[np.ndarray, "y x"]:
        shown = ((self.manifest.place(one), of(one)) for one in self._queries(sheet))
        return stitched(
            self.manifest.place(sheet), ((box, block) for box, block in shown if block is not None)
        )[0]

    def _queries(self, sheet: ExportedFile) -> list[ExportedQuery]:
        return [self._by_id[query] for query in sheet.queries]

    @cached_property
    def _by_id(self) -> dict[int, ExportedQuery]:
        return {one.query: one for one in self.manifest.queries}

    def _corrected(self, one: ExportedQuery) -> Labels:
        answers = (self.replaced[one.query],) if one.query in self.replaced else one.answers
        if answers:
            return majority([self._answer(one, answer_id) for answer_id in answers])
        predicted = self._predicted(one)
        return (
            np.full(self.manifest.place(one).shape, BACKGROUND, np.uint8) if predicted is None else predicted
        )

    def _answer(self, one: ExportedQuery, answer_id: int) -> Labels:
        answer = self.journal.answer(answer_id)
        if answer.query_id != one.query:
            raise ValueError(f"answer {answer_id} is to query {answer.query_id}, not to query {one.query}")
        return answer.labels

    def _predicted(self, one: ExportedQuery) -> Labels | None:
        if one.preview is None:
            return None
        return self.journal.previews.get(one.preview).within(self.manifest.place(one))


def stitched(place: Box, blocks: Iterable[Block]) -> Labels:
    """The labels of a place out of those of boxes, `IGNORE` elsewhere; where boxes overlap the last wins."""
    labels = np.full(place.shape, IGNORE, dtype=np.uint8)
    for box, block in blocks:
        shared = place.intersection(box)
        if shared.size:
            said = block[shared.relative_to(box).slices]
            target = labels[shared.relative_to(place).slices]
            np.copyto(target, said, where=said != IGNORE)
    return labels


def shown_part(box: Box, sheet: Box, picture: UInt8[np.ndarray, "y x"]) -> UInt8[np.ndarray, "_ _"]:
    """What the picture of a place in one section shows of a query's box."""
    _, y, x = section(box, sheet.start[0]).relative_to(sheet).slices
    return picture[y, x]
