"""Half-open voxel regions in z y x, and the two ways to cut a domain into them."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Int3 = tuple[int, int, int]


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """The voxels from `start` up to, but not including, `stop`; axes z y x.

    Raises:
        ValueError: If `stop` lies before `start` on an axis.
    """

    start: Int3
    stop: Int3

    def __post_init__(self) -> None:
        if len(self.start) != 3 or len(self.stop) != 3:
            raise ValueError(f"a box has three axes z y x; got start {self.start} and stop {self.stop}")
        if any(b < a for a, b in zip(self.start, self.stop, strict=True)):
            raise ValueError(
                f"a box must not stop before it starts; got start {self.start} and stop {self.stop}"
            )

    @classmethod
    def of(cls, shape: Int3) -> "Box":
        """The box of a whole volume of `shape`."""
        return cls((0, 0, 0), shape)

    @property
    def shape(self) -> Int3:
        return tuple(b - a for a, b in zip(self.start, self.stop, strict=True))  # type: ignore[return-value]

    @property
    def size(self) -> int:
        """Number of voxels."""
        z, y, x = self.shape
        return z * y * x

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """For indexing an array whose origin is the volume's."""
        return tuple(slice(a, b) for a, b in zip(self.start, self.stop, strict=True))  # type: ignore[return-value]

    def shifted(self, by: Int3) -> "Box":
        """The same box moved `by` voxels."""
        return Box(_add(self.start, by), _add(self.stop, by))

    def relative_to(self, outer: "Box") -> "Box":
        """This box in the coordinates of `outer`, whose first voxel becomes 0 0 0."""
        return self.shifted((-outer.start[0], -outer.start[1], -outer.start[2]))

    def grown(self, by: Int3) -> "Box":
        """The box with `by` more voxels on both sides of each axis; may leave the volume."""
        return Box(_add(self.start, (-by[0], -by[1], -by[2])), _add(self.stop, by))

    def contains(self, other: "Box") -> bool:
        """Whether every voxel of `other` lies in this box."""
        return all(a <= c and d <= b for a, b, c, d in self._sides(other))

    def overlaps(self, other: "Box") -> bool:
        """Whether the two boxes share a voxel."""
        return all(max(a, c) < min(b, d) for a, b, c, d in self._sides(other))

    def intersection(self, other: "Box") -> "Box":
        """The shared voxels; an empty box where there are none."""
        start = tuple(max(a, c) for a, _, c, _ in self._sides(other))
        stop = tuple(max(low, min(b, d)) for low, (_, b, _, d) in zip(start, self._sides(other), strict=True))
        return Box(start, stop)  # type: ignore[arg-type]

    def _sides(self, other: "Box") -> Iterator[tuple[int, int, int, int]]:
        return zip(self.start, self.stop, other.start, other.stop, strict=True)

    def __str__(self) -> str:
        return ",".join(f"{a}:{b}" for a, b in zip(self.start, self.stop, strict=True))


@dataclass(frozen=True, slots=True)
class Block:
    """A box to write and the larger box, halo included and clipped to the domain, to read for it."""

    read: Box
    write: Box


def hull(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds all of these, of which there is at least one."""
    starts, stops = zip(*((box.start, box.stop) for box in boxes), strict=True)
    return Box(tuple(map(min, zip(*starts, strict=True))), tuple(map(max, zip(*stops, strict=True))))


def grid(domain: Box, shape: Int3, step: Int3 | None = None) -> Iterator[Box]:
    """Boxes of exactly `shape` that lie wholly inside `domain`, every `step` voxels, in z y x order.

    A remainder narrower than `shape` is left out; `step` is `shape` unless given.

    Raises:
        ValueError: If `shape` or `step` is not positive.
    """
    step = shape if step is None else step
    _require_positive(shape=shape, step=step)
    starts = (
        range(a, b - n + 1, s) for a, b, n, s in zip(domain.start, domain.stop, shape, step, strict=True)
    )
    for z, y, x in itertools.product(*starts):
        yield Box((z, y, x), _add((z, y, x), shape))


def count(domain: Box, shape: Int3) -> int:
    """How many boxes `grid` gives, without making them."""
    z, y, x = (side // n for side, n in zip(domain.shape, shape, strict=True))
    return z * y * x


def tile(domain: Box, shape: Int3, halo: Int3, origin: Int3 | None = None) -> Iterator[Block]:
    """Blocks whose write boxes partition `domain`; the last of an axis may be smaller than `shape`.

    They begin at `origin`, the domain's first voxel unless given, and are cut where they leave the domain.

    Raises:
        ValueError: If `shape` is not positive or `halo` is negative.
    """
    _require_positive(shape=shape)
    if min(halo) < 0:
        raise ValueError(f"a halo must not be negative; got {halo}")
    sides = zip(domain.start, domain.stop, shape, origin or domain.start, strict=True)
    starts = (range(a - (a - first) % n, b, n) for a, b, n, first in sides)
    for z, y, x in itertools.product(*starts):
        write = Box((z, y, x), _add((z, y, x), shape)).intersection(domain)
        yield Block(read=write.grown(halo).intersection(domain), write=write)


def _add(a: Int3, b: Int3) -> Int3:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def _require_positive(**shapes: Int3) -> None:
    for name, shape in shapes.items():
        if min(shape) < 1:
            raise ValueError(f"{name} must be at least 1 on every axis; got {shape}")
