"""Image sets on disk: packed JPEG images, and a folder for each class."""

import io
import os
import re
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from microtome.benchmark.images.image_set import ImageSet, held_out, parted
from microtome.benchmark.images.reading import KEYS, read_image_set

SHARED = Path(__file__).parents[2] / "shared" / "data"
CIFAR = Path(os.environ.get("MICROTOME_DATA", SHARED)) / "cifar10" / "cifar10_jpeg_8k_2k.npz"


def write(path: Path, value: int | tuple[int, ...], size: tuple[int, int] = (8, 8)) -> None:
    """A PNG, JPEG or TIFF file of one grey value or colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size if isinstance(value, int) else (*size, len(value))
    iio.imwrite(path, np.broadcast_to(np.array(value, np.uint8), shape))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten grey images of each of two classes; the grey value says which."""
    for k in range(10):
        write(tmp_path / "axon" / f"{k}.png", 10 + k)
        write(tmp_path / "soma" / f"{k}.png", 100 + k)
    return tmp_path


def packed(path: Path, **changed: object) -> Path:
    """Four images to learn from and two to test on, of 8² pixels, in two classes."""

    def jpeg(value: int) -> bytes:
        return bytes(iio.imwrite("<bytes>", np.full((8, 8, 3), value, np.uint8), extension=".jpg"))

    arrays: dict[str, object] = {"classes": np.array(["cat", "dog"])}
    for part, values in {"train": (0, 200, 0, 200), "test": (200, 0)}.items():
        images = [jpeg(value) for value in values]
        arrays[f"{part}_jpeg"] = np.frombuffer(b"".join(images), np.uint8)
        arrays[f"{part}_offsets"] = np.cumsum([0, *map(len, images)])
        arrays[f"{part}_labels"] = np.array([value // 200 for value in values], np.uint8)
    np.savez(path, **(arrays | changed))
    return path


# Folders


def test_a_folder_for_each_class_is_read_and_a_fifth_of_each_is_tested_on(folder: Path) -> None:
    found = read_image_set(folder, 8)
    assert found.classes == ("axon", "soma")
    assert found.images.shape == (16, 1, 8, 8)
    assert np.bincount(found.labels).tolist() == [8, 8]
    assert np.bincount(found.test_labels).tolist() == [2, 2]
    for images, labels in ((found.images, found.labels), (found.test_images, found.test_labels)):
        np.testing.assert_array_equal(images[:, 0, 0, 0] // 100, labels)
    every = np.concatenate([found.images[:, 0, 0, 0], found.test_images[:, 0, 0, 0]])
    assert sorted(every) == [*range(10, 20), *range(100, 110)]


def test_the_seed_says_what_is_tested_on(folder: Path) -> None:
    same, again, other = (read_image_set(folder, 8, seed=seed) for seed in (0, 0, 3))
    assert same.digest == again.digest != other.digest


def test_folders_train_and_test_are_kept_apart(tmp_path: Path) -> None:
    for k in range(3):
        for name, value in (("a", 10), ("b", 60)):
            write(tmp_path / "train" / name / f"{k}.png", value)
            write(tmp_path / "test" / name / f"{k}.png", value + 100)
    found = read_image_set(tmp_path, 8)
    assert found.images.max() < 100 <= found.test_images.min()
    assert found.test_labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_grey_among_coloured_images_gets_three_equal_channels(folder: Path) -> None:
    write(folder / "soma" / "red.png", (200, 0, 0))
    found = read_image_set(folder, 8)
    assert found.images.shape[1] == 3
    every = np.concatenate([found.images, found.test_images])[:, :, 0, 0].tolist()
    assert every.count([200, 0, 0]) == 1
    assert [row for row in every if len(set(row)) > 1] == [[200, 0, 0]]


def test_images_are_cut_to_their_middle_and_averaged_down(tmp_path: Path) -> None:
    striped = np.zeros((8, 16), np.uint8)
    striped[:, 4:12:2] = 100
    striped[:, :4] = striped[:, 12:] = 255
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(2):
            iio.imwrite(tmp_path / name / f"{k}.png", striped)
    np.testing.assert_array_equal(read_image_set(tmp_path, 8).images[0, 0], striped[:, 4:12])
    small = read_image_set(tmp_path, 2).images
    assert small.shape[2:] == (2, 2)
    assert abs(small.astype(int) - 50).max() <= 8  # stripes vanish


@pytest.mark.parametrize("name", ["x.jpg", "x.JPEG", "x.tif", "x.png"])
def test_every_format_is_read(folder: Path, name: str) -> None:
    write(folder / "soma" / name.lower(), 150)
    (folder / "soma" / name.lower()).rename(folder / "soma" / name)
    found = read_image_set(folder, 8)
    assert 150 in np.concatenate([found.images, found.test_images])[:, 0, 0, 0]


def test_other_files_and_hidden_ones_are_left_alone(folder: Path) -> None:
    before = read_image_set(folder, 8).digest
    (folder / "soma" / "notes.txt").write_text("stained badly")
    (folder / "soma" / "._3.png").write_bytes(b"not an image")
    (folder / ".cache").mkdir()
    (folder / "README").write_text("")
    assert read_image_set(folder, 8).digest == before


def damaged(data: bytes) -> dict[str, bytes]:
    huge = data[:16] + (2**31 - 1).to_bytes(4, "big") * 2 + data[24:]
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n"
    return {
        "truncated": data[: data.find(b"IDAT") + 6],
        "empty": b"",
        "text": b"hello",
        "huge": huge,
        "script": script,
    }


@pytest.mark.parametrize("what", damaged(b""))
def test_a_file_that_is_no_image_is_named(folder: Path, what: str) -> None:
    path = folder / "axon" / "3.png"
    path.write_bytes(damaged(path.read_bytes())[what])
    with pytest.raises(ValueError, match=r"axon/3\.png is no readable image: [^\n]+$"):
        read_image_set(folder, 8)


def test_an_image_of_many_pixels_in_few_bytes_is_not_unpacked(folder: Path) -> None:
    path = folder / "axon" / "3.png"
    buffer = io.BytesIO()
    Image.new("1", (8000, 8000)).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match=r"at most 50000000 pixels; got 1, 8000 x 8000"):
        read_image_set(folder, 8)


def test_grey_values_of_16_bits_are_refused(folder: Path) -> None:
    iio.imwrite(folder / "axon" / "3.png", np.full((8, 8), 3000, np.uint16))
    with pytest.raises(ValueError, match=r"3\.png is no readable image: expected 8 bits"):
        read_image_set(folder, 8)


def refusal(folder: Path) -> str:
    """What is said against the images of a folder; nothing where they are read."""
    try:
        read_image_set(folder, 8)
    except ValueError as error:
        return str(error)
    return ""


def test_damaged_bytes_give_an_image_or_one_line(folder: Path) -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for name in ("x.png", "x.jpg", "x.tif"):
        path = folder / "axon" / name
        write(path, (10, 90, 30))
        data = path.read_bytes()
        for _ in range(40):
            bad = np.frombuffer(data, np.uint8).copy()
            bad[rng.integers(4, len(bad), 3)] = rng.integers(256, size=3)
            path.write_bytes(bad.tobytes())
            said = refusal(folder)
            refused += bool(said)
            assert re.fullmatch(rf"({re.escape(str(path))} is no readable image: .*)?", said)
        path.unlink()
    assert refused > 30


def test_a_single_class_or_an_empty_one_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "axon" / "0.png", 1)
    with pytest.raises(ValueError, match="expected a folder for each of two classes or more; got 1"):
        read_image_set(tmp_path, 8)
    (tmp_path / "soma").mkdir()
    with pytest.raises(ValueError, match=r"axon: expected at least two PNG, JPEG or TIFF images; got 1"):
        read_image_set(tmp_path, 8)


def test_a_class_that_is_only_tested_is_refused(tmp_path: Path) -> None:
    for name in ("train/a", "train/b", "test/a", "test/b", "test/c"):
        for k in range(2):
            write(tmp_path / name / f"{k}.png", 1)
    with pytest.raises(ValueError, match="the same classes to train and to test; 'c' is in one alone"):
        read_image_set(tmp_path, 8)


@pytest.mark.parametrize("name", ["missing", "file.txt"])
def test_neither_folder_nor_packed_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(ValueError, match=r"expected a folder of classes or a packed \.npz file"):
        read_image_set(tmp_path / name, 8)


# Packed files


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    found = read_image_set(packed(tmp_path / "x.npz"), 8)
    assert found.classes == ("cat", "dog")
    assert found.images.shape == (4, 3, 8, 8)
    np.testing.assert_array_equal(found.images[:, 0, 0, 0] // 200, found.labels)
    np.testing.assert_array_equal(found.test_images[:, 0, 0, 0] // 200, found.test_labels)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_labels": np.array([0, 1, 0, 2])}, r"must be 0 … 1; got 0 … 2"),
        ({"train_labels": np.array([0, 1, 0])}, r"a label for each of 4 images; got 3"),
        ({"train_labels": np.array([0.0, 1, 0, 1])}, r"train_labels: expected a row of whole numbers"),
        ({"train_offsets": np.array([0, 9, 5, 20, 30])}, r"train_offsets: expected growing offsets from 0"),
        ({"test_offsets": np.array([0, 1, 10**9])}, r"test_offsets: expected growing offsets from 0"),
        ({"test_jpeg": np.zeros(9)}, r"test_offsets: expected offsets into a row of bytes; got float64"),
        ({"classes": np.array(["cat"])}, r"expected at least two classes; got cat"),
        ({"classes": np.array([{}], object)}, r"expected arrays classes, train_jpeg"),
    ],
)
def test_a_packed_file_that_does_not_fit_together_is_refused(
    tmp_path: Path, changed: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=rf"x\.npz.*{message}"):
        read_image_set(packed(tmp_path / "x.npz", **changed), 8)


def test_a_damaged_image_of_a_packed_file_is_named(tmp_path: Path) -> None:
    with np.load(packed(tmp_path / "x.npz")) as file:
        arrays = dict(file)
    begin = int(arrays["train_offsets"][2])
    arrays["train_jpeg"] = arrays["train_jpeg"].copy()
    arrays["train_jpeg"][begin : begin + 2] = 0
    with pytest.raises(ValueError, match=r"x\.npz: train image 2 is no readable image"):
        read_image_set(packed(tmp_path / "x.npz", **arrays), 8)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 and no more", b"\x80\x04N."])
def test_a_file_that_is_no_npz_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(ValueError, match=rf"x\.npz: expected arrays {', '.join(KEYS)}"):
        read_image_set(tmp_path / "x.npz", 8)


@pytest.mark.slow
def test_cifar10_is_what_we_know() -> None:
    if not CIFAR.exists():
        pytest.skip(f"{CIFAR} is not here; set MICROTOME_DATA to test with real data")
    found = read_image_set(CIFAR, 32)
    assert found.images.shape == (8000, 3, 32, 32)
    assert found.test_images.shape == (2000, 3, 32, 32)
    assert found.classes[:3] == ("airplane", "automobile", "bird")
    assert np.bincount(found.labels).min() > 700


# Sets


def test_held_out_images_come_from_those_to_learn_from(folder: Path) -> None:
    found = read_image_set(folder, 8)
    inner = held_out(found)
    assert np.bincount(inner.test_labels).tolist() == [2, 2]
    every = np.concatenate([inner.images, inner.test_images])[:, 0, 0, 0]
    assert sorted(every) == sorted(found.images[:, 0, 0, 0])


def test_every_class_has_an_image_on_either_side() -> None:
    rows, rest = parted(np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1]), 0.2, 0)
    assert len(rows) == 3
    assert sorted([*rows, *rest]) == list(range(10))
    assert set(np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1])[rows]) == {0, 1}


def test_images_of_two_sizes_are_no_set() -> None:
    images, labels = np.zeros((2, 1, 4, 4), np.uint8), np.array([0, 1])
    with pytest.raises(ValueError, match=r"expected test images of shape \(1, 4, 4\); got \(1, 4, 5\)"):
        ImageSet(images, labels, np.zeros((2, 1, 4, 5), np.uint8), labels, ("a", "b"))
    with pytest.raises(ValueError, match="expected images to test on, with a label each; got 0, 0 labels"):
        ImageSet(images, labels, images[:0], labels[:0], ("a", "b"))
