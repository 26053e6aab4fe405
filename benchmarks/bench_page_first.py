"""Seconds from `microtome label` on vnc to the first query drawn in the browser, without a model."""

import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from browser import SIZE, Page, launched
from record import Figure, record
from server import Server, vnc_project

REPEATS = 5


def main() -> None:
    seconds = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        context = launched(playwright).new_context(viewport=SIZE)
        for k in range(REPEATS):
            project = vnc_project(Path(folder) / f"vnc-{k}")
            seconds.append(_first_query(project, Page(context, ""), first=k == 0))
            print(f"{seconds[-1]:.2f} s")
    seconds.sort()
    note = "the slowest; a browser that is open already, a new project, the worker starting beside it"
    record(
        "page-first",
        {"first_query_seconds": Figure(seconds[-1], (seconds[0], seconds[-1]), REPEATS, note)},
        [0],
    )


def _first_query(project: Path, page: Page, *, first: bool) -> float:
    began = time.monotonic()
    with Server(project) as server:
        page.url = server.url
        page.tab.goto(server.url)
        if first:  # the browser does not know the name yet; nobody types in no time
            page.tab.locator("dialog[open] input").wait_for()
            began += _typing(page)
        page.wait_drawn()
        return time.monotonic() - began


def _typing(page: Page) -> float:
    began = time.monotonic()
    field = page.tab.locator("dialog[open] input")
    field.fill("ada")
    field.press("Enter")
    return time.monotonic() - began


if __name__ == "__main__":
    main()
