"""What a study writes beside its cells: its rows and its description, also while it runs."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from microtome.benchmark.machine import commit, device_name
from microtome.benchmark.protocol.about import About, Source, write_about
from microtome.benchmark.protocol.own import NOTES
from microtome.benchmark.protocol.rounds import write_rounds
from microtome.benchmark.protocol.spec import Spec
from microtome.benchmark.protocol.study import Study
from microtome.benchmark.protocol.task import named_part
from microtome.progress import Progress

REFERENCES = ("random", "foreground-random")
EVERY = 60.0  # seconds between tables of a running study


@dataclass
class Tables:
    """rounds.csv and study.json of a study that is run in `folder`."""

    study: Study
    folder: Path
    device: str
    earlier: float  # seconds that runs before this one took
    _began: float = field(default_factory=monotonic, init=False)
    _written: float = field(default_factory=monotonic, init=False)

    def write(self) -> None:
        """Write what is known by now, each file in one piece.

        Raises:
            OSError: If a file cannot be written.
        """
        write_rounds(self.study.rows(), self.folder / "rounds.csv")
        write_about(self._about(), self.folder / "study.json")
        self._written = monotonic()

    def along(self, progress: Progress) -> Progress:
        """The same progress, which also writes the tables once a minute: a report can be made meanwhile."""

        def along(task: str, done: int, total: int, note: str = "") -> None:
            progress(task, done, total, note)
            if monotonic() - self._written > EVERY:
                self.write()

        return along

    def _about(self) -> About:
        spec, task = self.study.bench.spec, self.study.bench.task
        return About(
            title=spec.title,
            spec=spec.model_dump(mode="json"),
            data=_source(spec).model_copy(update={"voxel_size_nm": task.pool.image.voxel_size_nm}),
            tier=spec.tier,
            device=device_name(self.device if spec.tier == "C" else "cpu"),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=", ".join(self.study.commits()) or commit(),
            candidates=len(task.pool.boxes),
            test_sections=len(task.test.boxes),
            reference_strategies=REFERENCES,
            primary=spec.primary or "",
            primary_reference=spec.primary_reference,
            wall_seconds=self.earlier + monotonic() - self._began,
            complete=self.study.complete,
            notes=(*spec.notes, *(NOTES if spec.project else ())),
        )


def _source(spec: Spec) -> Source:
    if spec.project is not None:
        return Source(title=f"the project {Path(spec.project.folder).name}")
    if spec.files is not None:
        return Source(title=Path(spec.files.image).name)
    dataset, _ = named_part(spec.dataset or "")
    return Source(title=dataset.title, licence=str(dataset.licence), citation=dataset.citation)
