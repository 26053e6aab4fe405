"""Colours that stand for classes in pictures, and the classes that colours stand for."""

import itertools

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from microtome.labels import BACKGROUND

Colours = UInt8[np.ndarray, "_ 3"]

OKABE_ITO = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
"""Told apart by colour-blind people (Okabe & Ito 2008), without black; the page's first, too."""

_LEVELS = range(0, 256, 36)  # of red, green and blue in further colours
_VIVID = 100  # least difference of a colour's parts: greys are the image's
TOLERANCE = 16.0  # between RGB triples, less than half the distance of any two colours of classes
MOST_SHADES = 4096  # of soft edges; a picture with more of them shows an image, too
_PACKED = np.array([1 << 16, 1 << 8, 1])  # a colour as one number
_PAINT = 128  # alpha from which on a pixel is painted


def class_colours(n: int) -> Colours:
    """Distinct colours of classes 1 to n: Okabe & Ito's, then whatever is farthest from all before."""
    colours = np.array(OKABE_ITO[:n], dtype=np.int64).reshape(-1, 3)
    grid = np.array(list(itertools.product(_LEVELS, repeat=3)), dtype=np.int64)
    grid = grid[np.ptp(grid, axis=1) >= _VIVID]
    apart = np.linalg.norm(grid[:, None] - colours[None], axis=2).min(axis=1, initial=np.inf)
    while len(colours) < n:
        colours = np.vstack([colours, grid[apart.argmax()]])
        apart = np.minimum(apart, np.linalg.norm(grid - colours[-1], axis=1))
    return colours.astype(np.uint8)


def painted(labels: UInt8[np.ndarray, "y x"], colours: Colours) -> UInt8[np.ndarray, "y x 4"]:
    """The labels as RGBA: opaque where there is a class, transparent elsewhere."""
    table = np.zeros((256, 4), dtype=np.uint8)
    table[1 : len(colours) + 1] = np.insert(colours, 3, 255, axis=1)
    return table[labels]


def classes_of(picture: np.ndarray, colours: Colours) -> tuple[UInt8[np.ndarray, "y x"], int]:
    """The class that each pixel is painted with, 0 where none is, and how many pixels are of soft edges.

    A pixel is painted from alpha ½ on, with the class of the nearest colour; between two colours of classes
    there may be a soft edge. Without alpha one colour, black or white, stands for nothing. A grey picture
    holds the classes' numbers, or, of one class, black and white.

    Raises:
        ValueError: If it has colours of no class, or is grey and says not which classes it means.
    """
    if picture.dtype == np.uint16:
        numbers = picture.ndim == 2 and picture.max(initial=0) <= len(colours)
        picture = (picture if numbers else picture >> 8).astype(np.uint8)
    if picture.ndim == 2:
        return _numbered(picture, len(colours)), 0
    if picture.shape[2] == 2:
        return _one_class(picture[..., 1], len(colours))
    alpha, named = _alpha(picture, colours)
    opaque = alpha >= _PAINT
    nearest, mixed = _nearest(picture[opaque][:, :3], named, np.argwhere(opaque), len(colours))
    classes = np.zeros(opaque.shape, dtype=np.uint8)
    classes[opaque] = nearest
    soft = (alpha > 0) & (alpha < 255)
    soft[opaque] |= mixed
    return classes, int(soft.sum())


def _numbered(grey: UInt8[np.ndarray, "y x"], classes: int) -> UInt8[np.ndarray, "y x"]:
    values = np.unique(grey)
    if classes == 1 and set(values.tolist()) <= {0, 255}:
        return (grey > 0).astype(np.uint8)
    if values[-1] > classes:
        meant = "0 and 1, or 0 and 255" if classes == 1 else f"0 to {classes}"
        raise ValueError(f"expected colours of classes, or grey values {meant}; got grey {values[-1]}")
    return grey


def _one_class(alpha: UInt8[np.ndarray, "y x"], classes: int) -> tuple[UInt8[np.ndarray, "y x"], int]:
    if classes > 1:
        raise ValueError(f"expected the colours of {classes} classes; got grey with transparency")
    return (alpha >= _PAINT).astype(np.uint8), int(((alpha > 0) & (alpha < 255)).sum())


def _alpha(picture: UInt8[np.ndarray, "y x c"], colours: Colours) -> tuple[UInt8[np.ndarray, "y x"], Colours]:
    """The alpha of each pixel, and the colours to expect, first that of nothing if there is one."""
    if picture.shape[2] == 4:
        return picture[..., 3], colours
    black, white = (bool((picture == value).all(axis=2).any()) for value in (0, 255))
    if black and white:
        raise ValueError("expected one colour around the classes, or transparency; got black and white")
    ground = np.full((int(black or white), 3), 255 if white else 0, dtype=np.uint8)
    return np.full(picture.shape[:2], 255, dtype=np.uint8), np.vstack([ground, colours])


def _nearest(
    pixels: UInt8[np.ndarray, "n 3"], named: Colours, places: Int64[np.ndarray, "n 2"], classes: int
) -> tuple[UInt8[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """The class of each pixel, and which are of no colour named but of an edge between two."""
    packed = pixels.astype(np.int64) @ _PACKED
    shades, first, inverse = np.unique(packed, return_index=True, return_inverse=True)
    own = pixels[first].astype(np.float64)
    unknown = mixed = ~np.isin(shades, named.astype(np.int64) @ _PACKED)
    if len(shades) <= MOST_SHADES:
        unknown = np.zeros(len(shades), dtype=bool)
        unknown[mixed] = _off_edges(own[mixed], named) > TOLERANCE
    if unknown.any():
        at = int(np.argmax(unknown[inverse]))
        y, x = places[at].tolist()
        raise ValueError(
            f"{np.count_nonzero(unknown[inverse])} pixels are of no class's colour, "
            f"the first at y {y}, x {x}: "
            f"expected {', '.join(_hexadecimal(colour) for colour in named)}; got {_hexadecimal(pixels[at])}"
        )
    distances = np.linalg.norm(own[:, None] - named[None].astype(np.float64), axis=2)
    numbers = np.arange(len(named)) + (1 if len(named) == classes else BACKGROUND)
    return numbers[distances.argmin(axis=1)[inverse]].astype(np.uint8), mixed[inverse]


def _off_edges(shades: Float64[np.ndarray, "n 3"], named: Colours) -> Float64[np.ndarray, " n"]:
    """How far each shade is from the nearest line between two colours."""
    best = np.full(len(shades), np.inf)
    for start, end in itertools.combinations_with_replacement(named.astype(np.float64), 2):
        along = end - start
        share = np.clip((shades - start) @ along / max(along @ along, 1.0), 0, 1)
        best = np.minimum(best, np.linalg.norm(shades - start - share[:, None] * along, axis=1))
    return best


def _hexadecimal(colour: UInt8[np.ndarray, "3"]) -> str:
    return "#" + bytes(colour.tolist()).hex()
