"""A made-up volume of proposals that are known to be right or wrong, as a model of mitochondria makes them.

Each has a square of one section to itself: 64 pixels of 16 nm, about 1 µm as in Lin et al. (2020). Around it
lie cells with dark borders, and its neighbours. 76 % are right; the others are ten kinds of error (`kinds`),
a third of them to be seen in the mask alone, a third in the image alone and a third in both (`scenes`). Size,
shape, angle, grey, texture, roughness of the mask, focus and brightness vary in all kinds alike.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int, Int64, UInt8
from scipy import ndimage

from microtome.benchmark.objects.kinds import KINDS, is_correct, planted
from microtome.benchmark.objects.scenes import CYTOPLASM, scene
from microtome.benchmark.objects.shapes import SIDE
from microtome.box import Box, Int3
from microtome.labels import borders
from microtome.objects.proposals import Proposals, open_proposals, propose
from microtome.objects.settings import ProposalSettings
from microtome.objects.sources import OneClass
from microtome.progress import Progress, silent
from microtome.volume import Volume, create_volume, open_volume

VOXEL_NM = (40.0, 16.0, 16.0)
SETTINGS = ProposalSettings(smallest=4, per_section=True)
CELL = 44  # pixels of a cell of the tissue
IMAGE, PREDICTION, WHOLE = "image.ome.zarr", "prediction.ome.zarr", "phantom.json"


@dataclass(frozen=True, slots=True)
class ObjectPhantomConfig:
    """How much there is, and how hard; the defaults are the 28.7 K synapses of Lin et al., 76.2 % correct.

    Raises:
        ValueError: If there is not at least one proposal, or a share is none.
    """

    sections: int = 28
    across: int = 32  # proposals along either side of a section
    correct: float = 0.762  # share of the proposals
    noise: float = 11.0  # grey values, standard deviation
    flicker: float = 0.04  # standard deviation of a section's gain, and of its offset over 255
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.sections, self.across) < 1 or not 0 <= self.correct <= 1:
            raise ValueError(f"expected proposals, and a share in [0, 1] of correct ones; got {self}")
        if min(self.noise, self.flicker) < 0:
            raise ValueError(f"expected noise and flicker of at least 0; got {self}")

    @property
    def count(self) -> int:
        """How many proposals there are."""
        return self.sections * self.across**2

    @property
    def shape(self) -> Int3:
        """Of the volume, in voxels."""
        return (self.sections, self.across * SIDE, self.across * SIDE)


@dataclass(frozen=True, eq=False)
class ObjectPhantom:
    """The image, the proposals in it, and by row of their table what kind each is."""

    image: Volume
    proposals: Proposals
    kinds: Int64[np.ndarray, "n"]  # indices into KINDS

    @property
    def correct(self) -> Bool[np.ndarray, "n"]:
        """Which proposals are right."""
        return is_correct(self.kinds)


def object_phantom(config: ObjectPhantomConfig, folder: Path, progress: Progress = silent) -> ObjectPhantom:
    """The phantom in `folder`, written section by section and proposed from its prediction, if not there yet.

    The same configuration gives the same voxels.

    Raises:
        ValueError: If the folder holds a phantom of another configuration.
        OSError: If it cannot be written.
    """
    note = folder / WHOLE
    if not note.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _write(config, folder, progress)
        note.write_text(json.dumps(asdict(config)))
    if json.loads(note.read_text()) != asdict(config):
        raise ValueError(f"{folder} holds another phantom: {note.read_text()}")
    found = open_proposals(folder / "001")
    corner = found.table().start // (1, SIDE, SIDE)
    sites = np.ravel_multi_index(tuple(corner.T), (config.sections, config.across, config.across))
    return ObjectPhantom(open_volume(folder / IMAGE), found, _kinds(config)[sites])


def _write(config: ObjectPhantomConfig, folder: Path, progress: Progress) -> None:
    image = create_volume(folder / IMAGE, config.shape, np.dtype(np.uint8), VOXEL_NM)
    prediction = create_volume(folder / PREDICTION, config.shape, np.dtype(np.uint8), VOXEL_NM)
    kinds = _kinds(config).reshape(config.sections, config.across, config.across)
    for z in range(config.sections):
        rng = np.random.default_rng((config.seed, 1, z))
        box = Box((z, 0, 0), (z + 1, *config.shape[1:]))
        grey, probability = _section(kinds[z], config, rng)
        image.write(box, grey[None])
        prediction.write(box, probability[None])
        progress("drawing sections", z + 1, config.sections)
    found = propose(OneClass(prediction, "planted"), SETTINGS, folder / "001", progress=progress)
    if found.result.objects != config.count:
        raise RuntimeError(f"expected {config.count} proposals; got {found.result.objects}")


def _kinds(config: ObjectPhantomConfig) -> Int64[np.ndarray, "n"]:
    return planted(config.count, config.correct, np.random.default_rng((config.seed, 0)))


def _section(
    kinds: Int64[np.ndarray, "a a"], config: ObjectPhantomConfig, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "y x"], UInt8[np.ndarray, "y x"]]:
    """A section as it is recorded, and the model's probability: of a wrong proposal somewhat less."""
    image = _tissue(config.shape[1], rng)
    probability = np.full(image.shape, 12, np.uint8)
    for row, column in np.ndindex(kinds.shape):
        place = slice(row * SIDE, (row + 1) * SIDE), slice(column * SIDE, (column + 1) * SIDE)
        drawn, mask = scene(KINDS[kinds[row, column]].name, image[place].astype(np.float64), rng)
        sure = rng.beta(8, 2) if kinds[row, column] == 0 else rng.beta(4, 2.5)
        image[place] = drawn
        probability[place][mask] = round(255 * (0.55 + 0.44 * sure))
    return _recorded(image, config, rng), probability


def _tissue(side: int, rng: np.random.Generator) -> Float32[np.ndarray, "y x"]:
    """Cells of cytoplasm, each of a grey of its own, with dark borders bent by smooth noise; and specks."""
    seeds = np.ones((side, side), bool)
    count = max(2, round((side / CELL) ** 2))
    seeds[tuple(rng.integers(0, side, (2, count)))] = False
    nearest = ndimage.distance_transform_edt(seeds, return_distances=False, return_indices=True)
    y, x = (
        np.clip(place + 6 * _blurred(side, 9, rng), 0, side - 1).astype(np.intp)
        for place in np.mgrid[:side, :side]
    )
    cells = (nearest[0] * side + nearest[1])[y, x]
    image = CYTOPLASM + 8 * _blurred(side, 1.5, rng) + _own(cells, 9.0, rng)
    image[rng.random(image.shape) < 0.006] -= 55  # microtubules and glycogen
    dark = ndimage.binary_dilation(borders(cells[None])[0], iterations=1)
    return np.where(dark, np.float32(55), image).astype(np.float32)


def _own(
    cells: Int[np.ndarray, "y x"], deviation: float, rng: np.random.Generator
) -> Float32[np.ndarray, "y x"]:
    """A random value for each cell."""
    names, index = np.unique(cells, return_inverse=True)
    return rng.normal(0, deviation, len(names)).astype(np.float32)[index.reshape(cells.shape)]


def _blurred(side: int, sigma: float, rng: np.random.Generator) -> Float32[np.ndarray, "y x"]:
    """Smooth noise of deviation 1."""
    noise = ndimage.gaussian_filter(rng.normal(size=(side, side)).astype(np.float32), sigma)
    return noise / noise.std()


def _recorded(
    image: Float32[np.ndarray, "y x"], config: ObjectPhantomConfig, rng: np.random.Generator
) -> UInt8[np.ndarray, "y x"]:
    """Through the microscope: a focus of its own, gain and offset of the section, noise."""
    seen = ndimage.gaussian_filter(image, rng.uniform(0.4, 0.9))
    gain, offset = 1 + config.flicker * rng.normal(), 255 * config.flicker * rng.normal()
    noise = config.noise * rng.normal(size=image.shape).astype(np.float32)
    return np.clip(np.rint((seen - 128) * gain + 128 + offset + noise), 0, 255).astype(np.uint8)
