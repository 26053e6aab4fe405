from pathlib import Path

import h5py
import numpy as np
import pytest

from microtome.box import Box
from microtome.volume import create_volume, open_volume

NM = (40.0, 4.0, 4.0)
IMAGE = np.random.default_rng(0).integers(0, 255, (3, 9, 7), np.uint8)


def saved(path: Path, **datasets: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, data in datasets.items():
            file[f"volumes/{name}"] = data
    return path


def test_the_only_stack_needs_no_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", raw=IMAGE, offsets=np.arange(3))
    assert np.array_equal(open_volume(path, NM).read(Box.of(IMAGE.shape)), IMAGE)


def test_several_stacks_are_listed(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", raw=IMAGE, labels=IMAGE)
    with pytest.raises(ValueError, match=r"choose among .*a\.h5::volumes/labels, .*a\.h5::volumes/raw"):
        open_volume(path, NM)


@pytest.mark.parametrize("inner", ["volumes", "nothing", "volumes/raw/deeper"])
def test_a_name_that_is_no_data_set_is_refused(inner: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", raw=IMAGE)
    with pytest.raises(ValueError, match=f"no data set '{inner}'; it has volumes/raw"):
        open_volume(f"{path}::{inner}", NM)


def test_a_section_is_read_and_written(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", raw=IMAGE[0])
    volume = open_volume(path, NM, writable=True)
    box = Box((0, 1, 2), (1, 4, 6))
    assert np.array_equal(volume.read(box), IMAGE[:1][box.slices])
    volume.write(box, IMAGE[1:2][box.slices])
    assert np.array_equal(volume.read(box), IMAGE[1:2][box.slices])
    assert volume.read(Box((1, 0, 0), (1, 2, 2))).shape == (0, 2, 2)


@pytest.mark.parametrize(
    ("name", "value"), [("resolution", (40, 4.5, 4)), ("element_size_um", (0.04, 0.0045, 0.004))]
)
def test_the_voxel_size_is_an_attribute(name: str, value: tuple[float, ...], tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", raw=IMAGE)
    with h5py.File(path, "r+") as file:
        file["volumes/raw"].attrs[name] = value
    assert open_volume(path).voxel_size_nm == pytest.approx((40, 4.5, 4))


@pytest.mark.parametrize("value", [(4, 4), "4,4,4", (0, 4, 4), (np.nan, 4, 4)])
def test_an_impossible_voxel_size_is_refused(value: object, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", raw=IMAGE)
    with h5py.File(path, "r+") as file:
        file["volumes/raw"].attrs["resolution"] = value
    with pytest.raises(ValueError, match=r"a\.h5::.*expected .*three .*numbers"):
        open_volume(path)


def test_more_axes_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", raw=IMAGE[None])
    with pytest.raises(ValueError, match="two or three axes"):
        open_volume(f"{path}::volumes/raw", NM)


def test_structured_data_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", raw=np.zeros((2, 3), [("id", int), ("size", float)]))
    with pytest.raises(ValueError, match="expected a boolean, integer or real type"):
        open_volume(path, NM)


def test_big_endian_data_come_in_native_order(tmp_path: Path) -> None:
    volume = open_volume(saved(tmp_path / "a.h5", raw=IMAGE.astype(">u2")), NM)
    assert volume.dtype.isnative
    assert np.array_equal(volume.read(Box.of(IMAGE.shape)), IMAGE)


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_file_is_named(part: float, tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.h5", raw=IMAGE).read_bytes()
    (tmp_path / "a.h5").write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(ValueError, match=r"a\.h5 is no readable HDF5 file"):
        open_volume(tmp_path / "a.h5", NM)


def test_no_handle_hinders_a_writer(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.h5", raw=IMAGE)
    volume = open_volume(path, NM)
    volume.read(Box.of(IMAGE.shape))
    with h5py.File(path, "r+") as file:
        file["volumes/raw"][0] = 0
    assert not volume.read(Box.of((1, 9, 7))).any()


def test_a_new_data_set_has_the_chunks_it_was_given(tmp_path: Path) -> None:
    create_volume(tmp_path / "a.h5", (4, 9, 7), np.dtype(np.uint8), NM, chunks=(2, 4, 16))
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["volume"].chunks == (2, 4, 7)
