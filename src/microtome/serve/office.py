"""The desk and the image behind the web app, each used from one thread alone."""

import json
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from microtome.box import Box
from microtome.project import Project
from microtome.serve.dashboard import dashboard_of, state_of
from microtome.serve.desk import Desk
from microtome.serve.events import WorkerState, worker_state
from microtome.serve.threads import OwnThread

Result = TypeVar("Result")
Given = ParamSpec("Given")


class Office:
    """What the routes call. `worker_runs` says whether the worker's process is alive.

    Raises:
        ValueError: If the project's image changed since it was made, or the journal is damaged.
        OSError: If one of them cannot be read.
    """

    def __init__(self, project: Project, *, repeat: int, worker_runs: Callable[[], bool]) -> None:
        self._image = project.image()
        self._worker_runs = worker_runs
        self._desk_thread, self._image_thread = OwnThread("desk"), OwnThread("image")
        self._dashboard: tuple[tuple[object, ...], str] | None = None
        self._closed = False
        self.desk = self._desk_thread.wait(lambda: Desk(project, repeat=repeat))
        asked = self._desk_thread.wait(self.desk.journal.queries)
        z, y, x = project.config.query.shape
        self.largest_box = max((z * y * x, *(query.box.size for query in asked)))  # voxels of a query

    def close(self) -> None:
        """Close the journal and end the threads; once is enough."""
        if self._closed:
            return
        self._closed = True
        self._desk_thread.wait(self.desk.project.close)
        self._desk_thread.close()
        self._image_thread.close()

    async def at_desk(
        self, call: Callable[Given, Result], *values: Given.args, **more: Given.kwargs
    ) -> Result:
        """The result of a call of the desk, made in its thread."""
        return await self._desk_thread.do(lambda: call(*values, **more))

    async def read(self, box: Box) -> bytes:
        """The image in a box, a byte a voxel.

        Raises:
            ValueError: If the box leaves the image.
            OSError: If it cannot be read.
        """
        return await self._image_thread.do(lambda: self._image.read(box).tobytes())

    async def state(self) -> dict[str, Any]:
        """What the painting page shows all the time."""
        return await self.at_desk(lambda: state_of(self.desk, self._worker()))

    async def dashboard(self) -> str:
        """All that the dashboard shows, as JSON; the same text as long as nothing happened."""
        return await self.at_desk(self._current_dashboard)

    def _current_dashboard(self) -> str:
        version = (*self.desk.journal.version(), self._worker_runs())
        if self._dashboard is None or self._dashboard[0] != version:
            self._dashboard = version, json.dumps(dashboard_of(self.desk, self._worker()), allow_nan=False)
        return self._dashboard[1]

    def _worker(self) -> WorkerState:
        return worker_state(self.desk.journal) if self._worker_runs() else WorkerState("stopped")
