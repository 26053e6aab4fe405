"""Objects to judge in a journal, and what people say of them."""

from microtome.box import Box
from microtome.project import Journal
from microtome.project.records import Activity, Audit, JudgeQuery
from microtome.project.sheets import Order

SET = "001"
AUDIT_BOX = Box((0, 0, 0), (2, 32, 32))


def judge_query(key: int, *, cluster: int = 0, number: int = 0, proposals: str = SET) -> JudgeQuery:
    return JudgeQuery(
        round=number,
        proposals=proposals,
        object_key=key,
        box=Box((0, key, 0), (1, key + 2, 3)),
        cluster=cluster,
        strategy="two-stream",
        score=0.5,
        rank=key,
        reason="one of five that stand for their group",
    )


def report(key: str, sheet_id: int, *, looking: float = 4.0, editing: float = 2.0) -> Activity:
    """Active time on a sheet."""
    return Activity(
        query_id=sheet_id, annotator="ada", key=key, looking_seconds=looking, editing_seconds=editing
    )


def fill(journal: Journal) -> None:
    """Put a row into every table about objects."""
    first, second = journal.verdicts.add_queries([judge_query(1), judge_query(2)])
    assert first.id is not None
    assert second.id is not None
    journal.verdicts.withdraw([second.id])
    journal.verdicts.add_audits([Audit(proposals=SET, box=AUDIT_BOX)])
    sheet = journal.sheets.hand_out("ada", Order(SET))
    assert sheet is not None
    journal.judging.close(sheet.id, "close", {}, activities=[report("seen", sheet.id)])
    audit = journal.sheets.hand_out_audit("ada", Order(SET))
    assert audit is not None
    journal.judging.mark(audit.id, "mark", ((1, 2, 3),), ())
