"""Correcting a prediction at the labelling page, in a real browser with a real server."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from conftest import phantom_project
from microtome.box import Box
from microtome.cli.session import opened
from microtome.loop.asking import top_up
from microtome.loop.training import train
from microtome.progress import silent
from microtome.project import Answer, Journal, Project, Query, open_journal
from microtome.project.records import OUTWARD, Preview
from microtome.serve.view import preview_of

pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install '.[dev]'")

from browser import SIZE, Page, chromium
from serving import served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Route

pytestmark = [
    pytest.mark.skipif(
        chromium() is None, reason="needs Chromium to look at the page: apt-get install chromium"
    ),
]

SHAPE = (4, 96, 96)
BOX = (2, 64, 64)  # of a query
QUERIES = 32  # a page holds two at a time
STRENGTH = 9
GAP = (slice(10, 13), slice(25, 35))  # in a bar
FAINT = (slice(30, 42), slice(42, 54))  # a square that no threshold of one half shows
FALSE = (slice(50, 57), slice(12, 19))  # a square that is no object

Open = Callable[..., Page]


def _foreground() -> np.ndarray:
    """Percent in a section of a query: a bar with a gap, a disc, a faint and a false square."""
    y, x = np.ogrid[:64, :64]
    percent = np.clip(95 - 9 * (np.hypot(y - 34, x - 16) - 4), 2, 95)
    percent[10:13, 5:60] = 90
    percent[GAP] = 40
    percent[FAINT] = 35
    percent[FALSE] = 80
    return percent


def _preview(project: Project, query: Query, model_id: int) -> Preview:
    box = preview_of(query.box, SHAPE)
    foreground = np.zeros(box.shape)
    foreground[query.box.relative_to(box).slices] = _foreground()
    unsure = 1 - abs(foreground / 50 - 1)
    return Preview(
        model_id=model_id,
        query_id=query.id,
        box=box,
        classes=(foreground >= 50).astype(np.uint8),
        uncertainty=np.round(255 * unsure).astype(np.uint8),
        foreground=np.round(2.55 * foreground).astype(np.uint8),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a model, and queries that come to be corrected."""
    folder = phantom_project(tmp_path_factory.mktemp("correcting") / "mito")
    with (folder / "project.toml").open("a") as file:
        file.write(f"\n[corrections]\nstrength = {STRENGTH}.0\nblur = 1.0\n")
    with opened(folder, "cpu", silent) as session:
        journal = session.project.journal
        top_up(session, 3)
        for query in list(journal.open_queries()):
            assert query.id is not None
            labels = session.truth.read(query.box)
            said: dict[str, Any] = {"annotator": "before", "active_seconds": 1.0, "method": "scratch"}
            journal.add_answer(Answer(query_id=query.id, labels=labels, **said))
        model = train(session)
        assert model.id is not None
        places = [Box.of(BOX).shifted((k % 2, k, 31 - k)) for k in range(QUERIES)]
        about: dict[str, Any] = {"strategy": OUTWARD, "score": 0.0, "reason": "beside section 0"}
        added = journal.add_queries([Query(round=5, box=p, rank=k, **about) for k, p in enumerate(places)])
        for query in added:
            journal.previews.add(_preview(session.project, query, model.id))
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with served(folder) as url:
        yield url


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    with open_journal(folder / "journal.sqlite") as journal:
        yield journal


@pytest.fixture
def context(browser: "Browser") -> Iterator["BrowserContext"]:
    context = browser.new_context(viewport=SIZE)
    yield context
    context.close()


@pytest.fixture
def page(address: str, context: "BrowserContext", request: pytest.FixtureRequest) -> Iterator[Page]:
    page = Page(context, address)
    page.sign_in(request.node.name[:40])
    page.tab.wait_for_function("() => window.microtome.draft.seq > 0")
    yield page
    assert page.errors == []


def _values(page: Page) -> np.ndarray:
    """The labels of the section that is shown."""
    (z0, y0, x0), (z1, y1, x1) = page.box()
    labels = np.array(page.labels(), dtype=np.uint32).reshape(z1 - z0, y1 - y0, x1 - x0)
    return labels[int(page.data("section")) - z0]


def _at(page: Page, *points: tuple[float, float]) -> list[tuple[float, float]]:
    """Points of the query's box as voxels of the volume."""
    (_, y, x), _ = page.box()
    return [(y + dy, x + dx) for dy, dx in points]


def _steps(page: Page) -> int:
    return page.tab.evaluate("() => window.microtome.draft.seq")


def _colour(page: Page, point: tuple[float, float], layer: str = "picture") -> list[int]:
    """The colour of a canvas of the view of sections, in the middle of a voxel of the box."""
    ((y, x),) = _at(page, point)
    px, py = page.at(y, x)
    return _pixels(page, px, py, 1, layer)


def _pixels(page: Page, x: float, y: float, side: int, layer: str) -> list[int]:
    """The colours of a square on a canvas of the view of sections, once what is to be drawn is drawn."""
    return page.tab.evaluate(
        """async ([x, y, side, layer]) => {
          for (let frame = 0; frame < 2; frame++) {
            await new Promise(requestAnimationFrame);
          }
          const canvas = document.querySelector(`[data-plane=xy] .${layer}`);
          const {left, top} = canvas.getBoundingClientRect();
          const [col, row] = [x - left, y - top].map((part) => Math.round(part - (side - 1) / 2));
          return [...canvas.getContext("2d").getImageData(col, row, side, side).data];
        }""",
        [x, y, side, layer],
    )


def _toast(page: Page) -> str:
    return page.tab.locator("#toast").inner_text()


def _count(page: Page, name: str) -> int:
    return int(page.tab.locator(f"#errors-{name}").inner_text().replace(",", ""))


def test_the_prediction_is_filled_in_once_and_can_be_undone(page: Page, journal: Journal) -> None:
    expected = (_foreground() >= 50).astype(np.uint32)
    assert np.array_equal(_values(page), expected)
    assert "filled in" in _toast(page)
    page.press("Control+z")
    assert page.labelled() == 0
    page.wait_saved()
    page.tab.reload()
    page.wait_drawn()
    assert page.labelled() == 0
    page.press("Control+y")
    query = int(page.data("query"))
    page.submit()
    page.wait_saved()
    (answer,) = journal.answers_to(query)
    assert answer.method == "accepted"
    assert np.array_equal(answer.labels[0], expected)
    assert answer.active_seconds > 0


def test_a_prediction_that_comes_later_is_filled_in_too(
    address: str, context: "BrowserContext", journal: Journal
) -> None:
    def without_preview(route: "Route") -> None:
        response = route.fetch()
        body = response.json()
        if body["query"] is not None:
            body["query"]["preview"] = None
        route.fulfill(response=response, json=body)

    context.route("**/api/next", without_preview)
    page = Page(context, address)
    page.sign_in("later")
    assert page.labelled() == 0
    page.tab.wait_for_function("() => window.microtome.draft.labelled() > 0")
    page.wait_saved()
    assert [op.tool for op in journal.drafts.ops(int(page.data("query")), "later")] == ["accept"]


def test_a_threshold_is_shown_while_it_moves_and_is_one_step(page: Page, journal: Journal) -> None:
    page.press("0")
    page.drag(*_at(page, (34, 16), (34, 17)))  # by hand, in the middle of the disc
    before, painted = _steps(page), _values(page)
    slider = page.tab.locator("#threshold").bounding_box()
    assert slider is not None
    left, middle = slider["x"], slider["y"] + slider["height"] / 2
    page.tab.mouse.move(left + slider["width"] * 0.5, middle)
    page.tab.mouse.down()
    dark = _colour(page, (36, 48))
    page.tab.mouse.move(left + slider["width"] * 0.2, middle, steps=5)
    assert _colour(page, (36, 48)) != dark
    assert np.array_equal(_values(page), painted)
    page.tab.mouse.up()
    assert _steps(page) == before + 1
    values = _values(page)
    assert (values[FAINT] == 1).all()
    assert (values[GAP] == 1).all()
    assert values[34, 16] == 0
    for _ in range(13):
        page.press(">")
    assert 80 < int(page.tab.locator("#threshold-text").inner_text().removesuffix(" %")) < 90
    assert (_values(page)[FALSE] == 0).all()
    assert (_values(page)[11, 5:25] == 1).all()
    page.press("<")
    page.press("<")
    assert (_values(page)[FALSE] == 1).all()
    page.wait_saved()
    ops = journal.drafts.ops(int(page.data("query")), "test_a_threshold_is_shown_while_it_moves"[:40])
    assert {op.tool for op in ops} >= {"accept", "brush", "threshold"}
    assert all(op.model is not None for op in ops if op.tool == "threshold")


def test_errors_of_the_prediction_are_shown_and_counted_while_one_paints(page: Page) -> None:
    page.press("w")
    assert (_count(page, "missed"), _count(page, "made-up")) == (0, 0)
    page.press("1")
    page.drag(*_at(page, (36, 48), (36, 49)))
    page.press("0")
    page.drag(*_at(page, (53, 15), (53, 16)))
    values, predicted = _values(page), _foreground() >= 50
    assert _count(page, "missed") == (values.astype(bool) & ~predicted).sum() > 20
    assert _count(page, "made-up") == (~values.astype(bool) & predicted).sum() > 20
    red, yellow = _colour(page, (36, 48)), _colour(page, (53, 15))
    assert red[0] > 1.7 * red[1]
    assert min(yellow[:2]) > 1.3 * yellow[2]
    page.press("w")
    assert page.tab.locator(".legend.errors").is_hidden()
    query = int(page.data("query"))
    page.submit()
    page.press("PageUp")
    page.wait_query(query)
    page.press("w")
    page.tab.wait_for_function("() => document.getElementById('errors-missed').textContent.length > 0")
    assert _count(page, "missed") > 20


WATCH_RING = """() => {
  window.mostBlue = 0;
  const look = () => {
    const canvas = document.querySelector("[data-plane=xy] .overlay");
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let blue = 0;
    for (let i = 0; i < data.length; i += 4) {
      blue += data[i + 3] > 200 && data[i + 2] > 230 && data[i] < 140 ? 1 : 0;
    }
    window.mostBlue = Math.max(window.mostBlue, blue);
    requestAnimationFrame(look);
  };
  look();
}"""
"""Counts the pixels in the colour of the ring, in every frame, and keeps the most."""


def test_the_least_certain_contour_is_shown_first(page: Page) -> None:
    page.tab.evaluate(WATCH_RING)  # from before it is there: it fades after two seconds
    page.press("n")
    first = _toast(page)
    assert first.startswith("Likely error 1 of ")
    total = int(first.split(" of ")[1])
    assert total > 3
    page.tab.wait_for_function("() => window.mostBlue > 50")
    pane = page.tab.locator("[data-plane=xy]").bounding_box()
    assert pane is not None
    middle = np.array([pane["y"] + pane["height"] / 2, pane["x"] + pane["width"] / 2])
    (_, y0, x0), _ = page.box()
    values = _values(page)
    corner, scale = np.array(page.at(y0, x0)[::-1]), np.array(page.at(y0 + 1, x0 + 1))[::-1]
    y, x = np.round((middle - corner) / (scale - corner)).astype(int)
    assert values[y, x] == 1
    assert np.hypot(y - 34, x - 16) < 14  # the disc's border is the least certain
    page.press("n")
    assert _toast(page) == f"Likely error 2 of {total}"
    page.press("Shift+N")
    assert _toast(page) == first


def test_a_gap_is_bridged_as_thick_as_the_class(page: Page) -> None:
    page.press("j")
    page.tab.wait_for_selector("body[data-tool=bridge]")
    before = _steps(page)
    assert (_values(page)[GAP] == 0).all()
    page.click(_at(page, (11, 24))[0])
    page.tab.mouse.move(*page.at(*_at(page, (11, 35))[0]))
    assert _colour(page, (11, 30), "overlay")[3] > 100
    assert _steps(page) == before
    page.click(_at(page, (11, 35))[0])
    assert _steps(page) == before + 1
    values = _values(page)
    assert (values[GAP] == 1).all()
    assert (values[8, 25:35] == 0).all()
    page.press("Control+z")
    assert (_values(page)[GAP] == 0).all()
    page.press("Escape")
    page.tab.wait_for_selector("body[data-tool=brush]")


def test_a_bridge_is_built_by_keys_alone(page: Page) -> None:
    page.press("Enter")
    (_, y0, x0), (_, y1, x1) = page.box()
    start = ((y0 + y1) // 2 - y0, (x0 + x1) // 2 - x0)
    for _ in range(start[0] - 11):
        page.press("ArrowUp")
    for _ in range(start[1] - 24):
        page.press("ArrowLeft")
    page.press("j")
    page.press("Space")
    for _ in range(11):
        page.press("ArrowRight")
    assert (_values(page)[GAP] == 0).all()
    page.press("Space")
    assert (_values(page)[GAP] == 1).all()


def test_a_false_object_is_removed_by_a_click(page: Page) -> None:
    page.press("q")
    page.tab.wait_for_selector("body[data-tool=remove]")
    page.tab.mouse.move(*page.at(*_at(page, (53, 15))[0]))
    ((y, x),) = _at(page, (50, 15))
    corner, below = page.at(y, x), page.at(y + 1, x)
    edge = (corner[0], corner[1] - (below[1] - corner[1]) / 2)
    assert max(_pixels(page, *edge, 3, "overlay")) > 240
    page.click(_at(page, (53, 15))[0])
    values = _values(page)
    assert (values[FALSE] == 0).all()
    assert values[34, 16] == 1
    page.press("d")
    assert (_values(page)[FALSE] == 1).all()
    page.press("Control+z")
    page.click(_at(page, (53, 15))[0], "Shift")
    assert (_values(page)[FALSE] == 0).all()
    page.press("f")
    assert (_values(page)[FALSE] == 0).all()


def test_what_training_will_weigh_is_shown_of_an_answer(page: Page, journal: Journal) -> None:
    page.press("Shift+W")
    legend = page.tab.locator(".legend.heat")
    assert "Shown once the query is answered" in legend.inner_text()
    page.press("Shift+Q")
    page.click(_at(page, (53, 15))[0])
    query = int(page.data("query"))
    page.submit()
    page.wait_saved()
    page.tab.evaluate(
        """() => {
          const fetched = window.fetch;
          const held = new Promise((release) => (window.release = release));
          window.fetch = async (url, ...rest) => {
            await (`${url}`.endsWith("/weights") && held);
            return fetched(url, ...rest);
          };
        }"""
    )
    page.press("PageUp")
    page.wait_query(query)
    assert "being loaded" in legend.inner_text()
    page.tab.evaluate("() => window.release()")
    page.tab.wait_for_function("() => document.querySelector('.legend.heat p').textContent === ''")
    assert legend.locator("span").all_inner_texts() == ["1×", "", "10×"]
    hot, cold = _colour(page, (53, 15)), _colour(page, (25, 50))
    page.press("Shift+W")
    assert max(abs(np.subtract(_colour(page, (53, 15)), hot))) > 40
    assert max(abs(np.subtract(_colour(page, (25, 50)), cold))) < 12
    (answer,) = journal.answers_to(query)
    assert answer.method == "corrected"
