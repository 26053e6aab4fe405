"""The desk and the image behind the web app, each used from one thread alone."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from microtome.box import Box
from microtome.project import Project
from microtome.serve.dashboard import dashboard_of, state_of
from microtome.serve.desk import Desk
from microtome.serve.events import WorkerState, worker_state

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
        self._desk_thread = ThreadPoolExecutor(1, "desk")
        self._image_thread = ThreadPoolExecutor(1, "image")
        self._dashboard: tuple[tuple[object, ...], str] | None = None
        self._closed = False
        self.desk = self._desk_thread.submit(Desk, project, repeat=repeat).result()
        asked = self._desk_thread.submit(self.desk.journal.queries).result()
        z, y, x = project.config.query.shape
        self.largest_box = max((z * y * x, *(query.box.size for query in asked)))  # voxels of a query

    def close(self) -> None:
        """Close the journal and end the threads; once is enough."""
        if self._closed:
            return
        self._closed = True
        self._desk_thread.submit(self.desk.project.close).result()
        self._desk_thread.shutdown()
        self._image_thread.shutdown()

    async def at_desk(
        self, call: Callable[Given, Result], *values: Given.args, **more: Given.kwargs
    ) -> Result:
        """The result of a call of the desk, made in its thread."""
        return await _in(self._desk_thread, lambda: call(*values, **more))

    async def read(self, box: Box) -> bytes:
        """The image in a box, a byte a voxel.

        Raises:
            ValueError: If the box leaves the image.
            OSError: If it cannot be read.
        """
        return await _in(self._image_thread, lambda: self._image.read(box).tobytes())

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


async def _in(thread: Executor, call: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(thread, call)
