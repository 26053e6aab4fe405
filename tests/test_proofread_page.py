"""The proofreading page in a real browser, with a real server."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conftest import free_port
from microtome.project import Journal, open_journal
from microtome.project.records import Verdict
from proofreading import object_project

pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install '.[dev]'")

from browser import SIZE, Page, chromium, kept
from server import PROOFREAD, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

pytestmark = [
    pytest.mark.skipif(
        chromium() is None, reason="needs Chromium to look at the page: apt-get install chromium"
    ),
]

TILES = 8
Open = Callable[[Server], Page]


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return object_project(tmp_path_factory.mktemp("proofread") / "mito", audits=60)


@pytest.fixture(scope="module")
def shared_server(shared_folder: Path) -> Iterator[Server]:
    """A server at which everybody judges everything, so that each test has an annotator of its own."""
    with Server(shared_folder, free_port(), (*PROOFREAD, "--tiles", str(TILES), "--repeat", "100")) as server:
        yield server


NUMBERS = count()


@pytest.fixture
def name() -> str:
    return f"annotator {next(NUMBERS)}"


@pytest.fixture
def page(shared_server: Server, browser: "Browser", name: str) -> Iterator[Page]:
    page = Page(browser.new_context(viewport=SIZE), shared_server.url)
    page.sign_in(name)
    yield page
    page.context.close()
    assert page.errors == []


@pytest.fixture
def said(shared_folder: Path, name: str) -> Callable[[], list[str]]:
    """What the journal has of the test's annotator, in the order of the page."""
    return lambda: [one.verdict for one in verdicts_of(shared_folder, name)]


def verdicts_of(folder: Path, name: str) -> list[Verdict]:
    with open_journal(folder / "journal.sqlite") as journal:
        found = [one for one in journal.verdicts.verdicts() if one.annotator == name]
        return sorted(found, key=lambda one: one.query_id)


def shown(page: Page) -> list[str]:
    """The verdicts on the page: of those that nobody touched "-"."""
    return page.tab.evaluate(
        "() => [...document.querySelectorAll('.tile')].map(({ dataset }) =>"
        " ('touched' in dataset || dataset.verdict !== 'correct') ? dataset.verdict : '-')"
    )


def current(page: Page) -> int:
    return page.tab.evaluate("() => window.microtome.grid.current")


def next_page(page: Page, key: str = "Enter") -> None:
    before = page.data("sheet")
    page.tab.wait_for_timeout(300)  # as long as somebody has to look at a page before confirming it
    page.press(key)
    page.tab.wait_for_function("sheet => document.body.dataset.sheet !== sheet", arg=before)
    page.wait_drawn()


def go_to_audit(page: Page) -> None:
    while page.data("mode") != "audit":
        next_page(page)
    page.tab.wait_for_function("() => window.microtome.enlarged.slices.block")


def test_a_page_of_tiles_shows_objects_with_their_outline(page: Page) -> None:
    assert shown(page) == ["-"] * TILES
    greys, outlined = page.tab.evaluate(
        """() => {
          const canvas = document.querySelector('.tile canvas');
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          let [greys, outlined] = [new Set(), 0];
          for (let i = 0; i < data.length; i += 4) {
            greys.add(data[i + 1]);
            outlined += data[i + 2] > data[i] + 60;
          }
          return [greys.size, outlined];
        }"""
    )
    assert greys > 50
    assert outlined > 100


def test_keys_judge_go_on_and_are_undone(page: Page, said: Callable[[], list[str]]) -> None:
    for key in "kxluj":
        page.press(key)
    assert shown(page) == ["incorrect", "incorrect", "unsure", "unsure", "correct", "-", "-", "-"]
    assert current(page) == 5
    page.wait_saved()
    assert said() == ["incorrect", "incorrect", "unsure", "unsure", "correct"]
    for _ in range(3):
        page.press("Control+z")
    assert shown(page)[:3] == ["incorrect", "incorrect", "-"]
    page.press("Control+y")
    page.wait_saved()
    assert said() == ["incorrect", "incorrect", "unsure"]


def test_clicks_go_through_the_verdicts(page: Page, said: Callable[[], list[str]]) -> None:
    tile = page.tab.locator("#tile-3")
    for word in ("incorrect", "unsure", "correct", "incorrect"):
        tile.click()
        assert shown(page)[3] == word
    page.wait_saved()
    assert said() == ["incorrect"]
    assert current(page) == 3


def test_a_verdict_is_shown_as_pending_until_it_is_on_the_disk(page: Page) -> None:
    page.context.set_offline(True)
    page.press("k")
    page.tab.wait_for_selector("#tile-0[data-pending]")
    page.tab.wait_for_selector("body[data-save=offline]")
    page.context.set_offline(False)
    page.wait_saved()
    page.tab.wait_for_selector("#tile-0:not([data-pending])")


def test_all_are_selected_and_judged_at_once(page: Page, said: Callable[[], list[str]]) -> None:
    page.press("Control+a")
    page.press("k")
    page.wait_saved()
    assert said() == ["incorrect"] * TILES
    page.press("Control+z")
    page.wait_saved()
    assert said() == []
    page.press("Escape")
    page.tab.locator("#tile-1").click(modifiers=["Control"])
    page.tab.locator("#tile-4").click(modifiers=["Shift"])
    page.press("l")
    assert shown(page) == ["-", *["unsure"] * 4, "-", "-", "-"]


def test_a_confirmed_page_says_correct_of_the_rest_and_can_be_opened_again(
    page: Page, said: Callable[[], list[str]]
) -> None:
    page.press("k")
    first = page.data("sheet")
    next_page(page)
    page.wait_saved()
    assert said() == ["incorrect", *["correct"] * 7]
    next_page(page, "Control+z")
    assert page.data("sheet") == first
    assert shown(page) == ["incorrect", *["-"] * 7]
    page.wait_saved()
    assert said() == ["incorrect"]
    page.press("Control+z")
    page.wait_saved()
    assert said() == []


def test_an_earlier_page_is_corrected(page: Page, said: Callable[[], list[str]]) -> None:
    first = page.data("sheet")
    next_page(page)
    second = page.data("sheet")
    next_page(page, "PageUp")
    assert page.data("sheet") == first
    page.press("k")
    page.wait_saved()
    assert said() == ["incorrect", *["correct"] * 7]
    next_page(page, "PageDown")
    assert page.data("sheet") == second


def test_verdicts_and_the_page_survive_a_reload(page: Page) -> None:
    sheet = page.data("sheet")
    page.press("k")
    page.press("l")
    page.wait_saved()
    page.tab.reload()
    page.wait_drawn()
    assert page.data("sheet") == sheet
    assert shown(page)[:3] == ["incorrect", "unsure", "-"]


def test_a_tile_is_scrolled_through_its_sections(page: Page) -> None:
    label = page.tab.locator("#tile-2 .tile-section")
    before = page.tab.locator("#tile-2 canvas").screenshot()
    page.tab.locator("#tile-2").hover()
    page.tab.mouse.wheel(0, 100)
    page.tab.wait_for_function("() => document.querySelector('#tile-2 .tile-section').textContent !== ''")
    assert label.inner_text().endswith("(+1)")
    assert page.tab.locator("#tile-2 canvas").screenshot() != before
    assert current(page) == 2
    page.press("d")
    page.press("d")
    page.tab.wait_for_function(
        "() => document.querySelector('#tile-2 .tile-section').textContent.includes('−1')"
    )
    page.press("r")
    page.tab.wait_for_function("() => document.querySelector('#tile-2 .tile-section').textContent === ''")


def test_an_object_is_enlarged_judged_and_left(page: Page, said: Callable[[], list[str]]) -> None:
    page.press("Space")
    page.tab.wait_for_selector("#enlarged[data-object]")
    panes = page.tab.locator("#views .pane:visible")
    planes = [panes.nth(k).get_attribute("data-plane") for k in range(panes.count())]
    assert sorted(str(plane) for plane in planes) == ["xy", "xz", "yz"]
    first = page.tab.get_attribute("#enlarged", "data-object")
    z = page.tab.evaluate("() => window.microtome.enlarged.slices.at[0]")
    page.press("f")
    assert page.tab.evaluate("() => window.microtome.enlarged.slices.at[0]") == z + 1
    page.press("k")
    page.tab.wait_for_function(
        "first => document.querySelector('#enlarged').dataset.object !== first", arg=first
    )
    assert page.data("mode") == "enlarged"
    page.press("Space")
    assert page.data("mode") == "grid"
    page.wait_saved()
    assert said() == ["incorrect"]


def test_missed_objects_are_marked_in_an_audit(page: Page, shared_folder: Path, name: str) -> None:
    go_to_audit(page)
    page.press("ArrowLeft")
    page.press("m")
    canvas = page.tab.locator("[data-plane=xy] canvas")
    title, picture = page.tab.locator("#enlarged-title").bounding_box(), canvas.bounding_box()
    assert title["y"] + title["height"] <= picture["y"]
    canvas.click(position={"x": 200, "y": 120})
    canvas.click(position={"x": 230, "y": 330})
    assert page.tab.inner_text("#audit-count") == "3 marks"
    canvas.click(position={"x": 200, "y": 120})
    assert page.tab.inner_text("#audit-count") == "2 marks"
    page.press("Control+z")
    page.press("Control+y")
    page.wait_saved()
    canvas.click(position={"x": 2, "y": 2})
    assert "inside the framed box" in page.tab.inner_text("#toast")
    audit = page.tab.evaluate("() => window.microtome.session.current.sheet.audit")
    with open_journal(shared_folder / "journal.sqlite") as journal:
        answer = journal.verdicts.last_audit_answer(audit["id"], name)
        assert answer is not None
        assert (len(answer.points), answer.done) == (2, False)
    page.tab.wait_for_timeout(300)
    page.press("Enter")
    page.tab.wait_for_selector("#toast", state="hidden", timeout=1000)
    page.wait_saved()
    with open_journal(shared_folder / "journal.sqlite") as journal:
        answer = journal.verdicts.last_audit_answer(audit["id"], name)
        assert answer is not None
        assert (len(answer.points), answer.done) == (2, True)
        assert answer.active_seconds > 0


def test_nothing_beside_the_tiles_is_cut_off_in_a_small_window(page: Page) -> None:
    page.tab.set_viewport_size({"width": 900, "height": 600})
    for selector in (".side button", ".side dl > *", ".side section > *"):
        cut = page.tab.evaluate(
            "selector => [...document.querySelectorAll(selector)].filter(node =>"
            " node.getBoundingClientRect().right > innerWidth || node.scrollWidth > node.clientWidth + 1)"
            ".map(({ textContent }) => textContent.trim())",
            selector,
        )
        assert cut == []


def test_time_is_counted(page: Page, shared_folder: Path, name: str) -> None:
    page.tab.mouse.move(200, 200)
    page.tab.wait_for_timeout(300)
    page.press("k")
    page.press("l")
    next_page(page)
    page.wait_saved()
    found = verdicts_of(shared_folder, name)
    assert found[0].active_seconds > 0.2
    assert 0.2 < sum(one.active_seconds for one in found) < 60


def test_two_tabs_on_one_page_do_not_overwrite_each_other(page: Page, said: Callable[[], list[str]]) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("body[data-state=drawn]")
    assert other.evaluate("document.body.dataset.sheet") == page.data("sheet")
    page.press("k")
    page.wait_saved()
    other.keyboard.press("l")
    other.wait_for_selector("#tile-0[data-verdict=incorrect]")
    assert said() == ["incorrect"]


def test_keys_are_shown_and_can_be_changed(page: Page) -> None:
    page.press("?")
    text = page.tab.inner_text("dialog[open]")
    assert "enlarge to three views" in text
    page.tab.locator("dialog[open] li", has_text="incorrect").first.locator("button").click()
    page.press("j")
    assert "J is taken by “correct”" in page.tab.inner_text("dialog[open]")
    page.press("n")
    page.press("Escape")
    page.press("n")
    assert shown(page)[0] == "incorrect"


def test_everything_on_the_page_has_a_name_for_those_who_cannot_see_it(page: Page) -> None:
    page.press("k")
    assert page.tab.get_attribute("#tile-0", "aria-label") == "object no. 1, incorrect"
    assert page.tab.get_attribute("#tiles", "aria-activedescendant") == "tile-1"
    nameless = page.tab.evaluate(
        "() => [...document.querySelectorAll('button')].filter(button =>"
        " !button.textContent.trim() && !button.getAttribute('aria-label')).length"
    )
    assert nameless == 0


class TestAlone:
    """Each with a server of its own, at which every object goes to one person."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return object_project(tmp_path / "mito")

    @pytest.fixture
    def journal(self, folder: Path) -> Iterator[Journal]:
        with open_journal(folder / "journal.sqlite") as journal:
            yield journal

    def test_what_was_said_while_the_server_was_away_is_sent_when_it_is_back(
        self, folder: Path, journal: Journal, browser: "Browser"
    ) -> None:
        server = Server(folder, free_port(), (*PROOFREAD, "--tiles", str(TILES)))
        page = Page(browser.new_context(viewport=SIZE), server.url)
        page.sign_in("ada")
        page.press("k")
        page.wait_saved()
        page.tab.wait_for_function("() => window.microtome.session.prefetch() === null")
        server.kill()
        page.press("l")
        next_page(page)
        page.press("k")
        page.tab.wait_for_selector("body[data-save=offline]")
        assert "3 changes" in page.tab.inner_text("#save")
        with Server(folder, command=(*PROOFREAD, "--tiles", str(TILES))) as again:
            assert again.url == server.url
            page.wait_saved()
        words = [one.verdict for one in sorted(journal.verdicts.verdicts(), key=lambda one: one.query_id)]
        assert sorted(words) == sorted(["incorrect", "unsure", *["correct"] * 6, "incorrect"])
        page.context.close()

    @pytest.mark.slow
    def test_verdicts_that_could_not_be_sent_survive_the_browser(
        self, folder: Path, journal: Journal, driver: "Playwright", tmp_path: Path
    ) -> None:
        server = Server(folder, free_port(), (*PROOFREAD, "--tiles", str(TILES)))
        page = Page(kept(driver, tmp_path / "profile"), server.url)
        page.sign_in("ada")
        sheet = page.data("sheet")
        server.kill()
        page.press("k")
        page.tab.wait_for_selector("body[data-save=offline]")
        page.context.close()
        with Server(folder, command=(*PROOFREAD, "--tiles", str(TILES))):
            page = Page(kept(driver, tmp_path / "profile"), server.url)
            page.tab.goto(server.url)
            page.wait_drawn()
            page.wait_saved()
            assert page.data("sheet") == sheet
            assert shown(page)[:2] == ["incorrect", "-"]
            page.context.close()
        assert [one.verdict for one in journal.verdicts.verdicts()] == ["incorrect"]

    @pytest.mark.slow
    def test_what_one_is_unsure_of_goes_to_the_next_in_random_order(
        self, folder: Path, browser: "Browser"
    ) -> None:
        with Server(folder, free_port(), (*PROOFREAD, "--tiles", "24", "--order", "random")) as server:
            ada = Page(browser.new_context(viewport=SIZE), server.url)
            ada.sign_in("ada")
            assert "random order" in ada.tab.inner_text("#order")
            asked = ada.tab.evaluate("() => window.microtome.grid.tile.info.object")
            ada.press("l")
            ada.tab.wait_for_timeout(300)
            ada.press("Enter")
            ada.tab.wait_for_selector("body[data-state=waiting]")
            ada.wait_saved()
            ada.tab.wait_for_function("() => document.querySelector('#pulse').hidden")
            assert "1 object waits for somebody else's opinion" in ada.tab.inner_text("#waiting")
            assert not ada.tab.locator("#facts").is_visible()
            assert ada.tab.locator("[data-action=confirm]").is_disabled()
            ben = Page(browser.new_context(viewport=SIZE), server.url)
            ben.sign_in("ben")
            assert len(shown(ben)) == 1
            assert ben.tab.evaluate("() => window.microtome.grid.tile.info.object") == asked
            ben.press("k")
            ben.tab.wait_for_timeout(300)
            ben.press("Enter")
            ben.tab.wait_for_function(
                "() => document.querySelector('#progress-text').textContent.startsWith('24 of 24')"
            )
            ben.tab.wait_for_selector("#waiting code")
            assert "Every object of proposals 001 is decided" in ben.tab.inner_text("#waiting")
            for one in (ada, ben):
                assert one.errors == []
                one.context.close()
