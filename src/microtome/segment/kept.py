"""What was found of single objects, kept as it comes, so that a run that was killed finds only the rest."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

Numbers = tuple[float, ...]


@runtime_checkable
class Kept(Protocol):
    """Some numbers for each object, by its id."""

    def known(self) -> dict[int, Numbers]: ...

    def keep(self, label: int, numbers: Numbers) -> None: ...


@dataclass(frozen=True)
class KeptInFile:
    """A line an object; one that was cut off counts as none."""

    path: Path

    def known(self) -> dict[int, Numbers]:
        """What was kept of every object.

        Raises:
            OSError: If the file cannot be read.
        """
        found: dict[int, Numbers] = {}
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else ():
            try:
                label, *numbers = json.loads(line)
            except (ValueError, TypeError):
                continue
            found[label] = tuple(numbers)
        return found

    def keep(self, label: int, numbers: Numbers) -> None:
        """Add what was found of an object.

        Raises:
            OSError: If the file cannot be written.
        """
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps([label, *numbers]) + "\n")  # a cut-off line stays alone


@dataclass(frozen=True)
class _Nothing:
    """Keeps nothing."""

    def known(self) -> dict[int, Numbers]:
        return {}

    def keep(self, label: int, numbers: Numbers) -> None:
        """Forget it."""


NOTHING_KEPT = _Nothing()
