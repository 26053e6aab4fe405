"""Twenty scripted annotators for two minutes, and a page in a browser, while the worker trains."""

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from annotators import Annotator, Timings
from browser import SIZE, Page, launched
from microtome.learn.settings import TABLES
from microtome.project import open_project
from record import Figure, p95_of, record
from server import Server, vnc_project

PEOPLE = 20
SETTLED = 30.0  # seconds after which the server's memory should not grow any more


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        project = vnc_project(Path(folder) / "vnc", query_shape=(1, 48, 48), train="0:11")
        with Server(project) as server, sync_playwright() as playwright:
            page = Page(launched(playwright).new_context(viewport=SIZE), server.url)
            ending = threading.Event()
            people = [Annotator(server.url, f"annotator {k + 1}", ending) for k in range(PEOPLE)]
            for person in people:
                person.start()
            drawn, memory = _watch(server, page, seconds)
            ending.set()
            for person in people:
                person.join(40)
                if person.crashed or person.is_alive():
                    person.timings.errors.append(f"{person.name} did not come to an end: {person.crashed}")
            total = Timings()
            for person in people:
                total.add(person.timings)
        lost, models = _lost(project, total.answers)
    _report(total, drawn, memory, lost, models, seconds)


def _watch(server: Server, page: Page, seconds: float) -> tuple[list[float], list[tuple[float, float]]]:
    """Label in the browser meanwhile: seconds from submit to drawn; and the server's memory in MB by time."""
    began = time.monotonic()
    drawn: list[float] = []
    memory: list[tuple[float, float]] = []
    page.sign_in("browser")
    while time.monotonic() - began < seconds:
        page.paint_somewhere()
        drawn.append(page.submit())
        memory.append((time.monotonic() - began, server.memory_mb()))
    return drawn, memory


def _lost(folder: Path, acknowledged: list[int]) -> tuple[int, int]:
    with open_project(folder, TABLES) as project:
        assert project.journal.check() == [], "the journal is damaged"
        there = {effort.answer_id for effort in project.journal.efforts()}
        return len(set(acknowledged) - there), len(project.journal.models())


def _report(
    total: Timings,
    drawn: list[float],
    memory: list[tuple[float, float]],
    lost: int,
    models: int,
    seconds: float,
) -> None:
    submits, strokes, pages = (1000 * np.array(values) for values in (total.submits, total.strokes, drawn))
    settled = [mb for at, mb in memory if at > min(SETTLED, seconds / 4)]
    rows = [
        ("submit to next query's data, HTTP", submits),
        ("submit to next query drawn, browser", pages),
        ("stroke to acknowledged, HTTP", strokes),
    ]
    print(f"{PEOPLE} annotators and a browser, {seconds:.0f} s, {models} models trained meanwhile")
    print(f"{'':38}{'n':>7}{'median':>9}{'p95':>9}{'p99':>9}{'most':>9}  ms")
    for name, values in rows:
        quantiles = np.percentile(values, [50, 95, 99, 100])
        print(f"{name:38}{len(values):7}" + "".join(f"{value:9.1f}" for value in quantiles))
    print(
        f"server's memory: {settled[0]:.0f} MB, then {settled[-1]:.0f} MB; waited for a query: {total.waits}"
    )
    for error in total.errors[:5]:
        print(error, file=sys.stderr)
    slowest = max((submits, pages), key=lambda values: float(np.percentile(values, 95)))
    meanwhile = f"{models} models trained meanwhile; memory {settled[0]:.0f} to {settled[-1]:.0f} MB"
    record(
        "page-load",
        {
            "submit_to_next_p95_ms": p95_of(
                slowest, f"the slower of HTTP and browser; {meanwhile}; spread is least to most"
            ),
            "stroke_ack_p95_ms": p95_of(
                strokes, f"{PEOPLE} annotators, {seconds:.0f} s; spread is least to most"
            ),
            "page_errors_under_load": Figure(
                len(total.errors) + lost,
                (len(total.errors), len(total.errors) + lost),
                len(total.strokes) + len(total.answers),
                f"{len(total.errors)} answers other than 200, {lost} of {len(total.answers)} answers lost; "
                f"{total.waits} times no query was waiting",
            ),
        },
        seeds=[0],
    )


if __name__ == "__main__":
    main()
