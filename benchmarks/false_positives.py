"""What removal of false positives by a mask of cells takes out, and what it costs: false_positives.py FOLDER.

FOLDER is `vnc_sstem`. Membranes are predicted badly, as whatever is dark. Cells are taken from the truth, so
that they hold no membrane, and swollen, so that they do. Prints a table.
"""

import sys
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from microtome.box import Box
from microtome.labels import without_small
from microtome.predict.cleaning import Cleaning, enclosed
from microtome.volume import open_volume

NM = (45.0, 4.6, 4.6)
IN_CELLS = (191, 223, 255)  # of classes.tif: mitochondrion, synapse, inside of a cell
DARK = 95  # grey value after a blur of `BLUR` pixels, below which it is taken for membrane
BLUR = 1.5
SMALLEST = 2000  # pixels of a cell in a section; smaller ones are not believed

SWOLLEN = (5, 10, 15)  # pixels; half a membrane is about 5

Stack = Bool[np.ndarray, "z y x"]


def main(folder: Path) -> None:
    image, classes, membranes = (_read(folder / f"{name}.tif") for name in ("image", "classes", "membranes"))
    smooth = ndimage.gaussian_filter(image.astype(np.float32), (0, BLUR, BLUR))
    predicted, truth = smooth < DARK, membranes > 0
    cells = without_small(np.isin(classes, IN_CELLS), SMALLEST)
    print(f"{truth.size / 1e6:.0f} megavoxels, {truth.mean():.1%} membrane; cells cover {cells.mean():.1%}\n")
    print("| erosion, tolerance | false positives | gone of them | true membrane lost | precision | recall |")
    print("|---|---|---|---|---|---|")
    _row("as predicted", predicted, predicted, truth)
    for erosion in (0, 2, 5, 10):
        for tolerance in (0.0, 0.01, 0.1) if erosion == 5 else (0.01,):
            left = predicted & ~enclosed(predicted, cells, Cleaning(erosion, tolerance))
            _row(f"{erosion} px, {100 * tolerance:.0f} %", predicted, left, truth)
    for by in SWOLLEN:
        left = predicted & ~enclosed(predicted, _swollen(cells, by), Cleaning())
        _row(f"5 px, 1 %; cells swollen by {by} px", predicted, left, truth)


def _row(name: str, before: Stack, after: Stack, truth: Stack) -> None:
    wrong, still = int((before & ~truth).sum()), int((after & ~truth).sum())
    hits, kept = int((before & truth).sum()), int((after & truth).sum())
    print(
        f"| {name} | {still / truth.size:.2%} of all | {1 - still / wrong:.1%} | {1 - kept / hits:.3%} "
        f"| {kept / after.sum():.3f} | {kept / truth.sum():.3f} |",
        flush=True,
    )


def _swollen(cells: Stack, by: float) -> Stack:
    return np.stack([ndimage.distance_transform_edt(~section) <= by for section in cells])


def _read(path: Path) -> UInt8[np.ndarray, "z y x"]:
    volume = open_volume(path, NM)
    return volume.read(Box.of(volume.shape))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
