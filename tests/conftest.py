"""What several test modules share: a small phantom project, and the command line."""

import atexit
import gc
import random
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
import torch

import bytecode  # noqa: F401
import checked  # noqa: F401
import ramdisk  # noqa: F401
from microtome.benchmark.phantom import PhantomConfig
from microtome.box import Int3
from microtome.cli.app import main
from microtome.cli.create import NewProject, create

hypothesis.settings.register_profile("patient", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("patient")
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
torch.set_num_threads(1)  # two threads on a busy machine take turns at waiting for each other

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

Run = Callable[..., tuple[int, str, str]]

TINY = {
    "widths = [16, 32, 64, 128]": "widths = [4, 8]",
    "steps = 1000": "steps = 6",
    "batch = 14": "batch = 2",
    "window = [1, 96, 96]": "window = [1, 32, 32]",
}
"""Settings that make a round of the loop take a tenth of a second."""


def phantom_project(
    root: Path,
    *,
    seed: int = 0,
    strategy: str = "entropy",
    start_strategy: str = "random",
    query_shape: Int3 = (1, 32, 32),
    train: str = "0:3",
    test: str | None = "3:4",
) -> Path:
    """A project of four small phantom sections, three to ask in and one to test on."""
    new = NewProject(
        classes=("mitochondria",),
        phantom=PhantomConfig(shape=(4, 96, 96), seed=1),
        query_shape=query_shape,
        train=train,
        test=test,
        strategy=strategy,
        batch=4,
        start=3,
        start_strategy=start_strategy,
        seed=seed,
    )
    shutil.copytree(_made(new), root)
    return root


@cache
def _made(new: NewProject) -> Path:
    """Made once in a process, as hundreds of tests begin with a copy of it."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    root = Path(folder) / "project"
    create(root, new, lambda text: None)
    settings = root / "project.toml"
    text = settings.read_text()
    for default, tiny in TINY.items():
        assert default in text
        text = text.replace(default, tiny)
    settings.write_text(text)
    return root


def free_port() -> int:
    """A port that nobody listens at, outside of those that connections and other runs of the tests get."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) != 0:
                return port


class FakeClock:
    """A millisecond passes whenever it is looked at."""

    def __init__(self) -> None:
        self.now = datetime(2024, 5, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


def pytest_collection_finish() -> None:
    """Spare the garbage collector what modules hold: to look through all of it took it half a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def project_folder(tmp_path: Path) -> Path:
    return phantom_project(tmp_path / "mito")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process: exit code, standard output, standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["microtome", *map(str, words)])
        capsys.readouterr()
        code: int | str | None = 0
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code
        captured = capsys.readouterr()
        return int(code or 0), captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def driver() -> Iterator["Playwright"]:
    """Who asks for it, or for `browser`, has seen to it that playwright and Chromium are there."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(driver: "Playwright") -> Iterator["Browser"]:
    from browser import launched

    browser = launched(driver)
    yield browser
    browser.close()
