"""The report of a segmentation: counts, sizes, outlines, a picture in three dimensions, costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from jaxtyping import Float64, Shaped
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from microtome.benchmark.report import figures
from microtome.benchmark.report.scene import Scene, around, coarse, drawn, occupied, pixel_nm
from microtome.box import Box
from microtome.project import parse_split
from microtome.volume import Volume
from microtome.whole import whole_file

SECTIONS = 3  # shown, evenly through what was predicted
SIDE = 768  # voxels of a shown section, from its middle
BINS = 24
MARGIN = 0.1  # of the side of a picture, around the objects in three dimensions


@dataclass(frozen=True, eq=False)
class Class:
    """What was found of one class."""

    name: str
    levels: Sequence[Volume]  # of ids, finest first
    volume_um3: Float64[np.ndarray, "n"]
    whole: Shaped[np.ndarray, "n"]  # whether the border of what was predicted leaves it whole
    columns: Mapping[str, Float64[np.ndarray, "n"]]  # other measurements to tell of, by name
    lengths: Mapping[str, Float64[np.ndarray, "n"]]  # those to draw too; NaN of objects that are not long


def write_segmentation(
    path: Path, told: Mapping[str, Any], classes: Sequence[Class], image: Volume, project: str
) -> None:
    """Write the page; `told` is what `microtome segment --json` prints.

    Where a part of the volume was predicted it is of that part.

    Raises:
        ValueError: If image or labels are damaged.
        OSError: If they cannot be read, or the page not written; the old one is still there then.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    files = resources.files("microtome.benchmark.report")
    box = parse_split(told["box"], image.shape)
    scenes = [coarse(one.levels, box) for one in classes]
    tissue_um3 = told["predicted_voxels"] * float(np.prod(image.voxel_size_nm)) / 1e9
    page = environment.from_string(files.joinpath("segmentation.html.j2").read_text(encoding="utf-8")).render(
        css=Markup(files.joinpath("report.css").read_text(encoding="utf-8")),
        project=project,
        told=told,
        classes=[
            _found(one, number, scene, tissue_um3)
            for number, (one, scene) in enumerate(zip(classes, scenes, strict=True))
        ],
        plates=_plates(image, classes, box, occupied(scenes, box, image.voxel_size_nm)),
        colours={
            one.name: figures.CLASS_COLOURS[k % len(figures.CLASS_COLOURS)] for k, one in enumerate(classes)
        },
        extent_um=[n * nm / 1000 for n, nm in zip(box.shape, image.voxel_size_nm, strict=True)],
        part=box != Box.of(image.shape),
        predicted=told["predicted_voxels"] / box.size,
    )
    with whole_file(path) as partial:
        partial.write_text(page, encoding="utf-8")


def _found(one: Class, number: int, scene: Scene, tissue_um3: float) -> dict[str, Any]:
    whole = one.whole.astype(bool)
    sizes = one.volume_um3[whole]
    drawn_too = {name: _known(values[whole]) for name, values in one.lengths.items()}
    return {
        "name": one.name,
        "count": len(one.volume_um3),
        "cut": int(len(one.volume_um3) - len(sizes)),
        "share": 100 * float(one.volume_um3.sum()) / tissue_um3,
        "density": len(one.volume_um3) / tissue_um3,
        "sizes": _three(sizes),
        "rows": [(name, _three(values[whole])) for name, values in one.columns.items()]
        + [(name, _three(values)) for name, values in drawn_too.items()],
        "long": max((len(values) for values in drawn_too.values()), default=None),
        "histogram": Markup(_histogram(sizes, number, "Volume, µm³")) if len(sizes) > 1 else None,
        "histograms": [
            (name, Markup(_histogram(values, number, name)))
            for name, values in drawn_too.items()
            if len(values) > 1
        ],
        "picture": _picture(scene) if scene[0].any() else None,
    }


def _picture(scene: Scene) -> dict[str, Any]:
    """The objects in three dimensions, as the page draws them."""
    labels, spacing_nm = scene
    shown = labels[around(labels).slices]
    pixels = drawn(shown, spacing_nm)
    height, width = pixels.shape[:2]
    side = max(width, 4 / 3 * height) * (1 + MARGIN)
    return {
        "href": figures.png(pixels),
        "size": (width, height),
        "corner": ((side - width) / 2, (3 / 4 * side - height) / 2),
        "frame": (side, 3 / 4 * side),
        "scale_bar": Markup(figures.scale_bar(side, 3 / 4 * side, pixel_nm(shown.shape, spacing_nm))),
    }


def _three(values: Float64[np.ndarray, "n"]) -> tuple[float, float, float] | None:
    """Median and the middle half; None of nothing."""
    known = _known(values)
    if not len(known):
        return None
    low, middle, high = np.percentile(known, [25, 50, 75]).tolist()
    return (middle, low, high)


def _known(values: Float64[np.ndarray, "n"]) -> Float64[np.ndarray, "_"]:
    return values[np.isfinite(values)]


def _histogram(sizes: Float64[np.ndarray, "n"], number: int, name: str) -> str:
    """Objects by what is measured of them, on a logarithmic scale."""
    with rc_context(figures.style(figures.PAGE) | {"svg.hashsalt": f"{name} {number}"}):
        figure = Figure(figsize=(5.6, 2.9), layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.subplots()
        axes.patch.set_visible(False)
        edges = np.geomspace(sizes.min() * 0.999, sizes.max() * 1.001, BINS + 1)
        colour = figures.CLASS_COLOURS[number % len(figures.CLASS_COLOURS)]
        axes.hist(sizes, edges.tolist(), color=colour)
        axes.set_xscale("log")
        wide = sizes.max() > 10 * sizes.min()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)) if wide else MaxNLocator(nbins=4))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(name, labelpad=8)
        axes.set_ylabel("objects", labelpad=8)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        return figures.inline(figure)


def _plates(image: Volume, classes: Sequence[Class], domain: Box, occupied: Box) -> list[dict[str, Any]]:
    """A few sections of a domain, from the middle of the part with objects, with their outlines."""
    (first, *start), (last, *stop) = occupied.start, occupied.stop
    sides = zip(start, stop, domain.start[1:], domain.stop[1:], strict=True)
    y, x = (max(low, min((a + b - SIDE) // 2, high - SIDE)) for a, b, low, high in sides)
    plates = []
    for z in np.unique(np.linspace(first, last - 1, SECTIONS + 2).round()[1:-1].astype(int)).tolist():
        part = Box((z, y, x), (z + 1, y + SIDE, x + SIDE)).intersection(domain)
        section = image.read(part)[0]
        height, width = section.shape
        outlines = {one.name: _outlines(one.levels[0].read(part)[0]) for one in classes}
        plates.append(
            {
                "section": z,
                "height": height,
                "width": width,
                "image": figures.grey(section),
                "outlines": outlines,
                "scale_bar": Markup(figures.scale_bar(width, height, image.voxel_size_nm[2])),
            }
        )
    return plates


def _outlines(labels: Shaped[np.ndarray, "y x"]) -> list[tuple[int, str]]:
    """The ids of a section, and a path around each: objects that touch are told apart."""
    return [(int(label), figures.outline(labels == label)) for label in np.unique(labels[labels > 0])]
