"""A person's run at the page: labels queries by pointer and keys as the known labels say, and takes pictures.

The pictures in docs/ were made with `--phantom`, since the licences of real data do not allow them here.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from contourpy import contour_generator
from playwright.sync_api import BrowserContext, sync_playwright
from scipy import ndimage

from browser import SIZE, Page, launched
from microtome.benchmark.phantom import PhantomConfig
from microtome.box import Box
from microtome.cli.create import NewProject, create
from microtome.cli.session import opened
from microtome.evaluate.overlap import jaccard
from microtome.learn.settings import TABLES
from microtome.loop.models import evaluate
from microtome.progress import silent
from microtome.project import Project, open_project
from server import Server, vnc_project

FROM_SCRATCH, CORRECTED, LAST = 8, 8, 4  # queries before the first model, before the second, and after it
LEAST_ERROR = 12  # wrong voxels in one piece that a person sees and corrects
PREDICTED = "[data-action=accept]:not([disabled])"
WORTH_A_PICTURE = 0.05  # share of foreground
DETAIL = 3  # every how many points of an outline the pointer goes to


class Person:
    """Somebody at the page who knows the truth."""

    def __init__(self, page: Page, project: Project, pictures: Path | None) -> None:
        self.page = page
        truth = project.truth()
        assert truth is not None
        self.truth = truth
        self.pictures = pictures

    def label(self, picture: str = "") -> None:
        """Draw round every object, and mark the rest as background."""
        wanted = self._wanted()
        self.draw(wanted == 1, "1")
        self.page.press("Shift+Digit0")
        self.page.wait_saved()
        self.picture(picture)
        self.page.submit()

    def correct(self, picture: str = "") -> int:
        """Take the prediction over, and draw what it lacks and has too much; how many voxels were wrong."""
        self.page.tab.wait_for_selector(PREDICTED, timeout=120_000)
        self.picture(picture and f"{picture}-prediction")
        if picture:
            self.page.press("u")
            self.picture(f"{picture}-uncertainty")
            self.page.press("u")
        self.page.press("a")
        wanted, shown = self._wanted(), self._shown()
        self.draw(_large((wanted == 1) & (shown != 1)), "1")
        self.draw(_large((wanted == 0) & (shown != 0)), "0")
        self.page.wait_saved()
        self.picture(picture and f"{picture}-corrected")
        self.page.submit()
        return int((wanted != shown).sum())

    def share(self) -> float:
        """How much of the query is foreground."""
        start, stop = self.page.box()
        return float((self.truth.read(Box(tuple(start), tuple(stop))) > 0).mean())

    def label_objects(self) -> None:
        """Draw round every object in each section, and keep the objects apart."""
        start, stop = self.page.box()
        pieces, count = ndimage.label(self.truth.read(Box(tuple(start), tuple(stop))) == 1)
        depth = stop[0] - start[0]
        for _ in range(depth):
            self.page.press("d")
        while int(self.page.data("section")) < start[0]:
            self.page.press("f")
        for piece in range(1, count + 1):
            if piece > 1:
                self.page.press("m")
            for z in range(depth):
                self.draw(_large(pieces[z] == piece), "")
                self.page.press("f" if z < depth - 1 else "r")
            for _ in range(depth - 1):
                self.page.press("d")
        for _ in range(depth // 2):
            self.page.press("f")
        self.page.wait_saved()

    def draw(self, mask: np.ndarray, key: str) -> None:
        if key:
            self.page.press(key)
        self.page.press("l")
        (_, y0, x0), _ = self.page.box()
        for outline in _outlines(mask):
            self.page.drag(*[(y0 + y, x0 + x) for y, x in outline], steps=1)
        self.page.press("b")

    def _wanted(self) -> np.ndarray:
        start, stop = self.page.box()
        return self.truth.read(Box(tuple(start), tuple(stop)))[0]

    def _shown(self) -> np.ndarray:
        start, stop = self.page.box()
        sides = np.subtract(stop, start)
        return (np.array(self.page.labels()).reshape(sides)[0] % 256).astype(np.uint8)

    def picture(self, name: str) -> None:
        if name and self.pictures is not None:
            self.page.tab.screenshot(path=self.pictures / f"{name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phantom", action="store_true", help="generated data in place of vnc")
    parser.add_argument("--pictures", type=Path, help="folder for pictures")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder) / ("phantom" if words.phantom else "vnc")
        project = _phantom_project(root) if words.phantom else vnc_project(root)
        if words.pictures:
            words.pictures.mkdir(parents=True, exist_ok=True)
        with Server(project) as server, open_project(project, TABLES) as known:
            page = Page(launched(playwright).new_context(viewport=SIZE), server.url)
            page.sign_in("ada")
            _work(Person(page, known, words.pictures), page)
            _dashboard(page, server.url, words.pictures)
        _test(project)
        if words.pictures:
            _deep(launched(playwright).new_context(viewport=SIZE), Path(folder) / "deep", words.pictures)


def _work(person: Person, page: Page) -> None:
    for k in range(FROM_SCRATCH):
        person.label("labelling" if k == 0 else "")
    page.press("?")
    person.picture("keys")
    page.press("Escape")
    print(f"{FROM_SCRATCH} queries answered from scratch")
    _await_model(page, 1)
    _correct(person, CORRECTED, "query")
    _await_model(page, 2)
    _correct(person, LAST, "")


def _await_model(page: Page, number: int) -> None:
    while (page.state()["model"] or 0) < number:
        page.tab.wait_for_timeout(500)
    page.tab.wait_for_selector(PREDICTED, timeout=120_000)


def _correct(person: Person, count: int, picture: str) -> None:
    wrong = [person.correct(picture if k == count // 2 else "") for k in range(count)]
    print(f"{count} predictions corrected; wrong voxels in each: {wrong}")


def _dashboard(page: Page, url: str, pictures: Path | None) -> None:
    origin = url.split("/?")[0]
    _post(page, "train", {})
    _await_model(page, 3)
    _post(page, "watch", {"sections": [4, 12]})
    page.tab.goto(f"{origin}/dashboard")
    page.tab.wait_for_timeout(8000)
    if pictures is not None:
        for _ in range(12):  # thumbnails are loaded once they are seen
            page.tab.mouse.wheel(0, 300)
            page.tab.wait_for_timeout(300)
        page.tab.mouse.wheel(0, -9999)
        page.tab.screenshot(path=pictures / "dashboard.png", full_page=True)
    state = page.tab.evaluate("() => fetch('/api/dashboard').then(answer => answer.json())")
    for point in state["curve"]:
        print({name: point[name] for name in ("model", "answers", "minutes", "evaluated", "jaccard")})
    print(f"{state['answers']} answers in {state['minutes']:.2f} minutes of activity")


def _post(page: Page, route: str, body: object) -> None:
    page.tab.evaluate(
        "([route, body]) => fetch(`/api/${route}`, {method: 'POST', body: JSON.stringify(body),"
        " headers: {'content-type': 'application/json'}})",
        [route, body],
    )


def _test(project: Path) -> None:
    with opened(project, "cpu", silent) as session:
        for model in session.project.journal.models():
            table = evaluate(session, model.id).table
            print(f"model {model.id}, {len(model.trained_on)} answers: test Jaccard {jaccard(table, 1):.3f}")


def _deep(context: BrowserContext, root: Path, pictures: Path) -> None:
    """A picture of a query of several sections, with objects told apart."""
    tissue = PhantomConfig(shape=(24, 256, 256), seed=5)
    new = NewProject(
        classes=("mitochondria",),
        instances=("mitochondria",),
        phantom=tissue,
        query_shape=(12, 96, 96),
    )
    create(root, new, lambda text: None)
    with Server(root) as server, open_project(root, TABLES) as known:
        page = Page(context, server.url)
        page.sign_in("ada")
        person = Person(page, known, pictures)
        while person.share() < WORTH_A_PICTURE:
            page.press("k")
            query = int(page.data("query"))
            page.press("2")
            page.wait_other_query(query)
        person.label_objects()
        person.picture("deep")


def _outlines(mask: np.ndarray) -> Iterator[list[tuple[float, float]]]:
    """The outlines of a mask's pieces, y and x, as a pointer would follow them."""
    framed = np.pad(mask.astype(float), 1)
    for line in contour_generator(z=framed).lines(0.5):
        points = [(float(y) - 1, float(x) - 1) for x, y in line[::DETAIL]]
        if len(points) > 2:
            yield [*points, points[0]]


def _large(mask: np.ndarray) -> np.ndarray:
    """The pieces of a mask that a person would see."""
    pieces, _ = ndimage.label(mask)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return (sizes >= LEAST_ERROR)[pieces]


def _phantom_project(root: Path) -> Path:
    new = NewProject(
        classes=("mitochondria",),
        phantom=PhantomConfig(shape=(20, 512, 512), seed=3),
        query_shape=(1, 128, 128),
        train="0:9",
        test="11:20",
        recipe="demo",
    )
    create(root, new, lambda text: None)
    return root


if __name__ == "__main__":
    main()
