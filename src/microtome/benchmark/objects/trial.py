"""One seed of the ablation: networks of its own, all designs, and the networks taught by known objects."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64

from microtome.benchmark.objects.ablation import (
    BEST,
    EACH,
    PAPER,
    Annotated,
    Design,
    annotated,
    at_random,
    expected_at_random,
    told,
)
from microtome.benchmark.protocol.cells import Cells, Content
from microtome.benchmark.protocol.spec import digest
from microtome.learn.triplet import TripletTraining
from microtome.objects.features import FeatureMaker, FeatureSettings, Tuned
from microtome.objects.proposals import Proposals
from microtome.objects.streams import FOLDER, Streams, read_note, read_streams
from microtome.progress import Progress, silent
from microtome.volume import Volume

RANDOM = "random"
NOBODY = "none"
TAUGHT = ("masks", "images", "both", "images, own answers")
"""Which networks learned from objects: from the labelled ones, but last from those that were asked about."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Proposals, of which some are asked about, and others are of a small volume that is labelled already."""

    image: Volume
    proposals: Proposals
    correct: Bool[np.ndarray, "n"]  # by row of the table
    asked: Int64[np.ndarray, "m"]  # rows
    labelled: Int64[np.ndarray, "k"]  # rows
    kinds: Int64[np.ndarray, "n"]  # by row
    names: Sequence[str]  # of the kinds


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared, and by which networks."""

    designs: tuple[Design, ...] = PAPER
    best: Design = BEST  # the one whose networks are taught
    features: FeatureSettings = field(default_factory=FeatureSettings)
    triplets: TripletTraining = field(default_factory=TripletTraining)
    name: str = ""  # of what is not as plainly specified; part of the name of a row


@dataclass(frozen=True, eq=False)
class Trial:
    """A pool, a plan, a seed, and a folder for networks and features, so that a killed trial goes on."""

    pool: Pool
    plan: Plan
    seed: int
    folder: Path
    progress: Progress = silent

    def run(self, cells: Cells) -> None:
        """Add the cells that are not there yet; none of taught networks where all known objects are alike.

        Raises:
            ValueError: If a volume changed since.
            OSError: If the folder or the cells cannot be written.
        """
        plain = not self.plan.name  # answers at random know no features
        for answers in dict.fromkeys(EACH * design.groups for design in self.plan.designs if plain):
            self._add(cells, f"{RANDOM} {answers}", NOBODY, partial(self._random, answers))
        for design in self.plan.designs:
            self._add(cells, str(design), NOBODY, partial(self._annotated, design))
        known = self.pool.correct[self.pool.labelled]
        for taught in TAUGHT if known.any() and not known.all() else ():
            self._add(cells, str(self.plan.best), taught, partial(self._taught, taught))

    def _add(self, cells: Cells, design: str, taught: str, compute: Callable[[], Annotated]) -> None:
        design = f"{design}, {self.plan.name}" if self.plan.name else design
        key = digest([self._digest, self.seed, design, taught])
        if key not in cells:
            made = self._content(compute())
            cells.add(key, {"seed": self.seed, "design": design, "taught": taught, **made})

    @property
    def _digest(self) -> str:
        """Of all that cells depend on but design and seed."""
        pool = self.pool
        rows = [pool.asked.tolist(), pool.labelled.tolist(), pool.correct.tolist()]
        found = pool.proposals.result
        return digest(
            [found.sha256, found.labels_sha256, rows, self.plan.features.kept(), asdict(self.plan.triplets)]
        )

    def _content(self, made: Annotated) -> Content:
        correct, kinds = self._correct, self.pool.kinds[self.pool.asked]
        right = made.labels == correct
        return {
            "objects": len(correct),
            "answers": len(made.rows),
            "before": float(correct.mean()),
            "accuracy": made.accuracy(correct),
            "expected_at_random": expected_at_random(correct, len(made.rows)),
            "expected_error": None if np.isnan(made.error) else made.error,
            "warning": made.warning,
            "right": {
                name: float(right[kinds == k].mean())
                for k, name in enumerate(self.pool.names)
                if (kinds == k).any()
            },
        }

    @property
    def _correct(self) -> Bool[np.ndarray, "m"]:
        return self.pool.correct[self.pool.asked]

    def _rng(self) -> np.random.Generator:
        """The same for every design of a seed."""
        return np.random.default_rng((self.seed, 2))

    def _random(self, answers: int) -> Annotated:
        return at_random(self._correct, answers, self._rng())

    def _annotated(self, design: Design, streams: Streams | None = None) -> Annotated:
        rng = self._rng()
        clusters = design.grouped(streams or self.streams(), rng)
        return annotated(clusters, self._correct, EACH * design.groups, rng)

    def _taught(self, taught: str) -> Annotated:
        plain = self.streams()
        if taught == TAUGHT[-1]:
            rows = self._annotated(self.plan.best).rows
            own = self.streams("own", self.pool.asked[rows], "images")
            clusters = self.plan.best.grouped(Streams(plain.masks, own.images), self._rng())
            return told(clusters, self._correct, rows)
        known = self.streams("labelled", self.pool.labelled, "both")
        masks = plain.masks if taught == "images" else known.masks
        images = plain.images if taught == "masks" else known.images
        return self._annotated(self.plan.best, Streams(masks, images))

    def streams(
        self, name: str = "plain", rows: Int64[np.ndarray, "_"] | None = None, tuned: Tuned = "both"
    ) -> Streams:
        """Features of the objects asked about, kept as `name`; by networks of which some learned from `rows`.

        Raises:
            ValueError: If a volume changed since, or what learns has no objects of both kinds.
            OSError: If the folder cannot be written.
        """
        maker = self._maker(name)
        note = read_note(maker.proposals)
        if note is not None and note["finished"]:
            made = read_streams(maker.proposals, maker.origin)
        elif rows is None:
            made = maker.made()
        else:
            plain = self._maker("plain")
            networks = plain.tuned(plain.networks(), rows, self.pool.correct[rows], tuned, self.plan.triplets)
            made = maker.made(networks, anew=True)
        return Streams(made.masks[self.pool.asked], made.images[self.pool.asked])

    def _maker(self, name: str) -> FeatureMaker:
        found, folder = self.pool.proposals, self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        for path in _shared(found.folder):
            if not (folder / path.name).exists():
                (folder / path.name).symlink_to(path.resolve())
        settings = replace(self.plan.features, seed=self.seed)
        origin = digest([found.result.labels_sha256, self.pool.image.shape])
        return FeatureMaker(
            replace(found, folder=folder), self.pool.image, origin, settings, progress=self.progress
        )


def _shared(folder: Path) -> Iterator[Path]:
    """What sets of features of the same proposals have in common."""
    return (path for path in folder.iterdir() if path.name != FOLDER)
