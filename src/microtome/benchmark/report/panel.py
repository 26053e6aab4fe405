"""Pictures of a study: panel.npz, which a study may leave beside its table."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, is_zipfile

import numpy as np
from jaxtyping import Bool, Float64, Num, Shaped, UInt8

from microtome.benchmark.protocol.files import expected
from microtome.benchmark.report import figures

UNCERTAINTY_COLOURS = "magma"
Arrays = Mapping[str, Shaped[np.ndarray, "..."]]

_QUERY = r"query/[^/]+/\d{1,6}/"
_KINDS = {
    "image|truth|pred/[^/]+": ("u1", 2),
    "jaccard/[^/]+": ("f", 0),
    f"{_QUERY}(image|truth)": ("u1", 3),
    f"{_QUERY}uncertainty": ("f", 3),
    "(scatter|sweep)/(uncertainty|threshold|dice)|similarity/(before|after)": ("f", 1),
    "similarity/matrix": ("f", 2),
    "similarity/measured": ("b1", 2),
    "digest": ("U", 0),
}
"""Type and number of axes of each array that the file may hold, by a pattern of its name."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The errors of one strategy, as a data address to lay over the image."""

    strategy: str
    jaccard: float
    verdicts: str


@dataclass(frozen=True, slots=True)
class Tile:
    """One query: data addresses; truth is an outline, uncertainty may be empty."""

    image: str
    outline: str
    uncertainty: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Gallery:
    """What a strategy asked in a round, first query first."""

    strategy: str
    round: int
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, eq=False)
class Panel:
    """Everything that panel.npz holds; what is missing there is empty or None here."""

    size: tuple[int, int]
    image: str
    outline: str
    predictions: tuple[Prediction, ...]
    galleries: tuple[Gallery, ...]
    top: float  # of the uncertainty, where colours end
    scatter: tuple[Float64[np.ndarray, "m"], Float64[np.ndarray, "m"]] | None  # uncertainty, Dice
    sweep: tuple[Float64[np.ndarray, "n"], Float64[np.ndarray, "n"]] | None  # threshold, Dice
    similarity: tuple[Float64[np.ndarray, "k k"], Bool[np.ndarray, "k k"]] | None  # matrix, what was measured
    expected: tuple[Float64[np.ndarray, "k"], Float64[np.ndarray, "k"]] | None  # Dice, before and after
    digest: str = ""  # of what the pictures depend on


def _read(path: Path) -> Arrays:
    with expected("an archive of arrays", path):
        if not is_zipfile(path):
            raise ValueError(f"{path}: expected an archive of arrays; it is none, or only a part of one")
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: np.asarray(archive[name]) for name in archive.files}
        except (BadZipFile, ValueError, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: expected an archive of arrays; {error}") from None
    for name, array in arrays.items():
        _require_kind(name, array, path)
    return arrays


def read_panel(path: Path) -> Panel | None:
    """The pictures, or None where there is no file.

    Raises:
        ValueError: If the file is not an archive of arrays, or an array is none that it may hold, lacks its
            partner, its shape or its type, or is not finite.
        OSError: If it cannot be read.
    """
    if not path.is_file():
        return None
    arrays = _read(path)
    try:
        return _panel(arrays)
    except KeyError as error:
        raise ValueError(f"{path}: expected an array {error.args[0]!r}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _require_kind(name: str, array: Shaped[np.ndarray, "..."], path: Path) -> None:
    kind, axes = next((kind for key, kind in _KINDS.items() if re.fullmatch(key, name)), ("", -1))
    if not kind:
        raise ValueError(f"{path}: expected pictures of a study; got an array {name!r}")
    if array.ndim != axes or not array.dtype.str[1:].startswith(kind):
        raise ValueError(
            f"{path}: expected {name} of type {kind} with {axes} axes; got {array.dtype} of {array.shape}"
        )
    if (kind == "f" and not np.isfinite(array).all()) or (axes > 1 and not array.size):
        raise ValueError(f"{path}: expected finite numbers in {name}, and some")


def _panel(arrays: Arrays) -> Panel:
    tops = [
        float(array.max()) for name, array in arrays.items() if re.fullmatch(f"{_QUERY}uncertainty", name)
    ]
    top = max([*tops, 0.0]) or 1.0
    if ("image" in arrays) != ("truth" in arrays):
        raise ValueError("expected an image and its truth, or neither; got one of them")
    size, picture, outline, predictions = (0, 0), "", "", list[Prediction]()
    if "image" in arrays:
        image, truth = arrays["image"], _alike(arrays, "truth", "image")
        size, picture, outline = image.shape, figures.grey(image), figures.outline(truth > 0)
        predictions = [_prediction(name[5:], arrays) for name in arrays if name.startswith("pred/")]
    return Panel(
        size=size,
        image=picture,
        outline=outline,
        predictions=tuple(sorted(predictions, key=lambda one: one.jaccard)),
        galleries=tuple(_galleries(arrays, top)),
        top=top,
        scatter=_pair(arrays, "scatter/uncertainty", "scatter/dice"),
        sweep=_pair(arrays, "sweep/threshold", "sweep/dice"),
        similarity=_similarity(arrays),
        expected=_pair(arrays, "similarity/before", "similarity/after"),
        digest=str(arrays.get("digest", "")),
    )


def _alike(arrays: Arrays, name: str, other: str) -> Shaped[np.ndarray, "..."]:
    """An array that has the shape of another one."""
    if arrays[name].shape != arrays[other].shape:
        raise ValueError(
            f"expected {name} of the shape of {other}, {arrays[other].shape}; got {arrays[name].shape}"
        )
    return arrays[name]


def _prediction(strategy: str, arrays: Arrays) -> Prediction:
    predicted = _alike(arrays, f"pred/{strategy}", "truth")
    return Prediction(
        strategy, float(arrays[f"jaccard/{strategy}"]), figures.verdicts(arrays["truth"], predicted)
    )


def _galleries(arrays: Arrays, top: float) -> list[Gallery]:
    """By strategy as they come, rounds in order."""
    places = [
        name.split("/")[1:3] for name in arrays if name.startswith("query/") and name.endswith("/image")
    ]
    strategies = list(dict.fromkeys(strategy for strategy, _ in places))
    galleries = []
    for strategy, number in sorted(places, key=lambda place: (strategies.index(place[0]), int(place[1]))):
        at = f"query/{strategy}/{number}"
        truths, heats = (
            _alike(arrays, f"{at}/{kind}", f"{at}/image") if f"{at}/{kind}" in arrays else None
            for kind in ("truth", "uncertainty")
        )
        tiles = [
            _tile(
                image,
                None if truths is None else truths[k],
                None if heats is None else heats[k],
                top,
            )
            for k, image in enumerate(arrays[f"{at}/image"])
        ]
        galleries.append(Gallery(strategy, int(number), tuple(tiles)))
    return galleries


def _tile(
    image: UInt8[np.ndarray, "y x"],
    truth: UInt8[np.ndarray, "y x"] | None,
    uncertainty: Num[np.ndarray, "y x"] | None,
    top: float,
) -> Tile:
    heat = ""
    if uncertainty is not None:
        heat = figures.heat_map(uncertainty.astype(np.float32), UNCERTAINTY_COLOURS, top)
    outline = "" if truth is None else figures.outline(truth > 0)
    height, width = image.shape
    return Tile(figures.grey(image), outline, heat, (height, width))


def _similarity(arrays: Arrays) -> tuple[np.ndarray, np.ndarray] | None:
    if "similarity/matrix" not in arrays:
        return None
    matrix, measured = arrays["similarity/matrix"], _alike(arrays, "similarity/measured", "similarity/matrix")
    if matrix.shape != matrix.shape[::-1]:
        raise ValueError(f"expected a square similarity; got {matrix.shape}")
    return matrix.astype(np.float64), measured


def _pair(arrays: Arrays, x: str, y: str) -> tuple[Float64[np.ndarray, "n"], Float64[np.ndarray, "n"]] | None:
    """Two rows of one length; None where there is neither, or nothing in them."""
    if x not in arrays and y not in arrays:
        return None
    values = arrays[x].astype(np.float64), _alike(arrays, y, x).astype(np.float64)
    return values if values[0].size else None
