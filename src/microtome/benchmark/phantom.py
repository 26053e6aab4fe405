"""An electron-microscopy phantom: a made-up volume whose truth is exact.

Every structure is a function of a place in the tissue, in nm. A section is where it is evaluated, so that
jitter moves image and truth by the same fraction of a pixel, and nothing is ever interpolated.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, UInt8, UInt64
from scipy import ndimage, spatial

from microtome.box import Int3
from microtome.labels import borders

PRE, POST, CLEFT = 1, 2, 3
"""Values of `Phantom.synapses`: the sending side, the receiving side, and the contact between them."""

_MEMBRANE_NM = 15.0  # half the labelled width: a fifth of the tissue, as annotators draw it in larval VNC
_ORGANELLE_GAP_NM = 26.0  # cytoplasm between an organelle and the border of its cell
_CYTOPLASM, _MEMBRANE, _MATRIX, _DENSITY = 181.0, 20.0, 98.0, 14.0  # grey values, as in larval VNC ssTEM


@dataclass(frozen=True, slots=True)
class PhantomConfig:
    """What the tissue and the microscope are like; the defaults resemble fly ssTEM at half resolution.

    Raises:
        ValueError: If a value is outside the range its comment states.
    """

    shape: Int3 = (20, 512, 512)  # voxels, z y x
    seed: int = 0
    voxel_size_nm: tuple[float, float, float] = (45.0, 9.2, 9.2)
    cell_diameter_nm: float = 560.0  # of the larger profiles; bundles of finer ones lie between them
    contrast: float = 1.0  # 1 is real ssTEM, 0 leaves nothing but noise
    clutter: float = 0.01  # share of the tissue in dark bodies and vesicle clumps that resemble mitochondria
    rarity: float = 0.05  # share of the tissue in mitochondria, as far as the cells have room
    redundancy: float = (
        0.3  # how alike neighbouring sections are: 0 changes over a section's true thickness, 1 not
    )
    noise: float = 10.0  # grey values, standard deviation in mid grey
    jitter_px: float = 0.6  # standard deviation of a section's shift in y and x
    flicker: float = 0.03  # standard deviation of a section's gain, and of its offset over 255
    synapses_per_um3: float = 1.5  # adult fly neuropil has 1 to 2

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or min(self.voxel_size_nm) <= 0 or self.cell_diameter_nm <= 0:
            raise ValueError(f"shape, voxel size and cell diameter must be positive; got {self}")
        if not (0 <= self.rarity < 1 and 0 <= self.clutter < 1 and 0 <= self.redundancy <= 1):
            raise ValueError(f"rarity and clutter must be in [0, 1) and redundancy in [0, 1]; got {self}")
        if min(self.contrast, self.noise, self.jitter_px, self.flicker, self.synapses_per_um3) < 0:
            raise ValueError(
                f"contrast, noise, jitter, flicker and synapses must not be negative; got {self}"
            )


@dataclass(frozen=True)
class Phantom:
    """An image with its exact truth; ids start at 1, and `cells` is dense: a membrane belongs to its cell."""

    image: UInt8[np.ndarray, "z y x"]
    cells: UInt64[np.ndarray, "z y x"]
    mitochondria: UInt64[np.ndarray, "z y x"]
    membranes: Bool[np.ndarray, "z y x"]
    synapses: UInt8[np.ndarray, "z y x"]
    voxel_size_nm: tuple[float, float, float]


def phantom(config: PhantomConfig) -> Phantom:
    """The volume that `config` describes; the same configuration gives the same bytes."""
    rngs = iter(
        np.random.default_rng(config.seed).spawn(6)
    )  # one each, so that a knob moves only what it names
    frame = _frame(config, next(rngs))
    tissue = _tissue(config, frame, next(rngs))
    contacts = _contacts(config, frame, tissue, next(rngs))
    mitochondria = _bodies(config.rarity, frame, tissue, contacts.labels > 0, next(rngs))
    taken = (contacts.labels > 0) | (mitochondria.ids > 0)
    clutter = _bodies(config.clutter, frame, tissue, taken, next(rngs))
    image = _image(config, tissue, contacts, (mitochondria, clutter), next(rngs))
    cells = np.unique(tissue.cell, return_inverse=True)[1].reshape(config.shape) + 1
    return Phantom(
        image=image,
        cells=cells.astype(np.uint64),
        mitochondria=mitochondria.ids.astype(np.uint64),
        membranes=(tissue.depth < _MEMBRANE_NM) | borders(tissue.cell),
        synapses=contacts.labels,
        voxel_size_nm=config.voxel_size_nm,
    )


@dataclass(frozen=True)
class _Frame:
    """Where in the tissue, in nm, the rows and columns of each section lie."""

    z: Float[np.ndarray, " z"]
    y: Float[np.ndarray, "z y"]
    x: Float[np.ndarray, "z x"]

    def around(self, at: tuple[int, ...], reach_nm: float) -> tuple[slice, slice, slice]:
        """The smallest box that holds everything within `reach_nm` of the voxel `at`, clipped."""
        near = [axis - axis[..., i, None] for axis, i in zip((self.z, self.y, self.x), at, strict=True)]
        spans = [
            np.flatnonzero((np.abs(n) <= reach_nm + 40).reshape(-1, n.shape[-1]).any(axis=0)) for n in near
        ]
        return tuple(slice(int(s[0]), int(s[-1]) + 1) for s in spans)  # type: ignore[return-value]

    def offsets(self, at: tuple[int, ...], box: tuple[slice, slice, slice]) -> Float[np.ndarray, "3 z y x"]:
        """Vectors in nm from the voxel `at` to each voxel of `box`."""
        z, y, x = box
        dz = (self.z[z] - self.z[at[0]])[:, None, None]
        dy = (self.y[z, y] - self.y[at[0], at[1]])[:, :, None]
        dx = (self.x[z, x] - self.x[at[0], at[2]])[:, None, :]
        return np.stack(np.broadcast_arrays(dz, dy, dx))


def _frame(config: PhantomConfig, rng: np.random.Generator) -> _Frame:
    (nz, ny, nx), (dz, dy, dx) = config.shape, config.voxel_size_nm
    shift = rng.normal(0.0, 1.0, (2, nz, 1)) * config.jitter_px
    z = np.arange(nz) * dz * (1.0 - config.redundancy)
    return _Frame(z, (np.arange(ny) + shift[0]) * dy, (np.arange(nx) + shift[1]) * dx)


@dataclass(frozen=True)
class _Waves:
    """A smooth random field with mean 0, as a sum of plane waves."""

    wavenumbers: Float[np.ndarray, "n 3"]
    phases: Float[np.ndarray, " n"]
    amplitudes: Float[np.ndarray, " n"]

    def at(
        self, z: float, y: Float[np.ndarray, " y"], x: Float[np.ndarray, " x"]
    ) -> Float32[np.ndarray, "y x"]:
        """Values on one section: one matrix product, since cos(a + b) = cos a cos b - sin a sin b."""
        kz, ky, kx = self.wavenumbers.T
        down, along = np.outer(y, ky) + kz * z + self.phases, np.outer(kx, x)
        rows = np.hstack([self.amplitudes * np.cos(down), -self.amplitudes * np.sin(down)])
        columns = np.vstack([np.cos(along), np.sin(along)])
        # einsum, not @: the same sums whatever BLAS and however many threads, and no slower at this size
        return np.einsum("yn,nx->yx", rows.astype(np.float32), columns.astype(np.float32))


def _waves(
    rng: np.random.Generator, wavelengths_nm: tuple[float, ...], deviations: tuple[float, ...]
) -> _Waves:
    """A field in which each wavelength contributes its standard deviation."""
    n = 36  # waves of each length: enough that the sum looks Gaussian
    spread = np.repeat(2 * np.pi / np.array(wavelengths_nm), n)[:, None] / np.sqrt(2)
    amplitudes = np.repeat(np.array(deviations), n) * np.sqrt(2 / n)
    return _Waves(
        rng.normal(size=(len(spread), 3)) * spread, rng.uniform(0, 2 * np.pi, len(spread)), amplitudes
    )


@dataclass(frozen=True)
class _Tissue:
    """For each voxel its cell, the nearest other cell, and how far in nm the border between them is."""

    cell: Int32[np.ndarray, "z y x"]
    other: Int32[np.ndarray, "z y x"]
    depth: Float32[np.ndarray, "z y x"]


@dataclass(frozen=True)
class _Seeds:
    """Voronoi seeds in bent tissue, and the cell that each belongs to."""

    places: Float32[np.ndarray, "n 3"]
    owner: Int32[np.ndarray, " n"]
    tree: spatial.cKDTree


def _seeds(config: PhantomConfig, frame: _Frame, rng: np.random.Generator) -> _Seeds:
    """Seeds inside a large cell share its id, so that its outline is no polygon."""
    large, fine = 1.25 * config.cell_diameter_nm, 0.5 * config.cell_diameter_nm
    low = np.array([a.min() for a in (frame.z, frame.y, frame.x)]) - 1.5 * large
    high = np.array([a.max() for a in (frame.z, frame.y, frame.x)]) + 1.5 * large
    volume = float(np.prod(high - low))
    parents = rng.uniform(low, high, (max(4, round(volume / large**3)), 3))
    places = rng.uniform(low, high, (max(32, round(volume / fine**3)), 3))
    parent = spatial.cKDTree(parents).query(places)[1]
    whole = rng.random(len(parents)) < 0.6
    owner = np.where(whole[parent], parent, len(parents) + np.arange(len(places)))
    return _Seeds(places.astype(np.float32), owner.astype(np.int32), spatial.cKDTree(places))


def _tissue(config: PhantomConfig, frame: _Frame, rng: np.random.Generator) -> _Tissue:
    """A Voronoi diagram in tissue that three smooth fields, coarse and fine, have bent."""
    seeds = _seeds(config, frame, rng)
    size = config.cell_diameter_nm
    bends = [_waves(rng, (1.6 * size, 0.4 * size), (0.11 * size, 0.013 * size)) for _ in range(3)]
    sections = []
    for z, y, x in zip(frame.z, frame.y, frame.x, strict=True):
        straight = np.broadcast_arrays(
            np.float32(z), y[:, None].astype(np.float32), x[None].astype(np.float32)
        )
        bent = [p + bend.at(z, y, x) for p, bend in zip(straight, bends, strict=True)]
        sections.append(_nearest_cells(np.stack(bent), seeds))
    cell, other, depth = (np.stack(arrays) for arrays in zip(*sections, strict=True))
    return _Tissue(cell, other, depth)


def _nearest_cells(
    points: Float32[np.ndarray, "3 y x"], seeds: _Seeds
) -> tuple[Int32[np.ndarray, "y x"], Int32[np.ndarray, "y x"], Float32[np.ndarray, "y x"]]:
    """Cell, neighbour and border distance; the eight seeds that matter are looked up every fourth pixel."""
    coarse = np.asarray(seeds.tree.query(np.moveaxis(points[:, ::4, ::4], 0, -1), k=8)[1])
    rows, columns = (np.arange(n) // 4 for n in points.shape[1:])
    near = np.moveaxis(coarse, -1, 0)[:, rows[:, None], columns]
    squared = np.stack(
        [sum((p - s[n]) ** 2 for p, s in zip(points, seeds.places.T, strict=True)) for n in near]
    )
    first = np.take_along_axis(near, squared.argmin(axis=0)[None], axis=0)[0]
    nearest, cell = squared.min(axis=0), seeds.owner[first]
    depth, other = np.full(cell.shape, 500.0, np.float32), cell.copy()
    for seed, distance in zip(near, squared, strict=True):
        apart = sum((s[seed] - s[first]) ** 2 for s in seeds.places.T)
        border = (distance - nearest) / (2 * np.sqrt(np.maximum(apart, 1e-6)))
        closer = (seeds.owner[seed] != cell) & (border < depth)
        depth[closer], other[closer] = border[closer], seeds.owner[seed][closer]
    return cell, other, depth


@dataclass(frozen=True)
class _Contacts:
    """Synapses as PRE, POST and CLEFT, and where vesicles crowd around them."""

    labels: UInt8[np.ndarray, "z y x"]
    cloud: Bool[np.ndarray, "z y x"]


def _contacts(config: PhantomConfig, frame: _Frame, tissue: _Tissue, rng: np.random.Generator) -> _Contacts:
    """Synapses at random places where two cells touch; at least one, if any are wanted and there is room."""
    labels, cloud = np.zeros(config.shape, np.uint8), np.zeros(config.shape, bool)
    volume_um3 = labels.size * float(np.prod(config.voxel_size_nm)) * 1e-9
    wanted = max(round(config.synapses_per_um3 * volume_um3), int(config.synapses_per_um3 > 0))
    touching = np.flatnonzero((tissue.depth < 12.0) & (tissue.cell != tissue.other))
    for flat in rng.permutation(touching)[: 4 * wanted]:
        at = tuple(int(i) for i in np.unravel_index(flat, config.shape))
        box = frame.around(at, 240.0)
        reach = np.sqrt((frame.offsets(at, box) ** 2).sum(axis=0))
        cell, other, depth = tissue.cell[box], tissue.other[box], tissue.depth[box]
        pre, post = int(tissue.cell[at]), int(tissue.other[at])
        disc = reach < rng.uniform(100, 160)
        new = np.zeros(cell.shape, np.uint8)
        new[disc & (cell == pre) & (other == post) & (depth < 62.0 - 0.25 * reach)] = PRE
        new[disc & (cell == post) & (other == pre) & (depth < 34.0)] = POST
        new[(new > 0) & (depth < 12.0)] = CLEFT
        enough = all((new == part).sum() >= 8 for part in (PRE, POST, CLEFT))
        if not enough or labels[box].any() or len(np.unique(cell[new == CLEFT])) < 2:
            continue
        labels[box], wanted = new, wanted - 1
        cloud[box] |= (cell == pre) & (reach < 240.0) & (new == 0)
        if wanted == 0:
            break
    return _Contacts(labels, cloud)


@dataclass(frozen=True)
class _Bodies:
    """Organelles: their ids, the depth in nm below their surface, and the stripes of cristae, in [-1, 1]."""

    ids: Int32[np.ndarray, "z y x"]
    depth: Float32[np.ndarray, "z y x"]
    stripes: Float32[np.ndarray, "z y x"]


def _bodies(
    share: float, frame: _Frame, tissue: _Tissue, taken: Bool[np.ndarray, "z y x"], rng: np.random.Generator
) -> _Bodies:
    """Bent ellipsoids inside cells, added as long as each brings the filled share nearer to `share`."""
    shape = taken.shape
    bodies = _Bodies(np.zeros(shape, np.int32), np.zeros(shape, np.float32), np.zeros(shape, np.float32))
    least = max(_ORGANELLE_GAP_NM, min(90.0, float(np.quantile(tissue.depth, 0.95))))
    roomy = np.flatnonzero((tissue.depth > least) & ~taken)
    missing, count = share * taken.size, 0
    tries = 60 + roomy.size // 2000  # bounds the time where the cells have no room for `share`
    for flat in roomy[rng.integers(max(roomy.size, 1), size=tries if roomy.size else 0)]:
        if missing < 0.03 * share * taken.size:
            break
        at = tuple(int(i) for i in np.unravel_index(flat, shape))
        thick = min(rng.uniform(110, 175), 1.25 * float(tissue.depth[at]))
        lengths = np.array([thick * rng.uniform(1.1, 2.6), thick, thick * rng.uniform(0.75, 1.0)])
        box = frame.around(at, float(lengths[0]) * 1.1)
        surface, stripes = _body(frame.offsets(at, box), lengths, rng)
        room = (tissue.cell[box] == tissue.cell[at]) & (tissue.depth[box] > _ORGANELLE_GAP_NM)
        parts = ndimage.label((surface > 0) & room, np.ones((3, 3, 3)))[0]
        inside = parts == parts[tuple(i - s.start for i, s in zip(at, box, strict=True))]
        crowded = (taken[box] & inside).any() or (bodies.ids[box][surface > -25.0] > 0).any()
        if crowded or inside.sum() < 0.6 * (surface > 0).sum() or inside.sum() >= 2 * missing:
            continue
        count, missing = count + 1, missing - int(inside.sum())
        below = np.minimum(surface, tissue.depth[box] - _ORGANELLE_GAP_NM)
        bodies.ids[box][inside] = count
        bodies.depth[box][inside], bodies.stripes[box][inside] = below[inside], stripes[inside]
    return bodies


def _body(
    offsets: Float[np.ndarray, "3 z y x"], lengths: Float[np.ndarray, " 3"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, "z y x"], Float[np.ndarray, "z y x"]]:
    """Depth in nm below the surface of a bent ellipsoid (negative outside), and the cristae's stripes."""
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    u, v, w = np.einsum("ij,jzyx->izyx", turn, offsets)
    v = v + rng.normal(0.0, 0.25) * u**2 / lengths[0]
    radius = np.sqrt(sum((axis / length) ** 2 for axis, length in zip((u, v, w), lengths, strict=True)))
    across = rng.normal(size=3) * (1.0, 1.0, 0.3)
    ramp = np.tensordot(across / np.linalg.norm(across), np.stack([u, v, w]), axes=1)
    a, b, c = rng.uniform(0, 2 * np.pi, 3)
    ramp = ramp + 13 * np.sin(u / 27 + a + v / 60) + 11 * np.sin(v / 24 + b + w / 50)
    strength = 0.65 + 0.35 * np.sin(u / 55 + c) * np.cos(v / 45 + a)
    return (1 - radius) * lengths[1], strength * np.cos(2 * np.pi * ramp / rng.uniform(40, 56))


_Pixels = Float[np.ndarray, "y x"]  # a section while it is drawn: grey values, not yet clipped to 0..255


def _image(
    config: PhantomConfig,
    tissue: _Tissue,
    contacts: _Contacts,
    bodies: tuple[_Bodies, _Bodies],
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "z y x"]:
    ids = int(tissue.cell.max()) + 1
    tone = rng.normal(0.0, 7.0, ids) - 55.0 * (rng.random(ids) < 0.07)  # a few cells are dark, as glia are
    grain = rng.uniform(26.0, 82.0, ids)
    texture = np.zeros(config.shape[1:])
    image = np.empty(config.shape, np.uint8)
    for z in range(config.shape[0]):
        kept = config.redundancy if z else 0.0
        texture = kept * texture + np.sqrt(1 - kept**2) * rng.normal(size=texture.shape)
        cell = tissue.cell[z]
        cloud = contacts.cloud[z] | ((bodies[1].ids[z] > 0) & (bodies[1].ids[z] % 2 == 0))
        cytoplasm = _CYTOPLASM + tone[cell] + grain[cell] * _dots(texture, config.voxel_size_nm[1:])
        cytoplasm -= _vesicles(cloud, config.voxel_size_nm[1:], rng)
        drawn = _stain(cytoplasm, tissue.depth[z], contacts.labels[z])
        image[z] = _exposure(config, _organelles(drawn, bodies, z), rng)
    return image


def _dots(noise: _Pixels, pixel_nm: tuple[float, float]) -> _Pixels:
    """Ribosomes, filaments, cut microtubules: dark dots in loose heaps on a mottled ground, about -2 to 1."""
    fine = ndimage.gaussian_filter(noise, [7.0 / nm for nm in pixel_nm])
    heaps = ndimage.gaussian_filter(noise, [90.0 / nm for nm in pixel_nm], truncate=2.5)
    fine, heaps = (field / max(float(field.std()), 1e-6) for field in (fine, heaps))
    return 0.12 * fine + 0.1 * heaps - np.clip(fine - 0.5 + 0.6 * heaps, 0.0, 1.6)


def _vesicles(
    cloud: Bool[np.ndarray, "y x"], pixel_nm: tuple[float, float], rng: np.random.Generator
) -> _Pixels:
    """Darkness of ring-shaped vesicles, dense in `cloud`, and of larger pale profiles elsewhere."""
    result = np.zeros(cloud.shape, np.float32)
    area = float(np.prod(pixel_nm))
    for radius, everywhere, crowded in ((19.0, 6e-6, 1.6e-4), (45.0, 2.5e-6, 0.0)):  # nm, then per nm²
        seeds = (rng.random(cloud.shape) < area * (everywhere + crowded * cloud)).astype(np.float32)
        steps = [np.arange(-int(radius * 1.6 / nm) - 1, int(radius * 1.6 / nm) + 2) * nm for nm in pixel_nm]
        reach = np.hypot(steps[0][:, None], steps[1])
        ring = 105 * np.exp(-(((reach - radius) / 8.0) ** 2)) - 22 * (reach < radius - 6)
        result += ndimage.convolve(seeds, ring, mode="constant")
    return np.clip(result, -30, 110)


def _stain(ground: _Pixels, depth: Float32[np.ndarray, "y x"], synapse: UInt8[np.ndarray, "y x"]) -> _Pixels:
    """Membranes as dark lines on both sides of a paler gap, and the densities of synapses."""
    line = np.exp(-(((depth - 5.0) / 8.0) ** 2))
    drawn = ground + (_MEMBRANE - ground) * line
    weight = np.array([0.0, 0.75, 0.6, 0.95])[synapse]
    return drawn + (_DENSITY - drawn) * weight


def _organelles(ground: _Pixels, bodies: tuple[_Bodies, _Bodies], z: int) -> _Pixels:
    """Mitochondria with cristae, then look-alikes: odd ones dark bodies, even ones clumps of vesicles."""
    result = ground.copy()
    for body, real in zip(bodies, (True, False), strict=True):
        inside = body.ids[z] > 0
        below, stripes, ids = body.depth[z][inside], body.stripes[z][inside], body.ids[z][inside]
        tone = _MATRIX + 22.0 * np.sin(2.4 * ids)  # bodies differ in how dark they stain
        plain = np.clip((below - 14.0) / 16.0, 0.0, 1.0)
        dark = np.where(ids % 2 == 1, tone - 30.0, ground[inside] - 38.0)
        filling = tone + 52.0 * stripes * plain if real else dark
        rim = np.exp(-(((below - 7.0) / 8.0) ** 2)) * np.where(real | (ids % 2 == 1), 0.9, 0.3)
        result[inside] = filling + (_MEMBRANE - filling) * rim
    return result


def _exposure(config: PhantomConfig, drawn: _Pixels, rng: np.random.Generator) -> UInt8[np.ndarray, "y x"]:
    """What the camera records: contrast, blur, shot and readout noise, and the section's gain and offset."""
    gain, offset = rng.normal(0.0, config.flicker, 2)
    seen = 128.0 + config.contrast * (ndimage.gaussian_filter(drawn, 0.5) - 128.0)
    spread = config.noise * np.sqrt(0.25 + 0.75 * np.clip(seen, 0, 255) / 128.0)
    grain = (
        ndimage.gaussian_filter(rng.normal(size=seen.shape), 0.45) * 1.35
    )  # the lens blurs shot noise a little
    seen = (seen + spread * grain - 128.0) * (1 + gain) + 128.0 + 255.0 * offset
    return np.clip(np.rint(seen), 0, 255).astype(np.uint8)
