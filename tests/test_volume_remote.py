import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from file_server import served
from microtome.box import Box
from microtome.volume import create_volume, open_volume, places
from microtome.volume.uri import absolute

NM = (40.0, 4.6, 4.5)
IMAGE = np.random.default_rng(0).integers(1, 255, (3, 9, 7), np.uint8)
WHOLE = Box.of(IMAGE.shape)


def saved(path: Path) -> Path:
    create_volume(path, IMAGE.shape, IMAGE.dtype, NM).write(WHOLE, IMAGE)
    return path


@contextmanager
def quick() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ("v.zarr", "{url}/v.zarr"),
        ("v.zarr", "{url}/v.zarr/"),
        ("v.zarr", "{url}/v.zarr::0"),
        ("v.zarr", "zarr://{url}/v.zarr"),
        ("v.zarr", "zarr3://{url}/v.zarr"),
        ("v.precomputed", "{url}/v.precomputed"),
        ("v.precomputed", "precomputed://{url}/v.precomputed"),
    ],
)
def test_a_url_is_a_name(stored: str, name: str, tmp_path: Path) -> None:
    saved(tmp_path / stored)
    with served(tmp_path) as url:
        volume = open_volume(name.format(url=url))
        assert (volume.shape, volume.voxel_size_nm) == (IMAGE.shape, NM)
        assert np.array_equal(volume.read(WHOLE), IMAGE)


def test_a_chunk_is_fetched_once_however_many_sections_of_it_are_read(tmp_path: Path) -> None:
    saved(tmp_path / "v.zarr")
    asked: list[str] = []
    with served(tmp_path, asked=asked) as url:
        volume = open_volume(f"{url}/v.zarr")
        for z in range(3):
            assert np.array_equal(volume.read(Box((z, 0, 0), (z + 1, 9, 7)))[0], IMAGE[z])
    assert asked.count("/v.zarr/0/c/0/0/0") == 1


@pytest.mark.parametrize("stored", ["v.zarr", "v.precomputed"])
def test_without_suffix_the_metadata_tell_the_format(stored: str, tmp_path: Path) -> None:
    saved(tmp_path / stored).rename(tmp_path / "v")
    with served(tmp_path) as url:
        assert np.array_equal(open_volume(f"{url}/v").read(WHOLE), IMAGE)


@pytest.mark.parametrize("name", ["nothing", "nothing.zarr", "nothing.n5", "nothing.precomputed"])
def test_what_is_not_there_is_no_file(name: str, tmp_path: Path) -> None:
    with served(tmp_path) as url, quick(), pytest.raises(FileNotFoundError, match=f"{name}.* may") as error:
        open_volume(f"{url}/{name}", NM)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "problem"), [("forbidden/v.zarr", "no permission"), ("broken/v.zarr", "503|Unavailable")]
)
def test_what_the_server_refuses_gives_one_line(name: str, problem: str, tmp_path: Path) -> None:
    with served(tmp_path) as url, quick(), pytest.raises(OSError, match=problem) as error:
        open_volume(f"{url}/{name}", NM)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_nobody_at_the_address_is_one_quick_line() -> None:
    with quick(), pytest.raises(OSError, match=r"http://127\.0\.0\.1:1/v\.zarr.* cannot be reached") as error:
        open_volume("http://127.0.0.1:1/v.zarr", NM)
    assert "\n" not in str(error.value)


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute, quick():
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/v.zarr"
        with pytest.raises(OSError, match=r"v\.zarr.* does not answer"):
            open_volume(url, NM)


def test_a_damaged_chunk_is_named(tmp_path: Path) -> None:
    (saved(tmp_path / "v.zarr") / "0/c/1/0/0").write_bytes(b"damage")
    with served(tmp_path) as url:
        volume = open_volume(f"{url}/v.zarr")
        with pytest.raises(ValueError, match=f"{url}/v.zarr/0/c/1/0/0"):
            volume.read(WHOLE)


def test_a_missing_chunk_is_zero_or_an_error_that_names_it(tmp_path: Path) -> None:
    (saved(tmp_path / "v.zarr") / "0/c/1/0/0").unlink()
    with served(tmp_path) as url:
        assert not open_volume(f"{url}/v.zarr").read(WHOLE)[1].any()
        with pytest.raises(ValueError, match=r"v\.zarr/0/c/1/0/0 is missing"):
            open_volume(f"{url}/v.zarr", missing="error").read(WHOLE)


def test_s3_is_read_from_the_endpoint_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bucket-a").mkdir()
    saved(tmp_path / "bucket-a" / "v.zarr")
    with served(tmp_path) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert np.array_equal(open_volume("s3://bucket-a/v.zarr").read(WHOLE), IMAGE)


@pytest.mark.parametrize("url", ["http://a/v.tif", "s3://a/v.h5"])
def test_files_that_cannot_be_read_in_parts_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected OME-Zarr, Zarr, N5 or precomputed where it is remote"):
        open_volume(url, NM)


def test_another_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="expected http, https, s3, gs or file before ://; got ftp"):
        open_volume("ftp://a/v.zarr", NM)


def test_nothing_remote_is_created() -> None:
    with pytest.raises(OSError, match="remote, so it is read-only"):
        create_volume("http://127.0.0.1:1/v.zarr", (1, 2, 3), np.dtype(np.uint8), NM)


def test_names_become_absolute_but_urls_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("a.h5::raw") == f"{tmp_path}/a.h5::raw"
    assert absolute("n5://a::s0") == f"n5://{tmp_path}/a::s0"
    assert absolute("precomputed://https://a/b") == "precomputed://https://a/b"
    assert absolute("s3://a/b.zarr::0") == "s3://a/b.zarr::0"
