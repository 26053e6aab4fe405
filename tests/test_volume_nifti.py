import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from microtome.box import Box
from microtome.volume import open_volume

NM = (40.0, 4.5, 4.5)
IMAGE = np.random.default_rng(0).integers(0, 255, (3, 9, 7), np.uint8)
WHOLE = Box.of(IMAGE.shape)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def unpacked(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "microtome" / "unpacked").iterdir())


def saved(path: Path, data: np.ndarray = IMAGE, unit: str = "micron", scale: float = 1e-3) -> Path:
    image = nibabel.Nifti1Image(data.T, np.diag([4.5 * scale, 4.5 * scale, 40 * scale, 1]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize(("unit", "scale"), [("micron", 1e-3), ("mm", 1e-6), ("meter", 1e-9)])
def test_units_are_understood(unit: str, scale: float, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii", unit=unit, scale=scale)
    assert open_volume(path).voxel_size_nm == pytest.approx(NM, rel=1e-6)


def test_a_voxel_size_without_unit_is_asked_for(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii", unit="unknown")
    with pytest.raises(ValueError, match="voxel size is not in"):
        open_volume(path)
    assert open_volume(path, NM).voxel_size_nm == NM


def test_a_packed_file_is_unpacked_once(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii.gz")
    for _ in range(2):
        assert np.array_equal(open_volume(path).read(WHOLE), IMAGE)
    assert len(unpacked(tmp_path)) == 1
    saved(path, IMAGE[::-1])
    assert np.array_equal(open_volume(path).read(WHOLE), IMAGE[::-1])


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_packed_file_that_is_damaged_leaves_nothing(damage: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii.gz")
    content = path.read_bytes()
    path.write_bytes(content[:-50] if damage == "cut" else content[:-50] + bytes(20) + content[-30:])
    with pytest.raises(ValueError, match=r"a\.nii\.gz is no readable gzip file"):
        open_volume(path)
    assert not unpacked(tmp_path)


def test_scaled_numbers_are_real(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(IMAGE.T, np.eye(4))
    image.header.set_slope_inter(0.5, -3)
    image.header.set_xyzt_units("mm")
    image.to_filename(tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[112:120] = np.array([0.5, -3], "<f4").tobytes()
    content[352:] = IMAGE.tobytes()
    (tmp_path / "a.nii").write_bytes(bytes(content))
    volume = open_volume(tmp_path / "a.nii")
    assert volume.dtype == np.float32
    assert np.array_equal(volume.read(WHOLE), IMAGE * np.float32(0.5) - 3)


def test_a_fourth_axis_has_length_1(tmp_path: Path) -> None:
    assert open_volume(saved(tmp_path / "a.nii", IMAGE[None]), NM).shape == IMAGE.shape
    with pytest.raises(ValueError, match="two or three axes"):
        open_volume(saved(tmp_path / "b.nii", np.stack([IMAGE] * 2)), NM)


@pytest.mark.parametrize("length", [0, 100, 347, 352, 500])
def test_a_truncated_file_is_named(length: int, tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.nii").read_bytes()
    (tmp_path / "a.nii").write_bytes(whole[:length])
    with pytest.raises(ValueError, match=r"a\.nii is") as error:
        open_volume(tmp_path / "a.nii", NM)
    assert "\n" not in str(error.value)


def test_gzip_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"no image" * 100))
    with pytest.raises(ValueError, match=r"a\.nii\.gz is no readable NIfTI file"):
        open_volume(tmp_path / "a.nii.gz", NM)
