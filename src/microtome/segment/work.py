"""What the searches of one run share: the blocks, who works through them, and a folder."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microtome.box import Int3
from microtome.progress import Progress
from microtome.schedule import Schedule
from microtome.segment.components import Blocks
from microtome.segment.stage import Stage
from microtome.volume import Volume, VolumeSpec, create_volume
from microtome.volume.appearing import make_once


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
        nm, chunks = self.volume.voxel_size_nm, self._chunks(np.dtype(dtype))
        make_once(path, lambda new: create_volume(new, self.volume.shape, np.dtype(dtype), nm, chunks=chunks))
        return path

    def clear(self) -> None:
        """Remove what only the searches need."""
        for entry in self.folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)

    def _chunks(self, dtype: np.dtype) -> Int3:
        """The usual chunks where whole ones fill a block, else a block, so that two blocks share none."""
        usual = VolumeSpec(self.volume.shape, dtype, self.volume.voxel_size_nm).stored_chunks
        z, y, x = (
            min(n, side) if n % chunk and n < side else chunk
            for n, side, chunk in zip(self.blocks.shape, self.volume.shape, usual, strict=True)
        )
        return (z, y, x)
