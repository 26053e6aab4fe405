"""Segmentations that are finished: which there are, and the file, written last, that tells of one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microtome.whole import whole_file

TOLD = "segmentation.json"
READ = {"model": int, "prediction": str, "tables": str, "classes": dict}
"""What is read of it again, and as what."""


def tell(folder: Path, told: Mapping[str, Any]) -> None:
    """Write what there is to tell of a segmentation, which is finished then.

    Raises:
        OSError: If it cannot be written.
    """
    with whole_file(folder / TOLD) as partial:
        partial.write_text(json.dumps(told, indent=1), encoding="utf-8")


def told_of(folder: Path) -> Mapping[str, Any]:
    """What `segment` says of a segmentation.

    Raises:
        ValueError: If there is none in the folder, or what is there is damaged.
    """
    path = folder / TOLD
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{folder} holds no finished segmentation: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path} is damaged: expected JSON; {error}") from error
    there = found if isinstance(found, dict) else {}
    wrong = [key for key, kind in READ.items() if not isinstance(there.get(key), kind)]
    if wrong:
        key = wrong[0]
        got = str(there[key])[:80] if key in there else "none"
        raise ValueError(f"{path} is damaged: expected {key!r} as microtome segment writes it; got {got}")
    return there


def segmentations(root: Path) -> list[Path]:
    """The folders of a project's finished segmentations, the one that was written last at the end."""
    told = sorted(root.glob(f"segmentations/*/{TOLD}"), key=lambda path: path.stat().st_mtime_ns)
    return [path.parent for path in told]


def segmentation_of(root: Path, name: str | None) -> Path:
    """The folder of a project's finished segmentation: of that name, or the one that was written last.

    Raises:
        ValueError: If there is none.
    """
    every = segmentations(root)
    if not every:
        raise ValueError(f"{root} has no finished segmentation yet: run `microtome segment`")
    chosen = [folder for folder in every if name in (None, folder.name)]
    if not chosen:
        known = ", ".join(sorted(folder.name for folder in every))
        raise ValueError(f"expected one of the finished segmentations ({known}); got {name!r}")
    return chosen[-1]
