"""The page's server, through its addresses."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from fastapi.testclient import TestClient

from conftest import phantom_project
from microtome.box import Box
from microtome.labels import IGNORE
from microtome.learn.settings import TABLES, recipe_from
from microtome.loop.training import examples_from
from microtome.project import Model, Query, open_journal, open_project
from microtome.project.records import OUTWARD, Preview
from serving import HOST, ORIGIN, Painter, ask, client_of


@pytest.fixture
def client(project_folder: Path) -> Iterator[TestClient]:
    ask(project_folder, 4)
    with client_of(project_folder) as client:
        yield client


@pytest.fixture
def ada(client: TestClient) -> Painter:
    painter = Painter(client)
    painter.next()
    return painter


def test_the_project_is_described(client: TestClient) -> None:
    about = client.get("/api/project").json()
    assert about["shape"] == [4, 96, 96]
    assert about["classes"] == [{"name": "mitochondria", "instances": False}]


def test_a_query_comes_with_its_place_and_its_reason(ada: Painter) -> None:
    assert ada.query["round"] == 0
    assert ada.query["reason"] == "drawn at random"
    assert ada.query["ops"] == []
    start, stop = (np.array(ada.query["box"][side]) for side in ("start", "stop"))
    assert (stop - start).tolist() == [1, 32, 32]
    assert (np.array(ada.query["view"]["start"]) <= start).all()


def test_the_image_comes_as_bytes(client: TestClient) -> None:
    found = client.get("/api/image", params={"z0": 1, "z1": 3, "y0": 0, "y1": 5, "x0": 90, "x1": 96})
    assert len(found.content) == 2 * 5 * 6
    assert found.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("corners", "status"),
    [
        ((0, 1, 0, 97, 0, 96), 400),
        ((0, 0, 0, 9, 0, 9), 400),
        ((0, 2**40, 0, 2**40, 0, 2**40), 400),
        ((2, 1, 0, 9, 0, 9), 400),
        ((-1, 1, 0, 9, 0, 9), 422),
        ((0, 10**30, 0, 9, 0, 9), 422),
    ],
)
def test_an_impossible_piece_of_the_image_is_refused(
    client: TestClient, corners: tuple[int, ...], status: int
) -> None:
    names = ("z0", "z1", "y0", "y1", "x0", "x1")
    found = client.get("/api/image", params=dict(zip(names, corners, strict=True)))
    assert found.status_code == status
    assert "\n" not in found.json()["detail"]


def test_strokes_are_on_the_disk_when_they_are_acknowledged(ada: Painter, project_folder: Path) -> None:
    ada.paint(0, 10, 1)
    ada.paint(5, 10, 0)
    with open_journal(project_folder / "journal.sqlite") as journal:
        assert [op.seq for op in journal.drafts.ops(ada.query["id"], "ada")] == [1, 2]


def test_strokes_and_undone_ones_come_back_after_a_reload_and_a_restart(
    ada: Painter, project_folder: Path
) -> None:
    ada.paint(0, 10, 1)
    ada.send(ada.op("undo"))
    with client_of(project_folder) as again:
        painter = Painter(again)
        painter.next()
        assert painter.query["id"] == ada.query["id"]
        assert [op["kind"] for op in painter.query["ops"]] == ["edit", "undo"]
        assert painter.send(painter.op("redo")).status_code == 200


def test_a_stroke_sent_twice_counts_once(ada: Painter) -> None:
    op = ada.op(runs=[0, 4, 1])
    assert [ada.send(op).status_code for _ in range(3)] == [200, 200, 200]
    assert ada.seq == 1


def test_strokes_out_of_order_are_refused_with_the_number_that_is_expected(ada: Painter) -> None:
    ada.paint(0, 4, 1)
    for seq in (1, 3, 99):
        found = ada.send({**ada.op(runs=[0, 1, 1]), "seq": seq})
        assert found.status_code == 409
        assert found.json()["seq"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"runs": [0, 4]},
        {"runs": []},
        {"runs": [0, 4, 2]},
        {"runs": [0, 4, 1 + 256]},
        {"runs": [1024, 1, 1]},
        {"runs": [0, 1025, 1]},
        {"runs": [5, 2, 1, 0, 1, 1]},
        {"tool": None},
        {"tool": "accept"},
        {"tool": "accept", "model": 1},
        {"model": 1},
        {"kind": "undo"},
    ],
)
def test_a_stroke_that_means_nothing_is_refused_and_changes_nothing(
    ada: Painter, wrong: dict[str, object], project_folder: Path
) -> None:
    found = ada.send({**ada.op(runs=[0, 4, 1]), **wrong})
    assert found.status_code == 400
    assert "\n" not in found.json()["detail"]
    with open_journal(project_folder / "journal.sqlite") as journal:
        assert journal.drafts.ops(ada.query["id"], "ada") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"seq": 0},
        {"seq": 1.5},
        {"seq": 10**30},
        {"key": "short"},
        {"key": "../../../etc/passwd"},
        {"kind": "erase all"},
        {"tool": "sledgehammer"},
        {"runs": [0.5, 1, 1]},
        {"runs": [0, 1, 2**40]},
        {"runs": "all"},
        {"colour": "red"},
    ],
)
def test_a_malformed_stroke_is_refused(ada: Painter, wrong: dict[str, object]) -> None:
    assert ada.send({**ada.op(runs=[0, 4, 1]), **wrong}).status_code == 422


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 41, "\ud800", 7, None])
def test_an_annotator_needs_a_name(client: TestClient, name: object) -> None:
    body = json.dumps({"annotator": name})
    found = client.post("/api/next", content=body, headers={"content-type": "application/json"})
    assert found.status_code == 422


def test_an_answer_is_what_was_painted(ada: Painter, project_folder: Path) -> None:
    ada.paint(0, 100, 1)
    ada.paint(100, 50, 0)
    found = ada.submit()
    assert found.status_code == 200
    with open_journal(project_folder / "journal.sqlite") as journal:
        answer = journal.answer(found.json()["answer"])
    assert (answer.annotator, answer.method, answer.draft_seq) == ("ada", "scratch", 2)
    assert (answer.labels.ravel()[:100] == 1).all()
    assert (answer.labels.ravel()[150:] == IGNORE).all()


def test_an_answer_sent_twice_is_one(ada: Painter) -> None:
    ada.paint(0, 100, 1)
    assert ada.submit().json() == ada.submit().json()


def test_a_draft_other_than_the_disk_s_is_no_answer(ada: Painter) -> None:
    ada.paint(0, 100, 1)
    assert ada.submit(crc=1).status_code == 409
    assert ada.submit(seq=2).status_code == 409


def test_nothing_is_no_answer(ada: Painter) -> None:
    ada.paint(0, 100, 1)
    ada.send(ada.op("undo"))
    ada.values[:] = IGNORE
    found = ada.submit()
    assert found.status_code == 409
    assert "nothing is labelled" in found.json()["detail"]


def test_an_older_answer_can_be_corrected(ada: Painter, project_folder: Path) -> None:
    ada.paint(0, 100, 1)
    first, query_id = ada.submit().json()["answer"], ada.query["id"]
    ada.next()
    assert ada.query["id"] != query_id
    assert [row["query"] for row in ada.client.get("/api/answered?annotator=ada").json()] == [query_id]
    ada.open(query_id)
    assert ada.query["answer"] == {"id": first, "seq": 1, "method": "scratch"}
    ada.values[:100] = 1
    ada.paint(0, 10, 0)
    second = ada.submit().json()["answer"]
    with open_journal(project_folder / "journal.sqlite") as journal:
        assert [answer.id for answer in journal.answers()] == [second]
        assert journal.answer(second).supersedes == first


def test_active_time_is_the_answer_s_and_is_sent_once(ada: Painter, project_folder: Path) -> None:
    report = {"key": str(uuid4()), "query": ada.query["id"], "looking": 20.5, "editing": 9.5}
    for _ in range(2):
        body = {"annotator": "ada", "reports": [report]}
        assert ada.client.post("/api/activity", json=body).status_code == 200
    ada.paint(0, 100, 1)
    last = {**report, "key": str(uuid4()), "looking": 1.0, "editing": 0.0}
    answer = ada.submit(reports=[report, last]).json()["answer"]
    with open_journal(project_folder / "journal.sqlite") as journal:
        assert journal.answer(answer).active_seconds == 31


@pytest.mark.parametrize("seconds", [-1, 1e9, "NaN", "Infinity", "soon"])
def test_impossible_times_are_refused(ada: Painter, seconds: object) -> None:
    report = {"key": str(uuid4()), "query": ada.query["id"], "looking": seconds, "editing": 0}
    found = ada.client.post("/api/activity", json={"annotator": "ada", "reports": [report]})
    assert found.status_code == 422


def test_reports_of_no_query_are_refused_whole(ada: Painter, project_folder: Path) -> None:
    good = {"key": str(uuid4()), "query": ada.query["id"], "looking": 1, "editing": 0}
    bad = {**good, "key": str(uuid4()), "query": 999}
    found = ada.client.post("/api/activity", json={"annotator": "ada", "reports": [good, bad]})
    assert found.status_code == 404
    with open_journal(project_folder / "journal.sqlite") as journal:
        assert journal.drafts.activities() == []


def test_a_skipped_query_does_not_come_back(ada: Painter, project_folder: Path) -> None:
    skipped = ada.query["id"]
    body = {"annotator": "ada", "reason": "blurred or damaged"}
    assert ada.client.post(f"/api/queries/{skipped}/skip", json=body).json() == {}
    assert ada.client.post(f"/api/queries/{skipped}/skip", json=body).json() == {}
    ada.next()
    assert ada.query["id"] != skipped
    with open_journal(project_folder / "journal.sqlite") as journal:
        assert [skip.reason for skip in journal.skips()] == ["blurred or damaged"]


def test_two_annotators_get_different_queries_until_none_is_left(client: TestClient) -> None:
    people = [Painter(client, name) for name in ("ada", "ben", "cleo", "dan", "eva")]
    queries = [person.next() for person in people]
    assert len({query["id"] for query in queries if query}) == 4
    assert queries[4] is None


def test_repeat_gives_a_query_to_several_and_the_dashboard_their_agreement(project_folder: Path) -> None:
    ask(project_folder, 1)
    with client_of(project_folder, repeat=2) as client:
        ada, ben = Painter(client, "ada"), Painter(client, "ben")
        for person in (ada, ben):
            assert person.next() is not None
            person.paint(0, 100, 1)
            person.paint(100, 100, 0)
        assert ada.query["id"] == ben.query["id"]
        ben.paint(0, 50, 0)
        for person in (ada, ben):
            assert person.submit().status_code == 200
        assert Painter(client, "cleo").next() is None
        found = client.get("/api/dashboard").json()["agreement"]
        assert (found["queries"], found["voxels"], found["agreement"]) == (1, 200, 0.75)
        most = client.get(f"/api/queries/{ada.query['id']}/labels").content
        assert most == bytes([IGNORE] * 50 + [1] * 50 + [0] * 100 + [IGNORE] * 824)


@pytest.mark.parametrize(
    "address",
    [
        *("/api/queries/99?annotator=a", "/api/queries/99/labels", "/api/previews/7/classes", "/api/nothing"),
        *("/api/queries/99/weights", "/api/queries/1/weights", "/api/previews/7/foreground"),
    ],
)
def test_what_is_not_there_is_not_found(client: TestClient, address: str) -> None:
    found = client.get(address)
    assert found.status_code == 404
    assert found.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/%2e%2e/project/journal.py",
        "/static//etc/passwd",
        "/static/",
        "/project.toml",
        "/../journal.sqlite",
    ],
)
def test_no_path_reaches_the_file_system(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_page_and_its_modules_are_served(client: TestClient) -> None:
    for path, kind in (
        ("/", "text/html"),
        ("/dashboard", "text/html"),
        ("/static/main.js", "text/javascript"),
    ):
        found = client.get(path)
        assert found.status_code == 200
        assert found.headers["content-type"].startswith(kind)
        assert "default-src 'self'" in found.headers["content-security-policy"]


def test_sections_to_watch_must_exist(client: TestClient) -> None:
    assert client.post("/api/watch", json={"sections": [3, 0, 3]}).status_code == 200
    assert [row["z"] for row in client.get("/api/dashboard").json()["sections"]] == [0, 3]
    assert client.post("/api/watch", json={"sections": [4]}).status_code == 400
    assert client.post("/api/watch", json={"sections": list(range(13))}).status_code == 422


def test_a_worker_that_is_gone_is_shown(project_folder: Path) -> None:
    with client_of(project_folder, worker_runs=False) as client:
        assert client.get("/api/state").json()["worker"]["state"] == "stopped"
        assert client.get("/api/dashboard").json()["worker"]["state"] == "stopped"


def test_an_answer_that_was_not_painted_here_can_be_corrected(tmp_path: Path) -> None:
    from microtome.cli.session import opened
    from microtome.loop.simulation import Budget, simulate
    from microtome.oracle import CostModel
    from microtome.progress import silent

    folder = phantom_project(tmp_path / "p")
    with opened(folder, "cpu", silent) as session:
        simulate(session, Budget(1), CostModel())
        (answer,) = session.project.journal.answers()
    with client_of(folder) as client:
        painter = Painter(client, answer.annotator)
        painter.open(answer.query_id)
        assert [op["tool"] for op in painter.query["ops"]] == ["restore"]
        painter.values = answer.labels.astype(np.uint32).ravel()
        painter.paint(0, 3, 1)
        assert painter.submit().status_code == 200


def test_the_token_opens_the_page_once_and_a_cookie_from_then_on(project_folder: Path) -> None:
    with client_of(project_folder) as client:
        client.cookies.clear()
        assert client.get("/").status_code == 401
        assert client.get("/?token=wrong").status_code == 401
        found = client.get("/?token=a-token-of-the-test", follow_redirects=False)
        assert found.status_code == 303
        cookie = found.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert client.get("/").status_code == 200


@pytest.mark.parametrize("cookie", ["", "wrong", "a-token-of-the-tes", "é", '"'])
def test_nothing_is_served_without_the_token(project_folder: Path, cookie: str) -> None:
    with client_of(project_folder) as client:
        client.cookies.clear()
        headers = {"cookie": f"microtome-8765={cookie}".encode()}
        for path in ("/", "/dashboard", "/static/main.js", "/api/project", "/api/openapi.json"):
            assert client.get(path, headers=headers).status_code == 401


@pytest.mark.parametrize("origin", [None, "http://evil.example", f"https://{HOST}.evil.example", "null", ""])
def test_another_site_cannot_change_anything(client: TestClient, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    del client.headers["origin"]
    assert client.post("/api/train", json={}, headers=headers).status_code == 403
    assert client.post("/api/train", json={}, headers={"origin": ORIGIN}).status_code == 200


def test_another_name_for_this_machine_is_refused(client: TestClient) -> None:
    assert client.get("/api/project", headers={"host": "rebound.example:8765"}).status_code == 421


def test_bodies_are_bounded(ada: Painter) -> None:
    big = b" " * (2**18 + 1)
    headers = {"content-type": "application/json"}
    assert ada.client.post("/api/train", content=big, headers=headers).status_code == 413
    found = ada.client.post("/api/next", content=iter([big[: 2**17]] * 3), headers=headers)
    assert found.status_code == 413


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b'{"a":' * 50_000])
def test_a_body_that_is_no_message_is_refused(client: TestClient, body: bytes) -> None:
    found = client.post("/api/next", content=body, headers={"content-type": "application/json"})
    assert found.status_code in (400, 422)


def test_an_answer_records_the_prediction_that_was_in_view(ada: Painter, project_folder: Path) -> None:
    ada.paint(0, 100, 1)
    assert ada.submit(shown=1).status_code == 400
    with open_journal(project_folder / "journal.sqlite") as journal:
        assert list(journal.answers()) == []
        journal.add_model(Model(round=0, seed=0, path="models/x", seconds=1))
        answer = journal.answer(ada.submit(shown=1).json()["answer"])
    assert (answer.method, answer.shown_model) == ("scratch", 1)


def test_a_query_is_drawn_by_those_who_were_handed_it(ada: Painter) -> None:
    ben = Painter(ada.client, "ben")
    ben.open(ada.query["id"])
    assert ben.send(ben.op(runs=[0, 4, 1])).status_code == 409
    skip = {"annotator": "ben", "reason": "blurred or damaged"}
    assert ada.client.post(f"/api/queries/{ada.query['id']}/skip", json=skip).status_code == 409


def test_an_answered_query_is_not_skipped(ada: Painter) -> None:
    ada.paint(0, 100, 1)
    assert ada.submit().status_code == 200
    skip = {"annotator": "ada", "reason": "blurred or damaged"}
    assert ada.client.post(f"/api/queries/{ada.query['id']}/skip", json=skip).status_code == 409


def test_a_step_sent_again_with_other_content_is_refused(ada: Painter) -> None:
    op = ada.op(runs=[0, 4, 1])
    assert ada.send(op).status_code == 200
    assert ada.send({**op, "runs": [0, 5, 1]}).status_code == 409


def test_a_step_with_a_million_wrong_numbers_is_refused_at_once(ada: Painter) -> None:
    began = time.monotonic()
    found = ada.send(ada.op(runs=[-1] * 60_000))
    assert found.status_code == 422
    assert ada.send(ada.op(runs=[0] * 1_000_000)).status_code == 413
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("origin", ["http://[", f"https://{HOST}", f"http://{HOST}/", "http://"])
def test_an_odd_origin_is_another_site(client: TestClient, origin: str) -> None:
    assert client.post("/api/train", json={}, headers={"origin": origin}).status_code == 403


def test_a_failing_disk_is_no_fault_of_the_page_and_tells_no_paths(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("/home/somebody/journal.sqlite: the disk is full")

    monkeypatch.setattr("microtome.project.journal.Journal.add_event", fail)
    found = client.post("/api/train", json={})
    assert found.status_code == 503
    assert "somebody" not in found.text


def _predict(folder: Path, query_id: int, classes: np.ndarray, foreground: np.ndarray | None) -> int:
    """Put a prediction of a query, with a voxel of context in y and x, into the journal; the preview's id."""
    with open_journal(folder / "journal.sqlite") as journal:
        model = journal.add_model(Model(round=0, seed=0, path="models/x", seconds=1))
        box = journal.query(query_id).box.grown((0, 1, 1))
        found = journal.previews.add(
            Preview(
                model_id=model.id,
                query_id=query_id,
                box=box,
                classes=classes,
                uncertainty=classes,
                foreground=foreground,
            )
        )
    return found.id or 0


def test_a_draft_that_began_with_a_prediction_is_shown_beside_that_one(
    ada: Painter, project_folder: Path
) -> None:
    nothing = np.zeros((1, 34, 34), np.uint8)
    first = _predict(project_folder, ada.query["id"], nothing, None)
    ada.send(ada.op(runs=[0, ada.values.size, 0], tool="accept", model=1))
    ada.values[:] = 0
    newer = _predict(project_folder, ada.query["id"], nothing + 1, None)
    ada.open(ada.query["id"])
    assert ada.query["preview"]["id"] == first
    ada.values[:] = 0
    assert ada.submit().status_code == 200
    ada.open(ada.query["id"])
    assert ada.query["preview"]["id"] == newer  # of an answer the latest model's


def test_a_prediction_comes_with_its_foreground_if_it_has_one(ada: Painter, project_folder: Path) -> None:
    classes = np.zeros((1, 34, 34), np.uint8)
    foreground = np.arange(classes.size, dtype=np.uint32).astype(np.uint8).reshape(classes.shape)
    old = _predict(project_folder, ada.query["id"], classes, None)
    new = _predict(project_folder, ada.query["id"], classes, foreground)
    assert ada.client.get(f"/api/previews/{old}/foreground").status_code == 404
    assert ada.client.get(f"/api/previews/{new}/foreground").content == foreground.tobytes()
    assert ada.client.get(f"/api/previews/{new}/probability").status_code == 422
    ada.open(ada.query["id"])
    assert ada.query["preview"]["foreground"] is True


def test_queries_beside_what_is_labelled_come_to_be_corrected(ada: Painter, project_folder: Path) -> None:
    assert ada.query["correction"] is False
    with open_journal(project_folder / "journal.sqlite") as journal:
        box = Box.of((1, 32, 32)).shifted((2, 64, 64))
        about = {"score": 0.0, "rank": 0, "reason": "beside section 1"}
        journal.add_queries([Query(round=1, box=box, strategy=OUTWARD, **about)])
    ben = Painter(ada.client, "ben")
    found = ben.next()
    assert found is not None
    assert found["correction"] is True


def test_a_prediction_is_taken_over_with_the_model_that_made_it(ada: Painter, project_folder: Path) -> None:
    _predict(project_folder, ada.query["id"], np.zeros((1, 34, 34), np.uint8), None)
    assert ada.send(ada.op(runs=[0, 4, 1], tool="threshold")).status_code == 400
    assert ada.send(ada.op(runs=[0, 4, 1], tool="bridge", model=1)).status_code == 400
    assert ada.send(ada.op(runs=[0, 4, 1], tool="threshold", model=1)).status_code == 200
    assert ada.send(ada.op(runs=[0, 2, 0], tool="remove")).status_code == 200
    assert ada.send(ada.op(runs=[0, 2, 1], tool="bridge")).status_code == 200


class TestWeights:
    """A project that lets corrections weigh more."""

    @pytest.fixture
    def project_folder(self, tmp_path: Path) -> Path:
        folder = phantom_project(tmp_path / "weighed")
        with (folder / "project.toml").open("a") as file:
            file.write("\n[corrections]\nstrength = 9.0\nblur = 1.0\n")
        return folder

    def test_an_answer_s_weights_are_those_of_training(self, ada: Painter, project_folder: Path) -> None:
        assert ada.client.get("/api/project").json()["strength"] == 9
        url, size = f"/api/queries/{ada.query['id']}/weights", ada.values.size
        shown = np.zeros((1, 34, 34), np.uint8)
        shown[0, 1:5, 1:5] = 1  # made up
        _predict(project_folder, ada.query["id"], shown, None)
        ada.send(ada.op(runs=[0, size, 0], tool="accept", model=1))
        ada.values[:] = 0
        assert ada.client.get(url).status_code == 404
        assert ada.submit().status_code == 200
        found = np.frombuffer(ada.client.get(url).content, np.uint8).reshape(32, 32)
        assert found.max() == found[:4, :4].max() == 255
        assert not found[12:, 12:].any()
        with (
            open_journal(project_folder / "journal.sqlite") as journal,
            open_project(project_folder, TABLES) as p,
        ):
            corrections = recipe_from(p.config.settings).corrections
            (example,) = examples_from(
                p, p.image(), list(journal.answers()), margin=(0, 0, 0), corrections=corrections
            )
        assert example.emphasis is not None
        assert np.array_equal(example.emphasis[0], found)

    def test_an_answer_without_a_prediction_weighs_what_it_always_does(self, ada: Painter) -> None:
        ada.paint(0, 100, 1)
        assert ada.submit().status_code == 200
        found = ada.client.get(f"/api/queries/{ada.query['id']}/weights").content
        assert found == bytes(ada.values.size)


def test_only_what_there_is_can_be_looked_at_again(ada: Painter) -> None:
    assert ada.client.post("/api/queries/99/look", json={}).status_code == 404
    assert ada.client.post(f"/api/queries/{ada.query['id']}/look", json={"more": 1}).status_code == 422
    assert ada.client.post(f"/api/queries/{ada.query['id']}/look", json={}).status_code == 200


def test_without_corrections_there_are_no_weights(ada: Painter) -> None:
    ada.paint(0, 100, 1)
    assert ada.submit().status_code == 200
    assert ada.client.get("/api/project").json()["strength"] == 0
    assert ada.client.get(f"/api/queries/{ada.query['id']}/weights").status_code == 404


def test_accepted_predictions_say_nothing_about_the_model(ada: Painter, project_folder: Path) -> None:
    with open_journal(project_folder / "journal.sqlite") as journal:
        journal.add_model(Model(round=0, seed=0, path="models/x", seconds=1))
        size = ada.values.size
        assert ada.send(ada.op(runs=[0, size, 1], tool="accept", model=1)).status_code == 200
        ada.values[:] = 1
        answer = ada.submit().json()["answer"]
        table = [[0, 0], [0, size]]
        journal.add_event("estimate", {"model": 1, "answer": answer, "table": table})
    (point,) = ada.client.get("/api/dashboard").json()["curve"]
    assert (point["evaluated"], point["jaccard"]) == (0, None)
