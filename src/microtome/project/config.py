"""`project.toml`: what a project is made of, read strictly and written in one piece."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import tomlkit
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, model_validator

from microtome.box import Box
from microtome.project.parse import nearest_key, parse_split, read_toml, validated
from microtome.volume.places import Missing

SCHEMA = 1
"""Version of `project.toml` that this code writes, and the newest that it reads."""

LONGEST_NAME = 100  # bytes of a class name
SETTINGS = ("net", "train", "fine_tune", "augment", "ensemble", "corrections")
"""Tables whose keys and values the upper floors check."""

ABSENT = {*SETTINGS, "grow"}  # what is left out of the file while it is empty

Scalar = bool | int | float | str
Setting = Scalar | list[Scalar] | list[list[Scalar]]


def _require_setting(value: object) -> object:
    for item in _scalars(value):
        if not isinstance(item, bool | int | float | str):
            raise ValueError("expected a number, a text, true or false, or a list of these")  # noqa: TRY004
        if isinstance(item, float) and not math.isfinite(item):
            raise ValueError("expected a finite number")
    return value


def _scalars(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        return [value]
    return [item for part in value for item in _scalars(part)]


def _require_distinct(names: tuple) -> tuple:
    if len({str(name).casefold() for name in names}) < len(names):
        raise ValueError("expected distinct entries")
    return names


def _require_name(name: str) -> str:
    if name != name.strip() or not name.isprintable() or name in ("", "background", "uncertainty"):
        raise ValueError(
            "expected a printable name without blanks around it, other than 'background' and 'uncertainty'"
        )
    if name.startswith(".") or "/" in name or "\\" in name:  # predictions are files of that name
        raise ValueError("expected a name that can be a file's: no slash, no dot in front")
    if len(name.encode()) > LONGEST_NAME:
        raise ValueError(f"expected a name of at most {LONGEST_NAME} bytes")
    return name


Positive = Annotated[int, Field(strict=True, ge=1)]
Count = Annotated[int, Field(strict=True, ge=1, le=100_000)]
Positive3 = tuple[Positive, Positive, Positive]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Length = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
Fingerprint = Annotated[str, Field(pattern="^sha256:[0-9a-f]+$")]
ClassName = Annotated[str, AfterValidator(_require_name)]
Settings = dict[str, Annotated[Setting, PlainValidator(_require_setting)]]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ImageConfig(_Table):
    """Where the image lies; `shape` is the one after downsampling, in voxels z y x."""

    uri: Text
    voxel_size_nm: tuple[Length, Length, Length]  # of the file, before downsampling
    downsample: Positive3 = (1, 1, 1)
    shape: Positive3
    window: tuple[Number, Number] | None = None  # grey values that become 0 and 255; absent for uint8
    missing: Missing = "zero"  # what a chunk of the file that is not there means
    fingerprint: Fingerprint

    @model_validator(mode="after")
    def _window_is_ordered(self) -> "ImageConfig":
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"expected window = [low, high] with low < high; got {list(self.window)}")
        return self


class TruthConfig(_Table):
    """Known labels, for simulation and evaluation: the k-th of `values` is class k."""

    uri: Text
    values: Annotated[tuple[Positive, ...], AfterValidator(_require_distinct)]
    fingerprint: Fingerprint


class QueryConfig(_Table):
    """What is asked: the box of one query, how many a round, and how they are chosen."""

    shape: Positive3
    batch: Count = 24
    retrain_after: Count = 8  # answers after which the worker of the page trains again
    strategy: Text = "bald"  # docs/which-strategy.md says why
    start: Count = 8  # queries of the first round, before there is a model
    rounds: Count = 6  # planned, the first included; some strategies explore at first and exploit at the end
    start_strategy: Text = "random"
    sampling: Text = "flips"  # what a posterior is made of
    samples: Positive = 4
    sideways: Count = 25  # sections that a step of one box to the side counts as where a project grows
    audits: Annotated[int, Field(strict=True, ge=0, le=64)] = 1  # far boxes that are labelled to watch drift


class StageConfig(_Table):
    """`[[grow]]`: how `microtome grow` trains, and how far it goes, once `after` sections are labelled.

    A net is flat (2-D), separable (2-D, depthwise convolutions and LeakyReLU), or thin (3-D, of windows of
    three sections, LeakyReLU). `errors` says which errors of the prediction weigh more in training.
    """

    after: Count
    ask: Count  # sections that are asked for next
    net: Literal["flat", "separable", "thin"] = "flat"
    errors: Literal["none", "both", "missed", "made-up"] = "none"
    members: Annotated[int, Field(strict=True, ge=1, le=64)] = 1


PAPER_STAGES = (
    StageConfig(after=1, ask=1),
    StageConfig(after=2, ask=3),
    StageConfig(after=5, ask=5, net="separable", errors="both"),
    StageConfig(after=10, ask=25, net="thin", errors="missed", members=5),
)
"""The five bootstrap iterations of Guay (2021), table 1, the first section included."""

PLAIN_STAGES = tuple(StageConfig(after=stage.after, ask=stage.ask) for stage in PAPER_STAGES)
"""The same steps with one 2-D net throughout, in which corrections weigh as much as the rest."""


class SplitsConfig(_Table):
    """Where queries may be asked and where it is tested: "z0:z1" or "z0:z1,y0:y1,x0:x1", half-open."""

    train: Text
    test: Text | None = None


class ProjectConfig(_Table):
    """The whole of `project.toml`; class k of the labels is the k-th of `classes`, 0 is background."""

    schema_version: Annotated[int, Field(strict=True, alias="schema", ge=1, le=SCHEMA)] = SCHEMA
    classes: Annotated[
        tuple[ClassName, ...], Field(min_length=1, max_length=254), AfterValidator(_require_distinct)
    ]
    instances: tuple[ClassName, ...] = ()  # the classes whose objects are told apart
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)]
    image: ImageConfig
    truth: TruthConfig | None = None
    query: QueryConfig
    splits: SplitsConfig
    net: Settings = {}
    train: Settings = {}
    fine_tune: Settings = {}
    augment: Settings = {}
    ensemble: Settings = {}
    corrections: Settings = {}
    grow: tuple[StageConfig, ...] = ()

    @property
    def settings(self) -> dict[str, dict[str, Setting]]:
        """The tables that the upper floors read: networks and training."""
        tables = (self.net, self.train, self.fine_tune, self.augment, self.ensemble, self.corrections)
        return {name: dict(table) for name, table in zip(SETTINGS, tables, strict=True)}

    @property
    def train_box(self) -> Box:
        """Where queries may be asked."""
        return parse_split(self.splits.train, self.image.shape)

    @property
    def test_box(self) -> Box | None:
        """Where it is tested, if that was said."""
        return None if self.splits.test is None else parse_split(self.splits.test, self.image.shape)

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "ProjectConfig":
        train, test = self.train_box, self.test_box
        if test is not None and train.overlaps(test):
            raise ValueError(f"splits.train {train} and splits.test {test} must not overlap")
        if any(a > b for a, b in zip(self.query.shape, train.shape, strict=True)):
            raise ValueError(f"query.shape {self.query.shape} does not fit into splits.train {train}")
        reached = [stage.after for stage in self.grow]
        if reached and (reached[0] != 1 or sorted(set(reached)) != reached):
            raise ValueError(f"[[grow]] expects stages with after = 1 first, then ever more; got {reached}")
        if reached and (self.query.strategy, self.query.start_strategy) != ("outward", "outward"):
            raise ValueError(
                "a project with [[grow]] expects query.strategy and query.start_strategy 'outward'; "
                f"got {self.query.strategy!r} and {self.query.start_strategy!r}"
            )
        for name in self.instances:
            if name not in self.classes:
                raise ValueError(f"instances must be classes, of {list(self.classes)}; got {name!r}")
        if self.truth is not None and len(self.truth.values) != len(self.classes):
            raise ValueError(
                f"truth.values must name one file value for each of {len(self.classes)} classes; "
                f"got {len(self.truth.values)}"
            )
        return self


def load_config(path: Path, allowed: Mapping[str, frozenset[str]]) -> ProjectConfig:
    """The project's configuration; `allowed` names the keys of each table of SETTINGS.

    Raises:
        ValueError: In one line: the file is not TOML, comes from a newer microtome, or holds an unknown key,
            lacks one or has a value that does not fit.
        OSError: If the file cannot be read.
    """
    raw = read_toml(path)
    schema = raw.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise ValueError(
            f"{path.name} was made by a newer microtome (schema {schema}; this one reads up to {SCHEMA})"
        )
    if schema is None:
        raise ValueError(f"{path.name}: missing key 'schema'")
    _require_known_keys(path, raw, allowed)
    return validated(ProjectConfig, raw, path.name)


def save_config(config: ProjectConfig, path: Path) -> None:
    """Write the configuration: after a crash the file is the old one or the new one, never a part.

    Raises:
        OSError: If the file cannot be written; the old one is then untouched.
    """
    tables = config.model_dump(mode="json", by_alias=True, exclude_none=True)
    text = tomlkit.dumps({name: table for name, table in tables.items() if table or name not in ABSENT})
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _require_known_keys(path: Path, raw: dict, allowed: Mapping[str, frozenset[str]]) -> None:
    """Refuse an unknown key, naming the nearest known one.

    Raises:
        ValueError: If there is one.
    """
    tables = {
        "image": frozenset(ImageConfig.model_fields),
        "truth": frozenset(TruthConfig.model_fields),
        "query": frozenset(QueryConfig.model_fields),
        "splits": frozenset(SplitsConfig.model_fields),
        **{name: allowed.get(name, frozenset()) for name in SETTINGS},
    }
    known = {"schema", "classes", "instances", "seed", "grow", *tables}
    known |= {f"{table}.{key}" for table, keys in tables.items() for key in keys}
    for key, value in raw.items():
        inner = value if isinstance(value, dict) and key in tables else {}
        for name in (key, *(f"{key}.{word}" for word in inner)):
            if name not in known:
                raise ValueError(f"{path.name}: unknown key '{name}'{nearest_key(name, known)}")
