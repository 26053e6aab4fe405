"""What long work reports while it runs; who shows it, and how, is decided above."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Called with the work's name, steps done, steps in all, and a short note such as a loss."""

    def __call__(self, task: str, done: int, total: int, note: str = "") -> None: ...


def silent(task: str, done: int, total: int, note: str = "") -> None:
    """Report nothing."""
