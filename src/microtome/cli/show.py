"""What a command shows: progress with rate and time left, tables, errors of one line, or JSON."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

PIPE_WIDTH = 200  # characters of a table where nobody watches a terminal
PLAIN_SECONDS = 10.0  # between lines of progress where nobody watches a terminal

if sys.stdout is None or sys.stderr is None:  # closed by who started it
    _nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stdout, sys.stderr = sys.stdout or _nowhere, sys.stderr or _nowhere

_errors = Console(stderr=True, highlight=False, soft_wrap=True)
_output = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


class Bars:
    """Progress bars on a terminal: one line a task, with rate and time left."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._done: dict[str, int] = {}

    def __call__(self, task: str, done: int, total: int, note: str = "") -> None:
        """Show `done` of `total`; a task that begins again gets a new line."""
        if task not in self._tasks or done < self._done[task]:
            if task in self._tasks:
                self._bars.remove_task(self._tasks[task])
            self._tasks[task] = self._bars.add_task(task, total=total, note="")
        self._done[task] = done
        elapsed = self._bars.tasks[self._bars.task_ids.index(self._tasks[task])].elapsed or 0
        rate = f"{done / elapsed:.1f}/s" if elapsed > 1 else ""
        self._bars.update(self._tasks[task], completed=done, total=total, note=f"{rate} {note}".strip())


class Lines:
    """Progress for a log file: a line now and then, with rate and time left."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._shown: set[str] = set()
        self._last = time.monotonic()  # what ends soon needs no line

    def __call__(self, task: str, done: int, total: int, note: str = "") -> None:
        """Print a line if the last one is old or the task is done."""
        now = time.monotonic()
        began = self._began.setdefault(task, now)
        if done >= total:
            del self._began[task]
        ends_what_was_shown = done >= total and task in self._shown
        if now - self._last < PLAIN_SECONDS and not ends_what_was_shown:
            return
        self._last = now
        self._shown = self._shown - {task} if done >= total else self._shown | {task}
        rate = done / (now - began) if now > began else 0.0
        left = f", {(total - done) / rate:.0f} s left" if rate and done < total else ""
        _errors.print(f"{task}: {done} of {total} ({rate:.1f}/s{left}) {note}".rstrip(), markup=False)


@contextmanager
def progress() -> Iterator[Bars | Lines]:
    """Bars where standard error is a terminal, lines elsewhere."""
    if not _errors.is_terminal:
        yield Lines()
        return
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=_errors, transient=True) as bars:
        yield Bars(bars)


def say(text: str) -> None:
    """A line for a person, beside the result."""
    _errors.print(_without_password(text), markup=False)


def error(text: str) -> None:
    """What went wrong, in one line."""
    line = _without_password(" ".join(text.split()))
    print(f"microtome: {line}", file=sys.stderr)


def _without_password(text: str) -> str:
    """What people read and send on, without the password of an address."""
    return re.sub(r"(://[^/@:\s]*):[^/@\s]+@", r"\1:…@", text)


def result(data: Mapping[str, object], rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """The result of a command: all of `data` for machines, a table of `rows` for people."""
    if as_json:
        print(json.dumps(data, indent=1))
    elif len(rows) == 1:
        _output.print(_sheet(rows[0]))
    elif rows:
        _output.print(_table(rows))


def _sheet(row: Mapping[str, object]) -> Table:
    sheet = Table(box=None, pad_edge=False, show_header=False)
    sheet.add_column(style="bold")
    sheet.add_column(overflow="fold")
    for name, value in row.items():
        sheet.add_row(name, _cell(value))
    return sheet


def _table(rows: Sequence[Mapping[str, object]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, value in rows[0].items():
        table.add_column(name, justify="left" if isinstance(value, Sequence) else "right", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_cell, value))
    return str(value)


def counted(number: int, one: str, more: str) -> str:
    """`1 answer`, `2 answers`."""
    return f"{number} {one if number == 1 else more}"


def sides(lengths: Sequence[float]) -> str:
    """The sides of a box for people: `45 × 9.2 × 9.2`."""
    return " × ".join(f"{side:.10g}" for side in lengths)


def announce_page(url: str, *, as_json: bool) -> None:
    """Print the address of the page: alone on its line of the standard output, or as JSON on one."""
    print(json.dumps({"url": url}) if as_json else url, flush=True)
    say("open this address in a browser; Ctrl+C stops the server, and nothing is lost")
