"""Prediction-error weighting (Guay 2021): what an annotator had to correct is what a network should learn.

Emphasis is how much a voxel was corrected, a byte: 255 · E. It travels with the labels as `marks`, which are
label + 256 · emphasis, so that whatever turns and bends the labels does the same to it.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Int32, UInt8
from scipy import ndimage

from microtome.labels import BACKGROUND, IGNORE, without_small
from microtome.learn.config import ErrorWeighting
from microtome.project import Answer, Journal

MOST = 255  # emphasis where corrections are densest


def emphasis(
    shown: UInt8[np.ndarray, "_ _ _"], labels: UInt8[np.ndarray, "z y x"], config: ErrorWeighting
) -> UInt8[np.ndarray, "z y x"]:
    """How much each voxel had to be corrected: the mask of errors, blurred, its largest value `MOST`.

    `shown` is what was predicted and `labels` what an annotator made of it; where nothing was said nothing
    was corrected. Without a correction it is 0 everywhere.

    Raises:
        ValueError: If the shapes differ.
    """
    if shown.shape != labels.shape:
        raise ValueError(
            f"expected a prediction of the labels' shape {labels.shape}; got one of {shown.shape}"
        )
    wrong = without_small(_errors(shown, labels, config), config.smallest)
    blurred = ndimage.gaussian_filter(wrong.astype(np.float32), (0.0, config.blur, config.blur))
    most = float(blurred.max(initial=0.0))
    if not most:
        return np.zeros(labels.shape, dtype=np.uint8)
    return np.rint(blurred * (MOST / most)).astype(np.uint8)


def emphases(
    journal: Journal, answers: Iterable[Answer], config: ErrorWeighting
) -> dict[int, UInt8[np.ndarray, "z y x"]]:
    """The emphasis of each query that came with a prediction: the most that an annotator corrected."""
    found: dict[int, UInt8[np.ndarray, "z y x"]] = {}
    for answer in answers:
        if answer.shown_model is None:
            continue
        preview = journal.previews.shown(answer.query_id, answer.shown_model)
        if preview is not None:
            shown = preview.within(journal.query(answer.query_id).box)
            own = emphasis(shown, answer.labels, config)
            found[answer.query_id] = np.maximum(own, found.get(answer.query_id, own))
    return found


def marks(
    labels: UInt8[np.ndarray, "*space"], emphasised: UInt8[np.ndarray, "*space"]
) -> Int32[np.ndarray, "*space"]:
    """Labels and their emphasis in one array, which `losses.unmarked` takes apart."""
    return labels.astype(np.int32) + 256 * emphasised.astype(np.int32)


def _errors(
    shown: UInt8[np.ndarray, "z y x"], labels: UInt8[np.ndarray, "z y x"], config: ErrorWeighting
) -> Bool[np.ndarray, "z y x"]:
    differs = (shown != labels) & (labels != IGNORE)
    missed, made_up = differs & (labels != BACKGROUND), differs & (labels == BACKGROUND)
    return {"both": differs, "missed": missed, "made-up": made_up}[config.errors]
