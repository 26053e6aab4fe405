"""What verdicts come to."""

import pytest

from microtome.box import Box
from microtome.objects.decisions import counts, decisions
from microtome.project.records import JudgeQuery, Verdict, VerdictWord


def asked(*keys: int, proposals: str = "001") -> list[JudgeQuery]:
    return [
        JudgeQuery(
            id=10 * key + int(proposals),
            round=0,
            proposals=proposals,
            object_key=key,
            box=Box.of((1, 2, 2)),
            cluster=0,
            strategy="random",
            score=0.0,
            rank=0,
            reason="drawn at random",
        )
        for key in keys
    ]


class Said:
    """Verdicts with rising ids."""

    def __init__(self) -> None:
        self.all: list[Verdict] = []

    def __call__(
        self, key: int, annotator: str, verdict: VerdictWord, *, proposals: int = 1, over: int | None = None
    ) -> int:
        number = len(self.all) + 1
        self.all.append(
            Verdict(
                id=number,
                query_id=10 * key + proposals,
                annotator=annotator,
                verdict=verdict,
                key=f"v{number}",
                supersedes=over,
            )
        )
        return number


def said(*votes: tuple[str, VerdictWord]) -> list[Verdict]:
    says = Said()
    for annotator, verdict in votes:
        says(1, annotator, verdict)
    return says.all


@pytest.mark.parametrize(
    ("votes", "people", "expected"),
    [
        ("", 1, None),
        ("c", 1, True),
        ("i", 1, False),
        ("u", 1, None),
        ("uc", 1, True),
        ("uui", 1, False),
        ("ci", 1, None),
        ("cic", 1, True),
        ("cc", 3, None),  # three were asked for
        ("ccc", 3, True),
        ("cci", 3, True),
        ("ici", 3, False),
        ("ciu", 3, None),  # the third is unsure: another person is needed
        ("ciui", 3, False),
        ("ci", 2, None),
        ("cici", 2, None),
        ("cicii", 2, False),
    ],
)
def test_most_of_those_who_are_sure_decide(votes: str, people: int, expected: bool | None) -> None:
    words: dict[str, VerdictWord] = {"c": "correct", "i": "incorrect", "u": "unsure"}
    found = decisions(asked(1), said(*((f"p{k}", words[c]) for k, c in enumerate(votes))), people)
    assert found[1].correct is expected


def test_an_object_of_which_somebody_is_unsure_goes_to_another_person() -> None:
    found = decisions(asked(1), said(("ada", "unsure")))[1]
    assert not found.may_ask("ada")
    assert found.may_ask("bob")


def test_people_who_are_split_leave_it_to_a_third() -> None:
    found = decisions(asked(1), said(("ada", "correct"), ("bob", "incorrect")))[1]
    assert [found.may_ask(name) for name in ("ada", "bob", "eve")] == [False, False, True]


def test_nobody_is_asked_about_what_is_decided() -> None:
    assert not decisions(asked(1), said(("ada", "correct")))[1].may_ask("bob")


def test_the_last_word_of_an_annotator_holds() -> None:
    found = decisions(asked(1), said(("ada", "correct"), ("ada", "incorrect")))[1]
    assert (found.correct, found.votes) == (False, (("ada", "incorrect"),))


def test_a_withdrawn_verdict_counts_for_nothing_and_may_be_asked_again() -> None:
    found = decisions(asked(1), said(("ada", "incorrect"), ("ada", "withdrawn")))[1]
    assert (found.correct, found.votes) == (None, ())
    assert found.may_ask("ada")


def test_what_was_superseded_does_not_come_back_when_its_successor_is_withdrawn() -> None:
    says = Said()
    first = says(1, "ada", "correct")
    second = says(1, "ada", "incorrect", over=first)
    says(1, "ada", "withdrawn", over=second)
    assert decisions(asked(1), says.all)[1].correct is None


def test_a_verdict_that_somebody_else_superseded_no_longer_counts() -> None:
    says = Said()
    first = says(1, "ada", "correct")
    says(1, "bob", "incorrect", over=first)
    assert decisions(asked(1), says.all)[1].votes == (("bob", "incorrect"),)


def test_an_object_that_was_asked_in_two_sets_of_proposals_gets_one_decision() -> None:
    says = Said()
    says(1, "ada", "correct")
    says(1, "ada", "incorrect", proposals=2)
    says(1, "bob", "incorrect", proposals=2)
    found = decisions([*asked(1), *asked(1, proposals="002")], says.all)
    assert len(found) == 1
    assert found[1].votes == (("ada", "incorrect"), ("bob", "incorrect"))


def test_the_order_of_verdicts_is_that_of_their_ids() -> None:
    verdicts = said(("ada", "correct"), ("ada", "incorrect"))
    assert decisions(asked(1), verdicts[::-1])[1].correct is False


def test_every_object_has_a_decision_in_the_order_in_which_it_was_asked() -> None:
    says = Said()
    says(3, "ada", "correct")
    found = decisions(asked(5, 3, 4), says.all)
    assert [(key, one.correct) for key, one in found.items()] == [(5, None), (3, True), (4, None)]


def test_counts_are_of_those_who_are_sure() -> None:
    says = Said()
    for annotator, verdict in (
        ("ada", "correct"),
        ("bob", "incorrect"),
        ("eve", "unsure"),
        ("ida", "correct"),
    ):
        says(1, annotator, verdict)
    found = decisions(asked(1, 2), says.all)
    assert counts(list(found.values())).tolist() == [[2, 1], [0, 0]]
    assert counts([]).shape == (0, 2)


def test_bad_verdicts_are_refused() -> None:
    says = Said()
    says(9, "ada", "correct")
    with pytest.raises(ValueError, match="got one on query 91"):
        decisions(asked(1), says.all)
    with pytest.raises(ValueError, match="without an id by ada"):
        decisions(asked(1), [Verdict(query_id=11, annotator="ada", verdict="correct", key="x")])
    with pytest.raises(ValueError, match="at least one person; got 0"):
        decisions(asked(1), [], 0)
