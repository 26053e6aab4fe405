"""Pictures of a study: panel.npz, which a study may leave beside its table."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Bool, Float64, Num, UInt8

from microtome.benchmark.report import figures

UNCERTAINTY_COLOURS = "magma"


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


def read_panel(path: Path) -> Panel | None:
    """The pictures, or None where there is no file.

    Raises:
        ValueError: If the file is not an archive of arrays, or an array lacks its partner or its shape.
    """
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (BadZipFile, ValueError, OSError) as error:
        raise ValueError(f"{path}: expected an archive of arrays; {error}") from None
    try:
        return _panel(arrays)
    except KeyError as error:
        raise ValueError(f"{path}: expected an array {error.args[0]!r}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _panel(arrays: dict[str, np.ndarray]) -> Panel:
    tops = [
        values.max() for name, values in arrays.items() if name.endswith("/uncertainty") and values.ndim == 3
    ]
    top = float(max(tops, default=1.0)) or 1.0
    image, truth = arrays.get("image"), arrays.get("truth")
    if image is None or truth is None:
        size, picture, outline, predictions = (0, 0), "", "", []
    else:
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
    )


def _prediction(strategy: str, arrays: dict[str, np.ndarray]) -> Prediction:
    predicted, truth = arrays[f"pred/{strategy}"], arrays["truth"]
    if predicted.shape != truth.shape:
        raise ValueError(f"expected pred/{strategy} of shape {truth.shape}; got {predicted.shape}")
    jaccard = float(arrays[f"jaccard/{strategy}"])
    return Prediction(strategy, jaccard, figures.verdicts(truth, predicted))


def _galleries(arrays: dict[str, np.ndarray], top: float) -> list[Gallery]:
    """By strategy as they come, rounds in order."""
    places = [
        name.split("/")[1:3] for name in arrays if name.startswith("query/") and name.endswith("/image")
    ]
    strategies = list(dict.fromkeys(strategy for strategy, _ in places))
    galleries = []
    for strategy, number in sorted(places, key=lambda place: (strategies.index(place[0]), int(place[1]))):
        at = f"query/{strategy}/{number}"
        images = arrays[f"{at}/image"]
        truths, heats = arrays.get(f"{at}/truth"), arrays.get(f"{at}/uncertainty")
        tiles = [
            _tile(
                image,
                None if truths is None else truths[k],
                None if heats is None else heats[k],
                top,
            )
            for k, image in enumerate(images)
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


def _similarity(arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
    if "similarity/matrix" not in arrays:
        return None
    matrix, measured = arrays["similarity/matrix"], arrays["similarity/measured"]
    if matrix.ndim != 2 or matrix.shape != matrix.shape[::-1] or matrix.shape != measured.shape:
        raise ValueError(f"expected a square similarity; got {matrix.shape} and {measured.shape}")
    return matrix.astype(np.float64), measured.astype(bool)


def _pair(
    arrays: dict[str, np.ndarray], x: str, y: str
) -> tuple[Float64[np.ndarray, "n"], Float64[np.ndarray, "n"]] | None:
    if x not in arrays and y not in arrays:
        return None
    if arrays[x].ndim != 1 or arrays[x].shape != arrays[y].shape:
        raise ValueError(f"expected {x} and {y} of one length; got {arrays[x].shape} and {arrays[y].shape}")
    return arrays[x].astype(np.float64), arrays[y].astype(np.float64)
