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

from cremi_files import write_cremi
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
    present,
    read,
    splits,
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


def test_only_data_sets_we_never_had_are_without_checksums() -> None:
    assert {name for name, dataset in DATASETS.items() if dataset.shapes} == {"epfl", "cremi", "mira"}
    assert all(not (dataset.shapes and dataset.checksums) for dataset in DATASETS.values())


@pytest.mark.parametrize("name", list(DATASETS))
def test_every_class_of_every_part_comes_from_a_known_file(name: str) -> None:
    for part in DATASETS[name].parts.values():
        assert part.image.partition("::")[0] in DATASETS[name].files
        sources = {source.file.partition("::")[0] for source in part.classes.values()}
        assert sources <= set(DATASETS[name].files)
        assert part.tested_in is None or part.tested_in in DATASETS[name].parts


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


def test_a_data_set_is_found_by_the_name_of_its_first_author_too() -> None:
    assert find("lucchi") is find("epfl")
    with pytest.raises(ValueError, match="did you mean 'lucchi'"):
        find("luchi")


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


SMALL_EPFL = dataclasses.replace(
    DATASETS["epfl"], shapes=dict.fromkeys(DATASETS["epfl"].shapes, (2, 6, 5)), links={}
)


@pytest.fixture
def epfl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Files named and laid out like EPFL's, small, in $MICROTOME_DATA."""
    folder = tmp_path / SMALL_EPFL.folder
    folder.mkdir()
    arrays = {}
    for name in SMALL_EPFL.files:
        array = rng.integers(0, 255, (2, 6, 5), np.uint8)
        arrays[name] = np.where(array > 200, 255, 0).astype(np.uint8) if "groundtruth" in name else array
        tifffile.imwrite(folder / name, arrays[name])
    monkeypatch.setenv("MICROTOME_DATA", str(tmp_path))
    return arrays


@pytest.mark.parametrize("part", ["training", "testing"])
def test_a_pair_of_volumes_is_read_by_part_and_what_is_not_0_is_the_class(
    part: str, epfl: dict[str, np.ndarray]
) -> None:
    image, labels = load(SMALL_EPFL, ["mitochondria"], locate(SMALL_EPFL, announce=ignore), part=part)
    np.testing.assert_array_equal(image.read(Box.of(image.shape)), epfl[f"{part}.tif"])
    np.testing.assert_array_equal(labels.read(Box.of(labels.shape)), epfl[f"{part}_groundtruth.tif"] == 255)
    assert image.voxel_size_nm == (5.0, 5.0, 5.0)


def test_a_pair_of_volumes_wants_one_named_and_names_the_one_to_test_in(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="parts training, testing"):
        load(SMALL_EPFL, ["mitochondria"], tmp_path)
    assert SMALL_EPFL.parts["training"].tested_in == "testing"
    assert splits(SMALL_EPFL.parts["training"], (2, 6, 5)) == (None, None)


def test_files_without_a_checksum_are_said_to_be_unverified(epfl: dict[str, np.ndarray]) -> None:
    lines: list[str] = []
    locate(SMALL_EPFL, announce=lines.append)
    assert len(lines) == 1
    assert "not verified" in lines[0]
    assert "training.tif" in lines[0]


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 6, 7), np.uint8), np.zeros((2, 6, 5), np.uint16), np.zeros((2, 6, 5, 3), np.uint8)]
)
def test_a_file_without_a_checksum_must_have_the_known_shape_and_type(
    wrong: np.ndarray, epfl: dict[str, np.ndarray]
) -> None:
    folder = locate(SMALL_EPFL, announce=ignore)
    tifffile.imwrite(folder / "testing.tif", wrong, photometric="minisblack")
    with pytest.raises(ValueError, match=r"testing\.tif.*uint8 of shape \(2, 6, 5\), got") as caught:
        load(SMALL_EPFL, ["mitochondria"], folder, part="testing")
    assert str(wrong.shape) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stack_of_unknown_shape_is_read_and_split_at_the_middle_of_y(tmp_path: Path) -> None:
    dataset = find("mira")
    array = rng.integers(0, 255, (2, 7, 4), np.uint8)
    tifffile.imwrite(tmp_path / "image.tif", array)
    tifffile.imwrite(tmp_path / "mitochondria.tif", np.where(array > 99, 255, 0).astype(np.uint8))
    image, labels = load(dataset, ["mitochondria"], tmp_path)
    np.testing.assert_array_equal(labels.read(Box.of(labels.shape)), array > 99)
    assert splits(dataset.parts["stack"], image.shape) == ("0:2,0:3,0:4", "0:2,3:7,0:4")


def test_labels_of_another_shape_than_the_image_are_refused_in_one_line(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "image.tif", np.zeros((2, 6, 4), np.uint8))
    tifffile.imwrite(tmp_path / "mitochondria.tif", np.zeros((2, 4, 6), np.uint8))
    with pytest.raises(ValueError, match=r"image's shape \(2, 6, 4\); .*mitochondria\.tif has \(2, 4, 6\)"):
        load(find("mira"), ["mitochondria"], tmp_path)


def test_vnc_offers_the_halves_of_y_beside_its_sections() -> None:
    parts, shape = find("vnc").parts, (20, 1024, 1024)
    assert splits(parts["stack1"], shape) == ("0:9", "11:20")
    assert splits(parts["y-halves"], shape) == ("0:20,0:512,0:1024", "0:20,512:1024,0:1024")
    assert splits(parts["y-halves"], shape, (1, 2, 2)) == ("0:20,0:256,0:512", "0:20,256:512,0:512")


def test_isbi2012_leaves_two_sections_between_training_and_testing() -> None:
    assert splits(find("isbi2012").parts["train"], (30, 512, 512)) == ("0:14", "16:30")


def test_parts_of_one_image_may_be_left_unnamed() -> None:
    dataset, folder = real("vnc")
    np.testing.assert_array_equal(
        values(dataset, ["mitochondria"], folder), values(dataset, ["mitochondria"], folder, "y-halves")
    )


def test_splits_shrink_with_the_image_and_never_reach_beyond_themselves() -> None:
    part = Part("image.tif", {}, train="0:115", test="135:250,10:21,0:30")
    assert splits(part, (250, 40, 30), (2, 2, 3)) == ("0:57", "68:125,5:10,0:10")
    with pytest.raises(ValueError, match="0:0"):
        splits(Part("image.tif", {}, halves=True), (2, 7, 4), (1, 4, 1))


def test_files_are_downloaded_one_by_one_from_their_addresses(empty_cache: Path, server: Server) -> None:
    page = io.BytesIO()
    tifffile.imwrite(page, ARRAYS["image.tif"])
    server.content = page.getvalue()
    url = f"http://127.0.0.1:{server.server_port}/archive.zip"
    dataset = dataclasses.replace(
        TINY, checksums={}, shapes={"image.tif": (2, 5, 6)}, links={"image.tif": url}
    )
    lines: list[str] = []
    folder = locate(dataset, announce=lines.append)
    np.testing.assert_array_equal(read(dataset, "image.tif", folder), ARRAYS["image.tif"])
    assert ["not verified" in lines[0], url in lines[1], len(lines)] == [True, True, 2]
    assert present(dataset) == folder


def test_a_page_in_place_of_a_file_is_a_failed_download_and_not_kept(
    empty_cache: Path, server: Server
) -> None:
    server.content = b"<html>moved</html>"
    url = f"http://127.0.0.1:{server.server_port}/archive.zip"
    dataset = dataclasses.replace(TINY, checksums={}, shapes={"image.tif": None}, links={"image.tif": url})
    assert "download failed" in complaint(dataset)
    assert list(empty_cache.iterdir()) == []


def test_hdf5_files_are_downloaded_as_they_are_if_they_have_the_layout_of_cremi(
    empty_cache: Path, tmp_path: Path, server: Server
) -> None:
    url, file = f"http://127.0.0.1:{server.server_port}/archive.zip", "sample.hdf"
    dataset = dataclasses.replace(DATASETS["cremi"], parts={}, shapes={file: None}, links={file: url})
    whole = write_cremi(tmp_path / file).read_bytes()
    for damaged in (b"<html>moved</html>", whole[: len(whole) // 2]):
        server.content = damaged
        assert "download failed (sample.hdf cannot be read as HDF5" in complaint(dataset)
        assert list(empty_cache.iterdir()) == []
    server.content = whole
    folder = locate(dataset, announce=ignore)
    assert (folder / file).read_bytes() == whole


@pytest.mark.parametrize("name", ["epfl", "cremi", "mira"])
def test_unverified_data_sets_say_what_to_put_where(name: str, empty_cache: Path) -> None:
    dataset = dataclasses.replace(find(name), links={})
    with pytest.raises(FileNotFoundError) as caught:
        locate(dataset, announce=pytest.fail)
    line = str(caught.value)
    assert "\n" not in line
    assert dataset.address in line
    assert f"put {', '.join(dataset.shapes)} into $MICROTOME_DATA/{dataset.folder}" in line
