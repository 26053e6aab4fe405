import struct
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from microtome.box import Box
from microtome.volume import open_volume

NM = (40.0, 4.6, 4.5)
IMAGE = np.random.default_rng(0).integers(0, 127, (3, 9, 7), np.int8)
WHOLE = Box.of(IMAGE.shape)


def saved(path: Path, data: np.ndarray = IMAGE) -> Path:
    with mrcfile.new(path, data) as file:
        file.voxel_size = (45, 46, 400)
    return path


def patched(path: Path, offset: int, content: bytes) -> Path:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)
    return path


def test_lengths_are_in_angstroms(tmp_path: Path) -> None:
    assert open_volume(saved(tmp_path / "a.mrc")).voxel_size_nm == pytest.approx(NM)


def test_a_voxel_size_of_0_is_asked_for(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "a.mrc", IMAGE) as file:
        file.voxel_size = 0
    with pytest.raises(ValueError, match="voxel size is not in"):
        open_volume(tmp_path / "a.mrc")
    assert open_volume(tmp_path / "a.mrc", NM).voxel_size_nm == NM


def test_float16_and_the_extended_header_are_read(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "a.mrc", IMAGE.astype(np.float16)) as file:
        file.set_extended_header(np.zeros(100, "V8"))
    assert np.array_equal(open_volume(tmp_path / "a.mrc", NM).read(WHOLE), IMAGE)


def test_imod_says_whether_bytes_are_signed(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.mrc", -IMAGE)
    assert open_volume(path).dtype == np.int8
    patched(path, 152, struct.pack("<ii", 1146047817, 0))
    assert np.array_equal(open_volume(path).read(WHOLE), (-IMAGE).view(np.uint8))
    patched(path, 156, struct.pack("<i", 1))
    assert open_volume(path).dtype == np.int8


def test_big_endian_files_come_in_native_order(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    header = np.zeros(256, ">i4")
    header[:10] = [7, 9, 3, 1, 0, 0, 0, 7, 9, 3]
    header[10:16] = np.array([315, 414, 1200, 90, 90, 90], ">f4").view(">i4")
    header[16:19] = [1, 2, 3]
    content = bytearray(header.tobytes())
    content[208:216] = b"MAP \x11\x11\x00\x00"
    path.write_bytes(bytes(content) + IMAGE.astype(">i2").tobytes())
    volume = open_volume(path)
    assert volume.dtype == np.int16
    assert volume.dtype.isnative
    assert np.array_equal(volume.read(WHOLE), IMAGE)


def test_axes_in_another_order_are_refused(tmp_path: Path) -> None:
    path = patched(saved(tmp_path / "a.mrc"), 64, struct.pack("<iii", 3, 2, 1))
    with pytest.raises(ValueError, match=r"a\.mrc: expected axes in the order x y z .*got \(3, 2, 1\)"):
        open_volume(path)


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    mrcfile.new(tmp_path / "a.mrc", IMAGE.astype(np.complex64)).close()
    with pytest.raises(ValueError, match="expected a boolean, integer or real type"):
        open_volume(tmp_path / "a.mrc", NM)


@pytest.mark.parametrize("length", [0, 100, 1023, 1024, 1200])
def test_a_truncated_file_is_named(length: int, tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.mrc").read_bytes()
    (tmp_path / "a.mrc").write_bytes(whole[:length])
    with pytest.raises(ValueError, match=r"a\.mrc is"):
        open_volume(tmp_path / "a.mrc", NM)


def test_something_else_called_mrc_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mrc").write_bytes(b"no map at all" * 200)
    with pytest.raises(ValueError, match=r"a\.mrc is no readable MRC file") as error:
        open_volume(tmp_path / "a.mrc", NM)
    assert "\n" not in str(error.value)
