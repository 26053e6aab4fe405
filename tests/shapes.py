"""Solids of known volume and surface, digitised in anisotropic voxels at any place and turn."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage
from scipy.spatial.transform import Rotation

from microtome.box import Box
from microtome.volume import VoxelSize, create_volume

Inside = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Solid:
    """`inside` of positions in nm, last axis z y x, around the origin; nothing lies further than `reach`."""

    name: str
    inside: Inside
    reach: float
    volume: float
    surface: float


def ellipsoid(a: float, b: float, c: float, name: str = "ellipsoid") -> Solid:
    """Of half-axes along z, y, x; its surface by summing over the sphere."""
    axes = np.array([a, b, c])
    theta = (np.arange(300) + 0.5)[:, None] / 300 * np.pi
    phi = (np.arange(300) + 0.5) / 300 * 2 * np.pi
    normals = np.stack(
        [
            b * c * np.cos(theta) * np.ones_like(phi),
            a * c * np.sin(theta) * np.cos(phi),
            a * b * np.sin(theta) * np.sin(phi),
        ]
    )
    surface = (np.linalg.norm(normals, axis=0) * np.sin(theta)).sum() * (np.pi / 300) * (2 * np.pi / 300)
    volume = 4 / 3 * np.pi * a * b * c
    return Solid(name, lambda at: ((at / axes) ** 2).sum(axis=-1) <= 1, axes.max(), volume, surface)


def sphere(radius: float) -> Solid:
    return ellipsoid(radius, radius, radius, "sphere")


def cylinder(radius: float, half: float) -> Solid:
    """Along z, of twice the length `half`."""

    def inside(at: np.ndarray) -> np.ndarray:
        return (np.abs(at[..., 0]) <= half) & (np.hypot(at[..., 1], at[..., 2]) <= radius)

    volume, surface = 2 * np.pi * radius**2 * half, 2 * np.pi * radius * (2 * half + radius)
    return Solid("cylinder", inside, np.hypot(half, radius), volume, surface)


def box(a: float, b: float, c: float) -> Solid:
    """Of half-sides along z, y, x."""
    half = np.array([a, b, c])

    def inside(at: np.ndarray) -> np.ndarray:
        return (np.abs(at) <= half).all(axis=-1)

    return Solid("box", inside, float(np.linalg.norm(half)), 8 * a * b * c, 8 * (a * b + b * c + a * c))


def digitised(
    solid: Solid, size: VoxelSize, turn: Rotation | None = None, seed: int = 0, margin: int = 2
) -> np.ndarray:
    """True where a voxel's centre is inside, at a place within the voxel that the seed chooses."""
    offsets = np.random.default_rng(seed).uniform(-0.5, 0.5, 3)
    axes = []
    for nm, offset in zip(size, offsets, strict=True):
        n = int(np.ceil(solid.reach / nm)) + margin
        axes.append((np.arange(-n, n + 1) + offset) * nm)
    at = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    if turn is not None:
        at = turn.inv().apply(at.reshape(-1, 3)).reshape(at.shape)
    return solid.inside(at)


def stored(path: Path, labels: np.ndarray, size: VoxelSize) -> str:
    """The labels as a volume, and its name."""
    volume = create_volume(path, labels.shape, labels.dtype, size)
    volume.write(Box.of(labels.shape), labels)
    return str(path)


def real_mitochondria() -> np.ndarray:
    """Those of a corner of a fly's nerve cord, as components; voxels of 45 × 4.6 × 4.6 nm."""
    root = Path(os.environ.get("MICROTOME_DATA", Path(__file__).parents[2] / "shared" / "data"))
    path = root / "vnc_sstem" / "mitochondria.tif"
    if not path.is_file():
        pytest.skip(f"{path} is not here; set MICROTOME_DATA to test with real data")
    return ndimage.label(tifffile.imread(path)[:, :512, :512] > 0)[0].astype(np.uint32)
