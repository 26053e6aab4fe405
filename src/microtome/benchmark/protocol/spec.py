"""What a study compares: data, network, schedule, strategies, seeds. Read from TOML, unknown keys refused."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, model_validator

from microtome.benchmark.protocol.files import expected
from microtome.learn.config import Recipe
from microtome.learn.settings import TABLES, recipe_from
from microtome.predict.sampling import Sampling
from microtome.project.config import ClassName, Length, Number, Positive, Positive3, Settings, Text
from microtome.project.parse import read_toml, validated

Tier = Literal["A", "B", "C"]
Repeats = Annotated[int, Field(strict=True, ge=1, le=1000)]

PROTOCOL = 1  # raised when the same spec would give other numbers: cached cells are then not used
ALWAYS = ("random", "foreground-random", "strided", "oracle-hard")  # whatever else is compared
FREE = {"title", "primary", "primary_reference", "notes", "seeds", "strategies"}
"""Keys that may change in a study that has begun."""


class Splits(BaseModel):
    """Where to choose and where to test, in voxels after downsampling; absent: as the data set says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: str | None = None
    test: str | None = None


class Files(BaseModel):
    """The user's own image and labels, and another pair to test on if there is one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: Text
    labels: Text
    test_image: Text | None = None
    test_labels: Text | None = None
    values: tuple[Positive, ...] = ()  # of the classes in the labels; absent: 1, 2, …
    voxel_size_nm: tuple[Length, Length, Length] | None = None  # where the files do not say
    window: tuple[Number, Number] | None = None  # grey values that become 0 and 255, if not uint8

    def beside(self, folder: Path) -> "Files":
        """The same files, with paths that are not absolute taken from `folder`."""
        names = ("image", "labels", "test_image", "test_labels")
        found = {name: str(folder / value) for name in names if (value := getattr(self, name)) is not None}
        return self.model_copy(update=found)

    @model_validator(mode="after")
    def _pairs(self) -> "Files":
        if (self.test_image is None) != (self.test_labels is None):
            raise ValueError("expected test_image and test_labels, or neither; got one of them")
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"expected window = [low, high] with low < high; got {list(self.window)}")
        if len(set(self.values)) < len(self.values):
            raise ValueError(f"values must be distinct; got {list(self.values)}")
        return self


class Answers(BaseModel):
    """What was answered in a project so far: the patches to choose from, and those to test on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    last: Positive  # id of the last answer that counts, so that labelling may go on meanwhile


class Spec(BaseModel):
    """A study as its file says.

    Tier A trains light heads on frozen features, B a small U-Net, one process a core; C a larger net on a
    GPU where there is one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Text
    tier: Tier
    primary: str | None = None  # the strategy of the hypothesis, named before the study is run
    primary_reference: str = "foreground-random"  # what it is thought to beat
    notes: tuple[str, ...] = ()  # what a reader must know, such as a design that was changed
    dataset: str | None = (
        None  # a name that `microtome init --dataset` knows, with /part where it has several
    )
    test_dataset: str | None = None  # another one, or another part, to test on
    files: Files | None = None  # in place of a data set
    project: Answers | None = None  # likewise; see `microtome simulate --compare`
    classes: Annotated[tuple[ClassName, ...], Field(min_length=1, max_length=254)]
    downsample: Positive3 = (1, 1, 1)
    query_shape: Positive3 = (1, 64, 64)
    splits: Splits = Splits()
    seeds: Repeats = 10
    start: Positive = 8  # patches of the first round, the same for all strategies of a seed
    start_strategy: str = "foreground-random-33"
    budgets: Annotated[tuple[Positive, ...], Field(min_length=1)] = (16, 32, 64, 128)  # after each round
    strategies: Annotated[tuple[str, ...], Field(min_length=1)]
    fn_n: Positive = 20  # voxels: smaller misses are left out of FN-n
    sampling: Sampling = "flips"  # of posteriors, in tiers B and C
    samples: Repeats = 4
    net: Settings = {}
    train: Settings = {}
    augment: Settings = {}
    ensemble: Settings = {}

    @model_validator(mode="after")
    def _grows(self) -> "Spec":
        steps = (self.start, *self.budgets)
        if any(a >= b for a, b in pairwise(steps)):
            raise ValueError(f"budgets must grow from start = {self.start}; got {list(self.budgets)}")
        for name, values in (("strategies", self.strategies), ("classes", self.classes)):
            if len(set(values)) < len(values):
                raise ValueError(f"{name} must be distinct; got {list(values)}")
        given = [name for name in TABLES if getattr(self, name, None)]
        if self.tier == "A" and given and self.project is None:
            raise ValueError(f"tier A trains no network: expected no table [{given[0]}]")
        return self

    @model_validator(mode="after")
    def _has_a_hypothesis_that_is_run(self) -> "Spec":
        if self.primary is not None and self.primary not in self.compared:
            compared = ", ".join(self.compared)
            raise ValueError(
                f"expected a primary strategy of those compared, {compared}; got {self.primary!r}"
            )
        if self.primary_reference not in self.compared or self.primary_reference == self.primary:
            raise ValueError(
                f"expected a primary_reference that is compared and not the primary; "
                f"got {self.primary_reference!r}"
            )
        return self

    @model_validator(mode="after")
    def _has_data(self) -> "Spec":
        if [self.dataset, self.files, self.project].count(None) != 2:
            raise ValueError("expected either a dataset, or [files], or a [project]")
        if self.test_dataset is not None and self.dataset is None:
            raise ValueError(f"expected test_dataset beside a dataset alone; got {self.test_dataset!r}")
        if self.files is not None and self.files.values and len(self.files.values) != len(self.classes):
            raise ValueError(
                f"expected one of files.values for each of {len(self.classes)} classes; "
                f"got {list(self.files.values)}"
            )
        return self

    @property
    def recipe(self) -> Recipe:
        """The network and its training, in tiers B and C.

        Raises:
            ValueError: If a setting is unknown or out of range.
        """
        tables = {"net": self.net, "train": self.train, "augment": self.augment, "ensemble": self.ensemble}
        return recipe_from({name: table for name, table in tables.items() if table})

    @property
    def compared(self) -> tuple[str, ...]:
        """The strategies of the file and the baselines that are always there."""
        return tuple(dict.fromkeys((*ALWAYS, *self.strategies)))

    @property
    def hypothesis(self) -> tuple[str, str] | None:
        """The strategy that is thought to beat another, and that one."""
        return None if self.primary is None else (self.primary, self.primary_reference)

    def is_same_study(self, other: "Spec") -> bool:
        """Whether both describe one study; titles, notes, seeds and strategies may differ."""
        return self.model_copy(update={name: getattr(other, name) for name in FREE}) == other

    def digest(self) -> str:
        """Of the settings of the protocol that a cell's numbers depend on.

        Where the data lie does not matter, only what they hold (`Task.digest`); of the network every setting
        counts, also one that the file leaves out (`Learner.settings`).
        """
        elsewhere = {"files", "project", *TABLES}
        own = self.model_dump(exclude=FREE | elsewhere, mode="json")
        return digest({"protocol": PROTOCOL, **own})


def read_spec(path: Path) -> Spec:
    """The study that a TOML file describes.

    Raises:
        ValueError: In one line, naming the key.
        OSError: If the file cannot be read.
    """
    with expected("the file of a study", path):
        raw = read_toml(path)
    spec = validated(Spec, raw, path.name)
    if spec.files is not None:
        spec = spec.model_copy(update={"files": spec.files.beside(path.resolve().parent)})
    _ = spec.recipe  # its settings are checked now, not an hour later
    return spec


def written(spec: Spec) -> str:
    """The spec as TOML; what has its default is left out."""
    return tomlkit.dumps(spec.model_dump(mode="json", exclude_defaults=True, exclude_none=True))


def digest(content: object) -> str:
    """SHA-256 of what JSON makes of `content`."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
