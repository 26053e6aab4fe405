"""A step of training in bfloat16 over one in float32, on one core, for the nets of the stages of growing.

Both take turns within one process, so that a neighbour slows both; a figure is the median of the ratios.
"""

import time
from dataclasses import replace

import torch

from microtome.learn.config import Precision, Recipe
from microtome.learn.stages import staged
from microtome.learn.train import new_net, step
from microtome.project.config import PAPER_STAGES
from record import Figure, median_of, record

TURNS, SEED = 15, 0
STAGES = {"flat": PAPER_STAGES[0], "separable": PAPER_STAGES[2], "thin": PAPER_STAGES[3]}


def main() -> None:
    torch.set_num_threads(1)
    record("precision", {f"bfloat16_step_{name}": _ratio(name) for name in STAGES}, seeds=[SEED])


def _ratio(name: str) -> Figure:
    recipe = staged(Recipe(), STAGES[name])
    net = new_net(recipe.net, 2, seed=SEED).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=recipe.train.learning_rate, foreach=True)
    stream = torch.Generator().manual_seed(SEED)
    images = torch.randn(recipe.train.batch, 1, *recipe.train.window, generator=stream)
    labels = torch.randint(0, 2, (recipe.train.batch, *recipe.train.window), generator=stream)

    def seconds(precision: Precision) -> float:
        config = replace(recipe.train, precision=precision)
        began = time.perf_counter()
        step(net, optimiser, images, labels, None, config)
        return time.perf_counter() - began

    seconds("float32"), seconds("bfloat16")
    ratios = [seconds("bfloat16") / seconds("float32") for _ in range(TURNS)]
    return median_of(ratios, f"seconds over those of float32, {recipe.train.batch} x {recipe.train.window}")


if __name__ == "__main__":
    main()
