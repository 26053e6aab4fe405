"""neuroglancer's page and server over what a project has to show, on this machine alone."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

import neuroglancer
import neuroglancer.server
import numpy as np
import tornado.web
from jaxtyping import Shaped, UInt8

from microtome.box import Box, Int3
from microtome.labels import BACKGROUND, IGNORE
from microtome.project.exchange.colours import class_colours
from microtome.serve.viewing import Viewed
from microtome.volume import Volume

HOST = "127.0.0.1"
PORT = 8767
PANEL = 500  # pixels of a panel across, about
BACKGROUND_ID = 255  # of voxels labelled as background: neuroglancer shows nothing where the id is 0
BACKGROUND_COLOUR = "#282838"  # the labelling page's

log = logging.getLogger(__name__)

_IMAGE = "#uicontrol invlerp normalized\nvoid main() { emitGrayscale(normalized()); }\n"
_PROBABILITY = """#uicontrol vec3 colour color(default="{colour}")
#uicontrol float alpha slider(min=0, max=1, default=0.5)
#uicontrol invlerp normalized
void main() {{ emitRGBA(vec4(colour, alpha * normalized())); }}
"""
_UNCERTAINTY = """#uicontrol float alpha slider(min=0, max=1, default=0.7)
#uicontrol invlerp normalized
void main() { emitRGBA(vec4(colormapCubehelix(normalized()), alpha)); }
"""


@dataclass(frozen=True, eq=False)
class Sliced:
    """A volume as an array that neuroglancer cuts: only what is asked for is read, by one thread at a time.

    `table` replaces each value of a uint8 volume. Damage is logged, as the page shows nothing there.
    """

    volume: Volume
    name: str
    table: UInt8[np.ndarray, "256"] | None = None
    lock: Lock = field(default_factory=Lock)  # a TIFF's pages share one file

    @property
    def shape(self) -> Int3:
        return self.volume.shape

    @property
    def dtype(self) -> np.dtype:
        return self.volume.dtype

    def __getitem__(self, place: tuple[slice, slice, slice]) -> Shaped[np.ndarray, "z y x"]:
        z, y, x = place
        box = Box((int(z.start), int(y.start), int(x.start)), (int(z.stop), int(y.stop), int(x.stop)))
        try:
            with self.lock:
                data = self.volume.read(box)
        except (ValueError, OSError) as error:
            log.warning("%s cannot be read in %s: %s", self.name, box, error)
            raise ValueError(str(error)) from error
        return data if self.table is None else self.table[data]


@contextmanager
def served(shown: Viewed, port: int | None = None) -> Iterator[str]:
    """The address of the page, which is served until the end: at port 8767, or any if that is taken.

    Raises:
        OSError: If the port that was asked for is taken.
    """
    viewer = _started([port] if port is not None else [PORT, 0])
    try:
        viewer.set_state(_state(shown, viewer))
        yield viewer.get_viewer_url()
    finally:
        neuroglancer.stop()


def _started(ports: list[int]) -> neuroglancer.Viewer:
    """A viewer, with the server that it starts, at the first port that is free; 0 is any."""
    neuroglancer.set_static_content_source()  # the client that comes with the package
    for port in ports:
        neuroglancer.set_server_bind_address(HOST, port)
        try:
            return neuroglancer.Viewer(allow_credentials=False)
        except OSError as error:
            problem = error
    raise OSError(f"cannot listen at {HOST}, port {ports[-1]}: {problem.strerror or problem}")


def _state(shown: Viewed, viewer: neuroglancer.Viewer) -> neuroglancer.ViewerState:
    """All layers, seen from the middle: a voxel a pixel, or larger where the whole fits."""
    state = neuroglancer.ViewerState()
    depth, height, width = shown.image.shape
    size_nm = shown.image.voxel_size_nm
    finest = min(size_nm)  # neuroglancer's measure of zoom
    sides = [side * nm / finest for side, nm in zip(shown.image.shape, size_nm, strict=True)]
    state.title = f"{shown.title} – microtome"
    state.dimensions = neuroglancer.CoordinateSpace(names=["x", "y", "z"], units="nm", scales=size_nm[::-1])
    state.position = [width / 2, height / 2, (depth - 1) // 2 + 0.5]  # within a section, not between two
    state.cross_section_scale = min(1.0, max(sides[1:]) / PANEL)
    state.projection_scale = 1.5 * max(sides)
    state.hide_cross_section_background_3d = True
    state.cross_section_background_color = "#141416"  # the labelling page's
    state.layout = "4panel" if depth > 1 else "xy"
    for name, layer, visible in _layers(shown, viewer):
        state.layers.append(name=name, layer=layer, visible=visible)
    return state


def _layers(shown: Viewed, viewer: neuroglancer.Viewer) -> Iterator[tuple[str, neuroglancer.Layer, bool]]:
    """Each layer with its name, from the bottom up, and whether it is seen at first."""
    colours = _colours(shown)
    yield "image", _image_layer(shown.image, "image", _IMAGE), True
    for name, volume in shown.probabilities.items():
        label = f"{name}: probability {shown.prediction}"
        shader = _PROBABILITY.format(colour=colours[name])
        yield label, _image_layer(volume, label, shader), not shown.instances
    if shown.uncertainty is not None:
        label = f"uncertainty {shown.prediction}"
        yield label, _image_layer(shown.uncertainty, label, _UNCERTAINTY), False
    for k, (name, found) in enumerate(shown.instances.items()):
        label = f"{name}: objects {shown.segmentation}"
        sources = [_source(found.ids, label, "segmentation")]
        if found.meshes is not None:
            sources.append(
                _answering(viewer, f"meshes/{k}", tornado.web.StaticFileHandler, path=found.meshes)
            )
        yield label, neuroglancer.SegmentationLayer(source=sources, selected_alpha=0.4), True
    if shown.labels is not None:
        yield "labels", _label_layer(shown, viewer, colours), True


def _colours(shown: Viewed) -> dict[str, str]:
    """The colour of each class, as on the labelling page."""
    triples = class_colours(len(shown.classes)).tolist()
    return {name: "#" + bytes(triple).hex() for name, triple in zip(shown.classes, triples, strict=True)}


def _image_layer(volume: Volume, name: str, shader: str) -> neuroglancer.ImageLayer:
    levels = neuroglancer.InvlerpParameters(range=[0, 255])
    source = _source(volume, name, "image")
    return neuroglancer.ImageLayer(
        source=source, shader=shader, shader_controls={"normalized": levels}, opacity=1.0
    )


def _label_layer(
    shown: Viewed, viewer: neuroglancer.Viewer, colours: dict[str, str]
) -> neuroglancer.SegmentationLayer:
    """What people said: classes under their numbers, background under another than 0."""
    assert shown.labels is not None, "there is a layer of labels where there are labels"
    table = np.arange(256, dtype=np.uint8)
    table[IGNORE], table[BACKGROUND] = 0, BACKGROUND_ID
    source = _source(shown.labels, "labels", "segmentation", table)
    names = {**dict(enumerate(shown.classes, start=1)), BACKGROUND_ID: "background"}
    info = _answering(viewer, "names", _Names, names=names)
    return neuroglancer.SegmentationLayer(
        source=[source, info],
        selected_alpha=0.35,
        segment_colors={**dict(enumerate(colours.values(), start=1)), BACKGROUND_ID: BACKGROUND_COLOUR},
    )


def _source(
    volume: Volume, name: str, kind: str, table: UInt8[np.ndarray, "256"] | None = None
) -> neuroglancer.LayerDataSource:
    """A volume by tiles, 1 to 64 voxels a value; neuroglancer's own meshes would want it in memory.

    A section of 2048 × 2048 at an eighth takes 0.01 s so, by cubes 5 s (benchmarks/bench_view.py).
    """
    local = neuroglancer.LocalVolume(
        Sliced(volume, name, table),
        dimensions=neuroglancer.CoordinateSpace(
            names=["z", "y", "x"], units="nm", scales=volume.voxel_size_nm
        ),
        volume_type=kind,
        downsampling="2d",
    )
    parts = {"default": True, "bounds": True}
    return neuroglancer.LayerDataSource(url=local, subsources=parts, enable_default_subsources=False)


def _answering(
    viewer: neuroglancer.Viewer,
    key: str,
    handler: type[tornado.web.RequestHandler],
    **settings: object,
) -> str:
    """A source that the server answers for by a handler, below a path that holds the token."""
    server = neuroglancer.server.global_server
    path = f"/microtome/{viewer.token}/{key}"
    server.app.add_handlers(".*", [(f"{re.escape(path)}/(.*)", handler, settings)])
    return f"precomputed://{server.server_url}{path}"


class _Names(tornado.web.RequestHandler):
    """The names of segments."""

    def initialize(self, names: dict[int, str]) -> None:
        self._names = names

    def get(self, path: str) -> None:
        labels = {"id": "label", "type": "label", "values": list(self._names.values())}
        inline = {"ids": [str(k) for k in self._names], "properties": [labels]}
        self.finish({"@type": "neuroglancer_segment_properties", "inline": inline})
