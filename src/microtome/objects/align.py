"""Aligned patches: each object seen in its largest section, turned so that what is alike looks alike.

After Lin et al. (2020): the principal axis of the mask stands upright, its pre-synaptic side is on the left.
As there, a patch is the middle of a crop that is √2 times as wide and was turned about it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int8, Shaped, UInt8
from scipy import ndimage

from microtome.box import Box, Int3
from microtome.objects.table import ObjectTable
from microtome.query.candidates import pieces
from microtome.volume import Volume

SIDE = 128  # pixels of a patch
OUTSIDE = 128  # grey value beyond the volume
CELL: Int3 = (
    32,
    1024,
    1024,
)  # voxels, whole chunks; objects whose surroundings begin in one are read together
POST = 2  # in the volume of sides; 1 is pre
NEARLY = 1e-9  # part of the whole below which a moment is rounding
TIE = 1e-4  # pixels by which the grid is off, so that what lies between two voxels goes one way at any angle

Plane = Shaped[np.ndarray, "_ _"]
Grid = Float32[np.ndarray, "s s"]


@dataclass(frozen=True, eq=False)
class Patch:
    """What an object looks like."""

    image: UInt8[np.ndarray, "s s"]  # `OUTSIDE` beyond the volume
    mask: Int8[np.ndarray, "s s"]  # 1 in the object, but -1 in its post-synaptic half; 0 elsewhere


def cut_out(patch: Patch, around: int) -> UInt8[np.ndarray, "s s"]:
    """The image up to `around` pixels from the object, of which a patch holds a part; else `OUTSIDE`."""
    away = ndimage.distance_transform_edt(patch.mask == 0)
    return np.where(away <= around, patch.image, np.uint8(OUTSIDE))


@dataclass(frozen=True, eq=False)
class Scene:
    """The volumes in which objects are seen, and how: in patches of `side` pixels, `step` voxels each.

    Raises:
        ValueError: If the volumes differ in shape, the image is not uint8, or a number is not positive.
    """

    image: Volume
    ids: Volume
    sides: Volume | None = None  # 1 in the pre-, 2 in the post-synaptic half of an object
    side: int = SIDE
    step: int = 1

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8:
            raise ValueError(f"expected an image of uint8; got {self.image.dtype}")
        for volume in (self.ids, self.sides or self.ids):
            if volume.shape != self.image.shape:
                raise ValueError(
                    f"expected labels of the image's shape {self.image.shape}; got {volume.shape}"
                )
        if self.side < 1 or self.step < 1:
            raise ValueError(f"expected a positive side and step; got {self.side} and {self.step}")

    @property
    def reach(self) -> int:
        """Voxels that a patch may need on each side of its middle, whatever its angle."""
        return math.ceil(self.side * self.step / math.sqrt(2)) + 2


def aligned(scene: Scene, table: ObjectTable, row: int) -> Patch:
    """The patch of the object in a row of the table.

    An object that is larger than the patch is cut off around its middle.

    Raises:
        ValueError: If the label volume does not hold the object where the table says.
        OSError: If a volume cannot be read.
    """
    _, patch = next(aligned_patches(scene, table, [row]))
    return patch


def aligned_patches(scene: Scene, table: ObjectTable, rows: Sequence[int]) -> Iterator[tuple[int, Patch]]:
    """Rows of the table with their patches; neighbours are read together, in which order they come too.

    Raises:
        ValueError: If the label volume does not hold an object where the table says.
        OSError: If a volume cannot be read.
    """
    around = [_surroundings(table, row, scene) for row in rows]
    for hull, members in pieces(around, CELL):
        planes = _Planes(scene, hull)
        for k in members:
            yield rows[k], planes.patch(table, rows[k])


@dataclass(frozen=True)
class _Frame:
    """Where a patch lies in its section: its middle, and the unit vector that is down in it; y x."""

    middle: tuple[float, float]
    down: tuple[float, float]


class _Planes:
    """The volumes of a scene in a box, in memory, and patches of the objects in it."""

    def __init__(self, scene: Scene, hull: Box) -> None:
        self._scene, self._corner = scene, hull.start
        self._image, self._ids = scene.image.read(hull), scene.ids.read(hull)
        self._sides = None if scene.sides is None else scene.sides.read(hull)

    def patch(self, table: ObjectTable, row: int) -> Patch:
        scene, key, z = self._scene, int(table.ids[row]), int(table.section[row])
        start, stop = table.start[row, 1:].tolist(), table.stop[row, 1:].tolist()
        mask = self._mask(key, z, start, stop)
        if not mask.any():
            raise ValueError(f"object {key} is not in section {z}: the table is of another label volume")
        frame = _frame(mask, start, scene.side * scene.step / 2)
        low = [math.floor(place) - scene.reach for place in frame.middle]
        high = [place + 2 * scene.reach + 1 for place in low]
        y, x = _grid(frame, low, scene)
        image = _smoothed(self._plane(self._image, z, low, high, OUTSIDE), scene.step)
        shift = np.float32(0.5 * (1 - scene.step % 2))  # a mean of an even number of voxels lies between two
        return Patch(_between(image, y + shift, x + shift), _nearest(self._mask(key, z, low, high), y, x))

    def _mask(self, key: int, z: int, low: list[int], high: list[int]) -> Int8[np.ndarray, "y x"]:
        own = self._plane(self._ids, z, low, high, 0) == key
        mask = own.view(np.int8)
        if self._sides is not None:
            mask = np.where(own & (self._plane(self._sides, z, low, high, 0) == POST), np.int8(-1), mask)
        return mask

    def _plane(
        self, block: Shaped[np.ndarray, "z y x"], z: int, low: list[int], high: list[int], fill: int
    ) -> Plane:
        """Part of a section, `fill` beyond the volume."""
        (z0, y0, x0), (_, rows, width) = self._corner, self._scene.image.shape
        (y, x), (y2, x2) = low, high
        plane = block[z - z0, max(y, 0) - y0 : min(y2, rows) - y0, max(x, 0) - x0 : min(x2, width) - x0]
        if plane.shape == (y2 - y, x2 - x):
            return plane
        beyond = ((max(-y, 0), max(y2 - rows, 0)), (max(-x, 0), max(x2 - width, 0)))
        return np.pad(plane, beyond, constant_values=fill)


def _surroundings(table: ObjectTable, row: int, scene: Scene) -> Box:
    """The section in which an object is largest, as far as its patch may reach into the volume."""
    z, box = int(table.section[row]), table.box(row)
    flat = Box((z, *box.start[1:]), (z + 1, *box.stop[1:]))
    return flat.grown((0, scene.reach, scene.reach)).intersection(Box.of(scene.image.shape))


def _frame(mask: Int8[np.ndarray, "y x"], corner: list[int], half: float) -> _Frame:
    """The principal axis down; pre left or, without two halves, the longer tail down, or else right."""
    at = np.argwhere(mask).astype(np.float64)
    middle = at.mean(axis=0)
    off = at - middle
    scale = math.sqrt((off**2).sum() / len(off)) or 1.0
    (yy, yx), (_, xx) = off.T @ off / (len(off) * scale**2)
    turn = math.atan2(2 * yx, yy - xx) / 2 if math.hypot(2 * yx, yy - xx) > NEARLY else 0.0
    down = np.array([math.cos(turn), math.sin(turn)])
    along, across = off @ down / scale, off @ [-down[1], down[0]] / scale
    said = [(along**3).mean(), (across**3).mean()]
    post = mask[mask != 0] < 0
    if post.any() and not post.all():
        said.insert(0, across[post].mean() - across[~post].mean())
    if next((word for word in said if abs(word) > NEARLY), 1) < 0:
        down = -down
    if max(abs(along).max(), abs(across).max()) * scale > half:  # a part of it must be seen, if not the whole
        middle = at[(off**2).sum(axis=1).argmin()]
    y, x = (middle + corner).tolist()
    return _Frame((y, x), (float(down[0]), float(down[1])))


def _grid(frame: _Frame, corner: list[int], scene: Scene) -> tuple[Grid, Grid]:
    """Where the pixels of a patch lie, y and x from `corner`."""
    steps = ((np.arange(scene.side) - (scene.side - 1) / 2 + TIE) * scene.step).astype(np.float32)
    dy, dx = (np.float32(part) for part in frame.down)
    y, x = (np.float32(place - first) for place, first in zip(frame.middle, corner, strict=True))
    return y + steps[:, None] * dy - steps * dx, x + steps[:, None] * dx + steps * dy


def _smoothed(image: UInt8[np.ndarray, "h w"], step: int) -> UInt8[np.ndarray, "h w"]:
    """Means over `step` voxels each way, so that none is passed over."""
    return ndimage.uniform_filter(image, step) if step > 1 else image


def _between(image: UInt8[np.ndarray, "h w"], y: Grid, x: Grid) -> UInt8[np.ndarray, "s s"]:
    """Bilinear interpolation at places inside the image."""
    row, column = y.astype(np.intp), x.astype(np.intp)
    down, right = y - row.astype(np.float32), x - column.astype(np.float32)
    flat, width = image.astype(np.float32).ravel(), image.shape[1]
    at = row * width + column
    above, below = flat.take(at), flat.take(at + width)
    above += right * (flat.take(at + 1) - above)
    below += right * (flat.take(at + width + 1) - below)
    return (above + down * (below - above) + np.float32(0.5)).astype(np.uint8)


def _nearest(mask: Int8[np.ndarray, "h w"], y: Grid, x: Grid) -> Int8[np.ndarray, "s s"]:
    half = np.float32(0.5)
    return mask.take((y + half).astype(np.intp) * mask.shape[1] + (x + half).astype(np.intp))
