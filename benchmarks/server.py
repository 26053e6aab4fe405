"""A labelling or proofreading server as a process of its own."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from microtome.box import Int3
from microtome.cli.create import NewProject, create

PROGRAM = Path(sys.executable).with_name("microtome")
LABEL = ("label", "--device", "cpu")
PROOFREAD = ("proofread",)


def vnc_project(
    root: Path, *, query_shape: Int3 = (1, 128, 128), train: str = "0:9", downsample: Int3 = (1, 2, 2)
) -> Path:
    """A project for the mitochondria of the vnc data set."""
    new = NewProject(
        classes=("mitochondria",),
        dataset="vnc",
        downsample=downsample,
        query_shape=query_shape,
        train=train,
        test="11:20",
        recipe="demo",
    )
    create(root, new, lambda text: None)
    return root


class Server:
    """`microtome label` or another page's, until it is closed or killed; by itself it chooses its port."""

    def __init__(self, project: Path, port: int | None = None, command: Sequence[str] = LABEL) -> None:
        self.project = project
        self.began = time.monotonic()
        at = [] if port is None else ["--port", str(port)]
        self.process = subprocess.Popen(
            [str(PROGRAM), command[0], str(project), "--no-browser", *command[1:], *at],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.communicate(timeout=20)

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.communicate()

    def memory_mb(self) -> float:
        """Resident memory of the server's process, without its worker's."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def worker(self) -> int | None:
        """The worker's process number, if it runs."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid), "-f", "worker"],
            capture_output=True,
            text=True,
            check=False,
        )
        return int(found.stdout.split()[0]) if found.stdout.split() else None
