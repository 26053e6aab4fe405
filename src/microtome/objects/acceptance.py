"""Which proposed objects a model accepts: the mean of its probability over the mask of each."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from microtome.box import Box, Int3, tile
from microtome.objects.proposals import Proposals
from microtome.progress import Progress, silent
from microtome.segment.probability import require_alike, summed, unit
from microtome.volume import Volume

BLOCK: Int3 = (32, 512, 512)  # voxels added up at a time


def mean_probability(
    found: Proposals, probabilities: Sequence[Volume], *, progress: Progress = silent
) -> Float64[np.ndarray, "n"]:
    """The mean foreground probability over each object's voxels, in [0, 1], as a prediction has it.

    `probabilities` are of the classes that the objects are: one, or two that exclude each other, which add
    up. `evaluate.objects.roi_accuracy` says how often what is above ½ is what people said (Lin et al. 2020).

    Raises:
        ValueError: If a volume has another shape than the proposals, or holds no probabilities.
        OSError: If a volume cannot be read.
    """
    ids, count = found.ids(), found.result.objects
    volumes = {f"class {k + 1}": volume for k, volume in enumerate(probabilities)}
    if not volumes or len(volumes) > 2:
        raise ValueError(f"expected the probabilities of one class or two; got {len(volumes)}")
    require_alike(volumes)
    shape, dtype = probabilities[0].shape, probabilities[0].dtype
    if shape != ids.shape:
        raise ValueError(f"expected probabilities of the proposals' shape {ids.shape}; got {shape}")
    sums, sizes = np.zeros(count + 1), np.zeros(count + 1, np.int64)
    blocks = list(tile(Box.of(shape), BLOCK, (0, 0, 0)))
    for number, block in enumerate(blocks):
        inside: Int64[np.ndarray, "z y x"] = ids.read(block.write).astype(np.int64)
        if inside.any():
            first, *rest = (volume.read(block.write) for volume in probabilities)
            values = summed(first, rest[0]) if rest else first
            sums += np.bincount(inside.ravel(), values.ravel(), count + 1)
            sizes += np.bincount(inside.ravel(), minlength=count + 1)
        progress("looking at objects", number + 1, len(blocks))
    return np.clip(sums[1:] / np.maximum(sizes[1:], 1) / unit(dtype), 0, 1)
