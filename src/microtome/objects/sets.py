"""A project's sets of proposed objects, in folders 001, 002, …; an object keeps its key from set to set."""

import json
from dataclasses import dataclass
from pathlib import Path

from microtome.objects.manifest import NAME, read_manifest
from microtome.objects.proposals import Proposals, open_proposals, propose
from microtome.objects.settings import ProposalSettings
from microtome.objects.sources import Source
from microtome.progress import Progress, silent
from microtome.whole import whole_file

GIVEN = "given.json"  # which numbers of sets and keys of objects were given, also by sets that are gone


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
        self,
        source: Source,
        settings: ProposalSettings,
        *,
        least: tuple[int, int] = (1, 1),  # set and key
        progress: Progress = silent,
    ) -> Proposals:
        """The objects of a prediction.

        That is the latest set if it was made from this, and gone on with if a run was killed; otherwise a new
        one, whose objects keep the keys that they had in the latest set, or else in an earlier one. Others
        get new ones. What a set that was removed gave is not given again: neither its keys, nor its number,
        nor anything below `least`.

        Raises:
            ValueError: If an unfinished set is of something else, the latest one is damaged, or `propose`
                refuses.
            OSError: If the prediction cannot be read or the folder not written.
        """
        names, finished = self.names(), self.finished()
        previous = [self.opened(name) for name in finished]
        latest = previous[-1] if previous else None
        if latest is not None:
            latest.require_intact(progress)
        next_set, next_key = (max(pair) for pair in zip(self._given(), least, strict=True))
        if names == finished:
            if latest is not None and latest.made_from(source, settings, progress):
                return latest
            number = max(next_set, 1 + int(names[-1]) if names else 1)
        else:
            number = int(names[-1])
        folder = self.folder / f"{number:03}"
        found = propose(source, settings, folder, previous=previous, next_key=next_key, progress=progress)
        with whole_file(self.folder / GIVEN) as partial:
            partial.write_text(json.dumps({"next_set": number + 1, "next_key": found.result.next_key}))
        return found

    def _given(self) -> tuple[int, int]:
        """The lowest number of a set, and the lowest key, that were never given."""
        path = self.folder / GIVEN
        if not path.exists():
            return 1, 1
        try:
            given = json.loads(path.read_text())
            return int(given["next_set"]), int(given["next_key"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} does not say which numbers were given: {error!r}") from error


def _is_finished(folder: Path) -> bool:
    return (folder / NAME).is_file() and read_manifest(folder).result is not None


def _is_number(name: str) -> bool:
    return len(name) >= 3 and name.isascii() and name.isdecimal()
