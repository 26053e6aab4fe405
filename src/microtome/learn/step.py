"""One step of training, for every loop that needs no more than that."""

import math

import torch
from torch import Tensor

from microtome.learn.config import Precision


def take_step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down the gradient of `loss`."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def half_precision(device: str, precision: Precision = "auto") -> torch.autocast:
    """While it lasts activations are bfloat16: by itself on a GPU, on a CPU where that is asked for."""
    kind = torch.device(device).type
    wanted = kind == "cuda" if precision == "auto" else precision == "bfloat16"
    return torch.autocast(kind, torch.bfloat16, enabled=wanted)


def finite(loss: float, steps: int) -> float:
    """The loss as it came.

    Raises:
        ValueError: If it is not finite.
    """
    if not math.isfinite(loss):
        raise ValueError(f"training diverged: the loss is {loss} after {steps} steps; lower learning_rate")
    return loss
