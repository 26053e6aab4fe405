"""Which images to label for a classifier: two-stream, random, core-set and learning loss, in rounds.

As Lin et al. (2020, section 7) compare them on CIFAR-10, or on any folder with a folder of images for each
class. Cells are kept as they come: a run that was killed goes on where it was. Networks are small (`SMALL`),
but with a GPU they are the paper's (`PAPER`).
"""

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import torch

from classification_report import ABOUT, report
from microtome.benchmark.images.asking import Strategy, TwoStream, at_random, core_set, learning_loss
from microtome.benchmark.images.course import Course, Schedule
from microtome.benchmark.images.image_set import ImageSet, held_out
from microtome.benchmark.images.reading import read_image_set
from microtome.benchmark.images.settings import PAPER, SMALL, Settings
from microtome.benchmark.machine import commit
from microtome.benchmark.protocol.cells import Cells
from record import RESULTS

SETTINGS = {"small": SMALL, "paper": PAPER}
OUT = RESULTS / "cifar10"


def main() -> None:
    words = parsed()
    try:
        if not words.report:
            compute(words)
        report(words.out)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


def parsed() -> argparse.Namespace:
    cifar = Path(os.environ.get("MICROTOME_DATA", ".")) / "cifar10" / "cifar10_jpeg_8k_2k.npz"
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=cifar, help="A folder of classes, or a packed file.")
    parser.add_argument("--out", type=Path, default=OUT, help="Folder for cells, table and picture.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--start", type=int, default=1000, help="Images that are labelled at first.")
    parser.add_argument("--each", type=int, default=1000, help="Images asked about in a round.")
    parser.add_argument("--rounds", type=int, default=5, help="Trainings; the first is of the start images.")
    parser.add_argument("--clusters", type=int, default=50, help="Clusters by class scores, of two-stream.")
    parser.add_argument("--settings", choices=SETTINGS, default="paper" if cuda else "small")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if cuda else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="Seeds computed at a time, one thread each.")
    parser.add_argument(
        "--held-out", action="store_true", help="Test on a fifth of the images to learn from."
    )
    parser.add_argument("--report", action="store_true", help="Compute nothing; tell what is there.")
    return parser.parse_args()


def compute(words: argparse.Namespace) -> None:
    """Every seed is a job; a process does one at a time, in one thread."""
    found = image_set(words)
    words.out.mkdir(parents=True, exist_ok=True)
    require_same(about(words, found), words.out / ABOUT)
    context = get_context("spawn")
    with ProcessPoolExecutor(words.workers, context, initializer=begin) as workers:
        jobs = [workers.submit(run_seed, words, seed) for seed in words.seeds]
        for job in as_completed(jobs):
            print(job.result(), flush=True)


def begin() -> None:
    torch.set_num_threads(1)
    commit()  # of the code that was loaded, whatever is changed while it runs


def run_seed(words: argparse.Namespace, seed: int) -> str:
    def say(step: str, done: int, total: int, text: str = "") -> None:
        if step == "rounds":
            print(f"seed {seed}, round {done} of {total}: {text}", flush=True)

    schedule = Schedule(words.start, words.each, words.rounds)
    course = Course(image_set(words), SETTINGS[words.settings], schedule, seed, words.device, say)
    course.run(strategies(words.clusters), Cells(words.out / f"seed-{seed}.jsonl"))
    return f"seed {seed}: done"


def strategies(clusters: int) -> dict[str, Strategy]:
    return {
        "random": at_random,
        "two-stream": TwoStream(clusters),
        "core-set": core_set,
        "learning-loss": learning_loss,
    }


def image_set(words: argparse.Namespace) -> ImageSet:
    found = read_image_set(words.data, SETTINGS[words.settings].side)
    return held_out(found) if words.held_out else found


def about(words: argparse.Namespace, found: ImageSet) -> dict[str, object]:
    """What the cells of a folder have in common."""
    settings: Settings = SETTINGS[words.settings]
    common = {
        "data": f"{words.data.stem}{', held out' if words.held_out else ''}",
        "digest": found.digest,
        "classes": found.classes,
        "images": len(found.images),
        "test_images": len(found.test_images),
        "start": words.start,
        "each": words.each,
        "clusters": words.clusters,
        "preset": words.settings,
        "settings": asdict(settings),
    }
    return json.loads(json.dumps(common))


def require_same(common: dict[str, object], path: Path) -> None:
    """Refuse a folder that holds cells of other data or settings."""
    if not path.exists():
        path.write_text(json.dumps(common, indent=1) + "\n")
        return
    kept = json.loads(path.read_text())
    odd = [key for key in common if kept.get(key) != common[key]]
    if odd:
        raise ValueError(f"{path.parent} holds cells of other {', '.join(odd)}; use another --out")


if __name__ == "__main__":
    main()
