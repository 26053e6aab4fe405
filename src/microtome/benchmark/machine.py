"""On what machine, and by which code, something was measured."""

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path


def device_name(device: str = "auto") -> str:
    """Cores and processor, or the GPU where there is one and it is used."""
    import torch

    if device != "cpu" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{os.cpu_count()} cores, {_processor()}, torch {torch.__version__}"


@cache
def commit() -> str:
    """The commit of this code, "-dirty" where files were changed since; the version where it has none."""
    run = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout.strip() or f"version {version('microtome')}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
