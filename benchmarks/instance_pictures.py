"""The pictures of docs/instances.md: what stands in for predictions of a phantom, and the instances in it."""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from scipy import ndimage

from bench_instances import instances
from microtome.benchmark.phantom import PhantomConfig, phantom
from microtome.segment.settings import InstanceSettings
from microtome.volume import VoxelSize

mpl.use("Agg")
SEED = 3
SHAPE = (8, 240, 240)
SHOWN = 4  # the section
RADIUS = 19.5  # of balls that touch, voxels
SIZE_INCHES, DPI = (8.4, 3.0), 90


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder for pictures")
    pictures: Path = parser.parse_args().pictures
    tissue = phantom(PhantomConfig(shape=SHAPE, seed=SEED, rarity=0.12))
    nm = tissue.voxel_size_nm
    mitochondria = soft(tissue.mitochondria > 0, 2.0, specks=0.002)
    draw(
        pictures / "instances-components.png",
        mitochondria,
        nm,
        {
            "components": InstanceSettings(),
            "smallest=200, holes=50": InstanceSettings(smallest=200, holes=50),
        },
    )
    draw(
        pictures / "instances-watershed.png",
        soft(balls(), 1.5),
        (9.2, 9.2, 9.2),
        {
            "components": InstanceSettings(),
            "seed_distance_nm=130": InstanceSettings(method="watershed", seed_distance_nm=130.0),
        },
    )
    borders = InstanceSettings(
        method="boundaries", threshold=0.4, seed_distance_nm=45.0, per_section=True, merge_below=0.0
    )
    merged = InstanceSettings(
        method="boundaries", threshold=0.4, seed_distance_nm=45.0, per_section=True, merge_below=0.3
    )
    draw(
        pictures / "instances-boundaries.png",
        soft(tissue.membranes, 0.8, gaps=0.02),
        nm,
        {"merge_below=0: fragments": borders, "merge_below=0.3": merged},
    )


def soft(mask: np.ndarray, blur: float, *, specks: float = 0.0, gaps: float = 0.0) -> np.ndarray:
    """A mask as a network might predict it: blurred, with a share of specks and holes, or of gaps."""
    rng = np.random.default_rng(SEED)
    sigma = (0, blur, blur)
    spots = ndimage.gaussian_filter(rng.random(mask.shape), (0, 2, 2))
    mask = (mask | (spots > np.quantile(spots, 1 - specks))) & (
        spots >= np.quantile(spots, max(specks, gaps))
    )
    likely = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    return (255 * np.clip(likely / np.quantile(likely[mask], 0.75), 0, 1)).astype(np.uint8)


def balls() -> np.ndarray:
    """Balls that touch, cut through."""
    rng = np.random.default_rng(SEED)
    rows = [(SHOWN, 40 + 34 * k, 50 + 17 * (k % 2) + 36 * i) for k in range(5) for i in range(4)]
    centres = np.array(rows) + rng.integers(-3, 4, (len(rows), 3)) * (0, 1, 1)
    places = np.stack(np.meshgrid(*(np.arange(side) for side in SHAPE), indexing="ij"), axis=-1)
    return np.any([((places - centre) ** 2).sum(-1) <= RADIUS**2 for centre in centres], axis=0)


def draw(path: Path, likely: np.ndarray, nm: VoxelSize, ways: dict[str, InstanceSettings]) -> None:
    """The probability in one section, and beside it the instances of each way to find them."""
    figure, axes = plt.subplots(1, 1 + len(ways), figsize=SIZE_INCHES, layout="constrained")
    axes[0].imshow(likely[SHOWN], cmap="gray", vmin=0, vmax=255)
    axes[0].set_title("probability", fontsize=9)
    colours = ListedColormap([(0, 0, 0), *mpl.colormaps["tab20"].colors, *mpl.colormaps["Set3"].colors])
    for axis, (title, settings) in zip(axes[1:], ways.items(), strict=True):
        ids = instances(likely, nm, settings)
        shown = np.where(ids > 0, 1 + ids * 7 % (colours.N - 1), 0)
        axis.imshow(shown[SHOWN], cmap=colours, vmin=0, vmax=colours.N - 1, interpolation="nearest")
        axis.set_title(f"{title}: {ids.max()}", fontsize=9)
    for axis in axes:
        axis.set_axis_off()
    figure.savefig(path, dpi=DPI)
    plt.close(figure)


if __name__ == "__main__":
    main()
