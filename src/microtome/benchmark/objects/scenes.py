"""What lies under each kind of proposal, and the mask that a model puts over it."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float64
from scipy import ndimage

from microtome.benchmark.objects.shapes import SIDE, Form, Plane, anywhere, bar, body, ordinary, waves

CYTOPLASM = 172.0  # grey value
_MEMBRANE = 48.0

Mask = Bool[np.ndarray, "s s"]
Scene = tuple[Plane, Mask]
Painter = Callable[[Plane, Plane, np.random.Generator], Plane]


def scene(kind: str, tissue: Plane, rng: np.random.Generator) -> Scene:
    """The square of tissue with what a proposal of this kind lies on, and the proposal's mask.

    The mask is one 4-connected piece that touches no side of the square.
    """
    image, mask = SCENES[kind](tissue, rng)
    inner = np.zeros_like(mask)
    inner[1:-1, 1:-1] = mask[1:-1, 1:-1]
    pieces, _ = ndimage.label(inner)
    return image, pieces == np.bincount(pieces[pieces > 0]).argmax()


def _mitochondrion(tissue: Plane, rng: np.random.Generator) -> Scene:
    """One in five has a neighbour that the mask leaves out."""
    if rng.random() < 0.2:
        image, (own, _) = _pair(tissue, rng)
        return image, _predicted(own, rng)
    inside = body(ordinary(rng), anywhere(rng), rng)
    return _organelle(tissue, inside, rng), _predicted(inside, rng)


def _merged_pair(tissue: Plane, rng: np.random.Generator) -> Scene:
    """Two mitochondria and the bridge between them as one."""
    image, (one, other) = _pair(tissue, rng)
    bridge = one + other > (one + other).max() - rng.uniform(1, 3)  # minus the gap, all along the way across
    return image, _predicted(one, rng) | _predicted(other, rng) | bridge


def _fragment(tissue: Plane, rng: np.random.Generator) -> Scene:
    """25 to 45 % of a mitochondrion, up to a ragged front."""
    pose = anywhere(rng)
    inside = body(ordinary(rng), pose, rng)
    mask = _predicted(inside, rng)
    front = replace(pose, angle=pose.angle + rng.normal(0, 0.5)).axes()[0] + 1.5 * waves(rng, 5)
    cut = np.quantile(front[mask], 1 - rng.uniform(0.25, 0.45))
    return _organelle(tissue, inside, rng), mask & (front > cut)


def _spill(tissue: Plane, rng: np.random.Generator) -> Scene:
    """A mitochondrion, and a tongue of what lies beside it."""
    pose = anywhere(rng)
    form = ordinary(rng, longest=14)
    inside = body(form, pose, rng)
    half = rng.uniform(6, 10)
    turned = replace(pose, angle=rng.uniform(0, 2 * np.pi))
    tongue = bar(half, rng.uniform(2, 4), turned.moved(form.half_width + 0.7 * half, 0), rng.normal(0, 3))
    return _organelle(tissue, inside, rng), _predicted(inside, rng) | (tongue + waves(rng, 5) > 0)


def _look_alike(paint: Painter) -> Callable[[Plane, np.random.Generator], Scene]:
    """A mask like that of a mitochondrion over something else, whose outline it follows roughly."""

    def drawn(tissue: Plane, rng: np.random.Generator) -> Scene:
        inside = body(ordinary(rng), anywhere(rng), rng)
        return paint(tissue, inside, rng), _predicted(inside, rng)

    return drawn


def _strip(tissue: Plane, rng: np.random.Generator) -> Scene:
    """A piece of a dark membrane between two cells."""
    pose, half, bend = anywhere(rng), rng.uniform(12, 25), rng.normal(0, 4)
    image = _over(tissue, _plain(rng), bar(30, 5, pose, bend))
    image = _over(image, np.full_like(tissue, _MEMBRANE), bar(30, rng.uniform(1.2, 2.2), pose, bend))
    return image, bar(half, rng.uniform(1.8, 3.6), pose, bend) + 0.5 * waves(rng, 4) > 0


def _speckle(tissue: Plane, rng: np.random.Generator) -> Scene:
    """A few pixels over a dark spot, or over nothing in particular."""
    half = rng.uniform(3, 5.5)
    inside = body(Form(half, half * rng.uniform(0.6, 1), rough=0.2), anywhere(rng), rng)
    return _dark(tissue, inside - 1, rng) if rng.random() < 0.5 else tissue, inside > 0


def _sprawl(tissue: Plane, rng: np.random.Generator) -> Scene:
    """A large ragged patch over cytoplasm and membranes, some of it full of vesicles."""
    half = rng.uniform(12, 18)
    inside = body(Form(half, half * rng.uniform(0.5, 0.9), rough=0.18), anywhere(rng), rng)
    mask = inside + 2 * waves(rng, 7) > 0
    return _vesicles(tissue, inside - 4, rng) if rng.random() < 0.5 else tissue, mask


def _pair(tissue: Plane, rng: np.random.Generator) -> tuple[Plane, tuple[Plane, Plane]]:
    """Two mitochondria, side by side or end to end, with 2 to 5 pixels between them."""
    forms = [ordinary(rng, longest=12) for _ in range(2)]
    middle, gap = anywhere(rng), rng.uniform(2, 5)
    if rng.random() < 0.5:
        apart = forms[0].half_width + forms[1].half_width + gap
        poses = [middle.moved(rng.normal(0, 2), sign * apart / 2) for sign in (-1, 1)]
    else:
        apart = forms[0].half_length + forms[1].half_length + gap
        poses = [middle.moved(sign * apart / 2, rng.normal(0, 2)) for sign in (-1, 1)]
    turned = [replace(pose, angle=pose.angle + rng.normal(0, 0.25)) for pose in poses]
    one, other = (body(form, pose, rng) for form, pose in zip(forms, turned, strict=True))
    return _organelle(_organelle(tissue, one, rng), other, rng), (one, other)


def _organelle(tissue: Plane, inside: Plane, rng: np.random.Generator) -> Plane:
    """A mitochondrion: cytoplasm around, a dark outline, a grey matrix with cristae that may be faint."""
    image = _over(tissue, _plain(rng), inside + 3)
    turn, width = rng.uniform(0, np.pi), rng.uniform(4, 6.5)
    y, x = np.mgrid[:SIDE, :SIDE]
    phase = 2 * np.pi * (y * np.cos(turn) + x * np.sin(turn)) / width + 1.2 * waves(rng, 9)
    matrix = rng.normal(108, 16) - rng.uniform(3, 30) * np.cos(phase) + 6 * waves(rng, 4)
    image = _over(image, matrix, inside)
    wall = np.full_like(tissue, _MEMBRANE + rng.uniform(0, 35))
    return _over(image, wall, 1.2 - np.abs(inside))


def _vesicles(tissue: Plane, inside: Plane, rng: np.random.Generator) -> Plane:
    """A cloud of vesicles of some 50 nm."""
    image = _over(tissue, _plain(rng), inside + 3)
    grid = np.stack(np.meshgrid(*(np.arange(0, SIDE, 4.6),) * 2), axis=-1).reshape(-1, 2)
    places = grid + rng.normal(0, 0.9, grid.shape)
    y, x = places[rng.random(len(places)) < 0.85].T
    on = np.ones((SIDE, SIDE), bool)
    inner = (y > 0) & (y < SIDE - 1) & (x > 0) & (x < SIDE - 1)
    on[y[inner].round().astype(int), x[inner].round().astype(int)] = False
    ring = np.abs(ndimage.distance_transform_edt(on) - 1.5) < 0.8
    dark = np.where(ring, rng.normal(85, 10), image)
    return _over(image, dark, inside)


def _dark(tissue: Plane, inside: Plane, rng: np.random.Generator) -> Plane:
    """A dense body: dark, blotchy, without a double wall or cristae."""
    image = _over(tissue, _plain(rng), inside + 3)
    return _over(image, rng.normal(82, 14) + 12 * waves(rng, rng.uniform(5, 12)), inside)


def _empty(tissue: Plane, inside: Plane, rng: np.random.Generator) -> Plane:
    """Nothing but cytoplasm, a little denser than around."""
    return _over(tissue, _plain(rng) - rng.uniform(0, 18), inside + rng.uniform(0, 4))


def _vessel(tissue: Plane, inside: Plane, rng: np.random.Generator) -> Plane:
    """A vessel with a bright lumen, whose dark wall runs through the mask."""
    half = rng.uniform(9, 15)
    pose = replace(anywhere(rng), angle=rng.uniform(0, 2 * np.pi)).moved(half, 0)
    lumen = body(Form(half, half * rng.uniform(0.75, 1), rough=0.04), pose, rng)
    image = _over(tissue, np.full_like(tissue, rng.normal(216, 7)), lumen)
    return _over(image, rng.normal(88, 10) + 8 * waves(rng, 5), rng.uniform(1.5, 3) - np.abs(lumen))


def _predicted(inside: Plane, rng: np.random.Generator) -> Mask:
    """The mask of a body as a model finds it: a little too large or too small, its border uneven."""
    return inside + rng.normal(0, 0.7) + rng.uniform(0.2, 0.7) * waves(rng, 7) > 0


def _plain(rng: np.random.Generator) -> Plane:
    """Cytoplasm."""
    return CYTOPLASM + rng.normal(0, 7) + 6 * waves(rng, 6)


def _over(image: Plane, paint: Float64[np.ndarray, "s s"], inside: Plane) -> Plane:
    """`paint` where a depth is positive, with a border one pixel wide."""
    cover = np.clip(inside + 0.5, 0, 1)
    return image + cover * (paint - image)


SCENES: Mapping[str, Callable[[Plane, np.random.Generator], Scene]] = {
    "mitochondrion": _mitochondrion,
    "merged pair": _merged_pair,
    "fragment": _fragment,
    "spill": _spill,
    "vesicle cloud": _look_alike(_vesicles),
    "dark body": _look_alike(_dark),
    "empty cytoplasm": _look_alike(_empty),
    "vessel edge": _look_alike(_vessel),
    "membrane strip": _strip,
    "speckle": _speckle,
    "sprawl": _sprawl,
}
