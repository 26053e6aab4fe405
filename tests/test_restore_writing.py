import json
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from microtome.box import Box
from microtome.volume import ArrayVolume, Volume, open_volume
from microtome.volume.restore import writing
from microtome.volume.restore.writing import Output, begun, block_shape, fill, finish
from restoration import NM, volume

IMAGE = np.random.default_rng(0).integers(0, 255, (5, 40, 30), np.uint8)
FORMATS = ["a.ome.zarr", "a.tif", "a.h5", "a.h5::raw/x", "a.npy", "sections"]
SETTINGS = {"sections": 15, "missing": (1, 2)}


class Breaking:
    """A volume that counts what is read of it, and breaks after some reads."""

    def __init__(self, reads: int = 10**9) -> None:
        self._volume, self._least = volume(IMAGE), reads
        self.shape, self.dtype, self.voxel_size_nm = IMAGE.shape, IMAGE.dtype, NM
        self.reads = 0

    def read(self, box: Box) -> np.ndarray:
        if self.reads == self._least:
            raise OSError("the disk is gone")
        self.reads += 1
        return self._volume.read(box)

    def write(self, box: Box, data: np.ndarray) -> None:
        raise AssertionError


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BLOCK", 1)


def written(output: Output, view: Volume) -> None:
    with begun(output, SETTINGS, view) as target:
        fill(output, target, view)
        finish(output, {"fine": True})


def stored(output: Output) -> np.ndarray:
    return open_volume(output.uri, NM).read(Box.of(IMAGE.shape))


@pytest.mark.parametrize("name", FORMATS)
def test_what_broke_off_goes_on_and_ends_as_it_would_have(name: str, tmp_path: Path) -> None:
    output = Output(str(tmp_path / name))
    with pytest.raises(OSError, match="the disk is gone"):
        written(output, Breaking(2))
    assert not output.path.exists()
    rest = Breaking()
    written(output, rest)
    assert rest.reads == 3  # 5 blocks of one section
    assert np.array_equal(stored(output), IMAGE)
    assert json.loads(output.report.read_text()) == {"fine": True}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([output.path.name, output.report.name])


def test_a_block_that_was_lost_or_changed_since_is_written_again(tmp_path: Path) -> None:
    output = Output(str(tmp_path / "a.npy"))
    with pytest.raises(OSError, match="the disk is gone"):
        written(output, Breaking(3))
    open_volume(output.unfinished, NM, writable=True).write(Box((1, 0, 0), (2, 40, 30)), IMAGE[:1] * 0)
    rest = Breaking()
    written(output, rest)
    assert rest.reads == 3
    assert np.array_equal(stored(output), IMAGE)


def test_a_log_that_was_cut_off_is_believed_as_far_as_it_goes(tmp_path: Path) -> None:
    output = Output(str(tmp_path / "a.ome.zarr"))
    with pytest.raises(OSError, match="the disk is gone"):
        written(output, Breaking(3))
    output.partial.log.write_bytes(output.partial.log.read_bytes()[:-30] + b"\n[1]\n{}\n")
    rest = Breaking()
    written(output, rest)
    assert rest.reads == 3
    assert np.array_equal(stored(output), IMAGE)


@pytest.mark.parametrize("damage", ["volume gone", "volume damaged", "settings gone"])
def test_what_cannot_go_on_begins_anew(damage: str, tmp_path: Path) -> None:
    output = Output(str(tmp_path / "a.h5"))
    with pytest.raises(OSError, match="the disk is gone"):
        written(output, Breaking(3))
    if damage == "settings gone":
        output.partial.settings.unlink()
    elif damage == "volume gone":
        Path(output.unfinished).unlink()
    else:
        Path(output.unfinished).write_bytes(b"torn")
    written(output, Breaking())
    assert np.array_equal(stored(output), IMAGE)


def test_other_settings_do_not_go_on_where_these_stopped(tmp_path: Path) -> None:
    output = Output(str(tmp_path / "a.npy"))
    with pytest.raises(OSError, match="the disk is gone"):
        written(output, Breaking(1))
    with (
        pytest.raises(ValueError, match=r"a\.npy\.partial was begun with sections 15, not 21: remove it"),
        begun(output, {**SETTINGS, "sections": 21}, volume(IMAGE)),
    ):
        pass
    written(output, Breaking())


@pytest.mark.parametrize("text", [b"", b'{"sections": 15,\n', b"[15]", b"\xff"])
def test_damaged_settings_are_named(text: bytes, tmp_path: Path) -> None:
    output = Output(str(tmp_path / "a.npy"))
    with pytest.raises(OSError, match="the disk is gone"):
        written(output, Breaking(1))
    output.partial.settings.write_bytes(text)
    with pytest.raises(ValueError, match=r"settings\.json is damaged: remove .*a\.npy\.partial to begin"):
        written(output, Breaking())
    assert Path(output.unfinished).exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    for name in ("a.npy", "b.npy.restore.json"):
        (tmp_path / name).write_text("mine")
    for name in ("a.npy", "b.npy"):
        with pytest.raises(FileExistsError, match="exists already"):
            written(Output(str(tmp_path / name)), Breaking())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.npy.restore.json"]
    assert (tmp_path / "a.npy").read_text() == "mine"


def test_what_came_to_be_there_meanwhile_is_not_overwritten_either(tmp_path: Path) -> None:
    output = Output(str(tmp_path / "a.npy"))
    with begun(output, SETTINGS, volume(IMAGE)) as target:
        fill(output, target, volume(IMAGE))
        output.path.write_text("mine")
        with pytest.raises(FileExistsError):
            finish(output, {})
    assert output.path.read_text() == "mine"


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / ".a.npy.partial" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(FileExistsError, match=r"a\.npy\.partial is in the way: thesis\.txt is not of an"):
        written(Output(str(tmp_path / "a.npy")), Breaking())
    assert mine.read_text() == "mine"


def test_two_processes_do_not_write_the_same(tmp_path: Path) -> None:
    output = Output(str(tmp_path / "a.npy"))
    output.partial.folder.mkdir()
    with (
        FileLock(output.partial.folder / "lock"),
        pytest.raises(OSError, match=r"another process is writing .*a\.npy"),
    ):
        written(output, Breaking())
    written(output, Breaking())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no/a.npy", "folder .*no does not exist"),
        ("a.jpg", "a new volume cannot be"),
        ("a.xyz", r"[^l]/a\.xyz: expected one"),
        ("a.npy::raw", "only HDF5, Zarr, N5 and precomputed have a path inside"),
    ],
)
def test_a_name_that_cannot_be_written_leaves_nothing_behind(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, OSError), match=message):
        written(Output(str(tmp_path / name)), Breaking())
    assert list(tmp_path.iterdir()) == []


def test_blocks_are_whole_chunks_or_whole_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(writing, "BLOCK", 2**23)
    thin = ArrayVolume(np.broadcast_to(np.uint8(0), (4, 9000, 9000)), (40.0, 4.0, 4.0))
    cube = ArrayVolume(np.broadcast_to(np.uint8(0), (999, 999, 999)), (8.0, 8.0, 8.0))
    assert block_shape(Output("a.zarr"), thin) == (1, 11 * 256, 11 * 256)
    assert block_shape(Output("a.zarr"), cube) == (32, 2 * 256, 2 * 256)
    assert block_shape(Output("folder"), thin) == (1, 9000, 9000)
