"""The labelling page in Debian's Chromium, driven as a person would: by pointer and keys."""

import random
import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Playwright, Response
from playwright.sync_api import Page as Tab

WAIT_MS = 20_000
SIZE: Any = {"width": 1280, "height": 800}
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]


def chromium() -> str | None:
    """Where the browser is, if it is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def launched(playwright: Playwright) -> Browser:
    """A browser that keeps nothing."""
    return playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)


def kept(playwright: Playwright, profile: Path) -> BrowserContext:
    """A browser that keeps what it has in a folder, for the next one."""
    return playwright.chromium.launch_persistent_context(
        str(profile), executable_path=chromium(), args=ARGUMENTS, viewport=SIZE
    )


class Page:
    """One annotator's page."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.context = context
        context.set_default_timeout(WAIT_MS)
        self.tab: Tab = context.pages[0] if context.pages else context.new_page()
        self.errors: list[str] = []
        self.acknowledged: list[tuple[int, str]] = []  # query and key of each step that the server has
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("response", self._note)
        self._rng = random.Random(0)

    def sign_in(self, name: str) -> None:
        """Open the page, say who labels, and wait for the first query."""
        self.tab.goto(self.url)
        field = self.tab.locator("dialog[open] input")
        field.wait_for()
        field.fill(name)
        field.press("Enter")
        self.wait_drawn()

    def wait_drawn(self) -> None:
        """Wait until a query is on the canvas."""
        self.tab.wait_for_selector("body[data-state=drawn]")

    def wait_query(self, query: int) -> None:
        """Wait until this query is on the canvas."""
        self.tab.wait_for_function("query => document.body.dataset.query === query", arg=str(query))
        self.wait_drawn()

    def wait_other_query(self, query: int) -> None:
        """Wait until another query is on the canvas."""
        self.tab.wait_for_function("query => document.body.dataset.query !== query", arg=str(query))
        self.wait_drawn()

    def wait_saved(self) -> None:
        """Wait until every stroke is on the server's disk."""
        self.tab.wait_for_selector("body[data-save=saved]")

    def data(self, name: str) -> str:
        """What the page says of itself: query, state, save, tool, section."""
        return self.tab.evaluate("name => document.body.dataset[name] ?? ''", name)

    def state(self) -> dict[str, Any]:
        """What the server says of the worker and the model."""
        return self.tab.evaluate("() => fetch('/api/state').then(answer => answer.json())")

    def at(self, y: float, x: float, z: int = 0) -> tuple[float, float]:
        """Where a voxel of the volume lies on the page."""
        place = self.tab.evaluate("([z, y, x]) => window.microtome.viewport.toPage(z, y, x)", [z, y, x])
        return place["x"], place["y"]

    def box(self) -> tuple[list[int], list[int]]:
        """The query's box."""
        box = self.tab.evaluate("() => window.microtome.box")
        return box["start"], box["stop"]

    def drag(self, *voxels: tuple[float, float], button: str = "left", steps: int = 4) -> None:
        """Press at the first voxel (y, x), move over the others, release."""
        for k, voxel in enumerate(voxels):
            x, y = self.at(*voxel)
            self.tab.mouse.move(x, y, steps=1 if k == 0 else steps)
            if k == 0:
                self.tab.mouse.down(button=button)
        self.tab.mouse.up(button=button)

    def click(self, voxel: tuple[float, float], modifiers: str = "") -> None:
        """Click on a voxel (y, x), holding a key."""
        if modifiers:
            self.tab.keyboard.down(modifiers)
        self.tab.mouse.click(*self.at(*voxel))
        if modifiers:
            self.tab.keyboard.up(modifiers)

    def paint_somewhere(self, strokes: int = 3) -> None:
        """A few strokes inside the query's box."""
        start, stop = self.box()
        for _ in range(strokes):
            points = [
                (self._rng.uniform(start[1], stop[1] - 1), self._rng.uniform(start[2], stop[2] - 1))
                for _ in range(3)
            ]
            self.drag(*points)

    def press(self, keys: str) -> None:
        """Press a chord such as Control+Z."""
        self.tab.keyboard.press(keys)

    def labels(self) -> list[int]:
        """The values of the draft, over the flat index of the query's box."""
        return self.tab.evaluate("() => Array.from(window.microtome.draft.labels)")

    def labelled(self) -> int:
        """How many voxels of the draft are labelled."""
        return self.tab.evaluate("() => window.microtome.draft.labelled()")

    def submit(self) -> float:
        """Submit, wait for the next query, and return the seconds until it was drawn, by the page."""
        before = int(self.data("query"))
        self.press("Control+Enter")
        self.wait_other_query(before)
        return self.tab.evaluate(
            "() => performance.getEntriesByName('submit-to-next').at(-1).duration / 1000"
        )

    def _note(self, response: Response) -> None:
        if response.request.method == "POST" and response.url.endswith("/ops") and response.status == 200:
            body = response.request.post_data_json
            self.acknowledged.append((int(response.url.split("/")[-2]), body["op"]["key"]))
