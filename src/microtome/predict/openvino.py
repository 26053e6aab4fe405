"""Networks on OpenVINO: on a CPU faster than PyTorch, with the same masks."""

import hashlib
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pooch
import torch
from torch import Tensor, nn

from microtome.learn.targets import Target
from microtome.net.inference import Masks, dropout_masks
from microtome.net.unet import UNet
from microtome.predict.network import Images, Network, Probabilities, class_probabilities, grouped

Part = Literal["whole", "finest", "dropped"]
"""What a graph computes: everything; the level that dropout leaves alone; what comes after, given masks."""

GRAPH = "graph.xml"


@dataclass(frozen=True)
class OpenVinoEngine:
    """OpenVINO on a CPU in float32. Converted networks are kept in the user's cache."""

    name: str = "openvino"

    def ready(self, net: UNet, target: Target, device: str) -> Network:
        return OpenVinoNetwork(net, target, require_cpu(self.name, device), Path(pooch.os_cache("microtome")))


class OpenVinoNetwork:
    """A folded U-Net as graphs, each compiled when it is first needed.

    Graphs are read from folders in `kept`; one that is missing is converted and kept there.
    """

    def __init__(self, net: UNet, target: Target, device: str, kept: Path) -> None:
        self.net, self.target, self.kept = net, target, kept
        self._digest = _digest(net, target)
        self._compiled: dict[Part, Any] = {}
        openvino()

    def probabilities(self, images: Images) -> Probabilities:
        return torch.from_numpy(self.run("whole", images))

    def sampled(self, images: Images, masks: Sequence[Masks]) -> Iterator[Probabilities]:
        finest = self.run("finest", images)
        for group in grouped(masks, images.numel()):
            joined = [torch.cat(level) for level in zip(*group, strict=True)]
            proba = torch.from_numpy(self.run("dropped", np.concatenate([finest] * len(group)), *joined))
            for one in proba.chunk(len(group)):
                yield self.net.unfolded(one, images)

    def run(self, part: Part, *inputs: Tensor | np.ndarray) -> np.ndarray:
        """What a graph gives for these inputs."""
        if part not in self._compiled:
            settings = {
                "INFERENCE_PRECISION_HINT": "f32",
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                "PERFORMANCE_HINT": "LATENCY",
            }
            self._compiled[part] = openvino().Core().compile_model(self.graph(part), "CPU", settings)
        arrays = [np.ascontiguousarray(one) for one in inputs]
        found: np.ndarray = self._compiled[part](arrays, share_inputs=True)[0]
        return found

    def graph(self, part: Part) -> Any:  # noqa: ANN401
        """The graph as OpenVINO has it."""
        path = self.place(part) / GRAPH
        if not path.exists():
            keep(converted(self.net, self.target, part), path.parent)
        return openvino().Core().read_model(path)

    def place(self, part: Part) -> Path:
        """The folder of a graph."""
        return self.kept / "openvino" / f"{self._digest}-{part}"


def openvino() -> Any:  # noqa: ANN401
    """The library. It reports its use to its maker unless it lacks the module that does so: here it lacks it.

    Raises:
        ImportError: If it is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino as library
    except ImportError as error:
        raise ImportError(
            "this engine expects the package openvino: python -m pip install 'microtome[cpu]'"
        ) from error
    return library


def require_cpu(engine: str, device: str) -> str:
    """The device.

    Raises:
        ValueError: If it is no CPU.
    """
    if device != "cpu":
        raise ValueError(f"engine {engine} expects device cpu; got {device}")
    return device


def converted(net: UNet, target: Target, part: Part) -> Any:  # noqa: ANN401
    """A part of a net as a graph for inputs of any size that fits it."""
    z, y, x = net.config.multiple
    image = torch.zeros(2, 1, 3 * z, 4 * y, 5 * x)  # sides that differ: those that are equal would be tied
    module: nn.Module
    inputs: tuple[Tensor, ...] = (image,)
    sizes: tuple[Any, ...] = (_free(image),)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of PyTorch's own code
        match part:
            case "whole":
                module = _Whole(net, target)
            case "finest":
                module = _Finest(net)
            case "dropped":
                module, finest = _Dropped(net, target), net.finest(image)
                masks = dropout_masks(net.config, image.shape, torch.Generator())
                inputs, sizes = (finest, *masks), (_free(finest), tuple(map(_free, masks)))
        program = torch.export.export(module.eval(), inputs, dynamic_shapes=sizes, strict=False)
        return openvino().convert_model(program)


def _free(tensor: Tensor) -> dict[int, Any]:
    """All axes but that of channels may have any length."""
    return dict.fromkeys((0, *range(2, tensor.ndim)), torch.export.Dim.AUTO)


def keep(graph: Any, folder: Path) -> None:  # noqa: ANN401
    """Write a graph into `folder`, whole or not at all; if one is there already it stays.

    Raises:
        OSError: If it cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        openvino().save_model(graph, partial / GRAPH, compress_to_fp16=False)
        os.rename(partial, folder)
    except OSError:
        if not (folder / GRAPH).exists():
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


class _Whole(nn.Module):
    def __init__(self, net: UNet, target: Target) -> None:
        super().__init__()
        self.net, self.target = net, target

    def forward(self, image: Tensor) -> Tensor:
        return class_probabilities(self.target.class_logits(self.net(image)))


class _Finest(nn.Module):
    def __init__(self, net: UNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        return self.net.finest(image)


class _Dropped(nn.Module):
    def __init__(self, net: UNet, target: Target) -> None:
        super().__init__()
        self.net, self.target = net, target

    def forward(self, finest: Tensor, *masks: Tensor) -> Tensor:
        return class_probabilities(self.target.class_logits(self.net.dropped(finest, masks)))


def _digest(net: UNet, target: Target) -> str:
    """Of all that a graph depends on."""
    whole = hashlib.sha256(
        f"{asdict(net.config)} {target} {openvino().__version__} {torch.__version__}".encode()
    )
    for name, value in sorted(net.state_dict().items()):
        whole.update(name.encode())
        whole.update(value.contiguous().cpu().numpy().tobytes())
    return whole.hexdigest()[:32]
