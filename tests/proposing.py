"""Proposals in memory, the slow and obvious way, and small predictions."""

import math

import numpy as np
from scipy import ndimage

from microtome.box import Box
from microtome.objects.proposals import Proposals
from microtome.objects.settings import ProposalSettings
from microtome.objects.sources import OneClass
from microtome.volume import ArrayVolume

NM = (40.0, 4.0, 8.0)


def one_class(probability: np.ndarray, origin: str = "") -> OneClass:
    return OneClass(ArrayVolume(probability, NM), origin)


def smooth(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Bytes from 0 to 255, alike where they are near."""
    noise = ndimage.gaussian_filter(rng.random(shape), 1.0)
    return np.rint(255 * (noise - noise.min()) / (np.ptp(noise) + 1e-9)).astype(np.uint8)


def blobs(*centres: tuple[int, int, int], shape: tuple[int, int, int] = (8, 40, 40)) -> np.ndarray:
    """Bytes: 200 in a ball of 3 × 7 × 7 voxels around each place, 20 elsewhere."""
    probability = np.full(shape, 20, np.uint8)
    for z, y, x in centres:
        probability[z - 1 : z + 2, y - 3 : y + 4, x - 3 : x + 4] = 200
    return probability


def ids_of(found: Proposals) -> np.ndarray:
    return found.ids().read(Box.of(found.ids().shape))


def sides_of(found: Proposals) -> np.ndarray:
    sides = found.sides()
    assert sides is not None
    return sides.read(Box.of(sides.shape))


def byte(threshold: float) -> int:
    return max(1, math.floor(threshold * 255 + 0.5))


def components(mask: np.ndarray, settings: ProposalSettings) -> tuple[np.ndarray, np.ndarray]:
    """Labels by scipy, and the size of the component that each voxel is in."""
    labels, _ = ndimage.label(mask, settings.neighbours.structure)
    return labels, np.where(mask, np.bincount(labels.ravel())[labels], 0)


def expected_ids(probability: np.ndarray, settings: ProposalSettings) -> np.ndarray:
    """The components that are large enough, numbered as scipy does."""
    labels, size = components(probability >= byte(settings.threshold), settings)
    return renumbered(np.where(size >= settings.smallest, labels, 0))


def renumbered(labels: np.ndarray) -> np.ndarray:
    """Numbered 1, 2, … in the order of their first voxels."""
    found, first = np.unique(labels, return_index=True)
    order = found[np.argsort(first)]
    ids = {label: rank for rank, label in enumerate(order[order > 0].tolist(), start=1)}
    return np.vectorize(lambda label: ids.get(label, 0), otypes=[int])(labels)


def expected_synapses(
    is_pre: np.ndarray, is_post: np.ndarray, union: np.ndarray, settings: ProposalSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Ids and sides, from the two sides (which share no voxel) and the union of METHODS 2.3."""
    body = ndimage.maximum_filter(union, settings.dilation, mode="constant")
    bodies, _ = ndimage.label(body, settings.neighbours.structure)
    kept = [
        (side & union) & (components(side & union, settings)[1] >= settings.smallest)
        for side in (is_pre, is_post)
    ]
    sides = kept[0] + 2 * kept[1].astype(int)
    return renumbered(np.where(sides > 0, bodies, 0)), sides
