"""Networks on OpenVINO: on a CPU faster than PyTorch, with the same masks."""

import hashlib
import os
import shutil
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pooch
import torch
from torch import Tensor, nn

from microtome.learn.targets import Target
from microtome.net.cropping import Cuts, as_arrays, from_arrays
from microtome.net.inference import Masks, dropout_masks
from microtome.net.unet import UNet
from microtome.predict.network import Images, Network, Probabilities, class_probabilities, grouped

Part = Literal["whole", "undropped", "dropped"]
"""What a graph computes: everything; what dropout leaves alone; what comes after, given masks."""

GRAPH = "graph.xml"
KEPT = 2  # counts the ways in which a net was made graphs of: those that are kept of former ones are not read


@dataclass(frozen=True)
class OpenVinoEngine:
    """OpenVINO on a CPU in float32. Converted networks are kept in the user's cache."""

    at_once: int = 1
    name: str = "openvino"

    def ready(self, net: UNet, target: Target, device: str) -> Network:
        require_cpu(self.name, device)
        return OpenVinoNetwork(net, target, Path(pooch.os_cache("microtome")), self.at_once)

    def shared(self) -> "OpenVinoEngine":
        """Two at a time: each has half of the cores and waits less for its own."""
        return replace(self, at_once=2)


class OpenVinoNetwork:
    """A folded U-Net as graphs, each compiled when it is first needed; threads may predict at a time.

    Graphs are read from folders in `kept`; one that is missing is converted and kept there. The cores are
    shared by so many predictions `at_once`; fewer leave some of them idle.
    """

    def __init__(self, net: UNet, target: Target, kept: Path, at_once: int = 1) -> None:
        self.net, self.target, self.kept, self.at_once = net, target, kept, at_once
        self._digest = _digest(net, target)
        self._compiled: dict[Part, Any] = {}
        self._compiling, self._of_thread = threading.Lock(), threading.local()
        openvino()

    def probabilities(self, images: Images, cuts: Cuts = ()) -> Probabilities:
        [proba] = self.run("whole", images, *as_arrays(self.net.config, cuts))
        return torch.from_numpy(proba)

    def sampled(self, images: Images, masks: Iterable[Masks], cuts: Cuts = ()) -> Iterator[Probabilities]:
        ends = as_arrays(self.net.config, cuts)
        undropped = self.run("undropped", images, *ends)
        for group in grouped(masks, images.numel()):
            joined = [torch.cat(level) for level in zip(*group, strict=True)]
            together = [np.concatenate([one] * len(group)) for one in undropped]
            [proba] = self.run("dropped", *together, *ends, *joined)
            for one in torch.from_numpy(proba).chunk(len(group)):
                yield self.net.unfolded(one, images)

    def run(self, part: Part, *inputs: Tensor | np.ndarray) -> list[np.ndarray]:
        """What a graph gives for these inputs."""
        arrays = [np.ascontiguousarray(one) for one in inputs]
        return list(self._request(part).infer(arrays, share_inputs=True).values())

    def _request(self, part: Part) -> Any:  # noqa: ANN401
        """This thread's own, of a graph that all share."""
        requests = self._of_thread.__dict__
        if part not in requests:
            with self._compiling:
                if part not in self._compiled:
                    self._compiled[part] = self._ready(part)
            requests[part] = self._compiled[part].create_infer_request()
        return requests[part]

    def _ready(self, part: Part) -> Any:  # noqa: ANN401
        threads = torch.get_num_threads()
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": min(self.at_once, threads),
        }
        return core().compile_model(self.graph(part), "CPU", settings)

    def graph(self, part: Part) -> Any:  # noqa: ANN401
        """The graph as OpenVINO has it."""
        path = self.place(part) / GRAPH
        if not path.exists():
            keep(converted(self.net, self.target, part), path.parent)
        return core().read_model(path)

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
    library.Tensor(np.zeros(1, np.float32))  # the first one in two threads at a time would wait for ever
    return library


@cache
def core() -> Any:  # noqa: ANN401
    """What compiles graphs, one for as long as the process lives.

    Each gives the thread that first compiles a stack for signals, and frees that stack when it goes. Were it
    to go in another thread, the process would die of the next signal, as of Ctrl+C.
    """
    return openvino().Core()


def require_cpu(engine: str, device: str) -> None:
    """Check the device.

    Raises:
        ValueError: If it is no CPU.
    """
    if device != "cpu":
        raise ValueError(f"engine {engine} expects device cpu; got {device}")


def converted(net: UNet, target: Target, part: Part) -> Any:  # noqa: ANN401
    """A part of a net as a graph for inputs of any size that fits it."""
    z, y, x = net.config.multiple
    image, ends = torch.zeros(2, 1, 3 * z, 4 * y, 5 * x), as_arrays(net.config, ())
    module: nn.Module
    with torch.no_grad(), warnings.catch_warnings():
        # OpenVINO traces by torch.jit, which is deprecated and warns; torch.export takes 20 times as long
        warnings.simplefilter("ignore")
        match part:
            case "whole":
                module, inputs = _Whole(net, target), (image, *ends)
            case "undropped":
                module, inputs = _Undropped(net), (image, *ends)
            case "dropped":
                masks = dropout_masks(net.config, image.shape, torch.Generator())
                module, inputs = _Dropped(net, target), (*net.undropped(image), *ends, *masks)
        return openvino().convert_model(module.eval(), example_input=inputs)


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

    def forward(self, image: Tensor, *ends: Tensor) -> Tensor:
        return class_probabilities(self.target.class_logits(self.net(image, from_arrays(ends))))


class _Undropped(nn.Module):
    def __init__(self, net: UNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, *ends: Tensor) -> tuple[Tensor, Tensor]:
        return self.net.undropped(image, from_arrays(ends))


class _Dropped(nn.Module):
    def __init__(self, net: UNet, target: Target) -> None:
        super().__init__()
        self.net, self.target = net, target

    def forward(self, pooled: Tensor, share: Tensor, *inputs: Tensor) -> Tensor:
        count = len(self.net.pool)
        outputs = self.net.dropped(pooled, share, inputs[-count:], from_arrays(inputs[:-count]))
        return class_probabilities(self.target.class_logits(outputs))


def _digest(net: UNet, target: Target) -> str:
    """Of all that a graph depends on."""
    whole = hashlib.sha256(
        f"{KEPT} {asdict(net.config)} {target} {openvino().__version__} {torch.__version__}".encode()
    )
    for name, value in sorted(net.state_dict().items()):
        whole.update(name.encode())
        whole.update(value.contiguous().cpu().numpy().tobytes())
    return whole.hexdigest()[:32]
