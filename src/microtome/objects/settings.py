"""What is proposed as an object."""

from dataclasses import dataclass

from microtome.box import Int3
from microtome.segment.components import Neighbours


@dataclass(frozen=True, slots=True)
class ProposalSettings:
    """What is proposed as an object.

    A lower threshold and smaller objects find more of what is there, and more that is not.

    Raises:
        ValueError: If a value is out of range.
    """

    threshold: float = 0.5  # least probability of foreground, in (0, 1]
    smallest: int = 128  # voxels of an object, or of either side of a synapse; smaller ones are dropped
    connectivity: int = 6  # or 26
    dilation: Int3 = (1, 5, 5)  # voxels z y x, odd: the box that joins the two sides of a synapse
    per_section: bool = False  # objects end with their section
    block: Int3 = (32, 512, 512)  # voxels searched at a time, which changes no object

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"expected a threshold in (0, 1]; got {self.threshold}")
        if self.smallest < 1:
            raise ValueError(f"expected a smallest size of at least 1 voxel; got {self.smallest}")
        if len(self.dilation) != 3 or any(side < 1 or side % 2 == 0 for side in self.dilation):
            raise ValueError(f"expected a dilation of three odd sides; got {self.dilation}")
        if len(self.block) != 3 or min(self.block) < 1:
            raise ValueError(f"expected a block of three positive sides; got {self.block}")
        _ = self.neighbours

    @property
    def neighbours(self) -> Neighbours:
        """Which voxels of an object touch."""
        return Neighbours(self.connectivity, self.per_section)


RECALL_FIRST = ProposalSettings(threshold=0.25, smallest=32)
"""For finding nearly all objects, when people then say which are wrong: a missed one is never asked about."""
