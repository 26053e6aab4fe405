"""An annotator's draft: what the steps that the page sent amount to."""

import zlib

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8, UInt16, UInt32

from microtome.box import Int3
from microtome.labels import IGNORE
from microtome.project.records import INSTANCE, TAKEN, Op

MOST_INSTANCES = 2**16 - 1

Values = UInt32[np.ndarray, "n"]


class Draft:
    """The values of a box's voxels after some steps.

    Edits in effect form a stack: an undo takes the last one off, a redo puts back the one undone last, a new
    edit forgets what was undone. It begins with all voxels unlabelled.
    """

    def __init__(self, shape: Int3) -> None:
        self.shape = shape
        self.values: Values = np.full(shape[0] * shape[1] * shape[2], IGNORE, dtype=np.uint32)
        self.seq = 0
        self._done: list[tuple[Op, Values]] = []  # each with the values that its voxels had before
        self._undone: list[Op] = []

    def apply(self, op: Op) -> None:
        """Take one more step.

        Raises:
            ValueError: If it is not the next one, leaves the box, or finds nothing to undo or redo; nothing
                has changed then.
        """
        if op.seq != self.seq + 1:
            raise ValueError(f"expected step {self.seq + 1} of this draft; got step {op.seq}")
        if op.kind == "edit":
            require_runs(op.runs, self.values.size)
            self._undone.clear()
            self._edit(op)
        elif op.kind == "undo":
            self._undo()
        else:
            self._redo()
        self.seq = op.seq

    def labels(self) -> UInt8[np.ndarray, "z y x"]:
        """The classes, `IGNORE` where nothing was said."""
        return (self.values % INSTANCE).astype(np.uint8).reshape(self.shape)

    def instances(self) -> UInt16[np.ndarray, "z y x"] | None:
        """The instances, 0 where none was named; None where none was named at all."""
        found = self.values // INSTANCE
        return found.astype(np.uint16).reshape(self.shape) if found.any() else None

    def crc(self) -> int:
        """CRC-32 of the values as little-endian uint32, for the page to compare with its own."""
        return zlib.crc32(self.values.astype("<u4").tobytes())

    def method(self) -> tuple[str, int | None]:
        """How the labels came about, and the model whose prediction was taken over, if one was.

        "scratch" without a prediction, "accepted" with one as it is and nothing after it, "corrected" else.
        """
        edits = [op for op, _ in self._done]
        taken = [k for k, op in enumerate(edits) if op.tool in TAKEN]
        cleared = max((k for k, op in enumerate(edits) if op.tool == "clear"), default=-1)
        if not taken or taken[-1] < cleared:
            return "scratch", None
        return ("accepted" if edits[-1].tool == "accept" else "corrected"), edits[taken[-1]].model

    def _edit(self, op: Op) -> None:
        indices = _indices(op.runs)
        self._done.append((op, self.values[indices]))
        self.values[indices] = np.repeat(op.runs[:, 2], op.runs[:, 1]).astype(np.uint32)

    def _undo(self) -> None:
        if not self._done:
            raise ValueError("there is nothing to undo")
        op, before = self._done.pop()
        self.values[_indices(op.runs)] = before
        self._undone.append(op)

    def _redo(self) -> None:
        if not self._undone:
            raise ValueError("there is nothing to redo")
        self._edit(self._undone.pop())


def runs_of(values: Values) -> Int32[np.ndarray, "k 3"]:
    """The runs that turn an unlabelled box into these values."""
    starts = np.flatnonzero(np.diff(values, prepend=np.uint32(2**32 - 1)))
    lengths = np.diff(starts, append=values.size)
    runs = np.stack([starts, lengths, values[starts]], axis=1).astype(np.int32)
    return runs[runs[:, 2] != IGNORE]


def require_runs(runs: Int32[np.ndarray, "n 3"], size: int) -> None:
    """Refuse runs that are not increasing, overlap, are empty, or leave a box of `size` voxels.

    Raises:
        ValueError: If they do.
    """
    starts, lengths = runs[:, 0].astype(np.int64), runs[:, 1].astype(np.int64)
    if not len(runs) or lengths.min() < 1 or starts[0] < 0 or int(starts[-1] + lengths[-1]) > size:
        raise ValueError(f"expected runs of at least one voxel inside a box of {size}")
    if (starts[1:] < starts[:-1] + lengths[:-1]).any():
        raise ValueError("expected runs in increasing order that do not overlap")


def require_values(
    values: Int32[np.ndarray, "n"], classes: int, with_instances: Bool[np.ndarray, "c"]
) -> None:
    """Refuse values that name no class, or an instance of a class that has none; class 0 is background.

    Raises:
        ValueError: If there is one.
    """
    said = np.unique(values[values != IGNORE])
    if said.size and (said[0] < 0 or int((said % INSTANCE).max()) > classes):
        raise ValueError(f"expected classes 0 to {classes}, or {IGNORE} for unlabelled")
    kinds, instances = said % INSTANCE, said // INSTANCE
    if said.size and int(instances.max()) > MOST_INSTANCES:
        raise ValueError(f"expected instances up to {MOST_INSTANCES}; got {int(instances.max())}")
    wrong = (instances > 0) & ~with_instances[kinds]
    if wrong.any():
        raise ValueError(f"class {int(kinds[wrong][0])} has no instances")


def _indices(runs: Int32[np.ndarray, "n 3"]) -> Int64[np.ndarray, "m"]:
    """The flat indices of all voxels of the runs, in order."""
    lengths = runs[:, 1].astype(np.int64)
    ends = np.cumsum(lengths)
    return np.arange(ends[-1]) + np.repeat(runs[:, 0] - (ends - lengths), lengths)
