"""Weights of a network: taken from it, kept in a folder without pickle, and put back."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

Weights = dict[str, Tensor]
WEIGHTS_FILE = "weights.safetensors"


def weights_of(net: nn.Module) -> Weights:
    """A copy of a network's weights on the CPU."""
    return {name: value.detach().to("cpu", copy=True) for name, value in net.state_dict().items()}


def set_weights(net: nn.Module, weights: Weights) -> None:
    """Give `net` these weights.

    Raises:
        ValueError: In one line, if names, shapes or types are not those of the net.
    """
    expected = net.state_dict()
    if expected.keys() != weights.keys():
        odd = min(expected.keys() ^ weights.keys())
        raise ValueError(
            f"weights {odd} are {'missing' if odd in expected else 'of no layer of this network'}"
        )
    for name, value in expected.items():
        got = weights[name]
        if (got.shape, got.dtype) != (value.shape, value.dtype):
            raise ValueError(
                f"expected weights {name} of shape {tuple(value.shape)} and {value.dtype}; "
                f"got {tuple(got.shape)} and {got.dtype}"
            )
    net.load_state_dict(weights)


def save_weights(folder: Path, kind: str, weights: Weights, **settings: object) -> None:
    """Write weights and `settings`, each a dataclass or plain, into a new `folder`, whole or not at all.

    Raises:
        FileExistsError: If the folder is there already.
        OSError: If it cannot be written.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there already; a {kind} is never overwritten")
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    data = save({name: value.contiguous() for name, value in weights.items()})
    (part / WEIGHTS_FILE).write_bytes(data)
    description = {"sha256": hashlib.sha256(data).hexdigest(), **settings}
    (part / f"{kind}.json").write_text(json.dumps(description, indent=1, default=asdict))
    for path in (*part.iterdir(), part):
        _sync(path)
    part.rename(folder)


def load_weights(folder: Path, kind: str, **settings: Any) -> tuple[Weights, dict[str, Any]]:  # noqa: ANN401
    """The weights in `folder`, and its settings, each read as the type that is given for its name.

    Raises:
        ValueError: In one line, if the folder holds no whole network of this kind.
    """
    file = folder / f"{kind}.json"
    try:
        description = _table(file.read_text(), settings)
        weights = read_weights(folder / WEIGHTS_FILE, description["sha256"])
        return weights, {name: _read(name, type_, description[name]) for name, type_ in settings.items()}
    except (OSError, ValueError, SafetensorError) as error:
        raise ValueError(f"{folder} holds no whole {kind}: {error}") from error


def read_weights(path: Path, expected: str) -> Weights:
    """The weights in a file whose SHA-256 is `expected`.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it has another digest.
        SafetensorError: If it holds no weights.
    """
    data = path.read_bytes()
    got = hashlib.sha256(data).hexdigest()
    if got != expected:
        raise ValueError(f"expected weights of sha256 {expected}, got {got}")
    return load(data)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _table(text: str, settings: Mapping[str, object]) -> dict[str, Any]:
    table = json.loads(text)
    keys = {"sha256", *settings}
    if not isinstance(table, dict) or table.keys() != keys:
        raise ValueError(f"expected a table of {', '.join(sorted(keys))}; got {text[:60]!r}")
    return table


def _read(name: str, kind: Any, given: Any) -> Any:  # noqa: ANN401
    """`given` as a `kind`; what it leaves out keeps its default, what it adds is refused."""
    try:
        value = TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join([name, *(str(part) for part in first["loc"])])
        raise ValueError(f"{key}: {first['msg']}; got {first['input']!r}") from error
    if is_dataclass(kind):
        _refuse_unknown(name, given, asdict(value))
    return value


def _refuse_unknown(name: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for key, value in given.items():
        if key not in known:
            raise ValueError(f"{name}.{key}: unknown key; expected one of {', '.join(sorted(known))}")
        if isinstance(value, dict):
            _refuse_unknown(f"{name}.{key}", value, known[key])
