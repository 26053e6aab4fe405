"""What a study has computed so far: an append-only file of cells, each known by what it depends on."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from microtome.benchmark.protocol.files import expected
from microtome.benchmark.protocol.spec import digest

Content = dict[str, Any]


@dataclass(frozen=True)
class Cells:
    """Cells in a file of JSON lines. A line that a kill cut off, or that was changed, is computed again."""

    path: Path
    _known: dict[str, Content] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not self.path.exists():
            return
        with expected("the cells of a study", self.path):
            text = self.path.read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            try:
                cell = json.loads(line)
                if cell["check"] == digest(cell["content"]):
                    self._known[cell["key"]] = cell["content"]
            except (ValueError, KeyError, TypeError, RecursionError):
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

    def values(self) -> Iterable[Content]:
        """All cells."""
        return self._known.values()

    def add(self, key: str, content: Content) -> None:
        """Write a cell; it is on the disk when this returns.

        Raises:
            OSError: If the disk is full or the file cannot be written.
        """
        content = json.loads(json.dumps(content))  # as it is read after a restart
        line = json.dumps({"key": key, "check": digest(content), "content": content})
        with (
            expected("a file that can be added to", self.path),
            self.path.open("a", encoding="utf-8") as file,
        ):
            file.write(("" if self._ends_whole() else "\n") + line + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._known[key] = content

    def _ends_whole(self) -> bool:
        if not self.path.exists() or not self.path.stat().st_size:
            return True
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
