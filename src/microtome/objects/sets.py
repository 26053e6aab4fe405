"""A project's sets of proposed objects, in folders 001, 002, …; an object keeps its key from set to set."""

from dataclasses import dataclass
from pathlib import Path

from microtome.objects.manifest import NAME, read_manifest
from microtome.objects.proposals import Proposals, open_proposals, propose
from microtome.objects.settings import ProposalSettings
from microtome.objects.sources import Source
from microtome.progress import Progress, silent


@dataclass(frozen=True)
class ProposalSets:
    """The sets of the project in the folder `project`."""

    project: Path

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.project / "objects"

    def names(self) -> list[str]:
        """All of them, finished or not, in order."""
        found = [path.name for path in self.folder.glob("*") if path.is_dir() and _is_number(path.name)]
        return sorted(found, key=int)

    def finished(self) -> list[str]:
        """Those that are finished, in order.

        Raises:
            ValueError: If one is damaged.
        """
        return [name for name in self.names() if _is_finished(self.folder / name)]

    def opened(self, name: str | None = None) -> Proposals:
        """The set of this name; the latest unless named.

        Raises:
            ValueError: If there is none, or it is not finished, or damaged.
        """
        names = self.names()
        if not names:
            raise ValueError(f"{self.project} has no proposed objects: run `microtome objects propose`")
        if name is not None and name not in names:
            raise ValueError(f"expected one of the proposals {', '.join(names)}; got {name!r}")
        return open_proposals(self.folder / (name or names[-1]))

    def proposed(
        self, source: Source, settings: ProposalSettings, *, next_key: int = 1, progress: Progress = silent
    ) -> Proposals:
        """The objects of a prediction.

        That is the latest set if it was made from this, and gone on with if a run was killed; otherwise a new
        one, whose objects keep the keys of the latest. Others get new ones, from `next_key` at least.

        Raises:
            ValueError: If an unfinished set is of something else, or `propose` refuses.
            OSError: If the prediction cannot be read or the folder not written.
        """
        names, finished = self.names(), self.finished()
        latest = self.opened(finished[-1]) if finished else None
        number = int(names[-1]) if names else 0
        if names == finished:
            if latest is not None and latest.made_from(source, settings, progress):
                latest.require_intact(progress)
                return latest
            number += 1
        folder = self.folder / f"{number:03}"
        return propose(source, settings, folder, previous=latest, next_key=next_key, progress=progress)


def _is_finished(folder: Path) -> bool:
    return (folder / NAME).is_file() and read_manifest(folder).result is not None


def _is_number(name: str) -> bool:
    return len(name) >= 3 and name.isascii() and name.isdecimal()
