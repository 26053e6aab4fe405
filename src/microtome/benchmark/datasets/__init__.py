"""Public, hand-labelled data sets by name: where they lie, under which licence, and how to read them.

Nothing of them is part of this package. The folder `$MICROTOME_DATA` comes first, then the user's cache, then
a download that says beforehand what it fetches and under which licence.
"""

from microtome.benchmark.datasets.catalogue import DATASETS
from microtome.benchmark.datasets.dataset import Archive, Arrays, ClassSource, Dataset, Licence, Part
from microtome.benchmark.datasets.find import find
from microtome.benchmark.datasets.load import load
from microtome.benchmark.datasets.locate import locate, present
from microtome.benchmark.datasets.partners import Partners, nearest_voxels, read_partners
from microtome.benchmark.datasets.read import checksum, read
from microtome.benchmark.datasets.splits import splits
from microtome.benchmark.datasets.vnc import vnc_arrays

__all__ = [
    "DATASETS",
    "Archive",
    "Arrays",
    "ClassSource",
    "Dataset",
    "Licence",
    "Part",
    "Partners",
    "checksum",
    "find",
    "load",
    "locate",
    "nearest_voxels",
    "present",
    "read",
    "read_partners",
    "splits",
    "vnc_arrays",
]
