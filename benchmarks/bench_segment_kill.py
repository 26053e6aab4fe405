"""`kill -9` of `microtome segment` at moments spread over all it does: does it end as an undisturbed run?

Each of ten runs is killed at a random moment of the step that it is meant for, started again, killed once
more at any moment, and then left to finish. Moments count from the begin of a step, whatever the machine
does beside it.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from microtome.benchmark.phantom import PhantomConfig
from microtome.box import Box, Int3
from microtome.cli.create import NewProject, create
from microtome.volume import open_volume
from record import Figure, record

AIMS = ("prediction",) * 3 + ("labelling",) * 3 + ("measuring",) * 2 + ("report",) * 2
SEED = 0
SHAPE: Int3 = (12, 320, 320)
CLASSES = ("mitochondria", "membranes")
SETTINGS = ("--method", "watershed", "--seed-threshold", "0.6", "--threshold", "0.4", "--holes", "50")
BLOCKS = ("--block", "8,128,128", "--smallest", "5", "--smoothing", "8", "--engine", "torch")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def main() -> None:
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder:
        model = _trained(Path(folder) / "model")
        whole = Path(shutil.copytree(model, Path(folder) / "whole"))
        lengths = _undisturbed(whole)
        expected = _result(whole)
        print(f"undisturbed: {_counts(whole)} in {_told(lengths)}", flush=True)
        good, kills, places = 0, 0, set()
        for run, aim in enumerate(AIMS):
            moment = rng.random() * lengths[aim]
            project = _killed_in(aim, moment, model, Path(folder) / "killed")
            where = [_place(project)]
            if _killed(project, rng.uniform(0, sum(lengths.values()))):
                where.append(_place(project))
            subprocess.run(_command(project), check=True, capture_output=True, env=ENVIRONMENT)
            well = _result(project) == expected
            good, kills, places = good + well, kills + len(where), places | set(where)
            print(
                f"run {run}: killed in {', then '.join(where)}: {'equal' if well else 'DIFFERS'}", flush=True
            )
            shutil.rmtree(project)
    note = f"{kills} kills in {', '.join(sorted(places))}; {_size()}, {_told(lengths)}"
    record("segment-kill", {"kill_resume_segment": Figure(good, (good, good), len(AIMS), note)}, [SEED])
    if good < len(AIMS):
        raise SystemExit(f"expected {len(AIMS)} equal results; got {good}")


def _trained(root: Path) -> Path:
    """A project with a model of few steps: what it finds need not be right."""
    tissue = PhantomConfig(shape=SHAPE, seed=SEED)
    new = NewProject(
        classes=CLASSES, phantom=tissue, train="0:8", batch=8, start_strategy="random", seed=SEED
    )
    create(root, new, print)
    settings = root / "project.toml"
    text = settings.read_text().replace("steps = 1000", "steps = 60")
    settings.write_text(text.replace("widths = [16, 32, 64, 128]", "widths = [8, 16, 32]"))
    command = [sys.executable, "-m", "microtome", "simulate", str(root), "--patches", "8"]
    subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)
    return root


def _command(project: Path) -> list[str]:
    return [sys.executable, "-m", "microtome", "segment", str(project), *SETTINGS, *BLOCKS]


def _started(project: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _command(project), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    )


def _undisturbed(project: Path) -> dict[str, float]:
    """Seconds of each step, by what `_place` calls it."""
    began, process, seconds = time.monotonic(), _started(project), dict.fromkeys(("loading", *AIMS), 0.0)
    while process.poll() is None:
        place, now = _place(project), time.monotonic()
        seconds[place] = seconds.get(place, 0) + now - began
        began = now
        time.sleep(0.005)
    if process.returncode != 0:
        raise RuntimeError("the undisturbed run failed")
    return seconds


def _killed_in(aim: str, seconds: float, model: Path, project: Path) -> Path:
    """A new project, its segmentation killed so long after a step began; earlier if it was done by then."""
    shutil.copytree(model, project)
    process = _started(project)
    while process.poll() is None and _place(project) != aim:
        time.sleep(0.005)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    if process.wait() == -signal.SIGKILL:
        return project
    shutil.rmtree(project)
    return _killed_in(aim, 0.8 * seconds, model, project)


def _killed(project: Path, seconds: float) -> bool:
    """Whether it was killed after so many seconds; it may have been done before."""
    process = _started(project)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(_command(project))} failed where it went on")
    return False


def _place(project: Path) -> str:
    """What a killed run was at, from what it left."""
    folders = list((project / "segmentations").glob("*"))
    if not folders:
        return "prediction" if any((project / "predictions").iterdir()) else "loading"
    if (folders[0] / "segmentation.json").exists():
        return "report"
    if (folders[0] / f"{'-'.join(CLASSES)}.csv").exists():
        return "summary"
    labelled = [name for name in CLASSES if (folders[0] / f"{name}.ome.zarr").exists()]
    measured = [name for name in CLASSES if (folders[0] / f"{name}.csv").exists()]
    if len(labelled) > len(measured):
        return "measuring"
    return "contacts" if len(measured) == len(CLASSES) else "labelling"


def _result(project: Path) -> dict[str, Any]:
    """All that a run leaves, but the seconds that it took."""
    [folder] = (project / "segmentations").glob("*")
    told = json.loads((folder / "segmentation.json").read_text())
    tables = {path.name: path.read_text() for path in folder.glob("*.csv")}
    images = [*folder.glob("*.ome.zarr"), *project.glob("predictions/*/*.ome.zarr")]
    assert (len(tables), len(images)) == (3, 5), "two classes and their contacts; two ids, three predicted"
    assert "</html>" in (folder / "report.html").read_text()
    stored = {path.name + path.parent.parent.name: _voxels(path) for path in images}
    return {"told": {key: told[key] for key in told if key != "seconds"}, **tables, **stored}


def _voxels(path: Path) -> bytes:
    return np.ascontiguousarray(open_volume(path).read(Box.of(SHAPE))).tobytes()


def _counts(project: Path) -> str:
    [told] = project.glob("segmentations/*/segmentation.json")
    classes = json.loads(told.read_text())["classes"]
    return ", ".join(f"{one['instances']} {name}" for name, one in classes.items())


def _told(lengths: dict[str, float]) -> str:
    return ", ".join(f"{place} {seconds:.1f} s" for place, seconds in lengths.items())


def _size() -> str:
    return f"{' x '.join(map(str, SHAPE))} voxels, two classes"


if __name__ == "__main__":
    main()
