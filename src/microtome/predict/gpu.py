"""What keeps a GPU busy: streams side by side, copies through pinned memory, compiled networks.

Everything here also runs on a CPU, where there is nothing to wait for.
"""

import subprocess
import threading
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from textwrap import shorten

import torch
from torch import Tensor

MESSAGE = 200  # characters of a compiler's error that are told

Classify = Callable[[Tensor], Tensor]
Backend = str | Callable[..., Callable]
"""A compiler, as `torch.compile` takes it."""


def own_stream(device: str) -> AbstractContextManager[object]:
    """While it lasts this thread's work goes to a stream of its own, on a GPU.

    So the copies of one thread's block go on while another thread's is computed.
    """
    if torch.device(device).type == "cpu":
        return nullcontext()
    stream = _stream(threading.get_ident(), device)
    stream.wait_stream(torch.cuda.default_stream(device))  # weights are copied there
    return torch.cuda.stream(stream)


@lru_cache(64)
def _stream(thread: int, device: str) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def sent(tensor: Tensor, device: str) -> Tensor:
    """The tensor on the device; there it may still be on its way, which only its stream has to know."""
    if torch.device(device).type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


def fetched(tensor: Tensor) -> Tensor:
    """The tensor in this machine's memory, whole: this thread waits for it, others go on."""
    if tensor.device.type == "cpu":
        return tensor
    here = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    here.copy_(tensor, non_blocking=True)
    done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
    done.record(torch.cuda.current_stream(tensor.device))
    done.synchronize()
    return here


def of_all_sizes(classify: Classify, example: Tensor, backend: Backend = "inductor") -> Classify | None:
    """The same function, compiled once for images of all sizes, and tried on `example`.

    Blocks at the rim of a volume are smaller than others: sizes are free, so that nothing is compiled again.
    CUDA graphs (other modes of `torch.compile`) save the time of launching kernels, of which blocks of a
    megavoxel have few, and want one size. Where it cannot be compiled, it warns and there is none.
    """
    try:
        faster: Classify = torch.compile(classify, dynamic=True, backend=backend)
        with torch.inference_mode():
            faster(example)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:  # no compiler, no Triton
        why = shorten(str(error), MESSAGE)
        warnings.warn(f"networks cannot be compiled here, and are slower for it: {why}", stacklevel=2)
        return None
    return faster
