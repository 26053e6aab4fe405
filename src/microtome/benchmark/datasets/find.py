"""A data set by its name."""

import difflib

from microtome.benchmark.datasets.catalogue import DATASETS, SECOND_NAMES
from microtome.benchmark.datasets.dataset import Dataset


def find(name: str) -> Dataset:
    """The data set called `name`.

    Raises:
        ValueError: If there is none; the message offers the nearest name.
    """
    known = SECOND_NAMES.get(name, name)
    if known in DATASETS:
        return DATASETS[known]
    names = [*DATASETS, *SECOND_NAMES]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"no data set is called {name!r}; {hint}There are {', '.join(names)}")
