"""The proofreading page: seconds until 100 tiles are drawn, milliseconds until a verdict is acknowledged."""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright
from scipy import ndimage

from browser import SIZE, Page, launched
from microtome.benchmark.phantom import PhantomConfig, phantom
from microtome.cli.create import NewProject, create
from microtome.objects.proposals import propose
from microtome.objects.settings import ProposalSettings
from microtome.objects.sources import OneClass
from microtome.volume import ArrayVolume
from record import Figure, p95_of, record
from server import PROOFREAD, Server

TISSUE = PhantomConfig(shape=(4, 1024, 1024), rarity=0.07)
TILES = 100
OPENED = 8  # times the page is opened anew, each with nothing in its memory
JUDGED = 300  # verdicts
KEYS = ("k", "l", "j")
COMMAND = (*PROOFREAD, "--all", "--tiles", str(TILES))
EVERYBODY = ("--repeat", str(OPENED + 1))  # gets every object


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--pictures", type=Path, help="Folder for pictures of the page, in place of measuring."
    )
    pictures = parser.parse_args().pictures
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        project, found = phantom_objects(Path(folder) / "mito")
        command = COMMAND if pictures is not None else (*COMMAND, *EVERYBODY)
        with Server(project, command=command) as server:
            browser = launched(playwright)
            if pictures is not None:
                take_pictures(Page(browser.new_context(viewport=SIZE), server.url), pictures)
                return
            cold = [_opened(browser, server.url, f"person {k}") for k in range(OPENED)]
            page = Page(browser.new_context(viewport=SIZE), server.url)
            page.sign_in("ada")
            verdicts, pages = _judged(page)
            assert page.errors == [], page.errors
    _report(cold, pages, verdicts, found)


def phantom_objects(root: Path) -> tuple[Path, int]:
    """A project with objects proposed in each section: mitochondria, and dark things that are none."""
    new = NewProject(
        classes=("mitochondria",), phantom=TISSUE, query_shape=(1, 64, 64), train="0:2", test="2:4"
    )
    create(root, new, lambda text: None)
    tissue = phantom(TISSUE)
    dark = ndimage.gaussian_filter(tissue.image.astype(np.float32), (0, 4, 4)) < 96
    membranes = ndimage.binary_dilation(tissue.membranes, np.ones((1, 3, 3)))
    likely = np.where(tissue.mitochondria, 0.9, np.where(dark & ~membranes, 0.6, 0.0)).astype(np.float32)
    folder = root / "objects" / "001"
    folder.parent.mkdir()
    settings = ProposalSettings(smallest=64, per_section=True)
    found = propose(OneClass(ArrayVolume(likely, TISSUE.voxel_size_nm)), settings, folder)
    return root, len(found.table())


def take_pictures(page: Page, folder: Path) -> None:
    """What docs/proofreading.md shows."""
    folder.mkdir(parents=True, exist_ok=True)
    page.sign_in("ada")
    for key in "jjkjjlkjj":
        page.press(key)
    page.wait_saved()
    page.tab.screenshot(path=folder / "proofreading.png")
    page.press("Space")
    page.tab.wait_for_selector("#enlarged[data-object]")
    page.tab.wait_for_timeout(300)
    page.tab.screenshot(path=folder / "proofreading-enlarged.png")
    page.press("Escape")
    page.press("?")
    page.tab.screenshot(path=folder / "proofreading-keys.png")


def _opened(browser: Browser, url: str, name: str) -> float:
    """Seconds from asking the server for the first sheet to 100 tiles drawn."""
    context = browser.new_context(viewport=SIZE)
    page = Page(context, url)
    page.sign_in(name)
    assert page.tab.locator(".tile").count() == TILES
    seconds = _durations(page, "asked-to-drawn")[0] / 1000
    context.close()
    return seconds


def _judged(page: Page) -> tuple[list[float], list[float]]:
    """Milliseconds to the acknowledgement of each verdict, and seconds from confirming to the next page."""
    for k in range(JUDGED):
        page.press(KEYS[k % len(KEYS)])
        if k % TILES == TILES - 1:
            page.wait_saved()
            sheet = page.data("sheet")
            page.tab.wait_for_timeout(300)  # the page wants to be looked at
            page.press("Enter")
            page.tab.wait_for_function("sheet => document.body.dataset.sheet !== sheet", arg=sheet)
            page.wait_drawn()
    page.wait_saved()
    drawn = [value / 1000 for value in _durations(page, "confirm-to-drawn")]
    return _durations(page, "verdicts-ack"), drawn


def _durations(page: Page, name: str) -> list[float]:
    return page.tab.evaluate("name => performance.getEntriesByName(name).map(entry => entry.duration)", name)


def _report(cold: list[float], pages: list[float], verdicts: list[float], found: int) -> None:
    record(
        "proofread",
        {
            "grid_100_tiles_seconds": Figure(
                max(cold),
                (min(cold), max(cold)),
                len(cold),
                f"the slowest, from asking for the first sheet to all drawn, of {found} objects; from "
                f"confirming to the next page, which is there already: {max(pages):.2f} s at most",
            ),
            "verdict_ack_p95_ms": p95_of(
                verdicts,
                f"from sending to the answer, on disk; median {np.median(verdicts):.1f} ms; "
                "spread is least to most",
            ),
        },
        [TISSUE.seed],
    )


if __name__ == "__main__":
    main()
