"""Is everything here that microtome needs, and in which version?"""

import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from microtome.benchmark.datasets import DATASETS, present

LEAST_DISK_GB = 2.0
PACKAGES = ("microtome", "torch", "numpy", "scipy", "tensorstore", "tifffile", "h5py")

Row = dict[str, str]


def checks() -> list[Row]:
    """One row a check: what, whether it is well ("yes", "no", or "-" where it need not be), and a detail."""
    return [
        _row("python", sys.version_info >= (3, 11), platform.python_version()),
        *(_row(name, True, version(name)) for name in PACKAGES),
        _row("sqlite", sqlite3.sqlite_version_info >= (3, 35), sqlite3.sqlite_version),
        _device(),
        _disk(),
        *_data(),
    ]


def _device() -> Row:
    import torch

    if torch.cuda.is_available():
        return _row("device", True, f"cuda: {torch.cuda.get_device_name()}")
    return _row(
        "device", True, f"cpu: {os.cpu_count()} cores, {torch.get_num_threads()} threads; no CUDA device"
    )


def _disk() -> Row:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    try:
        with tempfile.TemporaryFile(dir=Path.cwd()):
            writable = True
    except OSError:
        writable = False
    return _row("folder", writable and free > LEAST_DISK_GB, f"{Path.cwd()}, {free:.0f} GB free")


def _data() -> list[Row]:
    rows = []
    for dataset in DATASETS.values():
        folder = present(dataset)
        detail = str(folder) if folder else "not here; `microtome init --dataset` fetches it or says how"
        rows.append({"check": f"data {dataset.name}", "ok": "yes" if folder else "-", "detail": detail})
    return rows


def _row(check: str, good: bool, detail: str) -> Row:
    return {"check": check, "ok": "yes" if good else "no", "detail": detail}
