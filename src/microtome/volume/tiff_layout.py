"""Where the sections of a TIFF lie, and whether the file really holds them."""

import logging
import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from microtome.box import Int3
from microtome.volume.spec import stack_shape

Page = tifffile.TiffPage | tifffile.TiffFrame

# What tifffile and its decoders raise for damaged files; decoders raise subclasses of RuntimeError.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ElementTree.ParseError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class TiffStack:
    """Sections in one uncompressed piece from byte `offset` on, or one in each of `pages`."""

    pages: Sequence[Page]
    offset: int | None
    shape: Int3
    dtype: np.dtype


def tiff_stack(tif: tifffile.TiffFile) -> TiffStack:
    """The only stack of the file; several single sections of the same kind make one stack.

    Raises:
        ValueError: If there is no stack, more than one, or one with channels or missing pages.
    """
    series = tif.series
    shapes = [_stack_shape(one) for one in series]
    kinds = {(one.dtype, shape) for one, shape in zip(series, shapes, strict=True)}
    if len(kinds) != 1 or (len(series) > 1 and shapes[0][0] > 1):
        raise ValueError(f"expected one stack of sections; got {len(series)} images of shapes {shapes}")
    shape = (len(series) * shapes[0][0], *shapes[0][1:])
    dtype = np.dtype(series[0].dtype).newbyteorder(tif.byteorder)
    first, offset = series[0][0], series[0].dataoffset
    if len(series) == 1 and offset is not None and first is not None and first.parent is tif:
        return TiffStack((), offset, shape, dtype)
    pages = [_whole_page(page) for one in series for page in one]
    if len(pages) != shape[0]:
        raise ValueError(f"expected one page for each of {shape[0]} sections; got {len(pages)}")
    return TiffStack(pages, None, shape, dtype)


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn what tifffile raises, or only logs, about a damaged file into one ValueError that names it."""
    complaints = _Complaints()
    logger = logging.getLogger("tifffile")
    logger.addHandler(complaints)
    try:
        yield
        if complaints.messages:
            raise ValueError(complaints.messages[0])
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path} is no readable TIFF stack: {reason}") from error
    finally:
        logger.removeHandler(complaints)


class _Complaints(logging.Handler):
    """Remembers errors: after some damage tifffile goes on with the pages before it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self, logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def _stack_shape(series: tifffile.TiffPageSeries) -> Int3:
    sizes = list(zip(series.get_axes(squeeze=False), series.get_shape(squeeze=False), strict=True))
    deep = [(axis, size) for axis, size in sizes if axis not in "YX" and size > 1]
    if len(deep) > 1 or any(axis in "CS" for axis, _ in deep):
        listed = ", ".join(f"{tifffile.TIFF.AXES_NAMES.get(axis, axis)} {size}" for axis, size in sizes)
        raise ValueError(f"expected sections of one channel (z y x); got axes {listed}")
    plane = [size for axis, size in sizes if axis in "YX"]
    return stack_shape([*(size for _, size in deep), *plane], "image")


def _whole_page(page: Page | None) -> Page:
    if page is None:
        raise ValueError("truncated: a section that is announced is missing")
    ends = (a + n for a, n in zip(page.dataoffsets, page.databytecounts, strict=True))
    end, size = max(ends, default=0), page.parent.filehandle.size
    if end > size:
        raise ValueError(f"truncated: expected at least {end} bytes; got {size}")
    return page
