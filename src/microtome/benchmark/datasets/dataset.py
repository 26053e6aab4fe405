"""What a data set is: its files, what is labelled in them, and under which licence."""

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Shaped

from microtome.box import Int3

Arrays = dict[str, Shaped[np.ndarray, "z y x"]]
"""Arrays by the name of the file that holds them."""


@dataclass(frozen=True, slots=True)
class ClassSource:
    """The file in which a class is written down, and how.

    "mask" and "ids" mean every voxel that is not 0, "borders" the voxels where one id meets another,
    a number the voxels of that value, "clefts" the voxels of a cleft in CREMI's files (see `cremi_volumes`).
    """

    file: str
    reading: Literal["mask", "ids", "borders", "clefts"] | int


@dataclass(frozen=True, slots=True)
class Part:
    """One image of a data set, the classes labelled in it, and where to train and to test.

    An image inside an HDF5 file is named as "file.hdf::path/inside"; such files have the layout of CREMI's.
    `train` and `test` are boxes in voxels of the file, "z0:z1" or "z0:z1,y0:y1,x0:x1". Splits of sections
    leave a guard between them: neighbouring sections are near-copies. `halves` splits at the middle of y.
    """

    image: str
    classes: Mapping[str, ClassSource]
    train: str | None = None
    test: str | None = None
    halves: bool = False
    tested_in: str | None = None  # the part to test on, where that is another image


@dataclass(frozen=True, slots=True)
class Licence:
    """The licence's short name, and whether it rules out commercial use; None where nobody told us."""

    name: str
    non_commercial: bool | None

    def __str__(self) -> str:
        return f"{self.name} (non-commercial use only)" if self.non_commercial else self.name


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip file to download, and what turns it into our files."""

    url: str
    arrays: Callable[[zipfile.ZipFile], Arrays]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set; `checksums` name the files of `folder` with the `checksum` of their arrays.

    `shapes` name those whose checksum is not known to us: they hold uint8 of that shape, or of any where it
    is None, and no more than that is checked; of HDF5 files, their layout. `address` is where people find the
    original. The files come from `archive`, or each from its address in `links`; without either they have to
    be put in place by hand.
    """

    name: str
    title: str
    folder: str
    voxel_size_nm: tuple[float, float, float]
    parts: Mapping[str, Part]
    licence: Licence
    citation: str
    address: str
    checksums: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, Int3 | None] = field(default_factory=dict)
    archive: Archive | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files, the verified ones first."""
        return (*self.checksums, *self.shapes)

    def part(self, name: str | None) -> Part:
        """The part called `name`; it may be None where there is only one image, for the first.

        Raises:
            ValueError: If there is none of that name, or several images and none was named.
        """
        first, *others = self.parts
        if name is None and all(self.parts[other].image == self.parts[first].image for other in others):
            return self.parts[first]
        if name is None or name not in self.parts:
            got = "none" if name is None else repr(name)
            raise ValueError(
                f"{self.name} has the parts {', '.join(self.parts)}; "
                f"expected one of them, as in {self.name}/{first}; got {got}"
            )
        return self.parts[name]
