"""What one block contributes to the objects: its parts of them, and where those may go on."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Shaped

from microtome.box import Box, Int3
from microtome.objects.settings import ProposalSettings
from microtome.objects.sources import Foreground, Source
from microtome.objects.tally import Tally, tally
from microtome.segment.arrays import Arrays, face_arrays, load_arrays, load_faces, save_arrays
from microtome.segment.components import Faces, Layer, layer
from microtome.segment.probability import Stored


@dataclass(frozen=True, eq=False)
class Half:
    """The parts of one half that lie in a block, numbered from 1, and the number of the body each lies in."""

    parts: Tally
    bodies: Int64[np.ndarray, "n"]


@dataclass(frozen=True, eq=False)
class Piece:
    """What was found in a block."""

    sha256: str  # of what was read
    brightest: float  # the highest stored probability
    halves: tuple[Half, ...]
    counts: tuple[int, ...]  # components of each layer: the bodies and, if there are two, each half


def piece(source: Source, box: Box, settings: ProposalSettings) -> tuple[Piece, tuple[Faces, ...]]:
    """What is in a block, and the faces of each layer.

    Raises:
        ValueError: If the source holds no probabilities there.
        OSError: If it cannot be read.
    """
    read = source.read(box, settings)
    foreground = source.foreground(read, box, settings)
    volume = next(iter(source.volumes.values())).shape
    layers = half_layers(foreground, settings)
    tallies = [tally(half.labels, half.numbers, foreground.probability, box, volume) for half in layers]
    if len(layers) == 1:
        bodies = [np.arange(1, layers[0].count + 1)]
        distinct: tuple[Layer, ...] = layers
    else:
        body, bodies = _bodies(foreground, settings, [_first(parts, box, volume) for parts in tallies])
        distinct = (body, *layers)
    found = Piece(
        digest(read),
        float(foreground.probability.max()),
        tuple(Half(parts, numbers) for parts, numbers in zip(tallies, bodies, strict=True)),
        tuple(one.count for one in distinct),
    )
    return found, tuple(one.faces for one in distinct)


def half_layers(foreground: Foreground, settings: ProposalSettings) -> tuple[Layer, ...]:
    """The components of each half, without those that are too small and end in the block."""
    return tuple(layer(half, settings.neighbours, settings.smallest) for half in foreground.halves)


def digest(read: Sequence[Stored]) -> str:
    """SHA-256 of arrays."""
    whole = hashlib.sha256()
    for array in read:
        whole.update(np.ascontiguousarray(array).data)
    return whole.hexdigest()


def whole_digest(digests: Iterable[str]) -> str:
    """SHA-256 of a source, from the digests of its blocks."""
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def save_piece(found: Piece, faces: Sequence[Faces], path: Path) -> None:
    """Write a piece; it is there whole, or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    save_arrays(dict(_arrays(found, faces)), path)


def load_piece(path: Path) -> Piece | None:
    """A piece that was saved; None if there is none, or it is damaged."""
    arrays = load_arrays(path)
    if arrays is None:
        return None
    try:
        counts = tuple(arrays["counts"].tolist())
        return Piece(
            str(arrays["sha256"]),
            float(arrays["brightest"]),
            tuple(_half(arrays, k) for k in range(max(1, len(counts) - 1))),
            counts,
        )
    except KeyError:
        return None


def layer_faces(path: Path, k: int) -> Faces:
    """The faces of the k-th layer of a piece that is known to be there."""
    return load_faces(path, f" of {k}")


def _bodies(
    foreground: Foreground, settings: ProposalSettings, firsts: Sequence[Int64[np.ndarray, "_ 3"]]
) -> tuple[Layer, list[Int64[np.ndarray, "_"]]]:
    """The bodies that hold a part or may go on in another block; and of each part, at `firsts`, its body."""
    body = layer(foreground.body, settings.neighbours)
    labels = [body.labels[tuple(first.T)] for first in firsts]
    kept = body.restricted(np.unique(np.concatenate(labels)))
    return kept, [kept.numbers[label] for label in labels]


def _first(parts: Tally, box: Box, volume: Int3) -> Int64[np.ndarray, "n 3"]:
    """Where in the block the first voxel of each part lies."""
    return np.stack(np.unravel_index(parts.first, volume), axis=1) - np.array(box.start)


def _arrays(found: Piece, faces: Sequence[Faces]) -> Iterator[tuple[str, Shaped[np.ndarray, "..."]]]:
    yield "sha256", np.array(found.sha256)
    yield "brightest", np.array(found.brightest)
    yield "counts", np.array(found.counts)
    for k, half in enumerate(found.halves):
        yield f"bodies {k}", half.bodies
        yield from ((f"{name} {k}", column) for name, column in vars(half.parts).items())
    for k, planes in enumerate(faces):
        yield from face_arrays(planes, f" of {k}").items()


def _half(arrays: Arrays, k: int) -> Half:
    columns = {field.name: arrays[f"{field.name} {k}"] for field in fields(Tally)}
    return Half(Tally(**columns), arrays[f"bodies {k}"])
