"""study.json: what a study is, and where its numbers come from."""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from microtome.benchmark.protocol.files import expected, replacing
from microtome.project.config import Length
from microtome.project.parse import validated

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Source(BaseModel):
    """The data of a study, and on which terms they may be used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    licence: str = ""
    citation: str = ""
    voxel_size_nm: tuple[Length, Length, Length] | None = None  # z y x


class About(BaseModel):
    """What study.json says of the rows beside it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    spec: dict[str, Any]
    data: Source
    tier: str
    device: str
    date: str
    commit: str
    candidates: int
    test_sections: int | str
    reference_strategies: tuple[str, ...]
    primary: str = ""  # the strategy whose comparison was written down before the study; none if empty
    primary_reference: str = "foreground-random"
    wall_seconds: Seconds  # of all runs together
    complete: Annotated[bool, Field(strict=True)]
    notes: tuple[str, ...]


def read_about(path: Path) -> About:
    """The description of a study.

    Raises:
        ValueError: If it is not as it should be, naming the file and the key.
        OSError: If there is none.
    """
    with expected("the description of a study", path):
        text = path.read_bytes()
    try:
        values = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected JSON; {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected an object of JSON; got {str(values)[:40]!r}")  # noqa: TRY004
    return validated(About, values, str(path))


def write_about(about: About, path: Path) -> None:
    """Write the description, in one piece.

    Raises:
        OSError: If it cannot be written.
    """
    with replacing(path) as partial:
        partial.write_text(json.dumps(about.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
