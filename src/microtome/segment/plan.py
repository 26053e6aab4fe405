"""What a run makes of what, and what came of it, kept in its work folder: only the same run goes on there."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from microtome.whole import partial_of, whole_file

PLAN, RESULT = "plan.json", "result.json"


@dataclass(frozen=True)
class InstanceSummary:
    """What came of a run."""

    instances: int
    voxels: int  # of all instances
    filled: int  # voxels of holes that were filled


def begin(folder: Path, plan: Mapping[str, Any]) -> bool:
    """Whether the folder is new; then it holds this plan from now on.

    Raises:
        ValueError: If it holds another plan, or something else.
        OSError: If it cannot be read or written.
    """
    written = json.loads(json.dumps(plan))
    if (folder / PLAN).exists():
        if _read(folder / PLAN) != written:
            raise ValueError(
                f"{folder} was begun with another volume, target or settings: use those, or another name"
            )
        return False
    folder.mkdir(parents=True, exist_ok=True)
    partial_of(folder / PLAN).unlink(missing_ok=True)  # of a run that was killed as it began
    if any(folder.iterdir()):
        raise ValueError(f"expected a new or an empty folder for work; {folder} is not empty")
    _write(folder / PLAN, written)
    return True


def finish(folder: Path, summary: InstanceSummary) -> None:
    """Keep what came of the plan.

    Raises:
        OSError: If it cannot be written.
    """
    _write(folder / RESULT, asdict(summary))


def forget(folder: Path) -> None:
    """Keep the plan, but nothing of what came of it.

    Raises:
        OSError: If it cannot be removed.
    """
    (folder / RESULT).unlink(missing_ok=True)


def finished(folder: Path) -> InstanceSummary | None:
    """What came of the plan; None if it is not carried out.

    Raises:
        ValueError: If the file is damaged.
        OSError: If it cannot be read.
    """
    path = folder / RESULT
    if not path.exists():
        return None
    found = _read(path)
    if not isinstance(found, dict) or found.keys() != InstanceSummary.__dataclass_fields__.keys():
        raise ValueError(f"{path}: expected the summary of a run; got {str(found)[:80]}")
    return InstanceSummary(**found)


def _read(path: Path) -> Any:  # noqa: ANN401
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is no readable JSON: {error}") from error


def _write(path: Path, content: Any) -> None:  # noqa: ANN401
    with whole_file(path) as partial:
        partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
