"""A model over a volume of any size, block by block, each with the halo that its network sees."""

import math
from collections.abc import Iterator

import numpy as np

from microtome.box import Block, Box, Int3, tile
from microtome.net.config import NetConfig
from microtome.predict.model import SegmentationModel
from microtome.predict.posterior import Posterior
from microtome.progress import Progress
from microtome.volume import Volume

FLAT_VOXELS = 2**19  # written at a time by a net that does not cross z; two such take half a gigabyte
LONGEST = 2048  # voxels of a side of them
CHUNK = 256  # voxels; their multiple, where a section is cut
STEP = 64  # the same for any other net
DEEP_BLOCK: Int3 = (32, 192, 192)  # voxels z y x of any other net, wider where there are fewer sections


def prediction_blocks(
    volume: Int3, domain: Box, shape: Int3, net: NetConfig, origin: Int3 | None = None
) -> list[Block]:
    """Blocks whose write boxes partition `domain`, as in `tile`; read boxes hold all that the net sees.

    Read boxes begin on the pooling lattice of the whole volume, so that a block predicts what the whole
    volume would. Nets whose view is unbounded (instance norm, squeeze-excitation) come close to it.

    Raises:
        ValueError: If `domain` leaves the volume or `shape` is not positive.
    """
    whole = Box.of(volume)
    if not whole.contains(domain):
        raise ValueError(f"the domain must lie in the volume {whole}; got {domain}")
    return [
        Block(read=_seen(block.write, whole, net), write=block.write)
        for block in tile(domain, shape, (0, 0, 0), origin)
    ]


def block_shape(net: NetConfig, volume: Int3) -> Int3:
    """Voxels z y x that are predicted at a time: few and large, as borders cost context."""
    if net.flat:
        return 1, *_flat_sides(net, volume[1], volume[2])
    (deep, high, _), (over, around, _) = DEEP_BLOCK, net.receptive_radius
    z = min(deep, volume[0])
    most = (deep + 2 * over) * (high + 2 * around) ** 2 // (z + 2 * over)  # voxels of a section that is read
    side = (math.isqrt(most) - 2 * around) // STEP * STEP
    return z, side, side


def _flat_sides(net: NetConfig, height: int, width: int) -> tuple[int, int]:
    """Those of parts of a section with the least context around them."""
    around = net.receptive_radius[1]
    choices = []
    for most in range(CHUNK, LONGEST + CHUNK, CHUNK):
        y = _part(height, most)
        choices.append((y, _part(width, FLAT_VOXELS // y // CHUNK * CHUNK)))

    def seen(sides: tuple[int, int]) -> int:
        y, x = sides
        return (height + -(-height // y) * 2 * around) * (width + -(-width // x) * 2 * around)

    return min(choices, key=seen)


def _part(side: int, most: int) -> int:
    """The side of parts that are as equal as can be."""
    parts = -(-side // most)
    return side if parts == 1 else -(-side // parts // CHUNK) * CHUNK


def predicted(model: SegmentationModel, image: Volume, block: Block, *, samples: int, seed: int) -> Posterior:
    """The posterior of the block's write box.

    Raises:
        OSError: If the image cannot be read there.
    """
    return model.posterior(image.read(block.read), samples, seed, block.write.relative_to(block.read))


def predictions(
    model: SegmentationModel, image: Volume, domain: Box, *, samples: int, seed: int, progress: Progress
) -> Iterator[tuple[Box, Posterior]]:
    """Boxes that partition `domain`, each with its posterior."""
    blocks = prediction_blocks(
        image.shape, domain, block_shape(model.recipe.net, image.shape), model.recipe.net
    )
    for k, block in enumerate(blocks, start=1):
        yield block.write, predicted(model, image, block, samples=samples, seed=seed)
        progress("predicting", k, len(blocks), str(block.write))


def region_posterior(
    model: SegmentationModel, image: Volume, region: Box, *, samples: int, seed: int, progress: Progress
) -> Posterior:
    """The posterior of a region that fits in memory."""
    whole = Posterior(
        np.empty((model.classes, *region.shape), np.float32),
        np.empty(region.shape, np.float32),
        np.empty((model.classes, *region.shape), np.float32),
    )
    for box, posterior in predictions(model, image, region, samples=samples, seed=seed, progress=progress):
        place = box.relative_to(region).slices
        whole.mean[:, *place] = posterior.mean
        whole.entropy_of_samples[place] = posterior.entropy_of_samples
        whole.deviation[:, *place] = posterior.deviation
    return whole


def _seen(write: Box, whole: Box, net: NetConfig) -> Box:
    start = tuple(
        max(0, (a - r) // m * m)
        for a, r, m in zip(write.start, net.receptive_radius, net.multiple, strict=True)
    )
    stop = tuple(
        min(side, -(-(b + r) // m) * m)
        for b, r, m, side in zip(write.stop, net.receptive_radius, net.multiple, whole.stop, strict=True)
    )
    return Box(start, stop)  # type: ignore[arg-type]
