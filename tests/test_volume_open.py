import os
from pathlib import Path

import numpy as np
import pytest

from microtome.box import Box
from microtome.volume import ArrayVolume, VolumeSpec, create_volume, fingerprint, open_volume
from microtome.volume.recent import RecentSections
from microtome.volume.sample import sample_boxes
from microtome.volume.spec import chunks_in_blocks
from microtome.volume.voxel_size import nm_per_unit

NM = (40.0, 4.0, 4.0)
DATA = Path(os.environ.get("MICROTOME_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"the real data sets are not in {DATA}; set MICROTOME_DATA"
)


@needs_data
def test_a_real_stack_is_read_section_by_section() -> None:
    volume = open_volume(DATA / "vnc_sstem" / "image.tif", (45, 4.6, 4.6))
    assert (volume.shape, volume.dtype) == ((20, 1024, 1024), np.uint8)
    assert volume.read(Box((7, 100, 100), (8, 400, 400))).std() > 10


@needs_data
def test_real_stacks_do_not_state_their_voxel_size() -> None:
    with pytest.raises(ValueError, match="give it as z,y,x in nm"):
        open_volume(DATA / "vnc_sstem" / "image.tif")


@needs_data
def test_a_real_png_is_one_section() -> None:
    assert open_volume(DATA / "axon_myelin_sem" / "sem1_image.png", (130, 130, 130)).shape == (1, 1096, 1541)


@pytest.mark.parametrize("name", ["a.tif", "a.zarr", "a.h5::raw", "a.nothing", "a"])
def test_what_does_not_exist_is_no_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"a.* does not exist"):
        open_volume(tmp_path / name, NM)


@pytest.mark.parametrize("name", ["a.xyz", "a"])
def test_an_unknown_suffix_lists_the_known_ones(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=r"expected one of \.npy, \.tif.*; got"):
        open_volume(tmp_path / name, NM)


def test_a_path_inside_a_file_that_has_none_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 3)))
    with pytest.raises(ValueError, match="only HDF5, Zarr, N5 and precomputed have a path inside; got 'raw'"):
        open_volume(f"{tmp_path}/a.npy::raw", NM)


@pytest.mark.parametrize("shape", [(0, 3, 3), (3, 0), (2, 2, 2, 2), (5,)])
def test_empty_and_deeper_arrays_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(ValueError, match=r"a\.npy"):
        open_volume(tmp_path / "a.npy", NM)


@pytest.mark.parametrize(
    "data",
    [np.zeros((2, 3), complex), np.zeros((2, 3), object), np.array([["a"]]), np.zeros((2, 3, 4), order="F")],
)
def test_arrays_that_are_no_plain_numbers_in_c_order_are_refused(data: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", data)
    with pytest.raises(ValueError, match=r"a\.npy"):
        open_volume(tmp_path / "a.npy", NM)


@pytest.mark.parametrize("length", [0, 5, 40, 128, 150])
def test_a_truncated_npy_is_named(length: int, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 5, 6), np.uint8))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:length])
    with pytest.raises(ValueError, match=r"a\.npy is no readable"):
        open_volume(tmp_path / "a.npy", NM)


def test_a_zip_archive_called_npy_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.zeros(3))
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(ValueError, match=r"a\.npy is no readable \.npy array: the magic string"):
        open_volume(tmp_path / "a.npy", NM)


def test_a_text_called_npy_is_refused_without_advice_to_trust_it(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_text("no array at all")
    with pytest.raises(ValueError, match=r"a\.npy is no readable \.npy array") as error:
        open_volume(tmp_path / "a.npy", NM)
    assert "pickle" not in str(error.value)


@pytest.mark.parametrize("name", ["", "::raw"])
def test_no_name_is_no_folder(name: str) -> None:
    with pytest.raises(ValueError, match=f"expected the name of a file or a folder; got '{name}'"):
        open_volume(name)


def test_a_big_endian_npy_comes_in_native_order(tmp_path: Path) -> None:
    data = np.arange(24).reshape(2, 3, 4).astype(">u2")
    np.save(tmp_path / "a.npy", data)
    volume = open_volume(tmp_path / "a.npy", NM)
    assert volume.dtype.isnative
    assert np.array_equal(volume.read(Box.of((2, 3, 4))), data)


def test_an_image_of_two_axes_becomes_one_section() -> None:
    array = np.zeros((3, 4), np.uint8)
    volume = ArrayVolume(array, NM)
    volume.write(Box((0, 1, 1), (1, 2, 2)), np.ones((1, 1, 1), np.uint8))
    assert volume.shape == (1, 3, 4)
    assert array[1, 1] == 1


@pytest.mark.parametrize(
    "nm", [(0.0, 4.0, 4.0), (40.0, -4.0, 4.0), (40.0, float("nan"), 4.0), (float("inf"), 4.0, 4.0)]
)
def test_an_impossible_voxel_size_is_refused(nm: tuple[float, float, float], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 3)))
    with pytest.raises(ValueError, match="three positive numbers"):
        open_volume(tmp_path / "a.npy", nm)
    with pytest.raises(ValueError, match="three positive numbers"):
        create_volume(tmp_path / "b.npy", (2, 3, 4), np.dtype(np.uint8), nm)


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.h5", "a.zarr", "a"])
def test_a_missing_folder_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"folder .*nowhere does not exist"):
        create_volume(tmp_path / "nowhere" / name, (1, 2, 3), np.dtype(np.uint8), NM)


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.h5", "a.zarr", "a"])
def test_a_folder_that_cannot_be_written_to_gives_one_line(name: str) -> None:
    with pytest.raises(OSError) as caught:  # nobody, not even root, creates files in /proc
        create_volume(Path("/proc") / name, (1, 2, 3), np.dtype(np.uint8), NM)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.mrc"])
def test_a_format_that_cannot_be_created_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=name.removeprefix("a")):
        create_volume(tmp_path / name, (1, 2, 3), np.dtype(np.uint8), NM)


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a"])
def test_chunks_are_refused_where_there_are_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="only HDF5, Zarr and precomputed have chunks"):
        create_volume(tmp_path / name, (1, 2, 3), np.dtype(np.uint8), NM, chunks=(1, 1, 1))


@pytest.mark.parametrize("shape", [(0, 1, 1), (1, 1, -1)])
def test_an_empty_new_volume_is_refused_and_leaves_nothing(
    shape: tuple[int, int, int], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="at least one voxel"):
        create_volume(tmp_path / "a.zarr", shape, np.dtype(np.uint8), NM)
    assert not list(tmp_path.iterdir())


def test_chunks_of_a_spec_are_never_longer_than_the_volume() -> None:
    assert VolumeSpec((10, 300, 20), np.dtype(np.uint8), (8.0, 8.0, 8.0)).stored_chunks == (10, 256, 20)


def test_chunks_are_the_usual_ones_where_whole_ones_fill_a_block() -> None:
    usual = (32, 256, 256)
    assert chunks_in_blocks(usual, (64, 512, 256), (999, 999, 999)) == usual
    assert chunks_in_blocks(usual, (4, 320, 192), (9, 999, 999)) == (4, 320, 192)
    assert chunks_in_blocks(usual, (64, 320, 320), (20, 300, 320)) == usual  # a block is the whole side


@pytest.mark.parametrize(
    ("unit", "nm"), [("nanometers", 1.0), ("Microns", 1e3), ("Å", 0.1), ("m", 1e9), ("M", None)]
)
def test_units_have_many_names(unit: str, nm: float | None) -> None:
    assert nm_per_unit(unit) == nm


@pytest.mark.parametrize("unit", [None, "", "pixel", "px", "inch"])
def test_other_units_are_unknown(unit: str | None) -> None:
    assert nm_per_unit(unit) is None


def test_fingerprints_see_contents_shape_and_type() -> None:
    data = np.zeros((2, 6, 6), np.uint8)
    changed = data.copy()
    changed[1, 5, 5] = 1
    others = [data, changed, data.reshape(2, 4, 9), data.astype(bool), data.astype(np.uint16)]
    assert len({fingerprint(ArrayVolume(other, NM)) for other in others}) == 5


@pytest.mark.parametrize(
    ("side", "expected"),  # the smaller one is read at once
    [
        (200, "sha256:f9ff4cabd3ea40505bec16d6fa7bf836a9a3e782d00db60adbeafd6dc5717889"),
        (600, "sha256:04aa2ac821733e4d04eb8076153ee72e990dd7c2a53c5793e88ba023a09c4a56"),
    ],
)
def test_a_fingerprint_stays_what_it_was(side: int, expected: str) -> None:
    data = np.arange(side * side, dtype=np.uint16).reshape(1, side, side)
    assert fingerprint(ArrayVolume(data, NM)) == expected
    assert fingerprint(ArrayVolume(data, NM), seed=1) != expected


def test_sampled_boxes_lie_inside_and_are_bounded() -> None:
    boxes = sample_boxes((9, 300, 40), (1, 64, 64), 20, seed=3)
    assert len(boxes) == 20
    assert all(box.shape == (1, 64, 40) and Box.of((9, 300, 40)).contains(box) for box in boxes)


def test_recent_sections_are_bounded_but_keep_the_last() -> None:
    decoded: list[int] = []

    def decode(z: int) -> np.ndarray:
        decoded.append(z)
        return np.zeros(10, np.uint8)

    recent = RecentSections(limit_bytes=20)
    for z in (0, 1, 0, 2, 0, 1):
        recent.get(z, decode)
    assert decoded == [0, 1, 2, 1]
