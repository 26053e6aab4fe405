"""Threads in which things that are not made for several threads live."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class OwnThread:
    """One thread that makes all calls of one thing, in the order in which they come."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, name)

    def wait(self, call: Callable[[], Result]) -> Result:
        """The result of a call, for a caller who has nothing else to do."""
        return self._thread.submit(call).result()

    def begin(self, call: Callable[[], object]) -> None:
        """Make a call whose result nobody waits for."""
        self._thread.submit(call)

    async def do(self, call: Callable[[], Result]) -> Result:
        """The result of a call; others go on meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def close(self) -> None:
        """End the thread once it has made every call."""
        self._thread.shutdown()
