"""What holds for every volume that can be created, and for views of one."""

import io
import itertools
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import mrcfile
import nibabel
import numpy as np
import pytest
import tensorstore
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from file_server import served
from microtome.box import Box, Int3
from microtome.volume import (
    ArrayVolume,
    Downsampled,
    DownsampledLabels,
    Volume,
    VolumeSpec,
    Windowed,
    create_volume,
    fingerprint,
    open_volume,
)
from microtome.volume.n5 import open_n5
from microtome.volume.ome_zarr import create_ome_zarr
from microtome.volume.places import Place
from microtome.volume.protocol import sections_together
from microtome.volume.views import Cast, Cropped

NM = (40.0, 4.6, 4.5)
SHAPE = (3, 7, 5)
KEEPS_VOXEL_SIZE = ["v.tif", "v.ome.tif", "v.h5", "v.h5::a/b", "v.ome.zarr", "v.precomputed"]
FILES = [*KEEPS_VOXEL_SIZE, "v.npy", "sections"]

Create = Callable[[Path, Int3, np.dtype], Volume]


def in_memory(folder: Path, shape: Int3, dtype: np.dtype) -> Volume:
    return ArrayVolume(np.zeros(shape, dtype), NM)


def old_ome_zarr(folder: Path, shape: Int3, dtype: np.dtype) -> Volume:
    return create_ome_zarr(folder / "old.ome.zarr", VolumeSpec(shape, dtype, NM, (1, 4, 4)), version="0.4")


def n5(folder: Path, shape: Int3, dtype: np.dtype) -> Volume:
    """Zeros as other programs store them."""
    metadata = {
        "dimensions": shape[::-1],
        "blockSize": [4, 4, 2],
        "dataType": dtype.name,
        "compression": {"type": "gzip"},
        "resolution": NM[::-1],
    }
    files = {"driver": "file", "path": f"{folder}/v.n5/"}
    tensorstore.open({"driver": "n5", "kvstore": files, "metadata": metadata}, create=True).result()
    return open_n5(Place(str(folder / "v.n5")), None, None, writable=True)


def creator(name: str) -> Create:
    return lambda folder, shape, dtype: create_volume(folder / name, shape, dtype, NM)


CREATORS: dict[str, Create] = {
    **{name: creator(name) for name in FILES},
    "array": in_memory,
    "NGFF 0.4": old_ome_zarr,
    "N5": n5,
}
every_volume = pytest.mark.parametrize("create", CREATORS.values(), ids=CREATORS)
every_volume_but_images = pytest.mark.parametrize(
    "create",
    [make for name, make in CREATORS.items() if name != "sections"],
    ids=[name for name in CREATORS if name != "sections"],
)
every_volume_of_wide_types = pytest.mark.parametrize(
    ("create", "dtype"),
    [
        (make, dtype)
        for name, make in CREATORS.items()
        for dtype in (np.uint32, np.int16, np.float32, np.float64)
        if name != "sections" and not (name == "v.precomputed" and dtype == np.float64)
    ],
)
every_file = pytest.mark.parametrize("name", FILES)


def filled(shape: Int3 = SHAPE, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 255, shape).astype(dtype)


def store(path: Path, data: np.ndarray) -> Volume:
    volume = create_volume(path, data.shape, data.dtype, NM)
    volume.write(Box.of(data.shape), data)
    return volume


@every_volume
def test_it_is_a_volume_with_shape_type_and_voxel_size(create: Create, tmp_path: Path) -> None:
    volume = create(tmp_path, SHAPE, np.dtype(np.uint16))
    assert isinstance(volume, Volume)
    assert (volume.shape, volume.dtype, volume.voxel_size_nm) == (SHAPE, np.uint16, NM)


@every_volume
def test_a_new_volume_is_zero(create: Create, tmp_path: Path) -> None:
    volume = create(tmp_path, SHAPE, np.dtype(np.uint8))
    assert np.array_equal(volume.read(Box.of(SHAPE)), np.zeros(SHAPE, np.uint8))


@every_volume
@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.data())
def test_what_is_written_by_boxes_is_read_by_boxes(create: Create, data: st.DataObject) -> None:
    shape = data.draw(st.tuples(*[st.integers(1, 9)] * 3))
    dtype = np.dtype(data.draw(st.sampled_from([np.uint8, np.uint16])))
    with tempfile.TemporaryDirectory() as folder:
        volume, truth = create(Path(folder), shape, dtype), filled(shape).astype(dtype)
        for z in range(shape[0]):
            box = Box((z, 0, 0), (z + 1, *shape[1:]))
            volume.write(box, truth[box.slices])
        start = data.draw(st.tuples(*[st.integers(0, n) for n in shape]))
        stop = data.draw(st.tuples(*[st.integers(a, n) for a, n in zip(start, shape, strict=True)]))
        assert np.array_equal(volume.read(Box(start, stop)), truth[Box(start, stop).slices])
        assert np.array_equal(volume.read(Box.of(shape)), truth)


@every_volume_but_images
def test_a_part_of_a_section_can_be_written(create: Create, tmp_path: Path) -> None:
    volume, box = create(tmp_path, SHAPE, np.dtype(np.uint8)), Box((1, 2, 1), (3, 5, 4))
    volume.write(box, filled(box.shape))
    expected = np.zeros(SHAPE, np.uint8)
    expected[box.slices] = filled(box.shape)
    assert np.array_equal(volume.read(Box.of(SHAPE)), expected)


@every_volume_of_wide_types
def test_wide_types_survive(create: Create, dtype: type, tmp_path: Path) -> None:
    volume, truth = create(tmp_path, SHAPE, np.dtype(dtype)), filled(dtype=dtype) * 7
    volume.write(Box.of(SHAPE), truth)
    found = volume.read(Box.of(SHAPE))
    assert found.dtype == dtype
    assert np.array_equal(found, truth)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *itertools.product(["v.npy", "v.h5", "v.ome.zarr"], [np.uint64, np.int64]),
        ("v.precomputed", np.uint64),
    ],
)
def test_instance_ids_survive(name: str, dtype: type, tmp_path: Path) -> None:
    truth = filled(dtype=dtype) << 50
    store(tmp_path / name, truth)
    assert np.array_equal(open_volume(tmp_path / name, NM).read(Box.of(SHAPE)), truth)


@pytest.mark.parametrize("name", ["v.npy", "v.h5", "v.ome.zarr"])
def test_booleans_survive(name: str, tmp_path: Path) -> None:
    store(tmp_path / name, filled() > 100)
    assert np.array_equal(open_volume(tmp_path / name, NM).read(Box.of(SHAPE)), filled() > 100)


@every_volume
@pytest.mark.parametrize(
    "box", [Box((0, 0, 0), (4, 7, 5)), Box((0, -1, 0), (1, 7, 5)), Box((9, 9, 9), (9, 9, 9))], ids=str
)
def test_boxes_outside_are_refused(create: Create, box: Box, tmp_path: Path) -> None:
    volume = create(tmp_path, SHAPE, np.dtype(np.uint8))
    with pytest.raises(ValueError, match=f"inside 0:3,0:7,0:5; got {box}"):
        volume.read(box)
    with pytest.raises(ValueError, match=f"inside 0:3,0:7,0:5; got {box}"):
        volume.write(box, np.zeros(box.shape, np.uint8))


@every_volume
def test_data_of_another_type_or_shape_are_refused(create: Create, tmp_path: Path) -> None:
    volume = create(tmp_path, SHAPE, np.dtype(np.uint8))
    with pytest.raises(ValueError, match="expected data of type uint8; got int16"):
        volume.write(Box.of(SHAPE), np.zeros(SHAPE, np.int16))
    with pytest.raises(ValueError, match="expected data of shape"):
        volume.write(Box.of(SHAPE), np.zeros((1, 7, 5), np.uint8))


@every_volume
def test_changing_what_was_read_changes_nothing(create: Create, tmp_path: Path) -> None:
    volume = create(tmp_path, SHAPE, np.dtype(np.uint8))
    volume.read(Box.of(SHAPE))[:] = 9
    assert not volume.read(Box.of(SHAPE)).any()


@every_volume
def test_it_pickles(create: Create, tmp_path: Path) -> None:
    volume = create(tmp_path, SHAPE, np.dtype(np.uint8))
    volume.write(Box.of(SHAPE), filled())
    assert np.array_equal(pickle.loads(pickle.dumps(volume)).read(Box.of(SHAPE)), filled())


@every_file
def test_reopening_gives_the_same(name: str, tmp_path: Path) -> None:
    store(tmp_path / name, filled())
    volume = open_volume(tmp_path / name, None if name in KEEPS_VOXEL_SIZE else NM)
    assert (volume.shape, volume.dtype, volume.voxel_size_nm) == (SHAPE, np.uint8, NM)
    assert np.array_equal(volume.read(Box.of(SHAPE)), filled())


@every_file
def test_a_given_voxel_size_has_the_last_word(name: str, tmp_path: Path) -> None:
    store(tmp_path / name, filled())
    assert open_volume(tmp_path / name, (9, 8, 7)).voxel_size_nm == (9.0, 8.0, 7.0)


@every_file
def test_an_opened_volume_is_read_only_unless_asked(name: str, tmp_path: Path) -> None:
    store(tmp_path / name, filled())
    with pytest.raises(io.UnsupportedOperation, match="read-only"):
        open_volume(tmp_path / name, NM).write(Box.of(SHAPE), filled())
    open_volume(tmp_path / name, NM, writable=True).write(Box.of(SHAPE), filled() + 1)
    assert np.array_equal(open_volume(tmp_path / name, NM).read(Box.of(SHAPE)), filled() + 1)


@every_file
def test_nothing_is_overwritten(name: str, tmp_path: Path) -> None:
    store(tmp_path / name, filled())
    with pytest.raises(FileExistsError, match="exists already"):
        create_volume(tmp_path / name, SHAPE, np.dtype(np.uint8), NM)


@every_file
def test_the_fingerprint_is_the_same_in_every_format(name: str, tmp_path: Path) -> None:
    assert fingerprint(store(tmp_path / name, filled())) == fingerprint(ArrayVolume(filled(), NM))


Store = Callable[[Path, np.ndarray], str]


def mrc(folder: Path, data: np.ndarray) -> str:
    with mrcfile.new(folder / "v.mrc", data) as file:
        file.voxel_size = tuple(10 * nm for nm in NM[::-1])
    return str(folder / "v.mrc")


def nifti(folder: Path, data: np.ndarray) -> str:
    image = nibabel.Nifti1Image(data.T, np.diag([*(nm / 1e3 for nm in NM[::-1]), 1]))
    image.header.set_xyzt_units("micron")
    nibabel.save(image, folder / "v.nii")
    return str(folder / "v.nii")


def packed_nifti(folder: Path, data: np.ndarray) -> str:
    nibabel.save(nibabel.load(nifti(folder, data)), folder / "v.nii.gz")
    return str(folder / "v.nii.gz")


READ_ONLY: dict[str, Store] = {"MRC": mrc, "NIfTI": nifti, "NIfTI.gz": packed_nifti}
every_read_only = pytest.mark.parametrize("keep", READ_ONLY.values(), ids=READ_ONLY)


@pytest.fixture
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def require_the_contract(volume: Volume, data: np.ndarray) -> None:
    """What holds for a volume that is only read, and holds `data`."""
    box = Box((1, 2, 1), (3, 5, 4))
    assert isinstance(volume, Volume)
    assert (volume.shape, volume.dtype) == (data.shape, data.dtype)
    assert volume.voxel_size_nm == pytest.approx(NM, rel=1e-6)
    assert np.array_equal(volume.read(Box.of(data.shape)), data)
    assert np.array_equal(volume.read(box), data[box.slices])
    assert volume.read(Box((1, 1, 1), (1, 1, 1))).shape == (0, 0, 0)
    volume.read(box)[:] = 0
    assert np.array_equal(pickle.loads(pickle.dumps(volume)).read(box), data[box.slices])
    assert fingerprint(volume) == fingerprint(ArrayVolume(data, NM))
    with pytest.raises(ValueError, match="inside 0:3,0:7,0:5; got 0:4,0:7,0:5"):
        volume.read(Box.of((4, 7, 5)))
    with pytest.raises(io.UnsupportedOperation, match="read-only"):
        volume.write(box, data[box.slices])


@pytest.mark.usefixtures("_own_cache")
@every_read_only
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.float32])
def test_formats_that_are_only_read_keep_the_contract(keep: Store, dtype: type, tmp_path: Path) -> None:
    data = (filled() // 2).astype(dtype)
    uri = keep(tmp_path, data)
    require_the_contract(open_volume(uri), data)
    assert open_volume(uri, (9, 8, 7)).voxel_size_nm == (9.0, 8.0, 7.0)
    with pytest.raises(io.UnsupportedOperation, match="only read"):
        open_volume(uri, writable=True)


@pytest.mark.parametrize("name", ["v.ome.zarr", "old.ome.zarr", "v.n5", "v.precomputed"])
def test_remote_volumes_keep_the_contract(name: str, tmp_path: Path) -> None:
    makers = {"v.n5": n5, "old.ome.zarr": old_ome_zarr}
    create = makers.get(name, creator(name))
    create(tmp_path, SHAPE, np.dtype(np.uint8)).write(Box.of(SHAPE), filled())
    with served(tmp_path) as url:
        require_the_contract(open_volume(f"{url}/{name}"), filled())
        with pytest.raises(io.UnsupportedOperation, match="remote"):
            open_volume(f"{url}/{name}", writable=True)


def big_npy(path: Path, shape: Int3) -> str:
    np.lib.format.open_memmap(path / "big.npy", "w+", np.uint8, shape)
    return str(path / "big.npy")


def big_tiff(path: Path, shape: Int3) -> str:
    tifffile.memmap(path / "big.tif", shape=shape, dtype=np.uint8, bigtiff=True)
    return str(path / "big.tif")


def big_hdf5(path: Path, shape: Int3) -> str:
    with h5py.File(path / "big.h5", "w") as file:
        file.create_dataset("raw", shape, np.uint8, chunks=(1, 256, 256))
    return f"{path}/big.h5::raw"


def big_zarr(path: Path, shape: Int3) -> str:
    create_volume(path / "big.zarr", shape, np.dtype(np.uint8), NM)
    return str(path / "big.zarr")


@pytest.mark.parametrize("make", [big_npy, big_tiff, big_hdf5, big_zarr])
def test_a_volume_of_25_gigabytes_opens_without_being_read(
    make: Callable[[Path, Int3], str], tmp_path: Path
) -> None:
    shape = (64, 20_000, 20_000)
    uri = make(tmp_path, shape)
    before = peak_megabytes()
    volume = open_volume(uri, NM)
    assert not volume.read(Box((63, 19_000, 19_000), (64, 19_100, 19_100))).any()
    assert fingerprint(volume).startswith("sha256:")
    assert peak_megabytes() - before < 100


@pytest.mark.parametrize(
    ("view", "together"),
    [
        (lambda volume: volume, 16),
        (lambda volume: Windowed(volume, (0.0, 255.0)), 16),
        (lambda volume: Cast(volume, np.dtype(np.uint16)), 16),
        (lambda volume: Cropped(volume, Box((1, 0, 0), (9, 8, 8))), 16),
        (lambda volume: Downsampled(volume, (2, 1, 1)), 8),
        (lambda volume: Downsampled(volume, (20, 1, 1)), 1),
    ],
)
def test_it_is_known_which_sections_are_stored_together(
    view: Callable[[Volume], Volume], together: int, tmp_path: Path
) -> None:
    volume = create_volume(tmp_path / "v.zarr", (32, 8, 8), np.dtype(np.uint8), NM, chunks=(16, 8, 8))
    assert sections_together(view(volume)) == together


def peak_megabytes() -> float:
    resource = pytest.importorskip("resource", reason="peak memory is read from getrusage")
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


@pytest.mark.parametrize(
    "view",
    [
        lambda volume: Windowed(volume, (0.0, 255.0)),
        lambda volume: Downsampled(volume, (1, 2, 2)),
        lambda volume: DownsampledLabels(volume, (1, 2, 2)),
    ],
)
def test_views_are_read_only_volumes_with_bounds(view: Callable[[Volume], Volume]) -> None:
    volume = view(ArrayVolume(filled(), NM))
    assert isinstance(volume, Volume)
    assert volume.read(Box.of(volume.shape)).shape == volume.shape
    with pytest.raises(ValueError, match="expected a box inside"):
        volume.read(Box((0, 0, 0), (1, 8, 8)))
    with pytest.raises(io.UnsupportedOperation):
        volume.write(Box.of((1, 1, 1)), np.zeros((1, 1, 1), np.uint8))
