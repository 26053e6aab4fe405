"""What a model predicted for the whole volume, as a source of objects."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microtome.box import Box, Int3
from microtome.objects.sources import OneClass, Source, TwoSides
from microtome.predict.store import PredictionStore


def predicted_source(folder: Path, known: Sequence[str], wanted: Sequence[str], shape: Int3) -> Source:
    """The prediction in `folder`, of the `known` classes: one that is `wanted`, or pre and post.

    Raises:
        ValueError: If a class is not predicted, or the prediction does not cover a volume of `shape`.
        OSError: If it cannot be read.
    """
    for name in wanted:
        if name not in known:
            raise ValueError(f"expected classes of {', '.join(known)}; got {name!r}")
    if len(wanted) not in (1, 2):
        got = ", ".join(wanted) or "none"
        raise ValueError(f"expected one class of {', '.join(known)}, or two: pre and post; got {got}")
    store = PredictionStore(folder, tuple(known))
    if not _covers(list(store.done()), shape):
        raise ValueError(
            f"{folder} holds no finished prediction of the whole volume: run `microtome predict`"
        )
    volumes = dict(zip(known, store.volumes(), strict=False))  # the last is the uncertainty
    for name in wanted:
        if volumes[name].shape != shape:
            raise ValueError(
                f"expected a prediction of the image's shape {shape}; {folder} has {volumes[name].shape}"
            )
    origin = f"{folder.name}: {', '.join(wanted)}"
    if len(wanted) == 1:
        return OneClass(volumes[wanted[0]], origin)
    return TwoSides(volumes[wanted[0]], volumes[wanted[1]], origin)


def _covers(boxes: Sequence[Box], shape: Int3) -> bool:
    """Whether every voxel lies in one of the boxes, which may overlap."""
    corners = [box for box in boxes if Box.of(shape).contains(box)]
    cuts = [
        np.unique([0, side, *(box.start[axis] for box in corners), *(box.stop[axis] for box in corners)])
        for axis, side in enumerate(shape)
    ]
    covered = np.zeros([len(cut) - 1 for cut in cuts], bool)
    for box in corners:
        ends = zip(cuts, box.start, box.stop, strict=True)
        z, y, x = (slice(*np.searchsorted(cut, (start, stop))) for cut, start, stop in ends)
        covered[z, y, x] = True
    return bool(covered.all())
