"""What the searches of one run share: the blocks, who works through them, and a folder."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microtome.progress import Progress
from microtome.schedule import Schedule
from microtome.segment.components import Blocks
from microtome.segment.stage import Stage
from microtome.volume import Volume, VolumeSpec, create_volume
from microtome.volume.appearing import make_once
from microtome.volume.spec import chunks_in_blocks


@dataclass(frozen=True)
class Work:
    """A run over a volume in blocks, with what it keeps in a folder until it is finished."""

    volume: Volume
    blocks: Blocks
    folder: Path
    schedule: Schedule
    progress: Progress

    def stage(self, name: str) -> Stage:
        """The search of that name."""
        return Stage(self.folder / name, self.blocks, self.schedule, self.progress)

    def make(self, path: Path, dtype: type[np.generic]) -> Path:
        """A volume like this one to write to, of zeros, unless it is there."""
        shape, nm = self.volume.shape, self.volume.voxel_size_nm
        usual = VolumeSpec(shape, np.dtype(dtype), nm).stored_chunks
        chunks = chunks_in_blocks(usual, self.blocks.shape, shape)
        make_once(path, lambda new: create_volume(new, shape, np.dtype(dtype), nm, chunks=chunks))
        return path

    def clear(self) -> None:
        """Remove what only the searches need."""
        for entry in self.folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
