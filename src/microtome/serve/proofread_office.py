"""The desk, the pictures and the counting behind the proofreading app, each used from one thread alone."""

from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar

import numpy as np

from microtome.box import Box
from microtome.objects.proposals import Proposals
from microtome.project import Project
from microtome.project.sheets import Order
from microtome.serve.proofread_desk import ProofreadDesk
from microtome.serve.proofread_source import SIDE, ObjectSource, Pictures, ProposedObjects
from microtome.serve.proofread_standing import Standing
from microtome.serve.threads import OwnThread

Result = TypeVar("Result")
Given = ParamSpec("Given")

AT_ONCE = 10  # tiles that are read before somebody who waits for another picture has a turn


class ProofreadOffice:
    """What the routes call.

    Raises:
        ValueError: If the project's image changed since it was made, the proposals are of another volume or
            damaged, or a verdict was asked for that they hold no object for.
        OSError: If one of them cannot be read.
    """

    def __init__(self, project: Project, proposals: Proposals, order: Order) -> None:
        self._image = project.image()
        self._source: ObjectSource = ProposedObjects(self._image, proposals)
        self._desk_thread, self._picture_thread = OwnThread("desk"), OwnThread("pictures")
        self._count_thread = OwnThread("counting")
        self._closed = False
        try:
            self.desk = self._desk_thread.wait(lambda: ProofreadDesk(project, self._source, order))
            self._standing = self._count_thread.wait(lambda: Standing(project.journal_path, proposals, order))
        except (ValueError, OSError):
            self._desk_thread.wait(project.close)  # a journal is closed in the thread that opened it
            raise

    def close(self) -> None:
        """Close the journal and end the threads; once is enough."""
        if self._closed:
            return
        self._closed = True
        self._desk_thread.wait(self.desk.project.close)
        self._desk_thread.close()
        self._picture_thread.close()
        self._count_thread.wait(self._standing.close)
        self._count_thread.close()

    async def at_desk(
        self, call: Callable[Given, Result], *values: Given.args, **more: Given.kwargs
    ) -> Result:
        """The result of a call of the desk, made in its thread."""
        return await self._desk_thread.do(lambda: call(*values, **more))

    async def standing(self) -> dict[str, Any]:
        """How far the set has come."""
        return await self._count_thread.do(self._standing.now)

    async def read(self, box: Box) -> bytes:
        """The image in a box, a byte a voxel.

        Raises:
            ValueError: If the box leaves the image.
            OSError: If it cannot be read.
        """
        return await self._picture_thread.do(lambda: self._image.read(box).tobytes())

    async def tiles(self, sheet_id: int) -> bytes:
        """The tiles of a sheet, packed.

        Raises:
            NotFoundError: If there is no such sheet.
            OSError: If the image or the objects cannot be read.
        """
        keys = await self.at_desk(self.desk.keys_of, sheet_id)
        parts = [
            await self._picture_thread.do(partial(self._source.tiles, keys[k : k + AT_ONCE]))
            for k in range(0, len(keys), AT_ONCE)
        ]
        return _joined(parts).packed()

    async def stack(self, key: int) -> bytes:
        """All sections of an object's tile, packed.

        Raises:
            ValueError: If there is no such object.
            OSError: If the image or the objects cannot be read.
        """
        return await self._picture_thread.do(lambda: self._source.stack(key).packed())

    async def mask(self, key: int) -> bytes:
        """An object in the region of its enlarged view, a byte a voxel; it raises as `stack` does."""
        return await self._picture_thread.do(lambda: self._source.mask(key).tobytes())

    async def all_in(self, box: Box) -> bytes:
        """Every object in a box, a byte a voxel; it raises as `read` does."""
        return await self._picture_thread.do(lambda: self._source.all_in(box).tobytes())


def _joined(parts: list[Pictures]) -> Pictures:
    if not parts:  # of an audit
        return Pictures(np.zeros((0, SIDE, SIDE), np.uint8), np.zeros((0, SIDE, SIDE), np.uint8))
    return Pictures(
        np.concatenate([part.image for part in parts]), np.concatenate([part.mask for part in parts])
    )
