import json
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaozarrs

from microtome.box import Box
from microtome.schedule import on_dask
from microtome.volume import ArrayVolume, Volume, VolumeSpec, copying, create_volume, open_volume
from microtome.volume.copying import Conversion, convert
from microtome.volume.pyramid import Coarser, pyramid

NM = (45.0, 4.6, 4.6)
IMAGE = np.random.default_rng(0).integers(0, 255, (3, 40, 30), np.uint8)
LEVELS = Conversion(levels=3, chunks=(1, 16, 16))
TARGETS = ["a.ome.zarr", "a.precomputed", "a.tif", "a.h5", "a.h5::volumes/raw"]
IN_CHUNKS = ["a.ome.zarr", "a.precomputed"]


class Breaking:
    """A volume that counts what is read of it, and breaks after some reads."""

    def __init__(self, reads: int = 10**9, data: np.ndarray = IMAGE) -> None:
        self._volume, self._least = ArrayVolume(data, NM), reads
        self.shape, self.dtype, self.voxel_size_nm = data.shape, data.dtype, NM
        self.reads = 0

    def read(self, box: Box) -> np.ndarray:
        if box.shape[1:] != IMAGE.shape[1:]:  # whole sections are read for the fingerprint
            if self.reads == self._least:
                raise OSError("the disk is gone")
            self.reads += 1
        return self._volume.read(box)

    def write(self, box: Box, data: np.ndarray) -> None:
        raise AssertionError


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "BLOCK_BYTES", 1)


def whole(volume: Volume) -> np.ndarray:
    return volume.read(Box.of(volume.shape))


def level_names(path: Path) -> list[str]:
    if (path / "info").exists():
        return [scale["key"] for scale in json.loads((path / "info").read_text())["scales"]]
    return sorted(child.name for child in path.iterdir() if child.is_dir())


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_converted_is_what_was_there(name: str, tmp_path: Path) -> None:
    convert(ArrayVolume(IMAGE, NM), f"{tmp_path}/{name}", Conversion())
    found = open_volume(f"{tmp_path}/{name}", missing="error")
    assert np.array_equal(whole(found), IMAGE)
    assert found.voxel_size_nm == pytest.approx(NM)
    assert [path.name for path in tmp_path.iterdir()] == [name.partition("::")[0]]


@pytest.mark.parametrize("name", IN_CHUNKS)
@pytest.mark.parametrize(("dtype", "labels"), [(np.uint8, False), (np.uint8, True), (np.uint64, False)])
def test_levels_are_those_of_the_whole_image(name: str, dtype: type, labels: bool, tmp_path: Path) -> None:
    source = ArrayVolume((IMAGE // 100).astype(dtype), NM)
    convert(source, f"{tmp_path}/{name}", Conversion(labels=labels, levels=3, chunks=(1, 16, 16)))
    expected: Volume = source
    for number, key in enumerate(level_names(tmp_path / name)):
        expected = Coarser(expected, (1, 2, 2), labels or dtype == np.uint64) if number else source
        found = open_volume(f"{tmp_path}/{name}::{key}", missing="error")
        assert found.voxel_size_nm == pytest.approx(expected.voxel_size_nm)
        assert np.array_equal(whole(found), whole(expected))
    assert number == 2


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_our_images_are_valid_with_all_levels(version: str, tmp_path: Path) -> None:
    form = "ngff" if version == "0.5" else "ngff-0.4"
    wanted = Conversion(form, levels=3, chunks=(1, 16, 16), offset=(2, 10, 20))
    convert(ArrayVolume(IMAGE, NM), f"{tmp_path}/a.ome.zarr", wanted)
    yaozarrs.validate_zarr_store(str(tmp_path / "a.ome.zarr"))
    image = yaozarrs.open_group(str(tmp_path / "a.ome.zarr")).ome_metadata()
    datasets = image.multiscales[0].datasets
    assert [dataset.path for dataset in datasets] == ["0", "1", "2"]
    moves = [dataset.coordinateTransformations[1].translation for dataset in datasets]
    assert moves == [[90, 46, 92], [90, 48.3, 94.3], [90, 52.9, 98.9]]


@pytest.mark.parametrize("form", ["ngff", "ngff-0.4"])
@pytest.mark.filterwarnings("default")  # of the library's own
def test_our_images_open_in_ome_zarr(form: str, tmp_path: Path) -> None:
    io = pytest.importorskip("ome_zarr.io", reason="ome-zarr is not installed; `make test` installs it")
    from ome_zarr.reader import Reader

    convert(ArrayVolume(IMAGE, NM), f"{tmp_path}/a.ome.zarr", Conversion(form, levels=3))
    [node] = Reader(io.parse_url(tmp_path / "a.ome.zarr"))()
    assert [level.shape for level in node.data] == [(3, 40, 30), (3, 20, 15), (3, 10, 8)]
    assert np.array_equal(np.asarray(node.data[0]), IMAGE)
    assert node.metadata["coordinateTransformations"][1][0]["scale"] == pytest.approx([45, 9.2, 9.2])


def test_a_precomputed_segmentation_says_so_and_keeps_its_place(tmp_path: Path) -> None:
    wanted = Conversion(labels=True, levels=2, offset=(2, 10, 21))
    convert(ArrayVolume(IMAGE.astype(np.uint32), NM), f"{tmp_path}/a.precomputed", wanted)
    info = json.loads((tmp_path / "a.precomputed" / "info").read_text())
    assert info["type"] == "segmentation"
    assert [scale["voxel_offset"] for scale in info["scales"]] == [[21, 10, 2], [10, 5, 2]]


def test_the_place_of_a_coarser_precomputed_level_is_not_rounded_off(tmp_path: Path) -> None:
    wanted = Conversion(levels=2, offset=(2, 58, 242))  # 58 · 4.6 / 9.2 is 28.999…
    convert(ArrayVolume(IMAGE, NM), f"{tmp_path}/a.precomputed", wanted)
    info = json.loads((tmp_path / "a.precomputed" / "info").read_text())
    assert [scale["voxel_offset"] for scale in info["scales"]] == [[242, 58, 2], [121, 29, 2]]


def test_a_small_tiff_is_no_bigtiff_but_states_its_voxel_size(tmp_path: Path) -> None:
    convert(ArrayVolume(IMAGE, NM), f"{tmp_path}/a.tif", Conversion())
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert not tif.is_bigtiff
        assert np.array_equal(tif.asarray(), IMAGE)


@pytest.mark.parametrize("name", TARGETS)
def test_what_broke_off_goes_on_and_ends_as_it_would_have(name: str, tmp_path: Path) -> None:
    uri, said = f"{tmp_path}/{name}", []
    levels = LEVELS if name in IN_CHUNKS else Conversion(chunks=(1, 16, 16))
    with pytest.raises(OSError, match="the disk is gone"):
        convert(Breaking(2), uri, levels, say=said.append)
    assert not (tmp_path / name.partition("::")[0]).exists()
    assert not said
    rest = Breaking()
    convert(rest, uri, levels, say=said.append)
    fresh = Breaking()
    convert(fresh, uri.replace("a.", "b."), levels)
    assert rest.reads == fresh.reads - 2
    assert len(said) == 1
    assert "begun before" in said[0]
    assert np.array_equal(whole(open_volume(uri)), IMAGE)


def test_another_conversion_does_not_go_on_where_this_stopped(tmp_path: Path) -> None:
    uri = f"{tmp_path}/a.ome.zarr"
    with pytest.raises(OSError, match="the disk is gone"):
        convert(Breaking(2), uri, LEVELS)
    with pytest.raises(ValueError, match="was begun with levels 3, not 2: remove it"):
        convert(Breaking(), uri, Conversion(levels=2, chunks=(1, 16, 16)))
    with pytest.raises(ValueError, match=r"was begun with source .*: remove it"):
        convert(Breaking(data=IMAGE + 1), uri, LEVELS)


@pytest.mark.parametrize("name", TARGETS)
def test_an_error_before_the_first_block_leaves_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="the disk is gone"):
        convert(Breaking(0), f"{tmp_path}/{name}", Conversion(chunks=(1, 16, 16)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", [True, False])
def test_a_damaged_or_missing_chunk_of_the_source_is_named(missing: bool, tmp_path: Path) -> None:
    source = tmp_path / "source.zarr"
    create_volume(source, IMAGE.shape, IMAGE.dtype, NM).write(Box.of(IMAGE.shape), IMAGE)
    (source / "0/c/1/0/0").unlink()
    if not missing:
        (source / "0/c/1/0/0").write_bytes(b"damage")
    with pytest.raises(ValueError, match=r"source\.zarr/0/c/1/0/0"):
        convert(open_volume(source, missing="error"), f"{tmp_path}/a.tif", Conversion())
    assert not (tmp_path / "a.tif").exists()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """What a full disk does to files, done by a limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", IN_CHUNKS)
def test_a_disk_that_fills_up_is_one_line_and_leaves_no_target(name: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1, 100, 100), np.uint8)
    with files_of_at_most(5000), pytest.raises(OSError, match="cannot be read or written") as error:
        convert(ArrayVolume(noise, NM), f"{tmp_path}/{name}", Conversion())
    assert "\n" not in str(error.value)
    assert not (tmp_path / name).exists()
    convert(ArrayVolume(noise, NM), f"{tmp_path}/{name}", Conversion())
    assert np.array_equal(whole(open_volume(tmp_path / name)), noise)


@pytest.mark.parametrize("name", ["a.tif", "a.h5"])
def test_room_for_one_file_is_asked_for_before_it_is_begun(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 3599))
    with pytest.raises(OSError, match="expected 3600 bytes free on the disk; got 3599"):
        convert(ArrayVolume(IMAGE, NM), f"{tmp_path}/{name}", Conversion())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("default")  # of Dask and its web server
def test_workers_of_a_cluster_write_the_same(tmp_path: Path) -> None:
    from distributed import LocalCluster

    source = create_volume(tmp_path / "source.npy", IMAGE.shape, IMAGE.dtype, NM)
    source.write(Box.of(IMAGE.shape), IMAGE)
    convert(source, f"{tmp_path}/a.ome.zarr", LEVELS)
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None, processes=False) as cluster,
        on_dask(cluster.scheduler_address) as schedule,
    ):
        convert(source, f"{tmp_path}/b.ome.zarr", LEVELS, schedule=schedule)
        with pytest.raises(ValueError, match="only one process can write hdf5"):
            convert(source, f"{tmp_path}/b.h5", Conversion(), schedule=schedule)
    for level in "012":
        a, b = (open_volume(f"{tmp_path}/{name}.ome.zarr::{level}", missing="error") for name in "ab")
        assert np.array_equal(whole(a), whole(b))


@pytest.mark.parametrize(
    ("name", "wanted", "message"),
    [
        ("a", Conversion(), "expected the suffix of"),
        ("a.xyz", Conversion(), "expected one of"),
        ("a.tif", Conversion("hdf5"), "expected the suffix of hdf5"),
        ("a.tif", Conversion(levels=2), "one level; got 2"),
        ("a.ome.zarr::0", Conversion(), "no path inside of a new volume"),
        ("a.precomputed::0", Conversion(), "no path inside of a new volume"),
        ("a.ome.zarr", Conversion(chunks=(0, 1, 1)), "three chunk lengths"),
        ("no/a.ome.zarr", Conversion(), "folder .*no does not exist"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(
    name: str, wanted: Conversion, message: str, tmp_path: Path
) -> None:
    with pytest.raises((ValueError, OSError), match=message):
        convert(ArrayVolume(IMAGE, NM), f"{tmp_path}/{name}", wanted)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.precomputed", "a.tif"])
def test_a_type_that_a_format_lacks_is_refused_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"types .*; got int64"):
        convert(ArrayVolume(IMAGE.astype(np.int64), NM), f"{tmp_path}/{name}", Conversion())
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_nor_written_far_away(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("mine")
    with pytest.raises(FileExistsError, match=r"a\.tif exists already"):
        convert(ArrayVolume(IMAGE, NM), f"{tmp_path}/a.tif", Conversion())
    with pytest.raises(ValueError, match="expected a path of this machine"):
        convert(ArrayVolume(IMAGE, NM), "s3://bucket/a.zarr", Conversion())
    assert (tmp_path / "a.tif").read_text() == "mine"


def test_blocks_are_whole_chunks_and_as_wide_as_they_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "BLOCK_BYTES", 2**26)
    finest, coarser = pyramid(VolumeSpec((100, 9000, 9000), np.dtype(np.uint8), NM), 2)
    assert copying._blocks(finest, "ngff")[0].shape == (1, 28 * 256, 9000)
    assert copying._blocks(finest, "tiff")[0].shape == (1, 7456, 9000)
    assert copying._blocks(coarser, "ngff")[0].shape == (1, 14 * 256, 4500)
