"""The proofreading page's server, through its addresses."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from fastapi.testclient import TestClient

from microtome.cli.proofread import ask
from microtome.learn.settings import TABLES
from microtome.objects.auditing import audited
from microtome.objects.sets import ProposalSets
from microtome.objects.streams import new_arrays, origin_of, write_note
from microtome.project import open_journal, open_project
from microtome.serve.proofread_desk import AUDIT_EVERY
from microtome.serve.proofread_source import SIDE
from proofreading import client_of, object_project, office_of
from serving import HOST, ORIGIN


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return object_project(tmp_path_factory.mktemp("proofread") / "mito", audits=2)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy with nothing judged yet."""
    shutil.copytree(made, tmp_path / "mito")
    shutil.copy(made.with_suffix(".npy"), tmp_path)
    settings = tmp_path / "mito" / "project.toml"
    settings.write_text(settings.read_text().replace(str(made.parent), str(tmp_path)))
    return tmp_path / "mito"


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with client_of(folder, tiles=8) as client:
        yield client


class Judge:
    """An annotator who judges without a page."""

    def __init__(self, client: TestClient, name: str = "ada") -> None:
        self.client, self.name = client, name
        self.sheet: dict[str, Any] = {}

    def next(self, holding: tuple[int, ...] = ()) -> dict[str, Any] | None:
        body = {"annotator": self.name, "holding": list(holding)}
        found = self.client.post("/api/next", json=body).json()["sheet"]
        self.sheet = found or {}
        return found

    def open(self, sheet: int) -> Any:  # noqa: ANN401
        return self.client.get(f"/api/sheets/{sheet}", params={"annotator": self.name})

    def post(self, what: str, **body: object) -> Any:  # noqa: ANN401
        said = {"annotator": self.name, "key": str(uuid4()), **body}
        return self.client.post(f"/api/sheets/{self.sheet['id']}/{what}", json=said)

    def say(self, place: int, verdict: str, was: str | None = None, **more: object) -> Any:  # noqa: ANN401
        one = {"query": self.sheet["tiles"][place]["query"], "verdict": verdict, "was": was}
        return self.post("verdicts", verdicts=[one], **more)

    def confirm(self, said: dict[int, str] | None = None, **more: object) -> Any:  # noqa: ANN401
        tiles = self.sheet["tiles"]
        shown = [{"query": tiles[place]["query"], "verdict": word} for place, word in (said or {}).items()]
        return self.post("confirm", said=shown, **more)

    def verdicts(self) -> list[str | None]:
        return [tile["verdict"] for tile in self.open(self.sheet["id"]).json()["tiles"]]


@pytest.fixture
def ada(client: TestClient) -> Judge:
    judge = Judge(client)
    judge.next()
    return judge


def test_the_project_and_its_proposals_are_described(client: TestClient) -> None:
    about = client.get("/api/project").json()
    assert (about["name"], about["proposals"], about["sorting"], about["side"]) == (
        "mito",
        "001",
        "cluster",
        SIDE,
    )
    assert about["shape"] == [6, 200, 300]


def test_a_sheet_comes_in_cluster_order_with_what_is_known_of_each_object(ada: Judge) -> None:
    tiles = ada.sheet["tiles"]
    assert [tile["cluster"] for tile in tiles] == [0] * 8
    assert [tile["verdict"] for tile in tiles] == [None] * 8
    tile = tiles[0]
    assert tile["first"] <= tile["section"] <= tile["last"]
    assert tile["probability"] == pytest.approx(0.9, abs=0.01)
    assert tile["voxels"] > 100
    assert tile["nm"] == 4


def test_random_order_mixes_the_clusters(folder: Path) -> None:
    with client_of(folder, tiles=8, sorting="random") as client:
        judge = Judge(client)
        judge.next()
        assert len({tile["cluster"] for tile in judge.sheet["tiles"]}) == 3


def test_all_tiles_of_a_sheet_come_in_one_answer(ada: Judge) -> None:
    found = ada.client.get(f"/api/sheets/{ada.sheet['id']}/tiles")
    assert found.headers["content-type"] == "application/octet-stream"
    grey, mask = found.content[: 8 * SIDE**2], found.content[8 * SIDE**2 :]
    assert len(mask) == 8 * SIDE**2 // 4
    first = np.frombuffer(grey, np.uint8).reshape(8, SIDE, SIDE)[0]
    on = (np.frombuffer(mask, np.uint8)[: SIDE**2 // 4, None] >> [0, 2, 4, 6] & 3).reshape(SIDE, SIDE) > 0
    assert 100 < on.sum() < 1000
    assert first[on].mean() < first[64, 84:96].mean() - 50


def test_the_sections_and_the_enlarged_view_of_an_object_come_as_bytes(ada: Judge) -> None:
    tile = ada.sheet["tiles"][0]
    key, sections = tile["object"], tile["last"] + 1 - tile["first"]
    stack = ada.client.get(f"/api/objects/{key}/stack").content
    assert len(stack) == sections * SIDE**2 * 5 // 4
    shape = np.subtract(tile["region"]["stop"], tile["region"]["start"])
    mask = np.frombuffer(ada.client.get(f"/api/objects/{key}/mask").content, np.uint8)
    assert mask.size == shape.prod()
    assert mask.sum() == tile["voxels"]
    corners = {"z0": 2, "z1": 3, "y0": 0, "y1": 100, "x0": 0, "x1": 300}
    assert len(ada.client.get("/api/objects", params=corners).content) == 30_000
    assert len(ada.client.get("/api/image", params=corners).content) == 30_000


def test_verdicts_are_on_the_disk_when_they_are_acknowledged(ada: Judge, folder: Path) -> None:
    assert ada.say(0, "incorrect").json() == {}
    assert ada.say(1, "unsure").json() == {}
    with open_journal(folder / "journal.sqlite") as journal:
        assert [one.verdict for one in journal.verdicts.verdicts()] == ["incorrect", "unsure"]


def test_a_sheet_and_its_verdicts_come_back_after_a_restart(ada: Judge, folder: Path) -> None:
    ada.say(2, "incorrect")
    with client_of(folder, tiles=8) as again:
        judge = Judge(again)
        judge.next()
        assert judge.sheet["id"] == ada.sheet["id"]
        assert [tile["verdict"] for tile in judge.sheet["tiles"]] == [None, None, "incorrect", *[None] * 5]


def test_confirming_says_correct_of_the_rest(ada: Judge) -> None:
    ada.say(0, "incorrect")
    assert ada.confirm({0: "incorrect"}).status_code == 200
    assert ada.verdicts() == ["incorrect", *["correct"] * 7]
    first = ada.sheet["id"]
    assert ada.client.get("/api/closed", params={"annotator": "ada"}).json() == [first]
    ada.next()
    assert ada.sheet["id"] != first
    state = ada.client.get("/api/state").json()
    assert (state["asked"], state["correct"], state["incorrect"]) == (24, 7, 1)


def test_what_is_sent_again_counts_once(ada: Judge, folder: Path) -> None:
    for _ in range(3):
        assert ada.say(0, "incorrect", key="the-same-key").status_code == 200
        assert ada.confirm({0: "incorrect"}, key="another-key").status_code == 200
    with open_journal(folder / "journal.sqlite") as journal:
        assert len(journal.verdicts.verdicts()) == 8
        assert journal.check() == []


def test_a_page_that_does_not_know_what_another_said_is_told(ada: Judge) -> None:
    ada.say(0, "incorrect")
    found = ada.say(0, "unsure")
    assert found.status_code == 409
    assert "another page" in found.json()["detail"]
    assert ada.confirm().status_code == 409
    assert ada.verdicts() == ["incorrect", *[None] * 7]
    assert ada.say(0, "unsure", was="incorrect").status_code == 200


def test_a_verdict_is_taken_back(ada: Judge) -> None:
    ada.say(0, "incorrect")
    assert ada.say(0, "withdrawn", was="incorrect").status_code == 200
    assert ada.verdicts() == [None] * 8


def test_a_whole_sheet_is_judged_at_once(ada: Judge) -> None:
    all_of_it = [{"query": tile["query"], "verdict": "incorrect", "was": None} for tile in ada.sheet["tiles"]]
    assert ada.post("verdicts", verdicts=all_of_it).status_code == 200
    assert ada.verdicts() == ["incorrect"] * 8


def test_a_sheet_confirmed_by_mistake_is_opened_again(ada: Judge) -> None:
    ada.say(0, "incorrect")
    ada.confirm({0: "incorrect"})
    for _ in range(2):
        assert ada.post("reopen", key="open-it-again").status_code == 200
    assert ada.verdicts() == ["incorrect", *[None] * 7]
    found = ada.sheet["id"]
    assert ada.next() is not None
    assert ada.sheet["id"] == found


def test_two_annotators_never_hold_the_same_object(client: TestClient) -> None:
    people = [Judge(client, name) for name in ("ada", "ben", "cleo")]
    held = [tile["query"] for person in people for tile in (person.next() or {})["tiles"]]
    assert len(held) == len(set(held)) == 24
    assert (Judge(client, "dan").next() or {})["audit"] is not None


def test_who_gets_nothing_is_told_who_has_it_and_what_to_do_next(folder: Path) -> None:
    with client_of(folder, tiles=23) as client:
        ada, ben = Judge(client), Judge(client, "ben")

        def told(name: str, holding: tuple[int, ...] = ()) -> tuple[bool, str]:
            while True:
                body = {"annotator": name, "holding": list(holding)}
                found = client.post("/api/next", json=body).json()
                if found["sheet"] is None:
                    return found["done"], found["reason"]
                assert found["sheet"]["audit"] is not None
                holding = (*holding, found["sheet"]["id"])

        ada.next()
        ben.next()
        assert told("cleo") == (False, "24 objects are open on other people's pages.")
        ada.say(0, "unsure")
        ada.confirm({0: "unsure"})
        told_to_ada = (
            "1 object is open on other people's pages and 1 object waits for somebody else's opinion."
        )
        assert told("ada") == (False, told_to_ada)
        for _ in range(2):
            assert len(ben.sheet["tiles"]) == 1
            ben.confirm()
            ben.next()
        decided = "Every object of proposals 001 is decided."
        next_steps = "Next: `microtome objects propagate mito` and `microtome objects train mito`"
        assert told("ada") == (True, f"{decided} {next_steps}")
        (folder / "objects" / "002").mkdir()
        assert told("ada") == (True, f"{decided} {next_steps}")
        with open_journal(folder / "journal.sqlite") as journal:
            journal.verdicts.add_queries([replace(journal.verdicts.queries()[0], id=None, proposals="002")])
        newer = "Proposals 002 are there to be judged, too: `microtome proofread mito`"
        assert told("ada") == (True, f"{decided} {newer}")


def test_what_one_is_unsure_of_goes_to_another_and_agreement_is_shown(folder: Path) -> None:
    with client_of(folder, tiles=24) as client:
        ada, ben = Judge(client), Judge(client, "ben")
        ada.next()
        ada.say(0, "unsure")
        ada.confirm({0: "unsure"})
        state = client.get("/api/state").json()
        assert (state["correct"], state["unsure"], state["agreement"]) == (23, 1, None)
        ben.next()
        assert [tile["query"] for tile in ben.sheet["tiles"]] == [ada.sheet["tiles"][0]["query"]]
    with client_of(folder, tiles=24, repeat=2) as client:
        ben = Judge(client, "ben")
        ben.next()
        ben.confirm()
        ben.next((ben.sheet["id"],))
        ben.say(0, "incorrect")
        ben.confirm({0: "incorrect"})
        state = client.get("/api/state").json()
        assert state["tied"] == 1
        assert state["agreement"]["objects"] == 23
        assert state["agreement"]["agreement"] == pytest.approx(22 / 23)
        people = {person["name"]: person for person in state["people"]}
        assert people["ben"]["objects"] == 24
        assert people["ben"]["incorrect"] == people["ada"]["unsure"] == 1


def test_time_is_the_verdicts_and_counts_once(ada: Judge, folder: Path) -> None:
    report = {"key": str(uuid4()), "query": ada.sheet["id"], "looking": 20.5, "editing": 3.5}
    for _ in range(2):
        body = {"annotator": "ada", "reports": [report]}
        assert ada.client.post("/api/activity", json=body).status_code == 200
    ada.confirm(reports=[report])
    with open_journal(folder / "journal.sqlite") as journal:
        assert [one.active_seconds for one in journal.verdicts.verdicts()] == [3.0] * 8
    (person,) = ada.client.get("/api/state").json()["people"]
    assert person["minutes"] == pytest.approx(0.4)
    assert person["objects_per_minute"] == pytest.approx(20)


def test_an_audit_comes_after_some_sheets_and_its_marks_make_an_estimate(folder: Path) -> None:
    with client_of(folder, tiles=4) as client:
        ada = Judge(client)
        for _ in range(AUDIT_EVERY):
            ada.next()
            assert ada.sheet["audit"] is None
            ada.confirm()
        ada.next()
        audit = ada.sheet["audit"]
        assert ada.sheet["tiles"] == []
        assert ada.client.get(f"/api/sheets/{ada.sheet['id']}/tiles").content == b""
        z, y, x = audit["box"]["start"]
        mark = [z, y + 50, x + 3]
        assert ada.post("marks", points=[mark]).status_code == 200
        assert ada.post("marks", points=[]).status_code == 409
        assert ada.post("marks", points=[[z, y, x + 60]], was=[mark]).status_code == 400
        assert ada.open(ada.sheet["id"]).json()["audit"]["points"] == [mark]
        assert ada.post("confirm").status_code == 409
        assert ada.post("confirm", points=[mark]).status_code == 200
        state = client.get("/api/state").json()["audit"]
        assert (state["boxes"], state["done"], state["missed"]) == (2, 1, 1)
        value, low, high = state["recall"]
        assert value == pytest.approx(0.5)
        assert 0 <= low < value < high <= 1


def test_the_page_counts_as_missed_what_the_command_does(folder: Path) -> None:
    with client_of(folder, tiles=24) as client:
        ada = Judge(client)
        ada.next()
        on = next(place for place, tile in enumerate(ada.sheet["tiles"]) if tile["object"] == 1)
        ada.say(on, "correct")
        objects = ada.sheet
        ada.next((objects["id"],))
        first = {"z0": 1, "z1": 2, "y0": 25, "y1": 26, "x0": 25, "x1": 26}
        assert client.get("/api/objects", params=first).content != b"\0"
        assert ada.sheet["audit"]["box"]["start"] == [1, 0, 0]
        marks = [[1, 25, 25], [1, 50, 3]]  # the first is on an object
        ada.post("marks", points=marks)
        ada.post("confirm", points=marks)
        assert audit_of(client, folder) == (1, pytest.approx(1 / 2))
        ada.sheet = objects
        ada.say(on, "incorrect", was="correct")
    with client_of(folder, tiles=24) as client:
        assert audit_of(client, folder) == (2, 0)


def audit_of(client: TestClient, folder: Path) -> tuple[int, float]:
    """Missed objects and recall as the page shows them, which are those of `microtome objects audit`."""
    shown = client.get("/api/state").json()["audit"]
    with open_journal(folder / "journal.sqlite") as journal:
        seen = audited(journal.verdicts, ProposalSets(folder).opened("001"))
    assert (shown["boxes"], shown["done"], shown["missed"]) == (seen.boxes, seen.done, seen.missing)
    assert shown["recall"] == [seen.recall.value, seen.recall.low, seen.recall.high]
    return shown["missed"], shown["recall"][0]


def test_a_sheet_is_its_annotator_s_alone(ada: Judge) -> None:
    ben = Judge(ada.client, "ben")
    ben.sheet = ada.sheet
    assert ben.open(ada.sheet["id"]).status_code == 409
    assert ben.say(0, "incorrect").status_code == 409
    assert ben.confirm().status_code == 409
    assert ben.post("reopen").status_code == 409
    report = {"key": str(uuid4()), "query": ada.sheet["id"], "looking": 1, "editing": 1}
    assert ada.client.post("/api/activity", json={"annotator": "ben", "reports": [report]}).status_code == 409


def test_an_object_of_another_sheet_is_refused(ada: Judge) -> None:
    query = ada.sheet["tiles"][0]["query"]
    ada.next((ada.sheet["id"],))
    one = {"query": query, "verdict": "incorrect", "was": None}
    found = ada.post("verdicts", verdicts=[one])
    assert found.status_code == 400
    assert "expected objects of sheet" in found.json()["detail"]


@pytest.mark.parametrize("second", ["incorrect", "unsure"])
def test_two_verdicts_of_one_object_at_once_are_refused(ada: Judge, second: str) -> None:
    query = ada.sheet["tiles"][0]["query"]
    found = ada.post(
        "verdicts",
        verdicts=[{"query": query, "verdict": word, "was": None} for word in ("incorrect", second)],
    )
    assert found.status_code == 400
    assert (
        found.json()["detail"] == f"expected one verdict of each query; query {query} is there more than once"
    )
    assert ada.verdicts() == [None] * 8


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdicts": []},
        {"verdicts": [{"query": 1, "verdict": "maybe", "was": None}]},
        {"verdicts": [{"query": 1, "verdict": "correct", "was": "withdrawn"}]},
        {"verdicts": [{"query": 0, "verdict": "correct"}]},
        {"verdicts": [{"query": 1, "verdict": "correct"}] * 401},
        {"verdicts": "all"},
        {"key": "../../x"},
        {"annotator": ""},
        {"colour": "red"},
        {"reports": [{"key": "k" * 8, "query": 1, "looking": -1, "editing": 0}]},
    ],
)
def test_a_malformed_verdict_is_refused(ada: Judge, wrong: dict[str, object]) -> None:
    fine = {"verdicts": [{"query": ada.sheet["tiles"][0]["query"], "verdict": "correct", "was": None}]}
    found = ada.post("verdicts", **{**fine, **wrong})
    assert found.status_code == 422
    assert "\n" not in found.json()["detail"]
    assert ada.verdicts() == [None] * 8


@pytest.mark.parametrize("points", [[[1, 2]], [[1, 2, -3]], [[1, 2, 0.5]], [[0, 0, 0]] * 501, "here"])
def test_malformed_marks_are_refused(ada: Judge, points: object) -> None:
    assert ada.post("marks", points=points).status_code == 422


@pytest.mark.parametrize(
    "path",
    ["/api/sheets/99?annotator=a", "/api/sheets/99/tiles", "/api/nothing", "/dashboard", "/static/../app.py"],
)
def test_what_is_not_there_is_not_found(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/api/objects/99/stack", "/api/objects/99/mask"])
def test_pictures_of_an_unknown_object_are_refused(client: TestClient, path: str) -> None:
    found = client.get(path)
    assert found.status_code == 400
    assert "expected the key of a proposed object; got 99" in found.json()["detail"]


def test_the_page_is_served_to_who_has_the_token_and_changes_nothing_for_another_site(
    client: TestClient,
) -> None:
    found = client.get("/")
    assert found.status_code == 200
    assert "proofread.js" in found.text
    assert "default-src 'self'" in found.headers["content-security-policy"]
    assert client.get("/api/state", headers={"host": "rebound.example:8765"}).status_code == 421
    del client.headers["origin"]
    for origin in ({}, {"origin": "http://evil.example"}, {"origin": f"https://{HOST}"}):
        assert client.post("/api/next", json={"annotator": "a"}, headers=origin).status_code == 403
    assert client.post("/api/next", json={"annotator": "a"}, headers={"origin": ORIGIN}).status_code == 200
    client.cookies.clear()
    for path in ("/", "/static/proofread.js", "/api/state", "/api/sheets/1/tiles"):
        assert client.get(path).status_code == 401


def test_bodies_are_bounded(ada: Judge) -> None:
    big = json.dumps({"annotator": "ada", "key": "k" * 8, "said": [], "more": "x" * 2**18})
    headers = {"content-type": "application/json"}
    url = f"/api/sheets/{ada.sheet['id']}/confirm"
    assert ada.client.post(url, content=big, headers=headers).status_code == 413


def test_a_failing_disk_is_no_fault_of_the_page_and_tells_no_paths(
    ada: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("/home/somebody/journal.sqlite: the disk is full")

    monkeypatch.setattr("microtome.project.judging.Judging.judge", fail)
    found = ada.say(0, "incorrect")
    assert found.status_code == 503
    assert "somebody" not in found.text


def test_a_verdict_asked_for_on_an_object_that_is_not_there_is_named(folder: Path) -> None:
    with open_project(folder, TABLES) as project:
        (query,) = project.journal.verdicts.queries()[:1]
        project.journal.verdicts.add_queries([replace(query, object_key=77)])
    with (
        pytest.raises(ValueError, match="proposals 001 hold no object 77, for which a verdict was asked"),
        office_of(folder),
    ):
        pass


def test_a_changed_image_is_refused(folder: Path) -> None:
    np.save(folder.with_suffix(".npy"), np.zeros((6, 200, 300), dtype=np.uint8))
    with pytest.raises(ValueError, match="changed since `microtome init`"), office_of(folder):
        pass


class TestAsking:
    """What `microtome proofread` has judged."""

    @pytest.fixture
    def unasked(self, tmp_path: Path) -> Path:
        return object_project(tmp_path / "mito", asked=False)

    def test_nothing_to_judge_is_said_in_one_line(self, unasked: Path) -> None:
        found = ProposalSets(unasked).opened()
        with open_project(unasked, TABLES) as project, pytest.raises(ValueError, match="--all") as caught:
            ask(project, found, every=False, audits=0, audit_shape=(1, 64, 64))
        assert "\n" not in str(caught.value)

    def test_every_object_and_audits_are_asked_for_once(self, unasked: Path) -> None:
        found = ProposalSets(unasked).opened()
        with open_project(unasked, TABLES) as project:
            for audits in (2, 2, 4):
                ask(project, found, every=True, audits=audits, audit_shape=(1, 64, 64))
            verdicts = project.journal.verdicts
            assert sorted(query.object_key for query in verdicts.queries("001")) == list(range(1, 25))
            boxes = [audit.box for audit in verdicts.audits("001")]
        assert len(set(boxes)) == 4
        assert not any(a.overlaps(b) for a in boxes for b in boxes if a != b)

    def test_with_features_alike_objects_stand_together(self, unasked: Path) -> None:
        found = ProposalSets(unasked).opened()
        with open_project(unasked, TABLES) as project:
            note = {"origin": origin_of(found, project.config.image), "settings": {}, "networks": ""}
            write_note(found, {**note, "finished": False})
            with new_arrays(found, (1, 1)) as (masks, images):
                masks[:, 0] = np.arange(24) % 2 * 100
                images[:] = 0
            with pytest.raises(ValueError, match="not finished"):
                ask(project, found, every=True, audits=0, audit_shape=(1, 64, 64))
            write_note(found, {**note, "finished": True})
            ask(project, found, every=True, audits=0, audit_shape=(1, 64, 64))
            queries = project.journal.verdicts.queries("001")
        group = {query.object_key: query.cluster for query in queries}
        keys = found.table().keys.tolist()
        assert len(set(group.values())) > 1
        assert not {group[key] for key in keys[::2]} & {group[key] for key in keys[1::2]}

    def test_an_audit_that_the_page_cannot_show_is_refused(self, unasked: Path) -> None:
        found = ProposalSets(unasked).opened()
        with open_project(unasked, TABLES) as project, pytest.raises(ValueError, match="at most 2097152"):
            ask(project, found, every=True, audits=1, audit_shape=(64, 512, 512))
        with open_project(unasked, TABLES) as project:
            assert not project.journal.verdicts.queries()
