"""Networks in 8-bit integers, calibrated on the user's own volume; refused where they say too much else."""

import contextlib
import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from microtome.labels import IGNORE
from microtome.learn.targets import Target
from microtome.net.cropping import as_arrays
from microtome.net.inference import dropout_masks
from microtome.net.unet import UNet
from microtome.predict.model import SegmentationModel
from microtome.predict.network import Network
from microtome.predict.openvino import (
    GRAPH,
    OpenVinoEngine,
    OpenVinoNetwork,
    Part,
    core,
    keep,
    require_cpu,
)

LIMIT = 0.005  # of Jaccard that may be lost
TILES = 16  # pieces of the volume that it is calibrated on
Image = UInt8[np.ndarray, "z y x"]


@dataclass(frozen=True)
class Int8Engine:
    """OpenVINO on a CPU in 8-bit integers; its graphs are in `folder`, where `calibrate` put them."""

    folder: Path
    at_once: int = 1
    name: str = "openvino-int8"

    def ready(self, net: UNet, target: Target, device: str) -> Network:
        require_cpu(self.name, device)
        return _Calibrated(net, target, self.folder, self.at_once)

    def shared(self) -> "Int8Engine":
        """Two at a time, as in float32."""
        return replace(self, at_once=2)


@dataclass(frozen=True)
class Loss:
    """What 8 bits cost, as Jaccard of all objects together."""

    exact: float  # in float32
    int8: float
    against: str  # what both are compared with

    @property
    def lost(self) -> float:
        return self.exact - self.int8

    def __str__(self) -> str:
        return f"Jaccard {self.int8:.4f} in int8, {self.exact:.4f} in float32, against {self.against}"


class _Calibrated(OpenVinoNetwork):
    """Graphs that are read, and never converted."""

    def graph(self, part: Part) -> Any:  # noqa: ANN401
        path = self.place(part) / GRAPH
        if not path.exists():
            raise ValueError(f"expected a calibrated network in {self.kept}; it has none for this model")
        return core().read_model(path)


def calibrate(model: SegmentationModel, images: Sequence[Image], folder: Path) -> SegmentationModel:
    """The model in 8 bits, its ranges of values taken from pieces of the volume. Kept in `folder`.

    Raises:
        ImportError: If openvino or nncf is not installed.
        ValueError: If there are no images.
        OSError: If the folder cannot be written.
    """
    if not images:
        raise ValueError("expected pieces of the volume to calibrate on; got none")
    exact = replace(model, engine=OpenVinoEngine())
    for network in exact.networks:
        assert isinstance(network, OpenVinoNetwork), "the engine is OpenVINO"
        kept = OpenVinoNetwork(network.net, network.target, folder)
        parts: tuple[Part, ...] = ("undropped", "dropped") if model.sampling == "dropout" else ("whole",)
        for part in parts:
            if not (kept.place(part) / GRAPH).exists():
                inputs = [_inputs(network, part, exact.padded(image)) for image in images]
                keep(_quantised(network.graph(part), inputs), kept.place(part))
    return replace(model, engine=Int8Engine(folder))


@runtime_checkable
class Predicting(Protocol):
    """What says which class each voxel of an image is, as `SegmentationModel` does."""

    def mean(self, image: Image, samples: int, seed: int) -> Float32[np.ndarray, "c z y x"]: ...


def measured_loss(
    exact: Predicting, int8: Predicting, pieces: Sequence[tuple[Image, Image | None]], seed: int
) -> Loss:
    """What the model loses in 8 bits: against labels where there are any, else against itself in float32.

    `pieces` are images, each with its labels or None.
    """
    labelled = [(image, labels) for image, labels in pieces if labels is not None and (labels % IGNORE).any()]
    overlap = {"exact": np.zeros(2), "int8": np.zeros(2)}
    for image, labels in labelled or pieces:
        masks = {
            "exact": exact.mean(image, 1, seed).argmax(axis=0),
            "int8": int8.mean(image, 1, seed).argmax(axis=0),
        }
        truth = masks["exact"] if not labelled or labels is None else labels
        known = truth != IGNORE
        for name, mask in masks.items():
            both = np.count_nonzero(known & (mask == truth) & (truth > 0))
            either = np.count_nonzero(known & ((mask > 0) | (truth > 0)))
            overlap[name] += both, either
    jaccard = {name: float(both / either) if either else 1.0 for name, (both, either) in overlap.items()}
    return Loss(jaccard["exact"], jaccard["int8"], "the labels" if labelled else "the prediction in float32")


def require_small(loss: Loss, limit: float = LIMIT) -> None:
    """Check what was measured.

    Raises:
        ValueError: If more is lost than `limit`.
    """
    if loss.lost > limit:
        raise ValueError(
            f"engine openvino-int8 loses {loss.lost:.4f} of Jaccard here ({loss}); the limit is {limit}"
        )


def _inputs(network: OpenVinoNetwork, part: Part, image: torch.Tensor) -> tuple[np.ndarray, ...]:
    ends = [end.numpy() for end in as_arrays(network.net.config, ())]
    if part != "dropped":
        return image.numpy(), *ends
    masks = dropout_masks(network.net.config, image.shape, torch.Generator().manual_seed(0))
    undropped = network.run("undropped", image, *ends)
    return (*undropped, *ends, *(np.ascontiguousarray(mask) for mask in masks))


def _quantised(graph: Any, inputs: Sequence[tuple[np.ndarray, ...]]) -> Any:  # noqa: ANN401
    try:
        with _quiet():
            import nncf

            return nncf.quantize(
                graph,
                nncf.Dataset(inputs, _listed),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(inputs),
            )
    except ImportError as error:
        raise ImportError(
            "engine openvino-int8 expects the package nncf: python -m pip install 'microtome[cpu]'"
        ) from error


def _listed(inputs: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    return list(inputs)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the bars and notes of the library, which would go between ours."""
    logger = logging.getLogger("nncf")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(before)
