"""Compiled networks in a process of their own: the compiler cannot see through the checks of tests."""

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from microtome.learn.targets import CLASSES
from microtome.learn.train import new_net
from microtome.net.config import NetConfig
from microtome.net.inference import folded
from microtome.predict.network import TORCH, TorchEngine, TorchNetwork

NETS = {
    "flat": NetConfig(widths=(4, 8)),
    "deep": NetConfig(widths=(4, 8), kernels=((1, 3, 3), (3, 3, 3)), pools=((2, 2, 2),)),
}


def compiling(device: str) -> dict:
    """What `python compiling.py DEVICE` says: graphs of each net, differences to uncompiled, warnings."""
    words = [sys.executable, str(Path(__file__)), device]
    run = subprocess.run(words, capture_output=True, text=True, check=True, timeout=600)
    found: dict = json.loads(run.stdout.splitlines()[-1])
    return found


class Counting:
    """A compiler that compiles nothing, and counts how often it is asked to."""

    def __init__(self) -> None:
        self.graphs = 0

    def __call__(self, graph: torch.fx.GraphModule, example: list[torch.Tensor]) -> Callable:
        self.graphs += 1
        return graph.forward


def main(device: str) -> None:
    graphs, apart = {}, 0.0
    with warnings.catch_warnings(record=True) as said:
        warnings.filterwarnings("always", message="networks cannot be compiled")
        for name, config in NETS.items():
            counting = Counting()
            for seed in (0, 1):
                net = folded(new_net(config, 2, seed=seed))
                plain = TORCH.ready(net.to(device), CLASSES, device)
                assert isinstance(plain, TorchNetwork)
                networks = [plain.compiled(counting)]
                if device != "cpu":
                    networks.append(TorchEngine(compiles=True).ready(net, CLASSES, device))
                for steps in (2, 6, 3):
                    images = _images(config, steps)
                    expected = plain.probabilities(images)
                    for one in networks:
                        apart = max(apart, float((one.probabilities(images) - expected).abs().max()))
            graphs[name] = counting.graphs
    told = [str(one.message) for one in said if "cannot be compiled" in str(one.message)]
    print(json.dumps({"graphs": graphs, "apart": apart, "warnings": told}))


def _images(config: NetConfig, steps: int) -> torch.Tensor:
    z, y, x = config.multiple
    stream = torch.Generator().manual_seed(steps)
    return torch.randn(1, 1, 1 if config.flat else 3 * z, steps * y, (steps + 1) * x, generator=stream)


if __name__ == "__main__":
    main(sys.argv[1])
