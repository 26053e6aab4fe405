"""The recipe of a stage of growing: the project's own, with what Guay (2021) changes as more is labelled."""

from dataclasses import replace

from microtome.box import Int3
from microtome.learn.config import Recipe, TrainConfig
from microtome.net.config import NetConfig
from microtome.project.config import StageConfig

THIN = 3  # sections of a window of a thin net
STRENGTH = 100.0  # of corrections, where the project says nothing else
FLOOR = 0.08  # least weight of a voxel, likewise


def staged(recipe: Recipe, stage: StageConfig) -> Recipe:
    """`recipe` as `stage` has it: its net, which corrections weigh more, and how many networks.

    Raises:
        ValueError: If its loss weighs no voxels, and corrections should weigh more.
    """
    net, train = recipe.net, recipe.train
    if stage.net == "separable":
        net = replace(net, separable=True, activation="leaky_relu")
    if stage.net == "thin":
        net, train = _thin(net), _of_sections(train)
    tune = None if recipe.fine_tune is None else replace(recipe.fine_tune, window=train.window)
    corrections = replace(recipe.corrections, strength=0.0)
    if stage.errors != "none":
        given = recipe.corrections
        corrections = replace(given, errors=stage.errors)
        if not given.strength:
            corrections = replace(corrections, strength=STRENGTH, floor=FLOOR)
    return replace(
        recipe, net=net, train=train, fine_tune=tune, corrections=corrections, members=stage.members
    )


def _thin(net: NetConfig) -> NetConfig:
    """Kernels cross z on the deepest level alone: a section sees two on either side."""
    flat: Int3 = (1, 3, 3)
    kernels = (*[flat] * (len(net.widths) - 1), (3, 3, 3))
    return replace(net, kernels=kernels, pools=(), separable=False, activation="leaky_relu")


def _of_sections(train: TrainConfig) -> TrainConfig:
    """Windows of `THIN` sections, and fewer of them, so that a step costs what it did."""
    return replace(train, window=(THIN, *train.window[1:]), batch=max(1, train.batch // THIN))
