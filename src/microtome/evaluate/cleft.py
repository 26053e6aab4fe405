"""How far predicted synaptic clefts lie from the true ones: the score of the CREMI challenge (2016)."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.ndimage import binary_erosion, generate_binary_structure
from scipy.spatial import cKDTree

VoxelSize = tuple[float, float, float]

FAR_NM = 200.0  # beyond it a voxel is a false positive or a false negative


@dataclass(frozen=True, slots=True)
class CleftScore:
    """Mean distances in nm, and counts of voxels that lie far away; 0 is perfect.

    `adgt_nm` is that of predicted cleft voxels to the nearest true one: false positives raise it. `adf_nm`
    is that of true voxels to the nearest predicted one: false negatives raise it. A mean over no voxel is 0.
    Where there is nothing to be near to, the distance is infinite, or what distances were clipped to.
    """

    adgt_nm: float
    adf_nm: float
    false_positives: int
    false_negatives: int

    @property
    def nm(self) -> float:
        """The mean of both distances."""
        return (self.adgt_nm + self.adf_nm) / 2


def cleft_score(
    truth: Bool[np.ndarray, "z y x"],
    predicted: Bool[np.ndarray, "_ _ _"],
    voxel_size_nm: VoxelSize,
    known: Bool[np.ndarray, "_ _ _"] | None = None,
    *,
    clip_nm: float = np.inf,
    far_nm: float = FAR_NM,
) -> CleftScore:
    """Compare two masks of clefts, voxel by voxel; what is not `known` holds no cleft in either.

    With `clip_nm` longer distances count as that, so that one stray voxel cannot outweigh all others, and
    an empty mask has a finite score.

    Raises:
        ValueError: If the shapes differ, or a voxel side or a limit is not positive.

    Warns:
        UserWarning: If only one of the masks is empty.
    """
    shapes = {mask.shape for mask in (truth, predicted, known) if mask is not None}
    if len(shapes) > 1:
        raise ValueError(f"expected masks of one shape; got {sorted(shapes)}")
    if min(*voxel_size_nm, clip_nm, far_nm) <= 0:
        raise ValueError(
            f"expected positive nm; got voxels of {voxel_size_nm}, limits {clip_nm} and {far_nm}"
        )
    if known is not None:
        truth, predicted = truth & known, predicted & known
    if truth.any() != predicted.any():
        which = "prediction" if truth.any() else "truth"
        warnings.warn(f"the {which} holds no cleft: what the other holds is at no distance", stacklevel=2)
    to_truth = _distances(predicted, truth, voxel_size_nm)
    to_prediction = _distances(truth, predicted, voxel_size_nm)
    return CleftScore(
        _mean(np.minimum(to_truth, clip_nm)),
        _mean(np.minimum(to_prediction, clip_nm)),
        int(np.count_nonzero(to_truth > far_nm)),
        int(np.count_nonzero(to_prediction > far_nm)),
    )


def mean_cleft_score(scores: Sequence[CleftScore]) -> float:
    """The challenge's score of several volumes, in nm: the mean of theirs.

    Raises:
        ValueError: If there is none.
    """
    if not scores:
        raise ValueError("a mean expects the score of at least one volume; got none")
    return sum(score.nm for score in scores) / len(scores)


def _distances(
    of: Bool[np.ndarray, "z y x"], to: Bool[np.ndarray, "z y x"], voxel_size_nm: VoxelSize
) -> Float64[np.ndarray, "n"]:
    """In nm, from each voxel of one mask to the nearest of the other; infinite where that is empty.

    By a search among the voxels at the other's surface, one of which always is nearest: exact, as a distance
    map is, with memory for the clefts instead of ten times the volume.
    """
    distances = np.zeros(np.count_nonzero(of))
    outside = ~to[of]
    if not to.any():
        distances[:] = np.inf
    elif outside.any():
        surface = to & ~binary_erosion(to, generate_binary_structure(3, 1))
        tree = cKDTree(_places(surface, voxel_size_nm))
        distances[outside] = tree.query(_places(of & ~to, voxel_size_nm))[0]
    return distances


def _places(mask: Bool[np.ndarray, "z y x"], voxel_size_nm: VoxelSize) -> Float64[np.ndarray, "n 3"]:
    voxels: Int64[np.ndarray, "n 3"] = np.argwhere(mask)
    return voxels * np.array(voxel_size_nm)


def _mean(distances: Float64[np.ndarray, "n"]) -> float:
    return float(distances.mean()) if len(distances) else 0.0
