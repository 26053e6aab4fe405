"""A volume predicted into a store, block by block, by this process or the workers of a cluster."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from microtome.box import Block, Box, Int3, hull
from microtome.predict.blocks import block_shape, prediction_blocks
from microtome.predict.model import SegmentationModel
from microtome.predict.store import Inside, PredictionStore
from microtome.progress import Progress
from microtome.schedule import Schedule, Stages, cores, in_turn
from microtome.volume import Volume, open_volume, stated_voxel_size
from microtome.volume.protocol import sections_together
from microtome.volume.uri import absolute

ROUNDED = 0.01  # share by which the voxels that a mask states may differ

COMPUTING = 2  # blocks in the works on a GPU: one is copied while the other is computed
WRITERS = 16  # threads: one takes 40 ms to compress, write and check a megavoxel, a GPU a few to predict it

Opened = Callable[[], Volume]
"""Opens a volume; called in the process that reads it."""

Mean = Float32[np.ndarray, "c z y x"]
Read = tuple[Block, UInt8[np.ndarray, "depth height width"] | None]


@dataclass(frozen=True)
class Filling:
    """What is done to a block. It pickles if `image` and `mask` do."""

    model: SegmentationModel
    image: Opened
    store: PredictionStore
    samples: int
    seed: int
    mask: Opened | None = None

    @property
    def stages(self) -> Stages[Block, Read, Mean | None, str]:
        """On a GPU blocks are copied and computed side by side, and several are written at a time."""
        if self.model.device != "cpu":
            return Stages(self.read, self.compute, self.write, COMPUTING, min(WRITERS, cores()))
        at_once = self.model.engine.at_once
        return Stages(self.read, self.compute, self.write, at_once if at_once > 1 else 0)

    def read(self, block: Block) -> Read:
        """What the network sees; None where there is nothing to predict.

        Raises:
            ValueError: If the image is damaged there, or the mask does not fit it.
            OSError: If it cannot be read.
        """
        there = self.inside(block.write)
        if there is not None and not there.any():
            return block, None
        image = self.image().read(block.read)
        return block, None if image.min() == image.max() else image

    def compute(self, read: Read) -> Mean | None:
        """Mean probabilities of the block's write box.

        Raises:
            MemoryError: If that of the GPU does not suffice.
        """
        block, image = read
        if image is None:
            return None
        try:
            return self.model.mean(image, self.samples, self.seed, block.write.relative_to(block.read))
        except torch.OutOfMemoryError as error:
            raise MemoryError(f"the GPU's memory ran out at {block.write}: {error}") from error

    def write(self, block: Block, mean: Mean | None) -> str:
        """Store it; 0 where the mask is. The digest of what is on the disk then.

        Raises:
            OSError: If it cannot be written.
        """
        there = self.inside(block.write)
        if mean is None:
            return self.store.clear(block.write, there)
        return self.store.write(block.write, mean, there)

    def inside(self, box: Box) -> Inside | None:
        """Where there is something to predict; None where there is no mask.

        Raises:
            ValueError: If the mask is damaged or does not fit the image.
            OSError: If it cannot be read.
        """
        return None if self.mask is None else inside(self.mask(), self.image().shape, box)


def opened_mask(uri: str, image: Volume) -> Opened:
    """Opens a mask over an image, which may have larger voxels: whole multiples of the image's.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is damaged, or its shape or the voxels that it states do not fit the image.
        OSError: If it cannot be reached.
    """
    opened = partial(open_volume, absolute(uri), image.voxel_size_nm)
    factors, stated = _factors(opened(), image.shape), stated_voxel_size(uri)
    expected = tuple(nm * factor for nm, factor in zip(image.voxel_size_nm, factors, strict=True))
    if stated is not None and not np.allclose(stated, expected, rtol=ROUNDED):
        raise ValueError(
            f"{uri} has voxels of {stated} nm; expected {expected}: a mask of shape {opened().shape} "
            f"over an image of {image.shape} voxels of {image.voxel_size_nm} nm"
        )
    return opened


def inside(mask: Volume, shape: Int3, box: Box) -> Inside:
    """Where a mask, of the volume's resolution or of whole multiples of its voxels, is not 0.

    Raises:
        ValueError: If it does not fit a volume of `shape`.
    """
    factors = _factors(mask, shape)
    start = tuple(a // f for a, f in zip(box.start, factors, strict=True))
    stop = tuple(-(-b // f) for b, f in zip(box.stop, factors, strict=True))
    coarse = mask.read(Box(start, stop)) != 0  # type: ignore[arg-type]
    places = [
        np.arange(a, b) // f - s for a, b, f, s in zip(box.start, box.stop, factors, start, strict=True)
    ]
    found: Inside = coarse[np.ix_(*places)]
    return found


def _factors(mask: Volume, shape: Int3) -> list[int]:
    factors = [-(-side // n) for side, n in zip(shape, mask.shape, strict=True)]
    if any(-(-side // f) != n for side, f, n in zip(shape, factors, mask.shape, strict=True)):
        raise ValueError(f"expected a mask of shape {shape}, or so many times coarser; got {mask.shape}")
    return factors


def fill(filling: Filling, domain: Box, *, progress: Progress, schedule: Schedule = in_turn) -> int:
    """Fill `domain` of the store with what is not done yet; how many blocks that were.

    Blocks lie as those of the whole volume do, whatever the domain, so that no two write to the same chunk.
    Blocks that lay otherwise and are written over are no longer done.

    Raises:
        ValueError: If the domain leaves the image, or the image or the mask is damaged.
        OSError: If the image cannot be read or the store not written.
    """
    store, net, done = filling.store, filling.model.recipe.net, filling.store.done()
    image = filling.image()
    shape = block_shape(net, image.shape)
    blocks = prediction_blocks(image.shape, domain, shape, net, origin=(0, 0, 0))
    blocks.sort(key=partial(_turn, together=sections_together(image)))
    there = _by_block(done, shape)
    wanted = [block.write for block in blocks if not _kept(filling, done, there, block.write, shape)]
    new, everywhere = [_with_what_it_meets(there, box, shape) for box in wanted], (0, 0, 0)
    left = [
        block for box in new for block in prediction_blocks(image.shape, box, shape, net, origin=everywhere)
    ]
    lost = _overwritten(done, new, shape)
    for box in lost:  # killed from here on, no voxels are left that no log tells of
        store.clear(box)
    store.forget(lost)
    count = len(blocks) - len(left)
    progress("predicting", count, len(blocks), f"{count} were done before" if count else "")
    for number, sha256 in schedule(filling.stages, left):
        store.log(left[number].write, sha256)
        count += 1
        progress("predicting", count, len(blocks), str(left[number].write))
    return len(left)


def _turn(block: Block, together: int) -> tuple[int, int, int, int]:
    """Where a block stands: one section behind the other as deep as storage keeps them in one piece."""
    z, y, x = block.write.start
    return z // together, y, x, z


def _by_block(done: Iterable[Box], shape: Int3) -> dict[Int3, list[Box]]:
    """The boxes that reach into each block of that shape, by its corner."""
    there: dict[Int3, list[Box]] = {}
    for box in done:
        for corner in _corners(box, shape):
            there.setdefault(corner, []).append(box)
    return there


def _kept(
    filling: Filling, done: Mapping[Box, str], there: Mapping[Int3, list[Box]], box: Box, shape: Int3
) -> bool:
    """Whether a box was done, or one around it in the same block, and is as it was written.

    What the mask is there now has to be what it was.
    """
    [corner] = _corners(box, shape)
    around = [one for one in there.get(corner, []) if one.contains(box)]
    return any(
        Box.of(shape).shifted(corner).contains(one)
        and done[one] == filling.store.digest(one, filling.inside(one))
        for one in around
    )


def _with_what_it_meets(there: Mapping[Int3, list[Box]], box: Box, shape: Int3) -> Box:
    """The box, which lies in one block, with the done parts of the block that it overlaps.

    So nothing that was predicted is lost where a part of a block overlaps another part of it.
    """
    [corner] = _corners(box, shape)
    block = Box.of(shape).shifted(corner)
    parts = [one.intersection(block) for one in there.get(corner, [])]
    while met := [part for part in parts if part.overlaps(box) and not box.contains(part)]:
        box = hull([box, *met])
    return box


def _overwritten(done: Iterable[Box], boxes: Sequence[Box], shape: Int3) -> list[Box]:
    """Those that share voxels with other boxes, of which each lies in one block of that shape."""
    there = {corner: box for box in boxes for corner in _corners(box, shape)}
    return [
        box
        for box in done
        if any(
            there[corner] != box and there[corner].overlaps(box)
            for corner in _corners(box, shape)
            if corner in there
        )
    ]


def _corners(box: Box, shape: Int3) -> Iterator[Int3]:
    """The corners of the blocks of the whole volume that a box reaches into."""
    sides = zip(box.start, box.stop, shape, strict=True)
    z, y, x = (range(start - start % n, stop, n) for start, stop, n in sides)
    return product(z, y, x)
