"""`kill -9` at random moments of `microtome simulate`: every answer once, and the same queries?"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from microtome.benchmark.phantom import PhantomConfig
from microtome.cli.create import NewProject, create
from microtome.learn.settings import TABLES
from microtome.project import open_project
from record import Figure, record

KILLS = 10
PATCHES = 40
SEED = 0
PROGRAM = Path(sys.executable).with_name("microtome")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = _project(Path(folder) / "undisturbed")
        began = time.monotonic()
        subprocess.run(_command(undisturbed), check=True, capture_output=True)
        length = time.monotonic() - began
        expected = _asked(undisturbed)
        print(f"undisturbed: {len(expected)} queries in {length:.1f} s")
        rng = random.Random(SEED)
        good = 0
        for k in range(KILLS):
            after = rng.uniform(0.05, 0.95) * length
            project = _killed(Path(folder) / f"killed-{k}", after)
            subprocess.run(_command(project), check=True, capture_output=True)
            well = _asked(project) == expected and _answered_once(project)
            good += well
            print(f"kill {k} after {after:.1f} s: {'as undisturbed' if well else 'DIFFERS'}")
        note = f"run of {length:.0f} s, {PATCHES} patches; same queries, each answer once, journal sound"
        record("resume", {"kill_resume_simulate": Figure(good, (good, good), KILLS, note)}, [SEED])


def _project(root: Path) -> Path:
    tissue = PhantomConfig(shape=(6, 256, 256), seed=SEED)
    new = NewProject(
        classes=("mitochondria",), phantom=tissue, train="0:4", batch=16, start_strategy="random", seed=SEED
    )
    create(root, new, print)
    settings = root / "project.toml"
    settings.write_text(settings.read_text().replace("steps = 1000", "steps = 40"))
    return root


def _command(project: Path) -> list[str]:
    return [str(PROGRAM), "simulate", str(project), "--patches", str(PATCHES)]


def _killed(root: Path, seconds: float) -> Path:
    """A project whose simulation was killed after `seconds`, or earlier where it ended before."""
    project = _project(root)
    process = subprocess.Popen(_command(project), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    if process.wait() == -signal.SIGKILL:
        return project
    return _killed(root.with_name(root.name + "-again"), 0.8 * seconds)


def _asked(root: Path) -> list[tuple]:
    with open_project(root, TABLES) as project:
        return [(q.round, q.rank, str(q.box), q.score) for q in project.journal.queries()]


def _answered_once(root: Path) -> bool:
    with open_project(root, TABLES) as project:
        answered = [effort.query_id for effort in project.journal.efforts()]
        everything = {query.id for query in project.journal.queries()}
        return sorted(answered) == sorted(everything) and not project.journal.check()


if __name__ == "__main__":
    main()
