"""What the steps of a draft amount to."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microtome.labels import IGNORE
from microtome.project.records import Op, Tool
from microtome.serve.draft import Draft, require_runs, require_values, runs_of

SHAPE = (2, 3, 4)


def _op(
    seq: int, kind: str = "edit", runs: list[tuple[int, int, int]] = (), tool: Tool = "brush", **more: object
) -> Op:  # type: ignore[assignment]
    triples = np.array(runs, dtype=np.int32).reshape(-1, 3)
    return Op(query_id=1, annotator="ada", seq=seq, key=f"k{seq}", kind=kind, tool=tool, runs=triples, **more)


def test_a_draft_begins_unlabelled() -> None:
    draft = Draft(SHAPE)
    assert (draft.labels() == IGNORE).all()
    assert draft.instances() is None
    assert draft.seq == 0


def test_an_edit_paints_its_runs_and_undo_takes_them_back() -> None:
    draft = Draft(SHAPE)
    draft.apply(_op(1, runs=[(0, 2, 1), (5, 1, 0)]))
    draft.apply(_op(2, runs=[(1, 3, 2)]))
    assert draft.labels().ravel()[:6].tolist() == [1, 2, 2, 2, IGNORE, 0]
    draft.apply(_op(3, "undo"))
    assert draft.labels().ravel()[:6].tolist() == [1, 1, IGNORE, IGNORE, IGNORE, 0]
    draft.apply(_op(4, "redo"))
    assert draft.labels().ravel()[:6].tolist() == [1, 2, 2, 2, IGNORE, 0]


def test_a_new_edit_forgets_what_was_undone() -> None:
    draft = Draft(SHAPE)
    draft.apply(_op(1, runs=[(0, 1, 1)]))
    draft.apply(_op(2, "undo"))
    draft.apply(_op(3, runs=[(1, 1, 1)]))
    with pytest.raises(ValueError, match="nothing to redo"):
        draft.apply(_op(4, "redo"))
    assert draft.seq == 3


def test_there_is_an_end_to_undoing() -> None:
    draft = Draft(SHAPE)
    with pytest.raises(ValueError, match="nothing to undo"):
        draft.apply(_op(1, "undo"))
    assert draft.seq == 0


@pytest.mark.parametrize("seq", [0, 2, -1])
def test_only_the_next_step_is_taken(seq: int) -> None:
    with pytest.raises(ValueError, match=f"expected step 1 of this draft; got step {seq}"):
        Draft(SHAPE).apply(_op(seq, runs=[(0, 1, 1)]))


def test_instances_are_apart_from_classes() -> None:
    draft = Draft(SHAPE)
    draft.apply(_op(1, runs=[(0, 2, 1 + 256 * 7), (2, 1, 1)]))
    assert draft.labels().ravel()[:4].tolist() == [1, 1, 1, IGNORE]
    instances = draft.instances()
    assert instances is not None
    assert instances.ravel()[:4].tolist() == [7, 7, 0, 0]


def test_the_checksum_is_of_little_endian_words() -> None:
    draft = Draft((1, 1, 2))
    draft.apply(_op(1, runs=[(0, 1, 257)]))
    assert draft.crc() == zlib.crc32(bytes([1, 1, 0, 0, 255, 0, 0, 0]))


@pytest.mark.parametrize(
    ("steps", "method"),
    [
        ([("brush", None)], ("scratch", None)),
        ([("accept", 3)], ("accepted", 3)),
        ([("brush", None), ("accept", 3)], ("accepted", 3)),
        ([("accept", 3), ("brush", None)], ("corrected", 3)),
        ([("accept", 2), ("accept", 3), ("erase", None)], ("corrected", 3)),
        ([("accept", 3), ("clear", None), ("brush", None)], ("scratch", None)),
        ([("accept", 2), ("brush", None), ("threshold", 3)], ("corrected", 3)),
        ([("threshold", 3)], ("corrected", 3)),
        ([("threshold", 2), ("accept", 3)], ("accepted", 3)),
    ],
)
def test_the_answer_says_how_it_came_about(
    steps: list[tuple[Tool, int | None]], method: tuple[str, int | None]
) -> None:
    draft = Draft(SHAPE)
    for k, (tool, model) in enumerate(steps, start=1):
        draft.apply(_op(k, runs=[(k, 1, 1)], tool=tool, model=model))
    assert draft.method() == method


def test_an_acceptance_undone_is_none() -> None:
    draft = Draft(SHAPE)
    draft.apply(_op(1, runs=[(0, 1, 1)], tool="accept", model=3))
    draft.apply(_op(2, "undo"))
    assert draft.method() == ("scratch", None)


VALUES = st.lists(st.sampled_from([0, 1, 2, IGNORE, 1 + 256 * 3]), min_size=24, max_size=24)


@given(VALUES)
def test_the_runs_of_values_paint_them(values: list[int]) -> None:
    array = np.array(values, dtype=np.uint32)
    runs = runs_of(array)
    draft = Draft(SHAPE)
    if len(runs):
        draft.apply(_op(1, runs=[tuple(run) for run in runs.tolist()]))
    assert np.array_equal(draft.values, array)


@given(st.lists(st.one_of(st.sampled_from(["undo", "redo"]), VALUES), max_size=30))
def test_undo_and_redo_are_those_of_a_list_of_pictures(steps: list) -> None:
    draft, pictures, at = Draft(SHAPE), [np.full(24, IGNORE, np.uint32)], 0
    for step in steps:
        if isinstance(step, list):
            runs = [tuple(run) for run in runs_of(np.array(step, dtype=np.uint32)).tolist()]
            if not runs:
                continue
            draft.apply(_op(draft.seq + 1, runs=runs))
            painted = np.where(np.array(step) == IGNORE, pictures[at], step).astype(np.uint32)
            pictures, at = [*pictures[: at + 1], painted], at + 1
        else:
            target = at + (1 if step == "redo" else -1)
            if 0 <= target < len(pictures):
                draft.apply(_op(draft.seq + 1, step))
                at = target
            else:
                with pytest.raises(ValueError, match="nothing to"):
                    draft.apply(_op(draft.seq + 1, step))
    assert np.array_equal(draft.values, pictures[at])


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [(0, 0, 1)],
        [(-1, 2, 1)],
        [(23, 2, 1)],
        [(24, 1, 1)],
        [(3, 1, 1), (0, 1, 1)],
        [(0, 3, 1), (2, 1, 1)],
        [(0, 2**31 - 1, 1)],
    ],
)
def test_runs_that_leave_the_box_or_overlap_are_refused(runs: list[tuple[int, int, int]]) -> None:
    with pytest.raises(ValueError, match="expected runs"):
        require_runs(np.array(runs, dtype=np.int32).reshape(-1, 3), 24)


@pytest.mark.parametrize("value", [3, 254, 256 + IGNORE, -1, 2 + 256, 256, 1 + 256 * 65536])
def test_values_without_a_meaning_are_refused(value: int) -> None:
    with pytest.raises(ValueError):
        require_values(np.array([value], dtype=np.int32), 2, np.array([False, True, False]))


@pytest.mark.parametrize("value", [0, 1, 2, IGNORE, 1 + 256, 1 + 256 * 65535])
def test_values_with_a_meaning_are_taken(value: int) -> None:
    require_values(np.array([value], dtype=np.int32), 2, np.array([False, True, False]))
