"""Points like features, and runs in processes of their own, so that the peak of memory is theirs alone."""

import json
import resource
import subprocess
import sys

import numpy as np

BLOCK = 4096


def apart(program: str, kind: str) -> dict[str, float]:
    """What `program` prints as JSON when it is run with this word."""
    run = subprocess.run([sys.executable, program, kind], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def peak_gb() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9  # Linux counts in KiB


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
