"""One seed of the comparison: a strategy asks, a classifier is trained from scratch, and so on in rounds."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from jaxtyping import Float32

from microtome.benchmark.images.asking import Rows, Seen, Strategy
from microtome.benchmark.images.image_set import ImageSet
from microtome.benchmark.images.settings import Settings
from microtome.benchmark.machine import commit, device_name
from microtome.benchmark.protocol.cells import Cells
from microtome.benchmark.protocol.spec import digest
from microtome.learn.classifier import Classifier, fit_classifier
from microtome.learn.vae import fit_vae
from microtome.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class Schedule:
    """How many images are labelled at first, and in every round that follows.

    Raises:
        ValueError: If a number is out of range.
    """

    start: int = 1000
    each: int = 1000
    rounds: int = 5  # trainings; what is asked after the last one is for more of them, later

    def __post_init__(self) -> None:
        if self.start < 2 or min(self.each, self.rounds) < 1:
            raise ValueError(
                "expected a start of at least 2 images, and at least 1 in each of at least 1 round; "
                f"got {self.start}, {self.each} and {self.rounds}"
            )

    @property
    def labelled(self) -> int:
        """Images that are labelled in the last round."""
        return self.start + (self.rounds - 1) * self.each


@dataclass(frozen=True, eq=False)
class Course:
    """Images, settings, a schedule and a seed; all strategies have start images, weights and order in common.

    Raises:
        ValueError: If there are fewer images than are to be labelled.
    """

    found: ImageSet
    settings: Settings
    schedule: Schedule
    seed: int
    device: str = "cpu"
    progress: Progress = silent

    def __post_init__(self) -> None:
        if self.schedule.labelled > len(self.found.images):
            raise ValueError(
                f"expected at least {self.schedule.labelled} images to learn from, "
                f"for {self.schedule.rounds} rounds; got {len(self.found.images)}"
            )

    def run(self, strategies: Mapping[str, Strategy], cells: Cells) -> None:
        """Add the cells that are not there yet, round by round.

        Raises:
            ValueError: If training diverges.
            OSError: If the cells cannot be written.
        """
        for number in range(self.schedule.rounds):
            for name, strategy in strategies.items():
                key = self.key(name, number)
                if key not in cells:
                    cells.add(key, self._cell(name, number, strategy, self._labelled(name, number, cells)))

    def key(self, name: str, number: int) -> str:
        """Of the cell of a strategy and a round: a digest of all that it depends on."""
        schedule = [self.schedule.start, self.schedule.each]
        return digest([self.found.digest, asdict(self.settings), schedule, self.seed, name, number])

    def _labelled(self, name: str, number: int, cells: Cells) -> Rows:
        """The start images, then those of each round before this one."""
        asked = [cells[self.key(name, before)]["asked"] for before in range(number)]
        return np.concatenate([self._start, *(np.array(rows, dtype=np.int64) for rows in asked)])

    def _cell(self, name: str, number: int, strategy: Strategy, labelled: Rows) -> dict[str, object]:
        classifier, seconds = self._first if number == 0 else self._trained(labelled)
        proba = classifier.predict(self.found.test_images)
        began = time.perf_counter()
        seen = Seen(self.found.images, labelled, classifier, lambda: self._means)
        asked = strategy(seen, self.schedule.each, np.random.default_rng((self.seed, number, 2)))
        self.progress("rounds", number + 1, self.schedule.rounds, name)
        return {
            "strategy": name,
            "seed": self.seed,
            "round": number,
            "labelled": len(labelled),
            "accuracy": float((proba.argmax(axis=1) == self.found.test_labels).mean()),
            "loss": classifier.losses[-1],
            "by_class": np.bincount(self.found.labels[labelled], minlength=len(self.found.classes)).tolist(),
            "training_seconds": seconds,
            "asking_seconds": time.perf_counter() - began,
            "asked": asked.tolist(),
            "device": device_name(self.device),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit(),
        }

    @cached_property
    def _start(self) -> Rows:
        """Uniformly drawn."""
        return np.random.default_rng((self.seed, 0)).permutation(len(self.found.images))[
            : self.schedule.start
        ]

    @cached_property
    def _first(self) -> tuple[Classifier, float]:
        """Of the start images, which all strategies have in common."""
        return self._trained(self._start)

    def _trained(self, labelled: Rows) -> tuple[Classifier, float]:
        began = time.perf_counter()
        classifier = fit_classifier(
            self.found.images[labelled],
            self.found.labels[labelled],
            self.settings.net(len(self.found.classes), self.found.images.shape[1]),
            self.settings.training_on(len(labelled)),
            seed=self.seed,
            device=self.device,
            progress=self.progress,
        )
        return classifier, time.perf_counter() - began

    @cached_property
    def _means(self) -> Float32[np.ndarray, "n d"]:
        """Of all images to learn from, whether they are labelled or not."""
        vae = fit_vae(
            self.found.images,
            replace(self.settings.vae, channels=self.found.images.shape[1]),
            self.settings.vae_training,
            seed=self.seed,
            device=self.device,
            progress=self.progress,
        )
        return vae.encode(self.found.images)
