"""What a study has computed so far: an append-only file of cells, each known by what it depends on."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Content = dict[str, Any]


@dataclass(frozen=True)
class Cells:
    """Cells in a file of JSON lines. A line that a kill cut off is computed again."""

    path: Path
    _known: dict[str, Content] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not self.path.exists():
            return
        for line in self.path.read_text().splitlines():
            try:
                cell = json.loads(line)
                self._known[cell["key"]] = cell["content"]
            except (ValueError, KeyError, TypeError):
                continue

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str) -> Content | None:
        """A cell, or None where it is not computed yet."""
        return self._known.get(key)

    def __getitem__(self, key: str) -> Content:
        return self._known[key]

    def add(self, key: str, content: Content) -> None:
        """Write a cell; it is on the disk when this returns.

        Raises:
            OSError: If the disk is full or the file cannot be written.
        """
        line = json.dumps({"key": key, "content": content})
        with self.path.open("a") as file:
            file.write(("" if self._ends_whole() else "\n") + line + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._known[key] = json.loads(line)["content"]  # as it will be read after a restart

    def _ends_whole(self) -> bool:
        if not self.path.exists() or not self.path.stat().st_size:
            return True
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
