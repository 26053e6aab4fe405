"""Sections to damage, generated and real."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tifffile
from jaxtyping import UInt8

from microtome.benchmark.phantom import PhantomConfig, phantom
from microtome.box import Int3

SHARED = Path(__file__).parents[2] / "shared" / "data"
ROOT = Path(os.environ.get("MICROTOME_DATA", SHARED))
REAL = {"vnc": "vnc_sstem", "isbi2012": "isbi2012_vnc", "flyem": "flyem_medulla"}
SECTIONS = 12  # of each real image: enough for a running median, few enough for seconds

Image = UInt8[np.ndarray, "z y x"]


@cache
def real(name: str) -> Image:
    """The first sections of a real image, 512 × 512 voxels at most."""
    path = ROOT / REAL[name] / "image.tif"
    if not path.is_file():
        pytest.skip(f"{path} is not here; set MICROTOME_DATA to test with real data")
    return tifffile.imread(path, key=range(SECTIONS))[:, :512, :512]


@cache
def tissue(shape: Int3 = (9, 256, 256)) -> Image:
    """A phantom that neither flickers nor is striped."""
    return phantom(PhantomConfig(shape=shape, flicker=0.0)).image


def mean_change(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean(np.abs(a.astype(np.float64) - b)))
