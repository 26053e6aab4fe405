"""Synapses as pairs of points, from the annotations in CREMI's HDF5 files."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float64, Int64, Shaped, UInt64

from microtome.benchmark.datasets.cremi import offset_nm, opened_hdf5
from microtome.volume import VoxelSize

IDS, TYPES, LOCATIONS = "annotations/ids", "annotations/types", "annotations/locations"
PARTNERS = "annotations/presynaptic_site/partners"
SITES = ("presynaptic_site", "postsynaptic_site")


@dataclass(frozen=True, eq=False)
class Partners:
    """Synapses, one a row: a point before the cleft and one behind it.

    Points are z y x in nm from the image's first voxel; some may lie outside of what is labelled. A
    presynaptic site has several rows if it has several partners.
    """

    ids: UInt64[np.ndarray, "n 2"]  # of the two annotations
    pre_nm: Float64[np.ndarray, "n 3"]
    post_nm: Float64[np.ndarray, "n 3"]

    def __len__(self) -> int:
        return len(self.ids)


def read_partners(path: Path) -> Partners:
    """The synapses that are annotated in a file of CREMI's layout.

    Raises:
        ValueError: If it has no partners, or they are not what the layout says; names the file and the key.
        OSError: If it cannot be read.
    """
    with opened_hdf5(path) as file:
        pairs = _numbers(file, PARTNERS, "ui", (None, 2)).astype(np.uint64)
        ids = _numbers(file, IDS, "ui", (None,)).astype(np.uint64)
        locations = _numbers(file, LOCATIONS, "uif", (len(ids), 3)).astype(np.float64)
        types = _texts(file, TYPES, len(ids))
        offset = offset_nm(file["annotations"].attrs, f"{path}::annotations")
    if not np.isfinite(locations).all():
        odd = locations[~np.isfinite(locations)][0]
        raise ValueError(f"{path}::{LOCATIONS}: expected finite numbers; got {odd}")
    rows = _rows(ids, pairs, path)
    _require_sites(types[rows], pairs, path)
    points = locations + offset
    return Partners(pairs, points[rows[:, 0]], points[rows[:, 1]])


def nearest_voxels(
    points_nm: Float64[np.ndarray, "n 3"], voxel_size_nm: VoxelSize
) -> Int64[np.ndarray, "n 3"]:
    """The voxel that counts as a point's, z y x: the nearest whole multiple of the voxel size.

    So does the challenge's own reader (cremi_python, `Volume`). A voxel may lie outside of the image.
    """
    return np.floor(points_nm / np.array(voxel_size_nm) + 0.5).astype(np.int64)


def _rows(
    ids: UInt64[np.ndarray, " m"], pairs: UInt64[np.ndarray, "n 2"], path: Path
) -> Int64[np.ndarray, "n 2"]:
    """Where the annotations of each pair stand among `ids`."""
    order = np.argsort(ids)
    known = ids[order]
    if len(known) and (known[1:] == known[:-1]).any():
        twice = known[1:][known[1:] == known[:-1]][0]
        raise ValueError(f"{path}::{IDS}: expected distinct ids; got {twice} twice")
    missing = pairs[~np.isin(pairs, ids)]
    if missing.size:
        raise ValueError(f"{path}::{PARTNERS}: expected ids of {IDS}; got {missing[0]}")
    return order[np.searchsorted(known, pairs)]


def _require_sites(types: Shaped[np.ndarray, "n 2"], pairs: UInt64[np.ndarray, "n 2"], path: Path) -> None:
    wrong = np.argwhere(types != np.array(SITES))
    if wrong.size:
        row, side = wrong[0]
        site, got = SITES[side], str(types[row, side])
        raise ValueError(f"{path}::{TYPES}: expected {site} of id {pairs[row, side]}; got {got!r}")


def _numbers(
    file: h5py.File, name: str, kinds: str, shape: tuple[int | None, ...]
) -> Shaped[np.ndarray, "..."]:
    """A data set of these kinds of numbers and of this shape, of any length where it is None."""
    found = _dataset(file, name)
    lengths = found.shape or ()
    fits = len(lengths) == len(shape) and all(
        side in (None, length) for side, length in zip(shape, lengths, strict=True)
    )
    if not fits or found.dtype.kind not in kinds:
        wanted = " x ".join("n" if side is None else str(side) for side in shape)
        got = f"{found.dtype} of {found.shape}"
        raise ValueError(f"{file.filename}::{name}: expected {wanted} numbers ({kinds}); got {got}")
    return found[()]


def _texts(file: h5py.File, name: str, count: int) -> Shaped[np.ndarray, " m"]:
    found = _dataset(file, name)
    if h5py.check_string_dtype(found.dtype) is None or found.shape != (count,):
        raise ValueError(
            f"{file.filename}::{name}: expected {count} texts; got {found.dtype} of {found.shape}"
        )
    return found.asstr(errors="replace")[()].astype(str)


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"{file.filename} has no data set {name!r}, which synapses need")  # noqa: TRY004
    return found
