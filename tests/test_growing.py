"""Growing from one section: what is asked, how it is trained by then, and what it costs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from conftest import Run, phantom_project
from growing import STAGES, growing_project
from microtome.box import Box
from microtome.cli.grow import begin
from microtome.cli.session import opened
from microtome.learn.config import ErrorWeighting, Recipe, TrainConfig
from microtome.learn.corrections import emphasis
from microtome.learn.settings import TABLES
from microtome.learn.stages import staged
from microtome.loop import simulation
from microtome.loop.asking import ask, ask_planted, batch_size, plant, top_up
from microtome.loop.drift import WORTH
from microtome.loop.growing import at_stage
from microtome.loop.models import load
from microtome.loop.session import Session
from microtome.loop.simulation import Budget, simulate
from microtome.oracle import CostModel
from microtome.progress import silent
from microtome.project.config import PAPER_STAGES, PLAIN_STAGES, load_config
from microtome.project.growth import AUDIT, SEED, audits_of, lessons, sections_in
from microtome.project.growth_cost import drifts, forecast, iterations
from microtome.project.records import Query, Skip
from microtome.query.candidates import Candidates
from microtome.query.outward import Outward
from microtome.serve.dashboard import dashboard_of
from microtome.serve.desk import Desk
from microtome.serve.events import WorkerState, answers_needed
from microtome.serve.worker import Worker


def sections(session: Session) -> list[tuple[int, int]]:
    """Round and section of every query but audits."""
    return [(q.round, q.box.start[0]) for q in session.project.journal.queries() if q.strategy != AUDIT]


def grown(session: Session, boxes: int) -> None:
    simulate(session, Budget(boxes), CostModel(), hand=WORTH)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with eight answers: seven sections and an audit."""
    folder = growing_project(tmp_path_factory.mktemp("grown") / "p")
    with opened(folder, "cpu", silent) as session:
        grown(session, 8)
    return folder


def test_boxes_of_several_sections_that_touch_are_one_section_away() -> None:
    boxes = tuple(Box((z, 0, 0), (z + 4, 8, 8)) for z in (4, 8, 12))
    candidates = Candidates(boxes[1:], 2, labelled=boxes[:1])
    chosen = Outward(25).select(candidates, 2, np.random.default_rng(0))
    assert [pick.reason for pick in chosen] == [
        "1 section from what is labelled",
        "5 sections from what is labelled",
    ]


def picked(boxes: list[Box], labelled: tuple[Box, ...], n: int, sideways: float = 25) -> list[Box]:
    candidates = Candidates(tuple(boxes), 2, labelled=labelled)
    chosen = Outward(sideways).select(candidates, n, np.random.default_rng(0))
    return [boxes[pick.index] for pick in chosen]


def column(z: int, y: int = 0) -> Box:
    return Box((z, 8 * y, 0), (z + 1, 8 * y + 8, 8))


def test_the_first_is_in_the_middle_and_the_next_lie_beside_it_the_deeper_first() -> None:
    boxes = [column(z) for z in range(5)]
    assert picked(boxes, (), 1) == [column(2)]
    assert picked([box for box in boxes if box != column(2)], (column(2),), 3) == [
        column(3),
        column(1),
        column(4),
    ]


def test_sections_are_followed_before_the_area_grows() -> None:
    boxes = [column(z, y) for z in range(1, 8) for y in (0, 1)]
    found = picked([box for box in boxes if box != column(1)], (column(1),), 6, sideways=4)
    assert found[:3] == [column(2), column(3), column(4)]
    assert set(found[3:5]) == {column(5), column(1, 1)}


def test_each_round_asks_what_its_stage_says_and_trains_by_the_next(finished: Path) -> None:
    with opened(finished, "cpu", silent, reading=True) as session:
        journal = session.project.journal
        assert sections(session) == [(0, 5), (1, 6), (2, 7), (2, 4), (3, 8), (3, 3), (3, 9)]
        models = journal.models()
        assert [sections_in(journal, model.trained_on) for model in models] == [1, 2, 4, 7]
        nets = [load(session, model).recipe for model in models]
        assert [recipe.net.separable for recipe in nets] == [False, True, False, False]
        assert [recipe.net.flat for recipe in nets] == [True, True, False, False]
        assert [recipe.members for recipe in nets] == [1, 1, 2, 2]
        assert [recipe.corrections.strength for recipe in nets] == [0, 100, 100, 100]


def test_an_audit_is_far_away_and_never_learned_from(finished: Path) -> None:
    with opened(finished, "cpu", silent, reading=True) as session:
        journal = session.project.journal
        (audit,) = audits_of(journal)
        assert audit.box.start[0] == 0
        assert audit.round == 1
        learned = {answer_id for model in journal.models() for answer_id in model.trained_on}
        (answer,) = journal.answers_to(audit.id or 0)
        assert answer.id not in learned
        assert answer.id not in [lesson.id for lesson in lessons(journal)]
        found = drifts(journal)
        assert [drift.model for drift in found] == [1, 2, 3]
        assert all(drift.box == audit.box and drift.far > 0 and drift.near > 0 for drift in found)


@pytest.mark.parametrize("calls_before", [2, 6])
def test_an_interrupted_growth_goes_on_without_repeating_a_question(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls_before: int
) -> None:
    class Interrupted(Exception):
        pass

    with opened(finished, "cpu", silent, reading=True) as session:
        expected = sections(session)
    calls = 0

    def counted(*words: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        if calls == calls_before:
            raise Interrupted
        return untrained(*words, **more)

    untrained = simulation.untrained
    monkeypatch.setattr(simulation, "untrained", counted)
    folder = growing_project(tmp_path / "cut")
    with opened(folder, "cpu", silent) as session, pytest.raises(Interrupted):
        grown(session, 8)
    with opened(folder, "cpu", silent) as session:
        grown(session, 8)
        assert sections(session) == expected
        assert session.project.journal.check() == []


def test_the_table_has_a_line_for_every_model_and_the_first_for_drawing(finished: Path) -> None:
    with opened(finished, "cpu", silent, reading=True) as session:
        rows = iterations(session.project)
        assert [(row.number, row.sections, row.net, row.errors, row.members) for row in rows] == [
            (0, 0, "by hand", "", 0),
            (1, 1, "flat", "none", 1),
            (2, 2, "separable", "both", 1),
            (3, 4, "thin", "missed", 2),
        ]
        assert [row.cost.answers for row in rows] == [1, 1, 2, 3]
        assert all(row.cost.least <= row.cost.minutes_per_megavoxel <= row.cost.most for row in rows)  # type: ignore[operator]


def test_a_forecast_is_what_the_rest_costs_at_the_latest_rate(tmp_path: Path) -> None:
    with opened(growing_project(tmp_path / "p", audits=0), "cpu", silent) as session:
        assert forecast(session.project) is None
        grown(session, 7)
        found, rate = forecast(session.project), iterations(session.project)[-1].cost.minutes_per_megavoxel
        assert found is not None
        assert rate is not None
        assert found.boxes == 5
        assert found.megavoxels == pytest.approx(5 * 64 * 64 / 1e6)
        assert found.minutes == pytest.approx(found.megavoxels * rate)
        assert found.low <= found.minutes <= found.high


def test_a_planted_seed_is_asked_next_and_grown_around(tmp_path: Path) -> None:
    with opened(growing_project(tmp_path / "p", audits=0), "cpu", silent) as session:
        plant(session, (2, 5, 5))
        grown(session, 2)
        assert sections(session) == [(0, 2), (1, 3)]
        plant(session, (9, 0, 0))
        grown(session, 4)
        assert [z for _, z in sections(session)][2] == 9


def test_a_seed_is_asked_before_what_waits_and_nothing_is_asked_twice(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    shutil.copytree(finished, folder)
    with opened(folder, "cpu", silent) as session:
        journal = session.project.journal
        ask(session, 2)
        held = journal.drafts.assign("ada", holding=[], repeat=1)
        assert held is not None
        waiting = journal.drafts.unassigned()
        box = plant(session, (1, 9, 9))
        assert plant(session, (1, 9, 9)) == box
        (seed,) = ask_planted(session)
        assert (seed.box, seed.reason.startswith("a seed")) == (box, True)
        assert [query.id for query in journal.drafts.unassigned()] == [seed.id, *(q.id for q in waiting)]
        assert ask_planted(session) == []
        asked = [query.box for query in journal.queries()]
        assert len(asked) == len(set(asked))


def test_a_simulation_answers_a_seed_before_what_waits(tmp_path: Path, run: Run) -> None:
    folder = growing_project(tmp_path / "p", audits=0)
    with opened(folder, "cpu", silent) as session:
        grown(session, 2)
        ask(session, batch_size(session))
    code, _, err = run("grow", folder, "--at", "0,9,9", "--simulate", 3)
    assert (code, "growing begins at 0:1,0:64,0:64 (z,y,x)" in err) == (0, True)
    assert run("grow", folder, "--at", "0,9,9", "--simulate", 3)[0] == 0  # the same line goes on
    assert run("grow", folder, "--at", "0,9,9", "--simulate", 4)[0] == 0
    with opened(folder, "cpu", silent, reading=True) as session:
        journal = session.project.journal
        assert len(journal.events(SEED)) == 1
        *_, seeded, _after = journal.answers()
        assert journal.query(seeded.query_id).box.start == (0, 0, 0)


def test_a_page_that_is_open_takes_a_seed(finished: Path, tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "p"
    shutil.copytree(finished, folder)
    with FileLock(folder / "label.lock"):
        code, out, err = run("grow", folder, "--at", "5,0,0", "--no-browser")
    assert (code, out) == (0, "")
    assert "5,0,0 cannot be asked for: growing begins at" in err
    assert "the page that is open asks for it next" in err


def test_a_section_counts_for_the_model_that_was_shown_first(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    shutil.copytree(finished, folder)
    with opened(folder, "cpu", silent) as session:
        journal = session.project.journal
        by_hand, filled_in = (journal.answers_to(query.id or 0)[0] for query in journal.queries()[:2])
        assert (by_hand.shown_model, filled_in.shown_model) == (None, 1)
        before = [row.cost.answers for row in iterations(session.project)]
        for answer in (by_hand, filled_in):  # looked at again beside another model
            journal.add_answer(replace(answer, id=None, shown_model=3, supersedes=answer.id))
        assert [row.cost.answers for row in iterations(session.project)] == before
        (late,) = journal.add_queries(
            [replace(journal.queries()[1], id=None, box=Box((11, 0, 0), (12, 64, 64)), rank=9)]
        )
        journal.add_answer(replace(filled_in, id=None, query_id=late.id or 0, shown_model=3, supersedes=None))
        after = [row.cost.answers for row in iterations(session.project)]
        assert after == [*before[:-1], before[-1] + 1]  # of the first model's round, but of the third


def test_a_seed_is_asked_while_a_network_trains_and_comes_first_whatever_round_waits(tmp_path: Path) -> None:
    with opened(growing_project(tmp_path / "p", audits=0), "cpu", silent) as session:
        journal = session.project.journal
        grown(session, 2)
        later = Query(round=9, box=column(0, 0), strategy="outward", score=0.0, rank=0, reason="x")
        (later,) = journal.add_queries([replace(later, box=Box((11, 0, 0), (12, 64, 64)))])
        box = plant(session, (0, 9, 9))
        worker = Worker(session)
        worker._said_at -= 60
        worker._progress("training", 1, 10)
        for asked in (journal.open_queries(), journal.drafts.unassigned()):
            assert [query.box for query in asked][:2] == [box, later.box]


def test_growing_does_not_go_on_around_what_was_skipped(tmp_path: Path) -> None:
    with opened(growing_project(tmp_path / "p", audits=0), "cpu", silent) as session:
        journal = session.project.journal
        grown(session, 2)
        box = plant(session, (0, 9, 9))
        (seed,) = ask_planted(session)
        assert seed.box == box
        journal.add_skip(Skip(query_id=seed.id or 0, annotator="ada", reason="a mistake"))
        asked = [query.box.start[0] for query in ask(session, 3)]
        assert len(asked) == 3
        assert 1 not in asked


def test_a_seed_where_nothing_can_be_asked_is_planted_in_the_nearest_box(
    finished: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "p"
    shutil.copytree(finished, folder)
    with opened(folder, "cpu", silent) as session:
        assert plant(session, (0, 0, 0)).start == (1, 0, 0)  # the audit is never learned from
        grown(session, 9)
        assert sections(session)[7] == (4, 1)


@pytest.mark.parametrize(("depth", "audits", "far"), [(2, 1, 0), (5, 1, 1), (8, 8, 1)])
def test_no_more_than_a_quarter_of_what_is_left_is_an_audit_and_nothing_is_asked_twice(
    tmp_path: Path, depth: int, audits: int, far: int
) -> None:
    with opened(growing_project(tmp_path / "p", sections=depth, audits=audits), "cpu", silent) as session:
        ask(session, 1)
        grown(session, 2)
        asked = session.project.journal.queries()
        assert len({query.box for query in asked}) == len(asked)
        assert len(audits_of(session.project.journal)) == far


def test_a_simulation_in_pieces_asks_what_one_in_one_go_does(
    finished: Path, tmp_path: Path, run: Run
) -> None:
    folder = growing_project(tmp_path / "p")
    for boxes in (1, 4, 8):
        assert run("grow", folder, "--simulate", boxes)[0] == 0
    with (
        opened(finished, "cpu", silent, reading=True) as whole,
        opened(folder, "cpu", silent, reading=True) as pieces,
    ):
        assert sections(pieces) == sections(whole)


def test_a_report_takes_the_place_of_no_other_file(finished: Path, run: Run) -> None:
    journal = finished / "journal.sqlite"
    before = journal.read_bytes()
    code, _, err = run("grow", finished, "--report", journal)
    assert code == 2
    assert "expected the name of a page" in " ".join(err.split())
    assert journal.read_bytes() == before


def test_without_known_labels_a_simulation_changes_nothing(tmp_path: Path, run: Run) -> None:
    folder = phantom_project(tmp_path / "p")
    settings = folder / "project.toml"
    text = settings.read_text()
    start, stop = text.index("[truth]"), text.index("[query]")
    settings.write_text(text[:start] + text[stop:])
    before = settings.read_text()
    code, _, err = run("grow", folder, "--simulate", 3)
    assert code == 1
    assert "has no [truth]" in err
    assert settings.read_text() == before


def test_a_seed_outside_of_where_is_asked_is_refused(tmp_path: Path) -> None:
    with (
        opened(growing_project(tmp_path / "p"), "cpu", silent) as session,
        pytest.raises(
            ValueError,
            match=r"expected a voxel z,y,x in 0:12,0:64,0:64, which may be labelled \(splits\.train\); got",
        ),
    ):
        plant(session, (12, 0, 0))


def test_a_project_that_does_not_grow_takes_no_seed(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session, pytest.raises(ValueError, match="does not grow"):
        plant(session, (0, 0, 0))


def test_people_are_asked_ahead_in_the_round_of_the_latest_model(tmp_path: Path) -> None:
    with opened(growing_project(tmp_path / "p", audits=0), "cpu", silent) as session:
        assert batch_size(session) == answers_needed(session.project) == 1
        assert len(top_up(session, 5)) == 1
        assert batch_size(session) == 0
        assert [number for number, _ in sections(session)] == [0]
        grown(session, 2)
        assert batch_size(session) == answers_needed(session.project) == 2
        top_up(session, 3)
        assert [number for number, _ in sections(session)][2:] == [2, 2, 2]


def test_the_stages_of_the_paper() -> None:
    base = Recipe()
    first, _, third, fourth = (staged(base, stage) for stage in PAPER_STAGES)
    assert first == base
    assert (third.net.separable, third.net.activation) == (True, "leaky_relu")
    assert third.corrections == ErrorWeighting(strength=100, errors="both", floor=0.08)
    assert (fourth.net.flat, fourth.net.separable, fourth.members) == (False, False, 5)
    assert fourth.net.receptive_radius[0] == 2
    assert fourth.train.window == (3, 96, 96)
    assert fourth.corrections.errors == "missed"


def test_a_project_says_itself_how_corrections_weigh() -> None:
    own = replace(Recipe(), corrections=ErrorWeighting(strength=7, blur=2))
    assert staged(own, PAPER_STAGES[2]).corrections == ErrorWeighting(strength=7, blur=2, errors="both")
    assert staged(own, PAPER_STAGES[0]).corrections.strength == 0


def test_windows_of_a_thin_net_hold_sections_and_cost_what_flat_ones_do() -> None:
    train = TrainConfig(window=(1, 64, 64), batch=12)
    thin = staged(Recipe(train=train, fine_tune=train), PAPER_STAGES[3])
    assert (thin.train.window, thin.train.batch) == ((3, 64, 64), 4)
    assert thin.fine_tune is not None
    assert thin.fine_tune.window == (3, 64, 64)


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (STAGES.replace("after = 1\n", "after = 2\n", 1), "stages with after = 1 first"),
        (STAGES.replace("after = 4", "after = 2"), "ever more; got \\[1, 2, 2\\]"),
        (STAGES.replace('net = "thin"', 'net = "thick"'), "grow"),
        (STAGES.replace("members = 2", "member = 2"), "grow"),
    ],
)
def test_stages_that_make_no_sense_are_refused(tmp_path: Path, stages: str, expected: str) -> None:
    folder = growing_project(tmp_path / "p", stages=stages)
    with pytest.raises(ValueError, match=expected) as caught, opened(folder, "cpu", silent):
        pass
    assert "\n" not in str(caught.value)


def test_a_project_that_grows_asks_outward(tmp_path: Path) -> None:
    folder = growing_project(tmp_path / "p")
    settings = folder / "project.toml"
    settings.write_text(settings.read_text().replace('strategy = "outward"', 'strategy = "entropy"', 1))
    with (
        pytest.raises(ValueError, match=r"expects query\.strategy and query\.start_strategy 'outward'"),
        opened(folder, "cpu", silent),
    ):
        pass


def test_without_stages_nothing_changes(project_folder: Path) -> None:
    with opened(project_folder, "cpu", silent) as session:
        assert at_stage(session, 5) is session


def test_the_command_simulates_tells_and_reports(finished: Path, tmp_path: Path, run: Run) -> None:
    folder, page = tmp_path / "p", tmp_path / "growth.html"
    shutil.copytree(finished, folder)
    code, out, _ = run("grow", folder, "--simulate", 9, "--report", page, "--json")
    assert code == 0
    data = json.loads(out)
    assert [row["learned_from"] for row in data["iterations"]] == [0, 1, 2, 4, 7]
    assert [row["answers"] for row in data["iterations"]] == [1, 1, 2, 3, 1]
    assert data["forecast"]["boxes"] == 3
    assert [row["model"] for row in data["audits"]] == [1, 2, 3, 4]
    text = page.read_text()
    assert "Drawing the first section took" in text
    assert text.count('class="panel"') == text.count('class="scale"') == 4
    assert "weights, up to 101" in text
    assert '<th scope="col">Answers</th>' in text
    code, out, err = run("grow", folder, "--table")
    assert (code, err) == (0, "")
    assert "thin" in out
    assert "the rest, 3 boxes" in out
    assert "times as long as near by" in out


@pytest.mark.parametrize("words", [("--jitter", 1), ("--overlooked", 0.5), ("--table", "--jitter", 1)])
def test_what_only_a_simulation_heeds_is_refused_without_one(
    finished: Path, run: Run, words: tuple[object, ...]
) -> None:
    code, out, err = run("grow", finished, *words)
    assert (code, out) == (2, "")
    assert "expected --simulate beside it" in " ".join(err.split())


def test_where_everything_is_labelled_a_line_says_so(tmp_path: Path, run: Run) -> None:
    folder = growing_project(tmp_path / "p", audits=0, sections=2)
    line = f"{folder}: all of splits.train is labelled; `microtome label` still opens its page"
    code, _, err = run("grow", folder, "--simulate", 1)
    assert (code, line in err) == (0, False)
    code, out, err = run("grow", folder, "--simulate", 9)
    assert (code, err.splitlines().count(line), "nothing is left to label" in out) == (0, 1, True)
    assert run("grow", folder, "--no-browser") == (0, "", f"{line}\n")


def test_the_first_box_is_drawn_by_hand_and_the_next_corrected(tmp_path: Path) -> None:
    with opened(growing_project(tmp_path / "p", audits=0), "cpu", silent) as session:
        shown = []
        for boxes in (1, 2):
            top_up(session, 1)
            shown.append(Desk(session.project).next("ada", [])["query"])
            grown(session, boxes)
        assert [(query["strategy"], query["correction"]) for query in shown] == [
            ("outward", False),
            ("outward", True),
        ]


def test_the_page_shows_the_weights_of_the_stage_that_trains_next(finished: Path) -> None:
    with opened(finished, "cpu", silent, reading=True) as session:
        desk, journal = Desk(session.project), session.project.journal
        assert desk.about()["strength"] == 100
        corrected = next(answer for answer in reversed(list(lessons(journal))) if answer.shown_model)
        preview = journal.previews.shown(corrected.query_id, corrected.shown_model or 0)
        assert preview is not None
        missed = emphasis(preview.classes, corrected.labels, ErrorWeighting(errors="missed"))
        assert np.array_equal(desk.weights(corrected.query_id), missed)
        assert desk.errors_weighed() == "missed"


def test_stages_that_weigh_no_errors_have_no_weights_whatever_the_project_says(tmp_path: Path) -> None:
    folder = growing_project(tmp_path / "p", stages="\n[[grow]]\nafter = 1\nask = 2\n")
    with (folder / "project.toml").open("a") as file:
        file.write("\n[corrections]\nstrength = 9.0\n")
    with opened(folder, "cpu", silent, reading=True) as session:
        desk = Desk(session.project)
        assert (desk.about()["strength"], desk.errors_weighed()) == (0, "none")


def test_a_new_project_is_made_to_grow_and_one_that_asked_before_is_not(tmp_path: Path, run: Run) -> None:
    folder = phantom_project(tmp_path / "p", strategy="bald")
    code, _, err = run("grow", folder, "--simulate", 1)
    assert code == 0
    assert "grows from now on" in err
    config = load_config(folder / "project.toml", TABLES)
    assert config.grow == PLAIN_STAGES
    assert config.fine_tune == {"steps": 3, "learning_rate": config.train["learning_rate"] / 3}
    other = phantom_project(tmp_path / "other", strategy="entropy")
    run("query", other)
    code, _, err = run("grow", other, "--simulate", 1)
    assert code == 1
    assert "asked by 'entropy' before; growing expects a new project" in err


def test_the_papers_schedule_is_had_by_its_name(tmp_path: Path, run: Run) -> None:
    folder = phantom_project(tmp_path / "p")
    assert run("grow", folder, "--schedule", "paper", "--simulate", 1)[0] == 0
    config = load_config(folder / "project.toml", TABLES)
    assert (config.grow, config.fine_tune) == (PAPER_STAGES, {})
    code, _, err = run("grow", folder, "--schedule", "plain", "--simulate", 2)
    assert (code, err.count("\n")) == (1, 1)
    assert "grows already, by [[grow]] of its project.toml" in err


def test_a_schedule_is_kept_from_the_first_question_on(tmp_path: Path, run: Run) -> None:
    folder = phantom_project(tmp_path / "p")
    settings = folder / "project.toml"
    before = settings.read_bytes()
    code, _, err = run("grow", folder, "--at", "999,0,0", "--simulate", 1)
    assert (code, "expected a voxel z,y,x in" in err) == (1, True)
    assert settings.read_bytes() == before
    begin(folder, "plain")
    code, _, err = run("grow", folder, "--table")
    assert (code, "nothing is labelled yet" in err) == (0, True)
    begin(folder, "paper")
    assert run("grow", folder, "--schedule", "paper", "--table")[0] == 0
    config = load_config(settings, TABLES)
    assert (config.grow, config.fine_tune) == (PAPER_STAGES, {})
    assert run("grow", folder, "--simulate", 1)[0] == 0
    assert run("grow", folder, "--schedule", "paper", "--simulate", 1)[0] == 0  # the same line goes on
    assert "--simulate counts all of them, so nothing was done" in run("grow", folder, "--simulate", 1)[2]


def test_networks_of_the_plain_schedule_go_on_from_the_one_before(tmp_path: Path, run: Run) -> None:
    folder = phantom_project(tmp_path / "p")
    settings = folder / "project.toml"
    settings.write_text(settings.read_text().replace("audits = 1", "audits = 0"))
    assert run("grow", folder, "--simulate", 3)[0] == 0
    with opened(folder, "cpu", silent, reading=True) as session:
        first, second = (load(session, model) for model in session.project.journal.models()[:2])
    kernels = [name for name, one in first.members[0].items() if one.ndim > 1]
    moved = max(float(abs(second.members[0][name] - first.members[0][name]).max()) for name in kernels)
    assert 0 < moved < 0.02


def test_a_project_that_does_not_grow_has_no_table(tmp_path: Path, run: Run) -> None:
    code, _, err = run("grow", phantom_project(tmp_path / "p"), "--table")
    assert code == 1
    assert "does not grow" in err


def test_the_dashboard_tells_what_growing_costs(finished: Path, project_folder: Path) -> None:
    with opened(finished, "cpu", silent, reading=True) as session:
        shown = dashboard_of(Desk(session.project), WorkerState("idle"))["growth"]
        assert [row["iteration"] for row in shown["iterations"]] == [0, 1, 2, 3]
        assert shown["forecast"]["boxes"] == 4
        assert shown["audits"][-1]["model"] == 3
        json.dumps(shown)
    with opened(project_folder, "cpu", silent, reading=True) as session:
        assert dashboard_of(Desk(session.project), WorkerState("idle"))["growth"] is None
