"""Arrays as bytes; of labels, the classes, and apart from them which voxels were annotated at all."""

import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped, UInt8

from microtome.box import Box, Int3
from microtome.labels import IGNORE, annotated


@dataclass(frozen=True)
class EncodedLabels:
    """Labels as stored: zlib streams, whose checksums reveal damage.

    `labels` holds one byte a voxel, 0 where nothing was said; `mask` one bit a voxel, 1 where annotated.
    """

    shape: Int3
    labels: bytes
    mask: bytes


def encode_labels(labels: UInt8[np.ndarray, "z y x"]) -> EncodedLabels:
    """The bytes of a label block; `IGNORE` itself is never stored."""
    known = annotated(labels)
    z, y, x = labels.shape
    return EncodedLabels(
        shape=(z, y, x),
        labels=zlib.compress(np.where(known, labels, 0).astype(np.uint8).tobytes()),
        mask=zlib.compress(np.packbits(known.ravel()).tobytes()),
    )


def decode_labels(encoded: EncodedLabels) -> UInt8[np.ndarray, "z y x"]:
    """The label block, with `IGNORE` where nothing was said.

    Raises:
        ValueError: If the bytes are damaged or do not fit the shape.
    """
    size = Box.of(encoded.shape).size
    labels = np.frombuffer(_inflate(encoded.labels, size), dtype=np.uint8)
    bits = np.frombuffer(_inflate(encoded.mask, (size + 7) // 8), dtype=np.uint8)
    known = np.unpackbits(bits, count=size).astype(bool)
    if (labels[known] == IGNORE).any() or labels[~known].any():
        raise ValueError("labels and annotated voxels contradict each other")
    return np.where(known, labels, np.uint8(IGNORE)).reshape(encoded.shape)


def encode_array(array: Shaped[np.ndarray, "..."]) -> bytes:
    """The compressed bytes of an array of integers, little-endian."""
    return zlib.compress(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes(), 1)


def decode_array(data: bytes, shape: tuple[int, ...], dtype: type[np.integer]) -> Shaped[np.ndarray, "..."]:
    """The array; one of the shape's sides may be -1, for what is there.

    Raises:
        ValueError: If the bytes are damaged or do not fit the shape.
    """
    try:
        raw = zlib.decompress(data)
    except zlib.error as error:
        raise ValueError(f"compressed data are damaged: {error}") from error
    return np.frombuffer(raw, np.dtype(dtype).newbyteorder("<")).astype(dtype).reshape(shape)


def _inflate(data: bytes, size: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        result = stream.decompress(data, size + 1)  # a forged stream cannot fill the memory
    except zlib.error as error:
        raise ValueError(f"compressed labels are damaged: {error}") from error
    if len(result) != size or not stream.eof:
        came = "more" if len(result) > size else f"{len(result)}, or a torn stream"
        raise ValueError(f"expected {size} bytes of labels; got {came}")
    return result
