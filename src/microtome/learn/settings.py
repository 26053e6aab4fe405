"""Recipes from the tables of a project file, checked key by key."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from microtome.learn.config import AugmentConfig, ErrorWeighting, Recipe, TrainConfig
from microtome.net.config import NetConfig
from microtome.project.parse import nearest_key

Table = Mapping[str, Any]


@dataclass(frozen=True)
class _Ensemble:
    members: int = 1
    snapshots: int = 1
    subset: float = 1.0


TABLES: dict[str, frozenset[str]] = {
    "net": frozenset(field.name for field in fields(NetConfig)),
    "train": frozenset(field.name for field in fields(TrainConfig)),
    "fine_tune": frozenset(field.name for field in fields(TrainConfig)),
    "augment": frozenset(field.name for field in fields(AugmentConfig)),
    "ensemble": frozenset(field.name for field in fields(_Ensemble)),
    "corrections": frozenset(field.name for field in fields(ErrorWeighting)),
}
"""The tables of settings in a project file, and the keys that each may hold."""

LATER = frozenset({"skip", "optimiser", "warm_up", "target", "reject", "reject_below", "precision"})
"""Settings that came after projects and studies had been written down, whose default is what was done before.
With their defaults they are left out, so that what was written before and what is known by it stay valid."""


def recipe_from(tables: Mapping[str, Table]) -> Recipe:
    """The recipe that `tables` describe; what they leave out keeps its default.

    Without a table `fine_tune` every round trains from scratch; with one, it starts from `train`.

    Raises:
        ValueError: In one line, naming table and key, if a value is of the wrong kind or out of range.
    """
    train = dict(tables.get("train", {}))
    tune = tables.get("fine_tune")
    return Recipe(
        net=_read(NetConfig, "net", tables.get("net", {})),
        train=_read(TrainConfig, "train", train),
        augment=_read(AugmentConfig, "augment", tables.get("augment", {})),
        fine_tune=None if not tune else _read(TrainConfig, "fine_tune", {**train, **tune}),
        corrections=_read(ErrorWeighting, "corrections", tables.get("corrections", {})),
        **asdict(_read(_Ensemble, "ensemble", tables.get("ensemble", {}))),
    )


def tables_of(recipe: Recipe) -> dict[str, dict[str, Any]]:
    """The tables that describe `recipe` in full, so that new defaults do not change a project; see LATER."""
    whole = json.loads(json.dumps(asdict(recipe)))  # lists for tuples, as a file has them
    tables = {
        "net": _without_later(whole["net"], asdict(NetConfig())),
        "train": _without_later(whole["train"], asdict(TrainConfig())),
        "augment": whole["augment"],
    }
    if recipe.fine_tune is not None:
        tables["fine_tune"] = _without_later(whole["fine_tune"], whole["train"])  # it starts from those
    tables["ensemble"] = {name: whole[name] for name in TABLES["ensemble"]}
    if recipe.corrections != ErrorWeighting():  # came later: see LATER
        tables["corrections"] = whole["corrections"]
    return tables


def _without_later(table: Table, default: Table) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name not in LATER or value != default[name]}


def _read(kind: Any, name: str, table: Table) -> Any:  # noqa: ANN401
    try:
        value = TypeAdapter(kind).validate_python(table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join([name, *(str(part) for part in first["loc"])])
        if first["type"] == "value_error":  # our own message, which says what came
            raise ValueError(f"{key}: {first['msg'].removeprefix('Value error, ')}") from error
        raise ValueError(f"{key}: {first['msg']}; got {first['input']!r}") from error
    for key in table:
        if key not in TABLES[name]:
            raise ValueError(f"{name}.{key}: unknown key{nearest_key(key, TABLES[name])}")
    return value
