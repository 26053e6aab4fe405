"""Known labels as classes: the values of a file mapped to 1, 2, …, anything unexpected refused."""

import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped, UInt8

from microtome.box import Box, Int3
from microtome.volume import Volume
from microtome.volume.protocol import require_fitting

_SHOWN = 8  # values named in an error; an instance map may hold millions


@dataclass(frozen=True)
class ClassLabels:
    """A label volume in which the k-th of `values` is class k, from 1, and 0 stays background.

    Raises:
        ValueError: If the volume holds no integers.
    """

    volume: Volume
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.volume.dtype.kind not in "uib":
            raise ValueError(f"truth must hold integer labels; got {self.volume.dtype}")

    @property
    def shape(self) -> Int3:
        return self.volume.shape

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8)

    @property
    def voxel_size_nm(self) -> tuple[float, float, float]:
        return self.volume.voxel_size_nm

    def read(self, box: Box) -> UInt8[np.ndarray, "z y x"]:
        """The classes in `box`.

        Raises:
            ValueError: If a voxel is neither 0 nor one of `values`.
        """
        labels = self.volume.read(box)
        classes = np.zeros(labels.shape, dtype=np.uint8)
        for label, value in enumerate(self.values, start=1):
            classes[labels == value] = label
        self._require_known(labels[(classes == 0) & (labels != 0)], box)
        return classes

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        """Refuse: the truth is only read.

        Raises:
            io.UnsupportedOperation: Always (both a ValueError and an OSError).
        """
        require_fitting(self, box, data)
        raise io.UnsupportedOperation("the truth is only read, never written")

    def _require_known(self, unknown: Shaped[np.ndarray, " n"], box: Box) -> None:
        if unknown.size:
            found = np.unique(unknown)
            shown = ", ".join(str(value) for value in found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
            known = list(self.values)
            raise ValueError(f"truth holds unknown values in box {box}: {shown}; truth.values names {known}")
