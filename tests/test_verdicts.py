"""Objects, verdicts, audits and sheets in the journal."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microtome
from conftest import FakeClock
from judging import AUDIT_BOX, SET, judge_query, report
from microtome.box import Box
from microtome.objects.decisions import decisions
from microtome.project import Journal, create_journal, open_journal
from microtome.project.database import connect
from microtome.project.drafts import LEASE
from microtome.project.judging import Change, StaleError
from microtome.project.records import Audit, AuditAnswer, Sheet, Verdict, VerdictWord
from microtome.project.schema import _VERSION_1, _VERSION_2, APPLICATION_ID, SCHEMA
from microtome.project.sheets import Left, Order

WORDS = ("correct", "incorrect", "unsure", "withdrawn")


@pytest.fixture
def journal(tmp_path: Path, clock: FakeClock) -> Iterator[Journal]:
    """Six objects in two clusters, and two audits."""
    with create_journal(tmp_path / "journal.sqlite", clock) as journal:
        journal.verdicts.add_queries([judge_query(key, cluster=key % 2) for key in range(1, 7)])
        boxes = (AUDIT_BOX, AUDIT_BOX.shifted((0, 0, 64)))
        journal.verdicts.add_audits([Audit(proposals=SET, box=box) for box in boxes])
        yield journal


def order(tiles: int = 3, **more: object) -> Order:
    return Order(SET, tiles=tiles, **more)


def handed(journal: Journal, name: str, tiles: int = 3, **more: object) -> Sheet:
    sheet = journal.sheets.hand_out(name, order(tiles, **more))
    assert sheet is not None
    return sheet


def say(journal: Journal, sheet: Sheet, query_id: int, verdict: str, was: str | None = None) -> None:
    key = f"{sheet.id}-{query_id}-{verdict}-{was}"
    journal.judging.judge(sheet.id, key, [Change(query_id, verdict, was)])


def close(journal: Journal, sheet: Sheet, key: str = "") -> None:
    journal.judging.close(sheet.id, key or f"close {sheet.id}", journal.sheets.said(sheet.id))


def words(journal: Journal) -> dict[tuple[int, str], str]:
    return {(one.query_id, one.annotator): one.verdict for one in journal.verdicts.verdicts()}


def settled(journal: Journal, people: int = 1) -> set[int]:
    """The objects on which there is a decision."""
    found = decisions(journal.verdicts.queries(), journal.verdicts.verdicts(), people)
    return {key for key, decision in found.items() if decision.correct is not None}


def test_queries_come_back_as_they_were_added(journal: Journal) -> None:
    added = journal.verdicts.queries(SET)
    assert [replace(query, id=None, created_at=None) for query in added] == [
        judge_query(key, cluster=key % 2) for key in range(1, 7)
    ]
    assert journal.verdicts.queries("002") == []
    assert journal.verdicts.query(3) == added[2]
    with pytest.raises(ValueError, match="no object query 99"):
        journal.verdicts.query(99)


def test_an_object_is_asked_once_in_a_set_and_none_of_the_others_is_added(journal: Journal) -> None:
    with pytest.raises(ValueError, match="object 6 was already asked in proposals 001"):
        journal.verdicts.add_queries([judge_query(8), judge_query(6)])
    with pytest.raises(ValueError, match="object 8 was already asked"):
        journal.verdicts.add_queries([judge_query(8), judge_query(8)])
    assert len(journal.verdicts.queries()) == 6
    assert len(journal.verdicts.add_queries([judge_query(6, proposals="002")])) == 1


@pytest.mark.parametrize(
    "wrong", [{"box": Box((0, 0, 0), (0, 1, 1))}, {"score": float("nan")}], ids=["box", "score"]
)
def test_an_object_query_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="needs a"):
        replace(judge_query(1), **wrong)


@pytest.mark.parametrize("wrong", [{"annotator": ""}, {"key": ""}, {"active_seconds": -1.0}])
def test_a_verdict_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    fine = Verdict(query_id=1, annotator="ada", verdict="correct", key="k")
    with pytest.raises(ValueError, match=r"needs an annotator|must be finite"):
        replace(fine, **wrong)


def test_verdicts_supersede_and_are_withdrawn_but_never_lost(journal: Journal) -> None:
    first = Verdict(query_id=1, annotator="ada", verdict="incorrect", key="a")
    verdicts = journal.verdicts
    added = verdicts.add_verdict(first)
    assert verdicts.add_verdict(first) == added
    second = verdicts.add_verdict(replace(first, verdict="unsure", key="b"))
    assert second.supersedes == added.id
    assert words(journal) == {(1, "ada"): "unsure"}
    verdicts.add_verdict(replace(first, verdict="withdrawn", key="c"))
    assert words(journal) == {}
    assert verdicts.judged() == set()
    verdicts.add_verdict(replace(first, verdict="correct", key="d"))
    assert words(journal) == {(1, "ada"): "correct"}
    assert verdicts.judged() == {1}
    assert journal.check() == []


def test_a_verdict_on_an_unknown_object_or_under_a_used_key_changes_nothing(journal: Journal) -> None:
    verdict = Verdict(query_id=1, annotator="ada", verdict="incorrect", key="a")
    with pytest.raises(ValueError, match="no object query 99"):
        journal.verdicts.add_verdicts([verdict, replace(verdict, query_id=99, key="b")])
    assert words(journal) == {}
    journal.verdicts.add_verdict(verdict)
    with pytest.raises(ValueError, match="a was sent before"):
        journal.verdicts.add_verdict(replace(verdict, verdict="correct"))


def test_a_sheet_follows_the_clusters_and_random_order_does_not(journal: Journal) -> None:
    sheet = handed(journal, "ada", 6)
    assert sheet.query_ids == (2, 4, 6, 1, 3, 5)
    assert (sheet.sorting, sheet.closed, sheet.audit_id) == ("cluster", False, None)
    mixed = handed(journal, "ben", 6, sorting="random", repeat=2)
    assert sorted(mixed.query_ids) == [1, 2, 3, 4, 5, 6]
    assert mixed.query_ids != sheet.query_ids
    assert mixed.query_ids == handed(journal, "cleo", 6, sorting="random", repeat=3).query_ids


def test_the_newest_round_comes_first(journal: Journal) -> None:
    journal.verdicts.add_queries([judge_query(9, number=1, cluster=5)])
    assert handed(journal, "ada").query_ids == (7, 2, 4)


def test_no_object_is_on_the_sheets_of_two(journal: Journal) -> None:
    ada, ben = handed(journal, "ada"), handed(journal, "ben")
    assert set(ada.query_ids) | set(ben.query_ids) == set(range(1, 7))
    assert journal.sheets.hand_out("cleo", order()) is None


def test_who_comes_back_gets_the_sheet_they_had_and_can_fetch_the_next_ahead(journal: Journal) -> None:
    sheet = handed(journal, "ada")
    assert handed(journal, "ada") == sheet
    ahead = journal.sheets.hand_out("ada", order(), holding=[sheet.id])
    assert ahead is not None
    assert not set(ahead.query_ids) & set(sheet.query_ids)
    assert journal.sheets.hand_out("ada", order(), holding=[sheet.id, ahead.id]) is None


def test_objects_go_to_as_many_people_as_asked_for_and_to_nobody_twice(journal: Journal) -> None:
    sheets = [handed(journal, name, 6, repeat=2) for name in ("ada", "ben")]
    assert journal.sheets.hand_out("cleo", order(6, repeat=2)) is None
    for sheet in sheets:
        close(journal, sheet)
    assert journal.sheets.hand_out("ada", order(6, repeat=2)) is None


def test_closing_says_correct_of_all_that_was_not_touched(journal: Journal) -> None:
    sheet = handed(journal, "ada")
    first, second, third = sheet.query_ids
    say(journal, sheet, first, "incorrect")
    say(journal, sheet, second, "unsure")
    assert words(journal) == {(first, "ada"): "incorrect", (second, "ada"): "unsure"}
    close(journal, sheet)
    assert words(journal)[third, "ada"] == "correct"
    assert [one.touched for one in journal.verdicts.verdicts()] == [True, True, False]
    assert journal.sheets.closed("ada", SET) == [sheet.id]
    assert journal.sheets.sheet(sheet.id).closed


def test_what_is_sent_again_counts_once(journal: Journal) -> None:
    sheet = handed(journal, "ada")
    for _ in range(3):
        say(journal, sheet, sheet.query_ids[0], "incorrect")
    for _ in range(3):
        journal.judging.close(sheet.id, "close it", {sheet.query_ids[0]: "incorrect"})
    assert len(journal.verdicts.verdicts()) == 3
    with closing(sqlite3.connect(journal.path)) as other:
        assert other.execute("SELECT count(*) FROM verdicts").fetchone() == (3,)
        assert other.execute("SELECT count(*) FROM closings").fetchone() == (1,)


def test_one_of_two_pages_that_do_not_know_of_each_other_is_told(journal: Journal) -> None:
    sheet = handed(journal, "ada")
    first = sheet.query_ids[0]
    say(journal, sheet, first, "incorrect")
    with pytest.raises(StaleError, match="another page"):
        journal.judging.judge(sheet.id, "other", [Change(first, "unsure", None)])
    with pytest.raises(StaleError, match="another page"):
        journal.judging.close(sheet.id, "close", {})
    assert words(journal) == {(first, "ada"): "incorrect"}
    assert not journal.sheets.sheet(sheet.id).closed


def test_several_objects_are_judged_at_once_or_not_at_all(journal: Journal) -> None:
    sheet = handed(journal, "ada")
    changes = [Change(query_id, "incorrect", None) for query_id in sheet.query_ids]
    with pytest.raises(ValueError, match=r"expected objects of sheet 1; got queries \[5\]"):
        journal.judging.judge(sheet.id, "all", [*changes, Change(5, "incorrect", None)])
    with pytest.raises(ValueError, match=r"got queries \[\]"):
        journal.judging.judge(sheet.id, "none", [])
    assert words(journal) == {}
    journal.judging.judge(sheet.id, "all", changes)
    assert set(words(journal).values()) == {"incorrect"}


def test_a_sheet_that_was_closed_by_mistake_is_opened_again(journal: Journal) -> None:
    sheet = handed(journal, "ada")
    say(journal, sheet, sheet.query_ids[0], "incorrect")
    close(journal, sheet)
    for _ in range(2):
        journal.judging.reopen(sheet.id, "open it again")
    assert words(journal) == {(sheet.query_ids[0], "ada"): "incorrect"}
    assert handed(journal, "ada").id == sheet.id
    close(journal, sheet, "now really")
    assert len(words(journal)) == 3
    assert journal.check() == []


def test_unsure_goes_to_a_second_person_and_a_tie_stays_open(journal: Journal) -> None:
    ada = handed(journal, "ada", 6)
    say(journal, ada, 1, "unsure")
    close(journal, ada)
    assert settled(journal) == {2, 3, 4, 5, 6}
    assert journal.sheets.hand_out("ada", order(6)) is None
    ben = handed(journal, "ben", 6)
    assert ben.query_ids == (1,)
    assert journal.sheets.hand_out("cleo", order(6)) is None
    close(journal, ben)
    assert settled(journal) == {1, 2, 3, 4, 5, 6}
    wanted = handed(journal, "ben", 6, repeat=2)
    say(journal, wanted, 2, "incorrect")
    close(journal, wanted)
    assert settled(journal, people=2) == {3, 4, 5, 6}  # one is sure of 1, and two are tied over 2
    cleo = handed(journal, "cleo", 6, repeat=2)
    assert cleo.query_ids == (2, 1)
    close(journal, cleo)
    assert settled(journal, people=2) == {1, 2, 3, 4, 5, 6}
    assert journal.sheets.hand_out("dan", order(6, repeat=2)) is None


@given(
    said=st.lists(st.tuples(st.integers(1, 4), st.sampled_from("abc"), st.sampled_from(WORDS)), max_size=16),
    repeat=st.integers(1, 3),
    annotator=st.sampled_from("abcd"),
)
@settings(max_examples=25)
def test_who_is_handed_an_object_is_who_may_be_asked(
    said: list[tuple[int, str, VerdictWord]],
    repeat: int,
    annotator: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with create_journal(tmp_path_factory.mktemp("journal") / "journal.sqlite") as journal:
        journal.verdicts.add_queries([judge_query(key) for key in range(1, 5)])
        journal.verdicts.add_verdicts(
            [
                Verdict(query_id=query_id, annotator=name, verdict=word, key=f"k{number}")
                for number, (query_id, name, word) in enumerate(said)
            ]
        )
        found = decisions(journal.verdicts.queries(), journal.verdicts.verdicts(), repeat)
        sheet = journal.sheets.hand_out(annotator, order(9, repeat=repeat))
    handed_out = set() if sheet is None else set(sheet.query_ids)
    assert handed_out == {key for key, decision in found.items() if decision.may_ask(annotator)}


def test_a_sheet_goes_to_another_after_a_long_silence(journal: Journal, clock: FakeClock) -> None:
    ada = handed(journal, "ada", 6)
    say(journal, ada, 1, "incorrect")
    clock.now += LEASE / 2
    journal.judging.add_activities([report("sign of life", ada.id)])
    clock.now += LEASE / 2 + timedelta(seconds=1)
    assert journal.sheets.hand_out("ben", order(6)) is None
    clock.now += LEASE
    assert handed(journal, "ben", 6).query_ids == (2, 4, 6, 3, 5)
    assert journal.sheets.hand_out("ada", order(6)) is None
    clock.now += LEASE + timedelta(seconds=1)
    assert handed(journal, "ada", 6) == ada


def test_a_sheet_that_somebody_else_judged_meanwhile_does_not_come_back(
    journal: Journal, clock: FakeClock
) -> None:
    ada = handed(journal, "ada", 4)
    say(journal, ada, 2, "incorrect")
    clock.now += LEASE + timedelta(seconds=1)
    ben = handed(journal, "ben", 5)
    close(journal, ben)
    assert set(ada.query_ids) <= {2, *ben.query_ids}
    assert journal.sheets.hand_out("ada", order(4)) is None
    twice = handed(journal, "ada", 4, repeat=2)
    assert twice == ada  # where two are to judge each object


def test_what_is_left_is_told_by_who_has_it(journal: Journal, clock: FakeClock) -> None:
    assert journal.sheets.left("cleo", order()) == Left(open=6, elsewhere=0, others=0)
    ada, ben = handed(journal, "ada"), handed(journal, "ben")
    assert journal.sheets.left("cleo", order()) == Left(open=6, elsewhere=6, others=0)
    assert journal.sheets.left("ada", order()) == Left(open=6, elsewhere=3, others=0)
    say(journal, ada, ada.query_ids[0], "unsure")
    close(journal, ada)
    assert journal.sheets.left("ada", order()) == Left(open=4, elsewhere=3, others=1)
    clock.now += LEASE + timedelta(seconds=1)
    assert journal.sheets.left("cleo", order()) == Left(open=4, elsewhere=0, others=0)
    close(journal, ben)
    close(journal, handed(journal, "ben"))
    assert journal.sheets.left("ada", order()) == Left(open=0, elsewhere=0, others=0)
    assert journal.sheets.left("ada", order(repeat=2)) == Left(open=6, elsewhere=0, others=3)


def test_a_sheet_of_which_something_is_left_comes_back(journal: Journal, clock: FakeClock) -> None:
    ada = handed(journal, "ada", 4)
    clock.now += LEASE + timedelta(seconds=1)
    ben = handed(journal, "ben", 3)
    close(journal, ben)
    assert handed(journal, "ada", 4) == ada


def test_a_sheet_on_which_all_was_said_comes_back_to_be_closed(journal: Journal, clock: FakeClock) -> None:
    ada = handed(journal, "ada")
    for query_id in ada.query_ids:
        say(journal, ada, query_id, "correct")
    clock.now += 2 * LEASE
    assert handed(journal, "ada") == ada


def test_what_was_judged_in_an_earlier_set_is_not_asked_again(journal: Journal) -> None:
    close(journal, handed(journal, "ada", 6))
    journal.verdicts.add_queries([judge_query(key, proposals="002") for key in (6, 7)])
    sheet = journal.sheets.hand_out("ben", Order("002"))
    assert sheet is not None
    assert [journal.verdicts.query(query_id).object_key for query_id in sheet.query_ids] == [7]


def test_untouched_queries_are_withdrawn_and_nothing_else(journal: Journal) -> None:
    sheet = handed(journal, "ada")
    assert journal.verdicts.withdraw(range(1, 99)) == set(range(1, 7)) - set(sheet.query_ids)
    assert {query.id for query in journal.verdicts.queries()} == set(sheet.query_ids)
    assert journal.sheets.hand_out("ben", order()) is None


def test_active_time_is_counted_once_and_shared_among_the_verdicts(journal: Journal) -> None:
    sheet = handed(journal, "ada")
    first, second, third = sheet.query_ids
    for _ in range(2):
        journal.judging.judge(sheet.id, "a", [Change(first, "incorrect", None)], [report("r1", sheet.id)])
    journal.judging.close(sheet.id, "b", {first: "incorrect"}, activities=[report("r2", sheet.id)])
    spent = {one.query_id: one.active_seconds for one in journal.verdicts.verdicts()}
    assert spent == {first: 6.0, second: 3.0, third: 3.0}
    assert journal.sheets.active(SET) == {"ada": (8.0, 4.0)}


def test_a_report_of_no_sheet_is_refused(journal: Journal) -> None:
    with pytest.raises(ValueError, match="nothing was written"):
        journal.judging.add_activities([report("r", 99)])


def test_marks_of_an_audit_count_once_it_is_closed(journal: Journal) -> None:
    sheet = journal.sheets.hand_out_audit("ada", order())
    assert sheet is not None
    assert (sheet.sorting, sheet.query_ids, sheet.audit_id) == ("audit", (), 1)
    judging = journal.judging
    judging.mark(sheet.id, "m1", ((1, 2, 3),), ())
    judging.mark(sheet.id, "m2", ((1, 2, 3), (0, 9, 9)), ((1, 2, 3),))
    judging.mark(sheet.id, "m1", ((1, 2, 3),), ())  # again
    assert journal.sheets.points(sheet) == ((1, 2, 3), (0, 9, 9))
    assert journal.verdicts.audit_answers() == []
    with pytest.raises(StaleError, match="another page"):
        judging.mark(sheet.id, "m3", (), ())
    with pytest.raises(StaleError, match="another page"):
        judging.close(sheet.id, "c0", {}, ())
    judging.close(sheet.id, "c1", {}, ((1, 2, 3), (0, 9, 9)), [report("r", sheet.id)])
    (answer,) = journal.verdicts.audit_answers(SET)
    assert (answer.audit_id, answer.points, answer.active_seconds) == (1, ((1, 2, 3), (0, 9, 9)), 6.0)
    judging.mark(sheet.id, "m4", ((1, 2, 3),), ((1, 2, 3), (0, 9, 9)))  # corrected afterwards
    assert [one.points for one in journal.verdicts.audit_answers()] == [((1, 2, 3),)]
    judging.reopen(sheet.id, "o1")
    assert journal.verdicts.audit_answers() == []


def test_an_audit_goes_to_one_person_and_everybody_to_another(journal: Journal) -> None:
    found = [journal.sheets.hand_out_audit(name, order()) for name in ("ada", "ben", "cleo")]
    assert [sheet and sheet.audit_id for sheet in found] == [1, 2, None]
    second = journal.sheets.hand_out_audit("cleo", order(repeat=2))
    assert second is not None
    assert second.audit_id == 1


def test_a_mark_outside_of_the_audit_and_a_mark_on_objects_are_refused(journal: Journal) -> None:
    sheet = journal.sheets.hand_out_audit("ada", order())
    assert sheet is not None
    with pytest.raises(ValueError, match=r"inside the audit's box 0:2,0:32,0:32; got \(2, 0, 0\)"):
        journal.judging.mark(sheet.id, "m", ((2, 0, 0),), ())
    with pytest.raises(ValueError, match="no audit 9"):
        journal.verdicts.add_audit_answer(
            AuditAnswer(audit_id=9, annotator="ada", points=(), done=True, key="k")
        )
    with pytest.raises(ValueError, match="expected an audit; sheet 2 has objects"):
        journal.judging.mark(handed(journal, "ben").id, "m", ((0, 0, 0),), ())
    with pytest.raises(ValueError, match="nothing was written"):
        journal.verdicts.add_audits([Audit(proposals=SET, box=AUDIT_BOX)])


@pytest.mark.parametrize("wrong", [{"tiles": 0}, {"repeat": 0}])
def test_an_order_of_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Order(SET, **wrong)


@pytest.mark.parametrize("schema", [1, 2])
def test_an_older_journal_is_brought_up_to_date_and_keeps_what_it_holds(tmp_path: Path, schema: int) -> None:
    path = tmp_path / "journal.sqlite"
    tables = _VERSION_1 + (_VERSION_2 if schema == 2 else "")
    with closing(connect(path, "rwc")) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.executescript(
            f"{tables} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {schema};"
            "INSERT INTO queries VALUES (1, '', 0, 'paint', 0, 0, 0, 1, 3, 4, 'entropy', 0, 0, '')"
        )
    with open_journal(path) as journal:
        assert [query.id for query in journal.queries()] == [1]
        journal.verdicts.add_queries([judge_query(1)])
        close(journal, handed(journal, "ada"))
        assert journal.check() == []
    with closing(sqlite3.connect(path)) as upgraded:
        assert upgraded.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            upgraded.execute("DELETE FROM verdicts")


JUDGE = """
import sys
from pathlib import Path
from microtome.project import open_journal
from microtome.project.judging import Change
from microtome.project.sheets import Order

with open_journal(Path(sys.argv[1])) as journal:
    while sheet := journal.sheets.hand_out("ada", Order("001", tiles=10)):
        first = sheet.query_ids[0]
        journal.judging.judge(sheet.id, f"touch-{sheet.id}", [Change(first, "incorrect", None)])
        print("touched", first, flush=True)
        journal.judging.close(sheet.id, f"close-{sheet.id}", {first: "incorrect"})
        print("closed", sheet.id, flush=True)
"""


def test_no_acknowledged_verdict_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with create_journal(path) as journal:
        journal.verdicts.add_queries([judge_query(key) for key in range(3000)])
    command = [sys.executable, "-c", JUDGE, str(path)]
    environment = {"PYTHONPATH": str(Path(microtome.__file__).parent.parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(25)]
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
    said = [line.split() for line in lines if line.endswith("\n")]
    assert len(said) >= 25, "the writer ended before it was killed"
    with open_journal(path) as journal:
        assert journal.check() == []
        there = words(journal)
        closed = set(journal.sheets.closed("ada", SET))
        assert {int(number) for word, number in said if word == "closed"} <= closed
        assert all(there[int(number), "ada"] == "incorrect" for word, number in said if word == "touched")
        for sheet_id in closed:  # whole, or not at all
            assert len(journal.sheets.said(sheet_id)) == len(journal.sheets.sheet(sheet_id).query_ids)
