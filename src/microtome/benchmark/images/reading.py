"""Image sets on disk: JPEG images packed into one NumPy file, or a folder for every class."""

import io
import struct
import warnings
import zipfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from torch.nn import functional

from microtome.benchmark.images.image_set import ImageSet, Labels, parted

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "TIFF")  # no other decoder is let near a file
MODES = {
    "L": "L",
    "LA": "L",
    "1": "L",
    "P": "RGB",
    "RGB": "RGB",
    "RGBA": "RGB",
    "CMYK": "RGB",
    "YCbCr": "RGB",
}
DAMAGED = (OSError, ValueError, SyntaxError, TypeError, KeyError, struct.error, Image.DecompressionBombError)
MOST_BYTES, MOST_PIXELS = 50_000_000, 50_000_000  # of an image; small files can claim to be huge
TESTED = 0.2  # of each class, where the folder says nothing
KEYS = ("classes", "train_jpeg", "train_offsets", "train_labels", "test_jpeg", "test_offsets", "test_labels")

Picture = UInt8[np.ndarray, "_ _ _"]  # c y x, one channel or three


def read_image_set(path: Path, side: int, *, seed: int = 0) -> ImageSet:
    """The images of a packed file or of a folder, as squares of `side` pixels.

    A folder holds one of PNG, JPEG or TIFF images for each class, or `train` and `test`, each with the same
    classes; without them a fifth of each class is tested on, drawn by `seed`. Other files are left alone.
    Images that are not square lose their ends. They are grey where all are, else in colour.

    Raises:
        ValueError: In one line, if something is not as it should be; it names the file.
        OSError: If a file cannot be read.
    """
    if side < 1:
        raise ValueError(f"expected images of at least 1 pixel a side; got {side}")
    if path.is_dir():
        return _folders(path, side, seed)
    if path.suffix == ".npz":
        return _packed(path, side)
    raise ValueError(f"{path}: expected a folder of classes or a packed .npz file")


def _packed(path: Path, side: int) -> ImageSet:
    """Arrays KEYS: the bytes of JPEG images one after the other, where each begins and ends, its class."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {key: file[key] for key in KEYS}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: expected arrays {', '.join(KEYS)}: {error}") from error
    names = tuple(str(name) for name in arrays["classes"].ravel())
    pictures: list[Picture] = []
    labels: list[Labels] = []
    for part in ("train", "test"):
        data, offsets = arrays[f"{part}_jpeg"], arrays[f"{part}_offsets"]
        labels.append(_numbers(arrays[f"{part}_labels"], f"{path}: {part}_labels"))
        _require_offsets(data, _numbers(offsets, f"{path}: {part}_offsets"), f"{path}: {part}_offsets")
        if len(offsets) != len(labels[-1]) + 1:
            raise ValueError(
                f"{path}: expected a label for each of {len(offsets) - 1} images; got {len(labels[-1])}"
            )
        packed = data.tobytes()
        for row, (begin, end) in enumerate(pairwise(offsets.tolist())):
            pictures.append(_square(_decoded(packed[begin:end], f"{path}: {part} image {row}"), side))
    return _image_set(pictures, labels[0], labels[1], names, path)


def _folders(path: Path, side: int, seed: int) -> ImageSet:
    found = _subfolders(path)
    if [folder.name for folder in found] == ["test", "train"]:
        return _split_folders(path, side)
    labels, pictures = _labelled(found, path, side)
    test, train = parted(labels, TESTED, seed)
    ordered = [pictures[row] for row in (*train, *test)]
    return _image_set(ordered, labels[train], labels[test], tuple(f.name for f in found), path)


def _split_folders(path: Path, side: int) -> ImageSet:
    test, train = (_subfolders(path / name) for name in ("test", "train"))
    classes = tuple(folder.name for folder in train)
    odd = sorted({folder.name for folder in test} ^ set(classes))
    if odd:
        raise ValueError(
            f"{path}: expected the same classes to train and to test; {odd[0]!r} is in one alone"
        )
    labels, pictures = _labelled(train, path / "train", side)
    test_labels, test_pictures = _labelled(test, path / "test", side)
    return _image_set([*pictures, *test_pictures], labels, test_labels, classes, path)


def _subfolders(path: Path) -> list[Path]:
    return sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))


def _labelled(classes: Sequence[Path], path: Path, side: int) -> tuple[Labels, list[Picture]]:
    if len(classes) < 2:
        raise ValueError(f"{path}: expected a folder for each of two classes or more; got {len(classes)}")
    labels: list[int] = []
    pictures: list[Picture] = []
    for label, folder in enumerate(classes):
        files = sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES and f.name[0] != ".")
        if len(files) < 2:
            raise ValueError(f"{folder}: expected at least two PNG, JPEG or TIFF images; got {len(files)}")
        labels += [label] * len(files)
        pictures += [_square(_read(file), side) for file in files]
    return np.array(labels, dtype=np.int64), pictures


def _read(file: Path) -> Picture:
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"{file}: expected at most {MOST_BYTES} bytes; got {file.stat().st_size}")
    return _decoded(file.read_bytes(), str(file))


def _decoded(data: bytes, name: str) -> Picture:
    """The first image of a file, grey or in colour; what is transparent shows the colour under it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # odd metadata is a sign of damage
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.mode not in MODES or image.width * image.height > MOST_PIXELS:
                    size = f"{image.width} x {image.height}"
                    raise ValueError(
                        f"expected 8 bits, at most {MOST_PIXELS} pixels; got {image.mode}, {size}"
                    )
                array = np.asarray(image.convert(MODES[image.mode]))
    except (*DAMAGED, Warning) as error:
        raise ValueError(f"{name} is no readable image: {' '.join(str(error).split())[:200]}") from error
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _square(picture: Picture, side: int) -> Picture:
    """The middle of a picture, as a square of `side` pixels; where it shrinks, neighbours are averaged."""
    _, height, width = picture.shape
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = picture[:, top : top + edge, left : left + edge]
    if edge == side:
        return np.ascontiguousarray(square)
    x = torch.from_numpy(np.array(square, order="C"))[None].float()
    y = functional.interpolate(x, (side, side), mode="bilinear", align_corners=False, antialias=True)
    return y[0].round().clamp(0, 255).to(torch.uint8).numpy()


def _image_set(
    pictures: Sequence[Picture], labels: Labels, test_labels: Labels, classes: tuple[str, ...], path: Path
) -> ImageSet:
    """Of pictures to learn from, then to test on; grey ones among coloured ones get three equal channels."""
    channels = max((len(picture) for picture in pictures), default=1)
    every = np.stack([np.broadcast_to(p, (channels, *p.shape[1:])) for p in pictures] or [np.empty(0)])
    count = len(labels)
    try:
        return ImageSet(every[:count], labels, every[count:], test_labels, classes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _numbers(array: np.ndarray, name: str) -> Int64[np.ndarray, "n"]:
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name}: expected a row of whole numbers; got {array.dtype} of {array.shape}")
    return array.astype(np.int64)


def _require_offsets(data: np.ndarray, offsets: Int64[np.ndarray, "m"], name: str) -> None:
    if data.ndim != 1 or data.dtype != np.uint8:
        raise ValueError(f"{name}: expected offsets into a row of bytes; got {data.dtype} of {data.shape}")
    ends = (offsets[0], offsets[-1]) if len(offsets) else None
    if len(offsets) < 2 or ends != (0, len(data)) or (np.diff(offsets) <= 0).any():
        raise ValueError(f"{name}: expected growing offsets from 0 to {len(data)}")
