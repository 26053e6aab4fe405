"""Points like features, and runs in processes of their own, so that the peak of memory is theirs alone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

BLOCK = 4096


def apart(program: str, kind: str) -> dict[str, float]:
    """What `program` prints as JSON when it is run with this word."""
    run = subprocess.run([sys.executable, program, kind], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def peak_bytes(process: int | str = "self") -> int:
    """The most memory that a process has held so far; 0 of one that has just ended.

    What `getrusage` says is at least as much as the process that started it had held by then.
    """
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def mixture(n: int, wide: int, rng: np.random.Generator) -> np.ndarray:
    """`n` points of `wide` numbers like features: 50 clusters of different size, spread and shape."""
    points = rng.standard_normal((n, wide), dtype=np.float32)
    means = 3 * rng.standard_normal((50, wide), dtype=np.float32)
    spreads = rng.gamma(2, 0.5, (50, wide)).astype(np.float32)
    which = rng.choice(50, n, p=rng.dirichlet(np.ones(50)))
    for begin in range(0, n, BLOCK):
        block = which[begin : begin + BLOCK]
        points[begin : begin + BLOCK] = points[begin : begin + BLOCK] * spreads[block] + means[block]
    return points
