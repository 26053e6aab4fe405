"""PNG files, as paint programs write them."""

from pathlib import Path

import imagecodecs
import numpy as np
from jaxtyping import Bool, UInt8

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def write_png(path: Path, picture: UInt8[np.ndarray, "y x *c"]) -> None:
    """Write a picture, grey or with channels.

    Raises:
        OSError: If it cannot be written.
    """
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(picture), level=3))


def read_png(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """A picture of `shape`, y x with channels behind if it has any, uint8 or uint16; palettes are resolved.

    Raises:
        ValueError: If it is no PNG, damaged, or of another size.
        OSError: If it cannot be read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    data = path.read_bytes()
    if not data.startswith(_SIGNATURE) or len(data) < 26:
        raise ValueError(f"{path}: expected a PNG image")
    x, y = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))  # before anything is decoded
    if (y, x) != shape:
        raise ValueError(f"{path}: expected {shape[1]} × {shape[0]} pixels, as exported; got {x} × {y}")
    try:
        return imagecodecs.png_decode(data)
    except (ValueError, RuntimeError, MemoryError) as error:  # the decoder raises RuntimeErrors
        raise ValueError(f"{path} is a damaged PNG image: {error}") from error


def read_mask(path: Path, shape: tuple[int, int]) -> Bool[np.ndarray, "y x"]:
    """Where a picture is rather white than black.

    Raises:
        ValueError: As `read_png`.
        OSError: As `read_png`.
    """
    picture = read_png(path, shape)
    if picture.ndim == 3:
        picture = picture[..., : 1 if picture.shape[2] == 2 else 3].max(axis=2)
    return picture > np.iinfo(picture.dtype).max // 2
