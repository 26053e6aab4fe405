"""The labelling page in a real browser, with a real server."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from conftest import free_port, phantom_project
from microtome.labels import IGNORE
from microtome.project import Journal, open_journal

pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install '.[dev]'")

from browser import SIZE, Page, chromium, kept
from server import Server
from serving import ask, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

pytestmark = [
    pytest.mark.skipif(
        chromium() is None, reason="needs Chromium to look at the page: apt-get install chromium"
    ),
]

Open = Callable[..., Page]


@pytest.fixture
def address(project_folder: Path) -> Iterator[str]:
    ask(project_folder, 8)
    with served(project_folder) as url:
        yield url


@pytest.fixture
def journal(project_folder: Path) -> Iterator[Journal]:
    with open_journal(project_folder / "journal.sqlite") as journal:
        yield journal


@pytest.fixture
def open_page(address: str, browser: "Browser") -> Iterator[Open]:
    pages: list[Page] = []

    def begin(name: str = "ada") -> Page:
        pages.append(Page(browser.new_context(viewport=SIZE), address))
        pages[-1].sign_in(name)
        return pages[-1]

    yield begin
    for page in pages:
        page.context.close()
    assert [error for page in pages for error in page.errors] == []


@pytest.fixture
def page(open_page: Open) -> Page:
    return open_page()


def _inside(page: Page, *points: tuple[float, float]) -> list[tuple[float, float]]:
    """Points of the query's box as voxels of the volume."""
    (_, y, x), _ = page.box()
    return [(y + dy, x + dx) for dy, dx in points]


def _values(page: Page) -> np.ndarray:
    (z0, y0, x0), (z1, y1, x1) = page.box()
    return np.array(page.labels(), dtype=np.uint32).reshape(z1 - z0, y1 - y0, x1 - x0)


def _answer_by_truth_like_strokes(page: Page) -> None:
    page.press("1")
    page.drag(*_inside(page, (6, 6), (12, 20)))
    page.press("Shift+Digit0")
    page.wait_saved()
    page.submit()


def test_a_stroke_is_seen_saved_and_is_an_answer(page: Page, journal: Journal) -> None:
    page.drag(*_inside(page, (8, 8), (8, 24)))
    page.wait_saved()
    values = _values(page)
    assert values[0, 8, 8] == values[0, 8, 20] == 1
    assert values[0, 28, 28] == IGNORE
    query = int(page.data("query"))
    assert len(journal.drafts.ops(query, "ada")) == 1
    page.submit()
    page.wait_saved()
    answer = journal.answer_of(query, "ada")
    assert answer is not None
    assert np.array_equal(answer.labels, values)
    assert answer.method == "scratch"
    assert answer.active_seconds > 0


def test_undo_and_redo_survive_a_reload(page: Page) -> None:
    page.drag(*_inside(page, (8, 8), (8, 24)))
    first = page.labelled()
    page.drag(*_inside(page, (20, 8), (20, 24)))
    both = page.labelled()
    page.press("Control+z")
    assert page.labelled() == first
    page.wait_saved()
    page.tab.reload()
    page.wait_drawn()
    assert page.labelled() == first
    page.press("Control+y")
    assert page.labelled() == both
    page.press("Control+z")
    page.press("Control+z")
    assert page.labelled() == 0
    page.press("Control+Shift+Z")
    assert page.labelled() == first


def test_an_older_answer_is_corrected(page: Page, journal: Journal) -> None:
    page.drag(*_inside(page, (8, 8), (8, 24)))
    query = int(page.data("query"))
    page.submit()
    page.wait_saved()
    first = journal.answer_of(query, "ada")
    page.press("PageUp")
    page.wait_query(query)
    page.wait_drawn()
    page.press("0")
    page.drag(*_inside(page, (20, 8), (20, 24)))
    page.press("Control+Enter")
    page.wait_other_query(query)
    page.wait_saved()
    second = journal.answer_of(query, "ada")
    assert first is not None
    assert second is not None
    assert second.supersedes == first.id
    assert second.labels[0, 20, 10] == 0
    assert second.labels[0, 8, 10] == 1


def test_erase_fill_pick_and_the_rest_is_background(page: Page) -> None:
    page.drag(*_inside(page, (4, 4), (4, 27), (27, 27), (27, 4), (4, 4)))
    page.press("0")
    page.press("g")
    page.click(_inside(page, (16, 16))[0])
    values = _values(page)
    assert values[0, 16, 16] == 0
    page.press("b")
    page.click(_inside(page, (4, 16))[0], "Shift")  # picks class 1
    page.drag(*_inside(page, (16, 14), (16, 18)))
    assert _values(page)[0, 16, 16] == 1
    page.press("e")
    page.drag(*_inside(page, (16, 14), (16, 18)))
    assert _values(page)[0, 16, 16] == IGNORE
    page.press("b")
    page.drag(*_inside(page, (27, 10), (27, 12)), button="right")
    assert _values(page)[0, 27, 11] == IGNORE
    page.press("Shift+Digit0")
    values = _values(page)
    assert values[0, 16, 16] == values[0, 27, 11] == 0
    assert values[0, 4, 16] == 1
    page.press("Shift+A")
    assert page.labelled() == 0
    page.press("Control+z")
    assert np.array_equal(_values(page), values)


def test_a_lasso_takes_what_is_inside(page: Page) -> None:
    page.press("l")
    page.drag(*_inside(page, (5, 5), (5, 25), (25, 25), (25, 5)))
    values = _values(page)
    assert values[0, 15, 15] == 1
    assert values[0, 2, 2] == IGNORE
    assert 300 < page.labelled() < 500


def test_only_empty_voxels_or_only_one_class_can_be_painted(page: Page) -> None:
    page.drag(*_inside(page, (16, 8), (16, 24)))
    page.press("0")
    page.press("o")
    page.drag(*_inside(page, (10, 16), (22, 16)))
    values = _values(page)
    assert values[0, 16, 16] == 1
    assert values[0, 10, 16] == 0
    page.press("o")
    page.drag(*_inside(page, (16, 12), (28, 12)))
    values = _values(page)
    assert values[0, 16, 12] == 0
    assert values[0, 26, 12] == IGNORE


def test_the_context_cannot_be_painted(page: Page) -> None:
    (_, y0, x0), (_, y1, _) = page.box()
    beside = y0 - 10 if y0 else y1 + 10  # farther than the brush reaches
    page.drag((beside, x0 + 10), (beside, x0 + 20))
    assert page.labelled() == 0
    page.drag(*_inside(page, (8, 8), (8, 24)))
    assert page.labelled() > 0


def test_keys_alone_are_enough(page: Page, journal: Journal) -> None:
    query = int(page.data("query"))
    page.press("Enter")
    for _ in range(3):
        page.press("ArrowRight")
    page.tab.keyboard.down("Space")
    for _ in range(6):
        page.press("ArrowDown")
    page.tab.keyboard.up("Space")
    assert page.labelled() > 6
    page.press("Shift+Digit0")
    page.press("Escape")
    page.press("Control+Enter")
    page.wait_other_query(query)
    page.wait_saved()
    answer = journal.answer_of(query, "ada")
    assert answer is not None
    assert (answer.labels != IGNORE).all()


def test_a_query_is_skipped_with_a_reason(page: Page, journal: Journal) -> None:
    query = int(page.data("query"))
    page.press("k")
    page.press("1")
    page.wait_other_query(query)
    page.wait_saved()
    assert [(skip.query_id, skip.reason) for skip in journal.skips()] == [(query, "blurred or damaged")]


def test_two_annotators_never_see_the_same_query(open_page: Open) -> None:
    ada, ben = open_page("ada"), open_page("ben")
    assert ada.data("query") != ben.data("query")


def test_two_tabs_on_one_query_do_not_overwrite_each_other(
    page: Page, address: str, journal: Journal
) -> None:
    query = page.data("query")
    other = page.context.new_page()
    other.goto(address)
    other.wait_for_selector("body[data-state=drawn]")
    assert other.evaluate("document.body.dataset.query") == query
    page.drag(*_inside(page, (8, 8), (8, 24)))
    page.wait_saved()
    other.keyboard.press("Shift+Digit0")
    painted = page.labelled()
    other.wait_for_function("painted => window.microtome.draft?.labelled() === painted", arg=painted)
    assert len(journal.drafts.ops(int(query), "ada")) == 1


def test_keys_can_be_changed_and_conflicts_are_named(page: Page) -> None:
    page.press("?")
    key = page.tab.locator("dialog[open] li", has_text="erase to unlabelled").locator("button")
    key.click()
    page.press("b")
    assert "B is taken by “brush”" in page.tab.inner_text("dialog[open]")
    page.press("Control+w")
    assert "belongs to the browser" in page.tab.inner_text("dialog[open]")
    page.press("y")
    page.press("Escape")
    page.press("y")
    page.tab.wait_for_selector("body[data-tool=erase]")
    page.tab.reload()
    page.wait_drawn()
    page.press("y")
    page.tab.wait_for_selector("body[data-tool=erase]")


def test_the_dashboard_follows_what_happens(page: Page, address: str) -> None:
    tab = page.context.new_page()
    tab.goto(address.split("/?")[0] + "/dashboard")
    tab.wait_for_selector("text=Learning curve")
    _answer_by_truth_like_strokes(page)
    tab.wait_for_function("() => /\\b1 of 3\\b/.test(document.body.innerText)")
    assert "ada" in tab.inner_text("body")


class TestProcesses:
    """With the server and the worker in processes of their own."""

    @pytest.fixture
    def server(self, project_folder: Path) -> Iterator[Server]:
        with Server(project_folder, free_port()) as server:
            yield server

    @pytest.fixture
    def address(self, server: Server) -> str:
        return server.url

    def test_the_prediction_is_accepted_and_corrected(self, page: Page, journal: Journal) -> None:
        for _ in range(3):
            _answer_by_truth_like_strokes(page)
        page.tab.wait_for_selector("[data-action=accept]:not([disabled])", timeout=60_000)
        page.press("a")
        page.wait_saved()
        query = int(page.data("query"))
        assert page.labelled() == _values(page).size
        preview = journal.previews.of_query(query)
        assert preview is not None
        box = journal.query(query).box
        shown = preview.classes[box.relative_to(preview.box).slices]
        assert np.array_equal(_values(page), shown)
        page.press("0" if shown[0, 16, 16] else "1")
        page.drag(*_inside(page, (16, 16), (16, 18)))
        page.submit()
        page.wait_saved()
        answer = journal.answer_of(query, "ada")
        assert answer is not None
        assert (answer.method, answer.shown_model) == ("corrected", preview.model_id)

    @pytest.mark.slow
    def test_strokes_wait_while_the_server_is_away_and_are_sent_when_it_is_back(
        self, page: Page, server: Server, project_folder: Path, journal: Journal
    ) -> None:
        page.drag(*_inside(page, (8, 8), (8, 24)))
        page.wait_saved()
        server.kill()
        page.drag(*_inside(page, (20, 8), (20, 24)))
        page.press("Control+z")
        page.drag(*_inside(page, (24, 8), (24, 24)))
        page.tab.wait_for_selector("body[data-save=offline]")
        assert re.search(r"3 \w+ (kept|waiting)", page.tab.inner_text("body"))
        query, painted = int(page.data("query")), _values(page)
        with Server(project_folder) as again:
            assert again.url == server.url
            page.wait_saved()
            assert [op.kind for op in journal.drafts.ops(query, "ada")] == ["edit", "edit", "undo", "edit"]
            page.submit()
            page.wait_saved()
        answer = journal.answer_of(query, "ada")
        assert answer is not None
        assert np.array_equal(answer.labels, painted)

    @pytest.mark.slow
    def test_strokes_that_could_not_be_sent_survive_the_browser(
        self, server: Server, project_folder: Path, tmp_path: Path, journal: Journal, driver: "Playwright"
    ) -> None:
        profile = tmp_path / "profile"
        page = Page(kept(driver, profile), server.url)
        page.sign_in("ada")
        query = int(page.data("query"))
        server.kill()
        page.drag(*_inside(page, (20, 8), (20, 24)))
        page.tab.wait_for_selector("body[data-save=offline]")
        painted = page.labelled()
        page.context.close()
        with Server(project_folder):
            page = Page(kept(driver, profile), server.url)
            page.tab.goto(server.url)
            page.wait_drawn()
            page.wait_saved()
            assert int(page.data("query")) == query
            assert page.labelled() == painted
            page.context.close()
        assert len(journal.drafts.ops(query, "ada")) == 1


class TestDeep:
    """Queries of several sections, with instances."""

    @pytest.fixture
    def project_folder(self, tmp_path: Path) -> Path:
        folder = phantom_project(tmp_path / "deep", query_shape=(3, 32, 32), train="0:4", test=None)
        settings = folder / "project.toml"
        text = settings.read_text()
        assert "instances = []" in text
        text = text.replace("instances = []", 'instances = ["mitochondria"]')
        settings.write_text(text)
        return folder

    def test_three_linked_views_show_one_draft(self, page: Page) -> None:
        panes = page.tab.locator("#views .pane:visible")
        planes = [panes.nth(k).get_attribute("data-plane") for k in range(panes.count())]
        assert sorted(planes) == ["xy", "xz", "yz"]
        before = [panes.nth(k).screenshot() for k in range(3)]
        page.press("Shift+Digit0")
        page.wait_saved()
        assert all(panes.nth(k).screenshot() != before[k] for k in range(3))

    def test_labels_are_interpolated_and_copied_between_sections(self, page: Page) -> None:
        first = int(page.data("section"))
        low, high = page.box()[0][0], page.box()[1][0]
        for _ in range(first - low):
            page.press("d")
        page.drag(*_inside(page, (16, 8), (16, 20)))
        page.press("f")
        page.press("f")
        page.drag(*_inside(page, (16, 12), (16, 24)))
        page.press("v")
        values = _values(page)
        assert values.shape[0] == high - low == 3
        assert values[1, 16, 14] % 256 == 1
        page.press("Control+z")
        assert (_values(page)[1] == IGNORE).all()
        page.press("d")
        page.press("Shift+V")
        assert np.array_equal(_values(page)[1], _values(page)[0])

    def test_objects_of_a_class_are_told_apart(self, page: Page, journal: Journal) -> None:
        page.drag(*_inside(page, (8, 8), (8, 12)))
        page.press("m")
        page.drag(*_inside(page, (24, 8), (24, 12)))
        query = int(page.data("query"))
        page.submit()
        page.wait_saved()
        answer = journal.answer_of(query, "ada")
        assert answer is not None
        assert answer.instances is not None
        painted = answer.labels == 1
        assert len(np.unique(answer.instances[painted])) == 2
