"""The pictures of docs/growing.md: predicted membranes of a phantom's section, corrected at the page."""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright
from scipy import ndimage

from browser import Page, launched
from microtome.benchmark.phantom import PhantomConfig
from microtome.box import Box
from microtome.cli.create import NewProject, create
from microtome.cli.session import opened
from microtome.loop.training import train
from microtome.progress import silent
from microtome.project import Answer, Query
from microtome.project.records import OUTWARD
from person import Person
from server import Server

SHAPE = (3, 320, 320)
SIZE: Any = {"width": 1120, "height": 720}
GROWN = Box((1, 60, 60), (2, 220, 220))  # the query that is corrected
SEEDED = Box((0, 0, 0), (1, 160, 320))  # what was labelled before
PREFILLED = "() => (window.microtome.draft?.seq ?? 0) > 0"
CLOSER = 4  # steps of zooming


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder for pictures")
    pictures: Path = parser.parse_args().pictures
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = _begun(Path(folder) / "phantom")
        with opened(root, "cpu", silent, reading=True) as session, Server(root) as server:
            page = Page(launched(playwright).new_context(viewport=SIZE), server.url)
            page.sign_in("ada")
            page.tab.wait_for_function(PREFILLED, timeout=120_000)
            person = Person(page, session.project, pictures)
            _correct(person, session.truth.read(GROWN)[0])


def _begun(root: Path) -> Path:
    """A project that learnt membranes from half a section, and asks for the section after it."""
    new = NewProject(
        classes=("membranes",),
        phantom=PhantomConfig(shape=SHAPE, seed=11, noise=26.0),
        query_shape=(1, 160, 160),
        recipe="demo",
    )
    create(root, new, lambda text: None)
    with (root / "project.toml").open("a") as file:
        file.write("\n[corrections]\nstrength = 100.0\n")
    with opened(root, "cpu", silent) as session:
        journal, about = session.project.journal, {"score": 0.0, "rank": 0}
        seed = Query(round=0, box=SEEDED, strategy="seed", reason="labelled first", **about)
        (seed,) = journal.add_queries([seed])
        said: dict[str, Any] = {"annotator": "ada", "active_seconds": 0.0, "method": "scratch"}
        journal.add_answer(Answer(query_id=seed.id or 0, labels=session.truth.read(SEEDED), **said))
        train(session)
        grown = Query(round=1, box=GROWN, strategy=OUTWARD, reason="beside section 0", **about)
        journal.add_queries([grown])
    return root


def _correct(person: Person, truth: np.ndarray) -> None:
    page = person.page
    page.tab.wait_for_timeout(400)
    person.picture("growing-prefilled")
    predicted = _shown(page)
    page.tab.wait_for_timeout(4000)  # until the line that says so is gone
    page.press("n")
    page.tab.wait_for_timeout(500)
    person.picture("growing-likely")
    page.tab.wait_for_timeout(4000)
    _zoom(page)
    _bridge(person, truth, predicted)
    page.press("r")
    wanted = truth.astype(np.uint8)
    person.draw(_large((wanted == 1) & (_shown(page) != 1)), "1")
    _remove(person, truth)
    person.draw(_large((wanted == 0) & (_shown(page) != 0)), "0")
    page.press("w")
    page.tab.mouse.move(600, 20)
    page.wait_saved()
    person.picture("growing-errors")
    page.press("w")
    query = int(page.data("query"))
    page.press("Control+Enter")
    page.tab.wait_for_timeout(1000)
    page.press("PageUp")
    page.wait_query(query)
    page.press("Shift+W")
    page.press("x")
    page.tab.wait_for_timeout(1500)
    person.picture("growing-weights")


def _bridge(person: Person, truth: np.ndarray, predicted: np.ndarray) -> None:
    page, (_, y0, x0) = person.page, GROWN.start
    first, last = _gap(truth, predicted).tolist()
    _look_at(page, y0 + (first[0] + last[0]) / 2, x0 + (first[1] + last[1]) / 2)
    page.press("1")
    page.press("j")
    page.click((y0 + first[0], x0 + first[1]))
    page.tab.mouse.move(*page.at(y0 + last[0], x0 + last[1]))
    page.tab.wait_for_timeout(300)
    person.picture("growing-bridge")
    page.click((y0 + last[0], x0 + last[1]))


def _gap(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The two ends, y and x, of the largest piece of membrane that is missed between two that are not."""
    pieces, count = ndimage.label((truth == 1) & (predicted == 0))
    found = []
    for piece in range(1, count + 1):
        beside = ndimage.binary_dilation(pieces == piece, iterations=2) & (predicted == 1)
        touched, ends = ndimage.label(beside, np.ones((3, 3)))
        if ends >= 2:
            places = np.array([_middle(touched == end) for end in range(1, ends + 1)])
            apart = np.linalg.norm(places[:, None] - places[None], axis=2)
            a, b = np.unravel_index(apart.argmax(), apart.shape)
            found.append((float(apart[a, b]), places[[a, b]]))
    return max(found, key=lambda gap: gap[0] if gap[0] < 30 else 0)[1]


def _middle(mask: np.ndarray) -> np.ndarray:
    """The voxel of a mask that is nearest to its centre."""
    voxels = np.argwhere(mask)
    return voxels[np.linalg.norm(voxels - voxels.mean(axis=0), axis=1).argmin()]


def _remove(person: Person, truth: np.ndarray) -> None:
    """Remove by a click every object that is none; the picture is of the largest."""
    page = person.page
    pieces, count = ndimage.label(_shown(page) == 1)
    wrong = [piece for piece in range(1, count + 1) if not (truth[pieces == piece] == 1).any()]
    wrong.sort(key=lambda piece: -np.count_nonzero(pieces == piece))
    page.press("q")
    for k, piece in enumerate(wrong):
        y, x = np.argwhere(pieces == piece)[0].tolist()
        place = (GROWN.start[1] + y, GROWN.start[2] + x)
        if k == 0:
            page.tab.mouse.move(*page.at(*place))
            page.tab.wait_for_timeout(300)
            person.picture("growing-remove")
        page.click(place)
    page.press("b")


def _zoom(page: Page) -> None:
    for _ in range(CLOSER):
        page.press("+")


def _look_at(page: Page, y: float, x: float) -> None:
    """Drag the view until a voxel lies in its middle."""
    pane = page.tab.locator("#views").bounding_box()
    assert pane is not None
    middle = (pane["x"] + pane["width"] / 2, pane["y"] + pane["height"] / 2)
    now = page.at(y, x)
    page.tab.mouse.move(*middle)
    page.tab.mouse.down(button="middle")
    page.tab.mouse.move(2 * middle[0] - now[0], 2 * middle[1] - now[1], steps=4)
    page.tab.mouse.up(button="middle")


def _shown(page: Page) -> np.ndarray:
    return (np.array(page.labels()).reshape(GROWN.shape)[0] % 256).astype(np.uint8)


def _large(mask: np.ndarray) -> np.ndarray:
    """The pieces of a mask that a person would correct."""
    pieces, _ = ndimage.label(mask)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return (sizes >= 30)[pieces]


if __name__ == "__main__":
    main()
