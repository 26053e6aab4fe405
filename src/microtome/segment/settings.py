"""What is an instance in a volume of probabilities."""

from dataclasses import dataclass
from typing import Literal

from microtome.box import Int3
from microtome.segment.components import Neighbours

FARTHEST_NM = 100_000  # more than any instance of tissue is wide: what a block reads around it must end
Method = Literal["components", "watershed", "boundaries"]


@dataclass(frozen=True, slots=True)
class InstanceSettings:
    """How a probability becomes instances.

    `components`: what touches is one. `watershed`: what touches is cut where it is thin or unlikely, so that
    each seed is one. `boundaries`: the probability is that of a border between instances, which fill the
    volume.

    Raises:
        ValueError: If a value is out of range, or the method has no use for it.
    """

    method: Method = "components"
    threshold: float = 0.5  # least probability of foreground, or of a border, in (0, 1]
    connectivity: int = 6  # or 26; of components
    smallest: int = 1  # voxels of an instance; smaller ones are dropped
    holes: int = 0  # voxels of enclosed background that is filled, at most
    holes_per_section: bool = False  # enclosed within its section is enough
    smoothing_nm: float = 0.0  # standard deviation of the Gaussian that smooths the probability first
    seed_threshold: float = 0.0  # least probability in a seed, in [0, 1]
    seed_distance_nm: float = 0.0  # least distance of a seed's voxels from the background, or from a border
    keep_unseeded: bool = True  # what touches no seed is an instance too; else it is dropped
    per_section: bool = False  # borders: fragments end with their section, as in thick ones
    merge_below: float = 0.5  # borders: mean probability between two fragments that are merged
    block: Int3 = (64, 256, 256)  # voxels searched at a time, which changes no instance

    def __post_init__(self) -> None:
        _within(0, self.threshold, 1, "threshold", above=True)
        _within(0, self.seed_threshold, 1, "seed_threshold")
        _within(0, self.merge_below, 1, "merge_below")
        _within(0, self.smoothing_nm, FARTHEST_NM, "smoothing_nm")
        _within(0, self.seed_distance_nm, FARTHEST_NM, "seed_distance_nm")
        if self.smallest < 1:
            raise ValueError(f"expected a smallest size of at least 1 voxel; got {self.smallest}")
        if self.holes < 0:
            raise ValueError(f"expected holes of at least 0 voxels; got {self.holes}")
        if len(self.block) != 3 or min(self.block) < 1:
            raise ValueError(f"expected a block of three positive sides; got {self.block}")
        self._require_used()

    @property
    def neighbours(self) -> Neighbours:
        """Which voxels of an instance touch."""
        return Neighbours(self.connectivity)

    @property
    def neighbours_of_holes(self) -> Neighbours:
        """Which voxels of background touch: those that no instance can pass between."""
        return Neighbours(26 if self.connectivity == 6 else 6, self.holes_per_section)

    def _require_used(self) -> None:
        """Check that the method looks at every value that is given, and has what it needs."""
        _ = self.neighbours
        method, seeded = self.method, self.seed_threshold > 0 or self.seed_distance_nm > 0
        if method == "components" and seeded:
            raise ValueError("components: expected no seed threshold and no seed distance")
        if method != "watershed" and not self.keep_unseeded:
            raise ValueError(f"{method}: expected to keep what has no seed: only a watershed drops it")
        if method != "components" and self.connectivity != 6:
            raise ValueError(f"{method}: expected a connectivity of 6; got {self.connectivity}")
        if method == "watershed" and not seeded:
            raise ValueError("watershed: expected a seed threshold, a seed distance or both; got neither")
        if method == "boundaries" and self.seed_distance_nm == 0:
            raise ValueError("boundaries: expected a seed distance above 0 nm; got 0.0")
        if method == "boundaries" and (self.holes or self.seed_threshold):
            raise ValueError("boundaries: expected no holes and no seed threshold")


def _within(low: float, value: float, high: float, name: str, *, above: bool = False) -> None:
    """Check a range; `above`: the lower end is no part of it."""
    if not low <= value <= high or (above and value == low):  # NaN is in no range
        raise ValueError(f"expected {name} in {'(' if above else '['}{low}, {high}]; got {value}")
