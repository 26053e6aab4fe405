"""How good a set of proposals is, by the truth: which objects were found, and how far masks are off."""

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64
from scipy import ndimage

from microtome.box import Box
from microtome.evaluate.cleft import CleftScore, cleft_score
from microtome.evaluate.objects import InstanceScores, average_precision, matches, overlaps
from microtome.labels import IGNORE
from microtome.objects.proposals import Proposals
from microtome.volume import Volume


@dataclass(frozen=True, slots=True)
class ObjectScores:
    """Proposals against true objects in a box."""

    instances: InstanceScores  # matched from an IoU of ½ on
    average_precision: float  # of proposals ranked by mean probability, in [0, 1]
    distances: CleftScore  # of the voxels of either side to the other's


def scored(found: Proposals, truth: Volume, classes: tuple[int, ...], box: Box) -> ObjectScores:
    """Compare the proposals with the true objects in a box, which is held in memory.

    At its faces both are cut. True objects are connected as the proposals are: in a set of objects that end
    with their section, they end there too. Only voxels whose class is known count.

    Raises:
        ValueError: If the truth has another shape than the proposals.
        OSError: If a volume cannot be read.
    """
    ids = found.ids()
    if ids.shape != truth.shape:
        raise ValueError(f"expected truth of the proposals' shape {ids.shape}; got {truth.shape}")
    numbers, known_classes = ids.read(box), truth.read(box)
    known, mask = known_classes != IGNORE, np.isin(known_classes, classes)
    both = overlaps(true_objects(mask, found), numbers, known)
    pairs = matches(both)
    proposed = np.array(sorted(both.predicted), dtype=np.int64)
    table = found.table()
    probability = table.probability[table.rows(proposed)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the .* holds no cleft", UserWarning)  # infinite distances say so
        distances = cleft_score(mask, numbers > 0, found.ids().voxel_size_nm, known)
    return ObjectScores(
        InstanceScores(len(both.true), len(both.predicted), len(pairs)),
        average_precision(probability, np.isin(proposed, list(pairs)), len(both.true)),
        distances,
    )


def true_objects(mask: Bool[np.ndarray, "z y x"], found: Proposals) -> Int64[np.ndarray, "z y x"]:
    """Numbers of the true objects, 0 elsewhere, whose voxels touch as those of the proposals do."""
    labels, _ = ndimage.label(mask, found.plan.settings.neighbours.structure)
    return labels.astype(np.int64)
