"""Segment electron-microscopy volumes with as few minutes of an expert's time as possible.

The public names below are imported when they are first used: `import microtome` loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microtome.box import Block as Block
    from microtome.box import Box as Box
    from microtome.box import grid as grid
    from microtome.box import tile as tile
    from microtome.evaluate.overlap import contingency as contingency
    from microtome.evaluate.overlap import scores as scores
    from microtome.labels import IGNORE as IGNORE
    from microtome.learn.config import AugmentConfig as AugmentConfig
    from microtome.learn.config import Recipe as Recipe
    from microtome.learn.config import TrainConfig as TrainConfig
    from microtome.learn.examples import Example as Example
    from microtome.net.config import NetConfig as NetConfig
    from microtome.predict.model import SegmentationModel as SegmentationModel
    from microtome.predict.posterior import Posterior as Posterior
    from microtome.predict.posterior import class_map as class_map
    from microtome.project.folder import Project as Project
    from microtome.query.candidates import Candidates as Candidates
    from microtome.query.ranked import TopK as TopK
    from microtome.query.unranked import ForegroundRandom as ForegroundRandom
    from microtome.query.unranked import Random as Random
    from microtome.query.unranked import Strided as Strided
    from microtome.volume import create_volume as create_volume
    from microtome.volume import open_volume as open_volume

_HOMES = {
    "AugmentConfig": "microtome.learn.config",
    "Block": "microtome.box",
    "Box": "microtome.box",
    "Candidates": "microtome.query.candidates",
    "Example": "microtome.learn.examples",
    "ForegroundRandom": "microtome.query.unranked",
    "IGNORE": "microtome.labels",
    "NetConfig": "microtome.net.config",
    "Posterior": "microtome.predict.posterior",
    "Project": "microtome.project.folder",
    "Random": "microtome.query.unranked",
    "Recipe": "microtome.learn.config",
    "SegmentationModel": "microtome.predict.model",
    "Strided": "microtome.query.unranked",
    "TopK": "microtome.query.ranked",
    "TrainConfig": "microtome.learn.config",
    "class_map": "microtome.predict.posterior",
    "contingency": "microtome.evaluate.overlap",
    "create_volume": "microtome.volume",
    "grid": "microtome.box",
    "open_volume": "microtome.volume",
    "scores": "microtome.evaluate.overlap",
    "tile": "microtome.box",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'microtome' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
