import dataclasses
import gc
import io
import os
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from microtome.benchmark.datasets import (
    DATASETS,
    Archive,
    ClassSource,
    Dataset,
    Licence,
    Part,
    checksum,
    find,
    load,
    locate,
    read,
    vnc_arrays,
)
from microtome.box import Box

SHARED = Path(__file__).parents[2] / "shared" / "data"
ROOT = Path(os.environ.get("MICROTOME_DATA", SHARED))

rng = np.random.default_rng(0)
ARRAYS = {
    "image.tif": rng.integers(0, 255, (2, 5, 6), np.uint8),
    "ids.tif": np.repeat(np.array([0, 0, 3, 3, 7, 7], np.uint16), 10)
    .reshape(6, 2, 5)
    .transpose(1, 2, 0)
    .copy(),
}
TINY = Dataset(
    name="tiny",
    title="A tiny data set",
    folder="tiny_folder",
    voxel_size_nm=(40.0, 4.0, 4.0),
    parts={
        "only": Part(
            "image.tif",
            {
                "bodies": ClassSource("ids.tif", "ids"),
                "walls": ClassSource("ids.tif", "borders"),
                "seven": ClassSource("ids.tif", 7),
            },
        )
    },
    licence=Licence("CC BY-NC 4.0", non_commercial=True),
    citation="Nobody 2020",
    address="https://example.org/tiny",
    checksums={name: checksum(array) for name, array in ARRAYS.items()},
)


def real(name: str) -> tuple[Dataset, Path]:
    dataset = find(name)
    folder = ROOT / dataset.folder
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here; set MICROTOME_DATA to test with real data")
    return dataset, folder


def values(dataset: Dataset, classes: list[str], folder: Path, part: str | None = None) -> np.ndarray:
    _, labels = load(dataset, classes, folder, part=part)
    return labels.read(Box.of(labels.shape))


def unzip_tiffs(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    return {name: tifffile.imread(io.BytesIO(archive.read(name))) for name in archive.namelist()}


def zipped(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            page = io.BytesIO()
            tifffile.imwrite(page, array)
            archive.writestr(name, page.getvalue())
    return buffer.getvalue()


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MICROTOME_DATA", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "microtome"


@pytest.fixture
def tiny_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / TINY.folder
    folder.mkdir(parents=True)
    for name, array in ARRAYS.items():
        tifffile.imwrite(folder / name, array)
    return folder


class Server(ThreadingHTTPServer):
    """Serves one file at /archive.zip and remembers what was asked for."""

    content = zipped(ARRAYS)
    asked: list[str]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        found = self.path == "/archive.zip"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(self.server.content) if found else 0))
        self.end_headers()
        if found:
            self.wfile.write(self.server.content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def online(server: Server, path: str = "archive.zip") -> Dataset:
    url = f"http://127.0.0.1:{server.server_port}/{path}"
    return dataclasses.replace(TINY, archive=Archive(url, unzip_tiffs))


def ignore(line: str) -> None:
    pass


@pytest.mark.parametrize("name", list(DATASETS))
def test_every_file_of_a_real_data_set_has_the_recorded_checksum(name: str) -> None:
    dataset, folder = real(name)
    for file in dataset.checksums:
        assert checksum(read(dataset, file, folder)) == dataset.checksums[file]


@pytest.mark.parametrize("name", list(DATASETS))
def test_every_class_of_every_part_comes_from_a_file_with_a_checksum(name: str) -> None:
    for part in DATASETS[name].parts.values():
        assert part.image in DATASETS[name].checksums
        assert {source.file for source in part.classes.values()} <= set(DATASETS[name].checksums)


@pytest.mark.parametrize(
    ("name", "wanted", "shares"),
    [
        (
            "vnc",
            ["mitochondria", "membranes", "synapses"],
            [0.0538, 0.2001, 0.0056],
        ),  # synapses cover membrane
        ("vnc", ["membranes"], [0.2038]),
        ("isbi2012", ["mitochondria"], [0.0482]),
        ("flyem", ["membranes"], [0.1033]),
    ],
)
def test_classes_of_a_real_volume_fill_the_known_share(
    name: str, wanted: list[str], shares: list[float]
) -> None:
    labels = values(real(name)[0], wanted, real(name)[1])
    got = [float((labels == value).mean()) for value in range(1, len(wanted) + 1)]
    assert got == pytest.approx(shares, abs=0.0005)


def test_axon_and_myelin_are_values_of_one_image() -> None:
    dataset, folder = real("axon-myelin")
    labels = values(dataset, ["axon", "myelin"], folder, part="sem2")
    stored = read(dataset, "sem2_label.png", folder)
    assert labels.shape == (1, 744, 1154)
    np.testing.assert_array_equal(labels == 1, stored == 2)
    np.testing.assert_array_equal(labels == 2, stored == 1)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'isbi2012'"):
        find("isbi-2012")


def test_an_unknown_class_is_answered_with_those_there_are(tiny_folder: Path) -> None:
    with pytest.raises(ValueError, match="no class 'nuclei'; there are bodies, walls, seven"):
        load(TINY, ["bodies", "nuclei"], tiny_folder)
    with pytest.raises(ValueError, match="none were asked for"):
        load(TINY, [], tiny_folder)


def test_a_data_set_with_several_parts_wants_one_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="parts sem1, sem2"):
        load(find("axon-myelin"), ["axon"], tmp_path)


def test_labels_count_classes_in_the_order_asked_and_later_ones_win(tiny_folder: Path) -> None:
    row = values(TINY, ["bodies", "seven"], tiny_folder)[0, 0]
    assert row.tolist() == [0, 0, 1, 1, 2, 2]
    row = values(TINY, ["seven", "bodies"], tiny_folder)[0, 0]
    assert row.tolist() == [0, 0, 2, 2, 2, 2]


def test_borders_are_where_ids_meet(tiny_folder: Path) -> None:
    assert values(TINY, ["walls"], tiny_folder)[1, 4].tolist() == [0, 1, 1, 1, 1, 0]


def test_image_and_labels_are_volumes_with_the_voxel_size(tiny_folder: Path) -> None:
    image, labels = load(TINY, ["bodies"], tiny_folder)
    assert image.voxel_size_nm == labels.voxel_size_nm == (40.0, 4.0, 4.0)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(image.read(Box.of(image.shape)), ARRAYS["image.tif"])


def test_a_changed_file_is_refused_by_name_and_checksum(tiny_folder: Path) -> None:
    wrong = ARRAYS["image.tif"] + 1
    tifffile.imwrite(tiny_folder / "image.tif", wrong)
    with pytest.raises(ValueError, match=r"image\.tif") as caught:
        load(TINY, ["bodies"], tiny_folder)
    assert TINY.checksums["image.tif"] in str(caught.value)
    assert checksum(wrong) in str(caught.value)


def test_the_checksum_is_of_the_values_not_of_their_packing() -> None:
    array = ARRAYS["ids.tif"]
    assert checksum(array.astype(">u2")) == checksum(array)
    assert checksum(np.asfortranarray(array)) == checksum(array)
    assert checksum(array.astype(np.uint32)) != checksum(array)
    assert checksum(array.reshape(5, 2, 6)) != checksum(array)


def test_the_folder_of_the_environment_comes_first(
    empty_cache: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROTOME_DATA", str(tiny_folder.parent))
    assert locate(TINY, announce=pytest.fail) == tiny_folder


def test_the_cache_comes_second_and_nothing_is_downloaded(
    empty_cache: Path, tiny_folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROTOME_DATA", str(tiny_folder.parent / "empty"))
    empty_cache.mkdir(parents=True)
    tiny_folder.rename(empty_cache / TINY.folder)
    assert locate(online(server), announce=pytest.fail) == empty_cache / TINY.folder
    assert server.asked == []


def test_source_and_licence_are_announced_before_the_download(empty_cache: Path, server: Server) -> None:
    lines: list[str] = []

    def announce(line: str) -> None:
        assert server.asked == []
        lines.append(line)

    locate(online(server), announce=announce)
    assert server.asked == ["/archive.zip"]
    assert len(lines) == 1
    for part in ("A tiny data set", "127.0.0.1", "CC BY-NC 4.0", "non-commercial", "Nobody 2020"):
        assert part in lines[0]


def test_a_download_is_converted_and_kept_in_the_cache(empty_cache: Path, server: Server) -> None:
    dataset = online(server)
    folder = locate(dataset, announce=ignore)
    assert [path.name for path in empty_cache.iterdir()] == [TINY.folder]
    np.testing.assert_array_equal(read(dataset, "ids.tif", folder), ARRAYS["ids.tif"])
    assert locate(dataset, announce=pytest.fail) == folder


def test_a_download_with_other_content_is_refused_and_not_kept(empty_cache: Path, server: Server) -> None:
    server.content = zipped(ARRAYS | {"ids.tif": ARRAYS["ids.tif"] + 1})
    with pytest.raises(ValueError, match="is not the file we know"):
        locate(online(server), announce=ignore)
    assert list(empty_cache.iterdir()) == []


def complaint(dataset: Dataset) -> str:
    with pytest.raises(FileNotFoundError) as caught:
        locate(dataset, announce=ignore)
    return str(caught.value)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("trouble", ["no server", "no file", "no zip", "no stack"])
def test_a_failed_download_is_one_line_that_says_what_to_put_where(
    trouble: str, empty_cache: Path, server: Server
) -> None:
    dataset = online(server, "nothing.zip" if trouble == "no file" else "archive.zip")
    if trouble == "no server":
        dataset = dataclasses.replace(dataset, archive=Archive("http://127.0.0.1:9/archive.zip", unzip_tiffs))
    if trouble == "no zip":
        server.content = b"not a zip"
    if trouble == "no stack":
        dataset = dataclasses.replace(dataset, archive=Archive(dataset.archive.url, vnc_arrays))
    line = complaint(dataset)
    gc.collect()  # after a 404 requests leaves its socket to the collector
    assert "\n" not in line
    for part in (
        "download failed",
        "https://example.org/tiny",
        "CC BY-NC 4.0",
        "image.tif, ids.tif",
        "tiny_folder",
    ):
        assert part in line


def test_what_cannot_be_downloaded_is_explained_without_trying(empty_cache: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"put image\.tif, ids\.tif into \$MICROTOME_DATA/tiny_folder"
    ):
        locate(TINY, announce=pytest.fail)


@pytest.mark.parametrize("white", ["membranes", "cells"])
def test_the_vnc_repository_becomes_stacks_with_its_1_bit_masks_intact(white: str) -> None:
    raw = rng.integers(0, 255, (20, 8, 9), np.uint8)
    masks = {name: rng.random((20, 8, 9)) < 0.3 for name in ("membranes", "mitochondria", "synapses")}
    codes = np.where(masks["membranes"], 64, 255).astype(np.uint8)
    drawn = masks | {"membranes": masks["membranes"] ^ (white == "cells")}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        root = "groundtruth-drosophila-vnc-master/stack1"
        for z in range(20):
            archive.writestr(f"{root}/raw/{z:02d}.tif", iio.imwrite("<bytes>", raw[z], extension=".tif"))
            archive.writestr(
                f"{root}/labels/labels{z:08d}.png", iio.imwrite("<bytes>", codes[z], extension=".png")
            )
            for name, mask in drawn.items():
                one_bit = name == "mitochondria" and z in (1, 7, 18)
                section = mask[z] if one_bit else mask[z].astype(np.uint8) * 255
                archive.writestr(
                    f"{root}/{name}/{z:02d}.png", iio.imwrite("<bytes>", section, extension=".png")
                )
        arrays = vnc_arrays(archive)
    np.testing.assert_array_equal(arrays["image.tif"], raw)
    for name, mask in masks.items():
        np.testing.assert_array_equal(arrays[f"{name}.tif"], mask.astype(np.uint8))
