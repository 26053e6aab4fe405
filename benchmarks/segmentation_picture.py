"""The picture of docs/segmenting.md: the report of a phantom whose mitochondria a network was taught."""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from browser import launched
from microtome.benchmark.phantom import PhantomConfig
from microtome.cli.create import NewProject, create
from microtome.cli.segment import segment
from microtome.cli.session import opened
from microtome.cli.show import progress
from microtome.loop.simulation import Budget, simulate
from microtome.oracle import CostModel

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "segmentation-report.png"
SHAPE = (24, 384, 384)
PATCHES = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "segmentation-picture")
    project = parser.parse_args().work / "phantom"
    if not project.exists():
        new = NewProject(
            classes=("mitochondria",),
            phantom=PhantomConfig(shape=SHAPE, seed=2),
            query_shape=(1, 128, 128),
            start=PATCHES,
            batch=PATCHES,
            recipe="demo",
        )
        create(project, new, print)
    with progress() as bars, opened(project, "auto", bars) as session:
        simulate(session, Budget(PATCHES), CostModel())
    segment(project, smallest=100)
    with sync_playwright() as driver:
        browser = launched(driver)
        page = browser.new_page(viewport={"width": 1240, "height": 1500})
        page.goto(f"file://{project}/segmentations/001/report.html")
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
