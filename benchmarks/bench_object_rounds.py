"""Two rounds of the whole circle on real mitochondria: what models accept, by how objects were chosen.

A first model learns from a few painted patches; its objects of every section are proposed, some are asked
about, a simulated annotator answers, the model learns from that, and proposes again. All strategies begin
with the same first model of a seed, and get as many answers: an eighth of the objects each round. How much
the first model learns was chosen with seed 100, by the share of its objects that are right: enough wrong
ones are left to ask about. Goes on where it stopped.
"""

import argparse
import json
import shutil
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from microtome.benchmark.datasets.catalogue import DATASETS
from microtome.benchmark.datasets.locate import locate
from microtome.benchmark.machine import commit
from microtome.box import Box, Int3
from microtome.cli.create import NewProject, create
from microtome.cli.object_names import object_strategies
from microtome.cli.session import opened, resolved_device
from microtome.cli.show import progress
from microtome.learn.config import Recipe, TrainConfig
from microtome.loop.object_rounds import ObjectSimulation, RoundPlan
from microtome.loop.session import Session
from microtome.loop.simulation import Budget, simulate
from microtome.net.config import NetConfig
from microtome.objects.features import SMALL
from microtome.objects.settings import ProposalSettings
from microtome.oracle import CostModel
from microtome.progress import Progress
from microtome.volume import open_volume
from record import RESULTS, Figure, fill, record

TUNED = "-tuned"  # the image network learns from each round's answers
WHOLE = "-whole"  # the image network sees whole patches, as in the paper
STRATEGIES = (
    "two-stream",
    "two-stream-tuned",
    "two-stream-whole",
    "core-set",
    "random",
    "learning-loss",
    "entropy",
)
COMPARED = {"two-stream", "core-set", "random"}  # what the figures and the table need
VNC = DATASETS["vnc"]
COARSER: Int3 = (1, 2, 2)
PAGE = Path(__file__).parents[1] / "docs" / "objects-rounds.md"

Scores = dict[str, list[list[dict[str, float]]]]
"""Of each strategy, of each seed: the scores before the first round and after each."""


@dataclass(frozen=True)
class Size:
    """How much is done."""

    shape: Int3  # of the volume, from its first voxel, made coarser then
    split: int  # x from which it is tested, coarser
    painted: int  # patches of 64² that the first model learns from
    steps: int  # of training it
    tuning: int  # steps of a round
    each: int  # objects a round
    clusters: Int3
    features: int  # steps of training a VAE


FULL = Size((20, 1024, 1024), 352, 16, 600, 300, 40, (4, 2, 5), 1000)
TINY = Size((6, 768, 1024), 320, 8, 150, 60, 20, (2, 2, 5), 60)


def main() -> None:
    words = _words()
    size = TINY if words.tiny else FULL
    scores: Scores = {name: [] for name in words.strategies}
    with progress() as bars:
        for seed in words.seeds:
            for name in words.strategies:
                scores[name].append(_cell(words.work, seed, name, size, bars))
                print(f"seed {seed}, {name}: {_line(scores[name][-1])}", flush=True)
    if not words.tiny and set(words.strategies) >= COMPARED:
        _record(scores, words.seeds)


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="folder of the projects, which are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--strategies", nargs="+", default=STRATEGIES, choices=STRATEGIES)
    parser.add_argument("--tiny", action="store_true", help="a part of the data and less training")
    return parser.parse_args()


def _cell(work: Path, seed: int, name: str, size: Size, bars: Progress) -> list[dict[str, float]]:
    """The scores of one strategy and seed: before, and after each round."""
    done = work / f"seed-{seed}" / f"{name}.json"
    if done.exists():
        return json.loads(done.read_text())["scores"]
    base = _base(work, seed, size, bars, whole=name.endswith(WHOLE))
    folder = base.with_name(name)
    if not folder.exists():
        shutil.copytree(base, folder.with_suffix(".partial"), dirs_exist_ok=True)
        folder.with_suffix(".partial").rename(folder)
    with _session(folder, size, bars) as session:
        scores = [asdict(score) for score in ObjectSimulation(session, _plan(name, size)).run()]
    done.write_text(json.dumps({"commit": commit(), "scores": scores}))
    return scores


def _base(work: Path, seed: int, size: Size, bars: Progress, *, whole: bool) -> Path:
    """A project with a first model, its proposals, and networks that describe them: the same for all."""
    folder = work / f"seed-{seed}" / ("base-whole" if whole else "base")
    files = _cropped(work, size)
    depth, height, width = (side // step for side, step in zip(size.shape, COARSER, strict=True))
    if not folder.exists():
        new = NewProject(
            classes=("mitochondria",),
            image=str(files["image"]),
            voxel_size_nm=VNC.voxel_size_nm,
            downsample=COARSER,
            labels=str(files["mitochondria"]),
            train=f"0:{depth},0:{height},0:{size.split}",
            test=f"0:{depth},0:{height},{size.split}:{width}",
            strategy="random",
            start=size.painted,
            start_strategy="foreground-random",
            seed=seed,
        )
        create(folder, new, lambda text: None)
    with _session(folder, size, bars) as session:
        simulate(session, Budget(size.painted), CostModel())
        ObjectSimulation(session, _plan("two-stream" + WHOLE * whole, size)).begin()
    return folder


def _cropped(work: Path, size: Size) -> dict[str, Path]:
    files = {name: work / f"{name}.npy" for name in ("image", "mitochondria")}
    for name, path in files.items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            file = locate(VNC, announce=print) / f"{name}.tif"
            np.save(path, open_volume(file, VNC.voxel_size_nm).read(Box.of(size.shape)))
    return files


@contextmanager
def _session(folder: Path, size: Size, bars: Progress) -> Iterator[Session]:
    """A small flat net, with a head that predicts its loss for all, so that all learn alike."""
    recipe = Recipe(net=NetConfig(loss_head=True), train=TrainConfig(steps=size.steps))
    with opened(folder, "auto", bars) as session:
        yield replace(session, recipe=recipe, sampling="single", device=resolved_device("auto"))


def _plan(name: str, size: Size) -> RoundPlan:
    word = name.removesuffix(TUNED).removesuffix(WHOLE)
    features = replace(SMALL, training=replace(SMALL.training, steps=size.features))
    return RoundPlan(
        strategy=object_strategies(size.clusters)[word],
        name=word,
        each=size.each,
        proposals=ProposalSettings(smallest=32, per_section=True),
        features=replace(features, around=None) if name.endswith(WHOLE) else features,
        tune="images" if name.endswith(TUNED) else None,
        steps=size.tuning,
    )


def _record(scores: Scores, seeds: Sequence[int]) -> None:
    gains = [run[-1]["accuracy"] - run[0]["accuracy"] for run in scores["two-stream"]]
    leads = [
        ours[-1]["accuracy"] - theirs[-1]["accuracy"]
        for ours, theirs in zip(scores["two-stream"], scores["core-set"], strict=True)
    ]
    baselines = ", ".join(
        f"{name} {statistics.mean(run[-1]['accuracy'] for run in runs):.3f}" for name, runs in scores.items()
    )
    note = f"after two rounds: {baselines}"
    figures = {
        "roi_accuracy_gain_two_rounds_vnc": _figure(gains, f"two-stream, of test objects; {note}"),
        "two_stream_minus_coreset_vnc": _figure(leads, f"paired by seed, at equal answers; {note}"),
    }
    record("object-rounds", figures, seeds=list(seeds))
    (RESULTS / "object-rounds-runs.json").write_text(json.dumps(scores, indent=1) + "\n")
    fill(PAGE, "two rounds", "\n".join(_table(scores)))


def _figure(values: Sequence[float], note: str) -> Figure:
    return Figure(statistics.mean(values), (min(values), max(values)), len(values), note)


def _table(scores: Scores) -> Iterator[str]:
    """Accuracy before and after each round, and how far that is from random, paired by seed."""
    runs = scores["random"]
    tested = [run[0]["objects"] for run in runs]
    right = [run[0]["right"] for run in runs]
    answers = [f"{score['answers']} answers" for score in runs[0][1:]]
    yield f"| | before | {' | '.join(answers)} | the last less `random` |"
    yield f"|---|---|{'---|' * len(answers)}---|"
    for name, found in scores.items():
        rounds = zip(*([score["accuracy"] for score in run] for run in found), strict=True)
        gaps = [a[-1]["accuracy"] - b[-1]["accuracy"] for a, b in zip(found, runs, strict=True)]
        gap = "" if name == "random" else f"{statistics.mean(gaps):+.3f} ({_range(gaps, '+.3f')})"
        yield f"| `{name}` | {' | '.join(map(_mean, rounds))} | {gap} |"
    reject = [max(share, 1 - share) for share in right]
    yield ""
    yield (
        f"Mean over {len(runs)} seeds, least and most in brackets, of {_range(tested, '.0f')} objects, of "
        f"which {_range(right, '.2f')} are right. To accept all or to reject all, whichever is better: "
        f"{_mean(reject)}."
    )


def _mean(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.3f} ({_range(values, '.3f')})"


def _range(values: Sequence[float], form: str) -> str:
    return f"{min(values):{form}} to {max(values):{form}}"


def _line(run: Sequence[dict[str, float]]) -> str:
    accuracy = " ".join(f"{score['accuracy']:.3f}" for score in run)
    return f"{accuracy} of {run[0]['objects']} objects, {run[0]['right']:.3f} right"


if __name__ == "__main__":
    main()
