"""Components of a volume on disk, block by block in two processes, against programs that hold it whole.

All take turns in one process, so that a neighbour on the machine slows them alike; a figure is the median of
the ratios of the rounds. Each reads the probability and writes a volume of ids with the same chunks; what
labelling the mask takes alone, in memory, stands beside it. dask-image, which takes minutes, is asked once,
at 256³ at most. `--side 128` tries it on a small volume.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cc3d
import numpy as np
from scipy import ndimage

from microtome.box import Box, Int3
from microtome.schedule import Schedule, in_turn, on_processes
from microtome.segment.instances import label_instances
from microtome.segment.settings import InstanceSettings
from microtome.volume import create_volume, open_volume
from record import Figure, median_of, record

SEED = 0
FOREGROUND = 0.16
ROUNDS = 5
DASK_SIDE = 256
NM = (8.0, 8.0, 8.0)
SHAPES: tuple[tuple[Int3, Int3], ...] = (  # volumes and blocks
    ((1, 1, 1), (1, 1, 1)),
    ((1, 300, 200), (1, 64, 64)),
    ((200, 30, 1), (7, 7, 1)),
    ((64, 64, 64), (32, 32, 32)),
    ((61, 67, 71), (16, 64, 23)),
    ((61, 67, 71), (64, 256, 256)),
    ((40, 150, 130), (13, 17, 101)),
)


@dataclass(frozen=True)
class Scene:
    """A probability on disk, and where ids go."""

    probability: Path
    folder: Path

    def whole(self, label: Callable[[np.ndarray], np.ndarray]) -> None:
        """Read all, label it, write all."""
        volume = open_volume(self.probability)
        ids = label(volume.read(Box.of(volume.shape)) >= 128)
        path = self.folder / "whole.zarr"
        create_volume(path, volume.shape, np.dtype(np.uint64), NM)
        open_volume(path, writable=True).write(Box.of(volume.shape), ids.astype(np.uint64))

    def blockwise(self, settings: InstanceSettings, schedule: Schedule) -> None:
        label_instances(
            self.probability, self.folder / "ids.zarr", settings, self.folder / "work", schedule=schedule
        )

    def ids(self) -> np.ndarray:
        volume = open_volume(self.folder / "ids.zarr")
        return volume.read(Box.of(volume.shape))

    def clear(self) -> None:
        for name in ("whole.zarr", "ids.zarr", "work"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, on_processes(2) as schedule:
        scene = Scene(stored(Path(folder) / "p.zarr", blobs((given.side,) * 3)), Path(folder))
        figures = {}
        for connectivity in (6, 26):
            figures |= raced(scene, connectivity, given.rounds, schedule)
        equal = list(equalities(Path(folder)))
    note = f"{len(equal)} shapes, blocks, connectivities and settings of holes and sizes"
    figures["stitched_equals_global"] = Figure(float(all(equal)), (min(equal), max(equal)), len(equal), note)
    record("components", figures, seeds=[SEED])


def raced(scene: Scene, connectivity: int, rounds: int, schedule: Schedule) -> dict[str, Figure]:
    """The seconds of all at one connectivity, and the ratio of ours to the best of the others."""
    settings = InstanceSettings(connectivity=connectivity)
    structure = settings.neighbours.structure
    volume = open_volume(scene.probability)
    labels: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "cc3d": lambda mask: cc3d.connected_components(mask, connectivity=connectivity),
        "scipy": lambda mask: ndimage.label(mask, structure, output=np.int32)[0],
    }
    mask = volume.read(Box.of(volume.shape)) >= 128
    contestants: dict[str, Callable[[], object]] = {
        "ours": lambda: scene.blockwise(settings, schedule),
        **{name: lambda label=label: scene.whole(label) for name, label in labels.items()},
        **{f"{name}, in memory": lambda label=label: label(mask) for name, label in labels.items()},
    }
    contestants["ours"]()  # the processes import what they need
    times = take_turns(contestants, rounds, scene)
    side, found = volume.shape[0], int(ndimage.label(mask, structure)[1])
    if side <= DASK_SIDE:
        times["dask-image"] = [seconds(lambda: dask_image_label(mask, structure, settings.block))]
    medians = ", ".join(f"{name} {statistics.median(taken):.2f} s" for name, taken in times.items())
    note = f"{side}³, {mask.mean():.0%} foreground, {found} components, two processes; {medians}"
    suffix = "" if connectivity == 6 else "_26"
    return {
        f"components_vs_best{suffix}": ratio(times, ["cc3d", "scipy"], note),
        f"components_vs_best_in_memory{suffix}": ratio(
            times, ["cc3d, in memory", "scipy, in memory"], "ours from disk to disk, theirs labelling alone"
        ),
    }


def take_turns(
    contestants: dict[str, Callable[[], object]], rounds: int, scene: Scene
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            scene.clear()
            times[name].append(seconds(run))
    scene.clear()
    return times


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def ratio(times: dict[str, list[float]], others: list[str], note: str) -> Figure:
    best = [min(taken) for taken in zip(*(times[name] for name in others), strict=True)]
    return median_of([ours / least for ours, least in zip(times["ours"], best, strict=True)], note)


def dask_image_label(mask: np.ndarray, structure: np.ndarray, block: Int3) -> np.ndarray:
    import dask
    import dask.array as da
    from dask_image.ndmeasure import label

    with dask.config.set(scheduler="threads", num_workers=2):
        return label(da.from_array(mask, chunks=block), structure)[0].compute()


def equalities(folder: Path) -> Iterator[bool]:
    """Whether the ids are those of the whole, for each shape, connectivity, and size of holes and objects."""
    for number, (shape, block) in enumerate(SHAPES):
        probability = stored(folder / f"{number}.zarr", blobs(shape, 1.2, seed=number))
        for connectivity in (6, 26):
            for smallest, holes in ((1, 0), (9, 0), (1, 6)):
                scene = Scene(probability, folder)
                settings = InstanceSettings(
                    connectivity=connectivity, smallest=smallest, holes=holes, block=block
                )
                scene.blockwise(settings, in_turn)
                yield np.array_equal(scene.ids(), global_ids(probability, settings))
                scene.clear()


def global_ids(probability: Path, settings: InstanceSettings) -> np.ndarray:
    """Scipy's components of the whole volume, holes filled and small ones left out, by their first voxels."""
    volume = open_volume(probability)
    mask = volume.read(Box.of(volume.shape)) >= 128
    if settings.holes:
        background, _ = ndimage.label(~mask, settings.neighbours_of_holes.structure)
        hole = np.bincount(background.ravel()) <= settings.holes
        for axis in range(3):
            if mask.shape[axis] > 1:
                hole[np.take(background, [0, -1], axis)] = False
        mask = mask | (hole[background] & (background > 0))
    labels, count = ndimage.label(mask, settings.neighbours.structure)
    large = np.bincount(labels.ravel(), minlength=count + 1) >= settings.smallest
    large[0] = False
    return np.where(large, np.cumsum(large), 0)[labels]  # scipy numbers them by their first voxels


def blobs(shape: Int3, roughness: float = 3.0, seed: int = SEED) -> np.ndarray:
    """A probability as bytes: smoothed noise, of which a sixth is foreground."""
    noise = np.random.default_rng(seed).random(shape, np.float32)
    smooth = ndimage.gaussian_filter(noise, roughness, output=np.float32)
    smooth -= np.quantile(smooth.ravel()[::7], 1 - FOREGROUND)
    return np.clip(smooth * (127 / max(1e-6, smooth.std())) + 128, 0, 255).astype(np.uint8)


def stored(path: Path, data: np.ndarray) -> Path:
    create_volume(path, data.shape, data.dtype, NM).write(Box.of(data.shape), data)
    return path


if __name__ == "__main__":
    main()
