"""Text to values for `project.toml`, with one-line errors that name the file and the key."""

import difflib
import re
import reprlib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from microtome.box import Box, Int3

ModelT = TypeVar("ModelT", bound=BaseModel)
_RANGE = re.compile(r"(\d{1,12}):(\d{1,12})")


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ValueError: If it is not TOML: the file, the reason and the position in one line.
        OSError: If the file cannot be read.
    """
    data = path.read_bytes()
    try:
        return tomllib.loads(data.decode())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name}: not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name}: not valid TOML: no UTF-8 text at byte {error.start}") from error


def parse_split(text: str, shape: Int3) -> Box:
    """The box of "z0:z1" (whole sections) or "z0:z1,y0:y1,x0:x1" in a volume of `shape`.

    Raises:
        ValueError: If the text is neither, or the box is empty or leaves the volume.
    """
    matches = [_RANGE.fullmatch(part.strip()) for part in text.split(",")]
    ranges = [(int(match[1]), int(match[2])) for match in matches if match is not None]
    if len(ranges) != len(matches) or len(ranges) not in (1, 3):
        raise ValueError(f"expected voxels as 'z0:z1' or 'z0:z1,y0:y1,x0:x1'; got {text!r}")
    if len(ranges) == 1:
        ranges += [(0, shape[1]), (0, shape[2])]
    for axis, (start, stop), length in zip("zyx", ranges, shape, strict=True):
        if not start < stop <= length:
            raise ValueError(f"expected 0 <= {axis}0 < {axis}1 <= {length}; got {text!r}")
    (z0, z1), (y0, y1), (x0, x1) = ranges
    return Box((z0, y0, x0), (z1, y1, x1))


def nearest_key(name: str, known: Iterable[str]) -> str:
    """` (did you mean '…'?)` with the known key most like `name`, or nothing where none is alike."""
    matches = difflib.get_close_matches(name, sorted(known), n=1)
    return f" (did you mean '{matches[0]}'?)" if matches else ""


def validated(model: type[ModelT], raw: dict[str, Any], file_name: str) -> ModelT:
    """The model of the raw tables.

    Raises:
        ValueError: In one line: the first key that is missing or wrong, what was expected and what came.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ValueError(f"{file_name}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    if first["type"] == "missing":
        return f"missing key '{key}'"
    message = first["msg"].removeprefix("Value error, ")
    if not key or "; got " in message:  # a rule about several keys says itself what came
        return f"{key}: {message}" if key else message
    return f"{key}: {message[0].lower()}{message[1:]}; got {reprlib.repr(first['input'])}"
