"""What boxes look like, in words learnt from the volume itself: an embedding without labels or a model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy.lib.stride_tricks import sliding_window_view
from threadpoolctl import threadpool_limits

from microtome.box import Box
from microtome.query.candidates import Candidates
from microtome.query.diversity import clustered
from microtome.query.embedding import bottleneck, unit

SIDE = 8  # pixels of a window
STRIDE = 4  # pixels between windows
WORDS = 64  # of the dictionary of one scale
SCALES = (1, 2)  # pixels that are averaged into one, in y and in x
TEACHERS = 512  # boxes that dictionaries are learnt from; of more, a sample
WINDOWS = 64  # of each of them
CONTRAST = 10.0  # grey values², added to the variance of a window so that the noise of a flat one stays small
WHITENING = 0.1  # added to the variance of a principal component, for the same reason
SEED = 0  # the same boxes always give the same vectors


@dataclass(frozen=True)
class Dictionary:
    """How windows of one scale are whitened, and the words that they are compared with."""

    scale: int
    mean: Float32[np.ndarray, "p"]
    whitening: Float32[np.ndarray, "p p"]
    words: Float32[np.ndarray, "k p"]


def own_volume(candidates: Candidates, boxes: Sequence[Box]) -> Float64[np.ndarray, "n d"]:
    """How near boxes are to each word of dictionaries of windows of them (Coates & Ng 2012).

    Windows of 8 × 8 pixels, at full and at half resolution, are normalised in contrast and whitened; k-means
    of a sample of them gives 64 words a scale. A box is the mean over its windows, section by section, of how
    much nearer than the average word each word is (triangle encoding), standardised over the boxes. Time is
    linear in the voxels of the boxes.

    Raises:
        ValueError: If there is no image, or no box.
        OSError: If the image cannot be read.
    """
    rng = np.random.default_rng(SEED)
    teachers = [boxes[index] for index in np.sort(rng.permutation(len(boxes))[:TEACHERS]).tolist()]
    with threadpool_limits(1):  # products are small: a second thread only waits
        dictionaries = [_learnt(candidates, teachers, scale, rng) for scale in SCALES]
        rows = candidates.described(lambda image: _encoded(image, dictionaries), boxes)
    return (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-9)


def two_stream(candidates: Candidates, boxes: Sequence[Box]) -> Float64[np.ndarray, "n d"]:
    """Half what the volume's own words say, half the bottleneck, each scaled to length 1, as is the whole.

    Both are centred first: activations are positive, and would all point in nearly the same direction.

    Raises:
        ValueError: If there is no image, no model, or no box.
        OSError: If the image cannot be read.
    """
    learnt = bottleneck(candidates, boxes)
    streams = (own_volume(candidates, boxes), learnt - learnt.mean(axis=0))
    return np.concatenate([unit(stream) for stream in streams], axis=1) / np.sqrt(2)


def _learnt(candidates: Candidates, boxes: Sequence[Box], scale: int, rng: np.random.Generator) -> Dictionary:
    """The dictionary of windows drawn from these boxes."""

    def drawn(image: UInt8[np.ndarray, "z y x"]) -> Float64[np.ndarray, "wp"]:
        section = _scaled(image[rng.integers(len(image))], scale)
        windows = sliding_window_view(section, (SIDE, SIDE))
        y, x = (rng.integers(count, size=WINDOWS) for count in windows.shape[:2])
        return _normalised(windows[y, x].reshape(WINDOWS, -1)).astype(np.float64).ravel()

    windows = candidates.described(drawn, boxes).reshape(-1, SIDE * SIDE)
    mean = windows.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov(windows, rowvar=False))
    whitening = (axes / np.sqrt(np.maximum(variance, 0) + WHITENING)) @ axes.T
    whitened = ((windows - mean) @ whitening).astype(np.float32)
    _, words = clustered(whitened, WORDS, int(rng.integers(2**31)))
    return Dictionary(scale, mean.astype(np.float32), whitening.astype(np.float32), words)


def _encoded(
    image: UInt8[np.ndarray, "z y x"], dictionaries: Sequence[Dictionary]
) -> Float64[np.ndarray, "d"]:
    """Mean over all windows of a block of how much nearer than the average word each word is."""
    sections = [[_activations(section, words) for words in dictionaries] for section in image]
    return np.stack([np.concatenate(scales) for scales in sections]).mean(axis=0, dtype=np.float64)


def _activations(section: UInt8[np.ndarray, "y x"], dictionary: Dictionary) -> Float32[np.ndarray, "k"]:
    scaled = _scaled(section, dictionary.scale)
    windows = sliding_window_view(scaled, (SIDE, SIDE))[::STRIDE, ::STRIDE].reshape(-1, SIDE * SIDE)
    whitened = (_normalised(windows) - dictionary.mean) @ dictionary.whitening
    words = dictionary.words
    squared = (whitened**2).sum(axis=1)[:, None] + (words**2).sum(axis=1) - 2 * (whitened @ words.T)
    distance = np.sqrt(np.maximum(squared, 0))
    return np.maximum(distance.mean(axis=1, keepdims=True) - distance, 0).mean(axis=0)


def _scaled(section: UInt8[np.ndarray, "y x"], scale: int) -> Float32[np.ndarray, "v u"]:
    """A section with `scale`² pixels averaged into one, mirrored at its end where a window is larger."""
    missing = [(0, max(SIDE * scale - side, 0)) for side in section.shape]
    padded = np.pad(section.astype(np.float32), missing, mode="symmetric")
    y, x = padded.shape[0] // scale, padded.shape[1] // scale
    return padded[: y * scale, : x * scale].reshape(y, scale, x, scale).mean(axis=(1, 3))


def _normalised(windows: Float32[np.ndarray, "w p"]) -> Float32[np.ndarray, "w p"]:
    """Windows less their mean, divided by their deviation."""
    centred = windows - windows.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + CONTRAST)
