"""`kill -9` of server, worker or browser at random moments: is an acknowledged stroke ever lost?"""

import argparse
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from playwright.sync_api import Error, Playwright, sync_playwright

from browser import Page, kept
from microtome.benchmark.phantom import PhantomConfig
from microtome.cli.create import NewProject, create
from microtome.project import open_journal
from record import Figure, record
from server import Server

RUNS = 50
VICTIMS = ("server", "worker", "browser")
AFTERWARDS = 0.3  # seconds of painting on
SUBMITTED = 0.1  # chance of submitting after a stroke


class Trial:
    """One project, its server and an annotator's browser, of which any part may be killed."""

    def __init__(self, folder: Path, playwright: Playwright) -> None:
        self._playwright = playwright
        self._profile = folder / "profile"
        self.project = _project(folder / "project")
        self.server = Server(self.project)
        self.acknowledged: list[tuple[int, str]] = []
        self.page = self._open()

    def kill(self, victim: str) -> None:
        """Called from a thread of its own: it touches processes alone."""
        if victim == "server":
            os.kill(self.server.process.pid, signal.SIGKILL)
        elif victim == "worker":
            worker = self.server.worker()
            if worker is not None:
                os.kill(worker, signal.SIGKILL)
        else:
            subprocess.run(["pkill", "-9", "-f", str(self._profile)], check=False)

    def go_on(self, victim: str) -> None:
        """Start again what was killed, and wait until the page labels on and everything is saved."""
        if victim == "server":
            self.server.kill()
            self.server = Server(self.project)
        if victim == "browser":
            self._collect()
            self.page = self._open()
        self.page.tab.wait_for_selector("body[data-state=drawn]", timeout=60_000)
        self.page.wait_saved()
        self.page.paint_somewhere(1)
        self.page.wait_saved()

    def lost(self) -> int:
        """Acknowledged strokes that the journal lacks; and the page must show what the journal has."""
        self._collect()
        with open_journal(self.project / "journal.sqlite") as journal:
            assert journal.check() == [], journal.check()
            queries = {query for query, _ in self.acknowledged}
            there = {(query, op.key) for query in queries for op in journal.drafts.ops(query, "ada")}
            query = int(self.page.data("query"))
            ops = len(journal.drafts.ops(query, "ada"))
        shown = self.page.tab.evaluate("() => window.microtome.draft.seq")
        assert shown == ops, f"the page shows {shown} steps, the journal has {ops}"
        return len(set(self.acknowledged) - there)

    def close(self) -> None:
        self.page.context.close()
        self.server.process.terminate()
        self.server.process.communicate(timeout=20)

    def _open(self) -> Page:
        page = Page(kept(self._playwright, self._profile), self.server.url)
        page.tab.goto(self.server.url)
        name = page.tab.locator("dialog[open] input")
        page.tab.wait_for_selector("dialog[open] input, body[data-state=drawn]")
        if name.count():
            name.fill("ada")
            name.press("Enter")
        page.wait_drawn()
        return page

    def _collect(self) -> None:
        self.acknowledged += self.page.acknowledged
        self.page.acknowledged = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    runs = parser.parse_args().runs
    rng = random.Random(0)
    lost, counts = 0, dict.fromkeys(VICTIMS, 0)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        trial = Trial(Path(folder), playwright)
        for run in range(runs):
            victim = VICTIMS[run % len(VICTIMS)]
            _paint_until_killed(trial, victim, rng)
            trial.go_on(victim)
            lost += trial.lost()
            counts[victim] += 1
            print(
                f"run {run + 1}: {victim} killed; {len(trial.acknowledged)} acknowledged, {lost} lost",
                flush=True,
            )
        strokes = len(trial.acknowledged)
        trial.close()
    kills = ", ".join(f"{count} of the {victim}" for victim, count in counts.items())
    note = f"{kills}; {strokes} strokes acknowledged; journal sound and page going on after each"
    record("page-kill", {"kill_fuzz_lost_strokes": Figure(lost, (lost, lost), runs, note)}, [0])


def _paint_until_killed(trial: Trial, victim: str, rng: random.Random) -> None:
    """Paint, and now and then submit, while another thread kills the victim at a random moment."""
    until = time.monotonic() + rng.uniform(0.05, 1.5)
    killer = threading.Timer(until - time.monotonic(), trial.kill, [victim])
    killer.start()
    try:
        while time.monotonic() < until + AFTERWARDS:
            if trial.page.data("state") != "drawn":  # the next query waits for a server that is gone
                time.sleep(0.05)
                continue
            trial.page.paint_somewhere(1)
            if rng.random() < SUBMITTED:
                trial.page.press("Control+Enter")
    except Error:
        if victim != "browser":
            raise
    finally:
        killer.join()


def _project(root: Path) -> Path:
    tissue = PhantomConfig(shape=(8, 256, 256), seed=0)
    new = NewProject(
        classes=("mitochondria",), phantom=tissue, query_shape=(1, 64, 64), batch=16, recipe="demo"
    )
    create(root, new, lambda text: None)
    settings = root / "project.toml"
    settings.write_text(settings.read_text().replace("steps = 250", "steps = 60"))
    return root


if __name__ == "__main__":
    main()
