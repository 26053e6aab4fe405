"""Sections as single image files: a folder of PNG, JPEG or TIFF files, or one such file."""

import io
import re
from dataclasses import dataclass, field
from pathlib import Path

import imagecodecs
import numpy as np
from jaxtyping import Shaped

from microtome.box import Box, Int3
from microtome.volume.protocol import Volume, require_fitting, require_inside
from microtome.volume.recent import RecentSections
from microtome.volume.spec import VolumeSpec, stack_shape
from microtome.volume.voxel_size import VoxelSize, chosen_voxel_size

PNG, JPEG, TIFF = (".png",), (".jpg", ".jpeg"), (".tif", ".tiff")


@dataclass(frozen=True, slots=True, eq=False)
class ImageFilesVolume:
    """One file a section; a file is decoded when a box touches it, and must be like the first one."""

    files: tuple[Path, ...]
    shape: Int3
    dtype: np.dtype
    voxel_size_nm: VoxelSize
    writable: bool = False
    recent: RecentSections = field(default_factory=RecentSections)

    def read(self, box: Box) -> Shaped[np.ndarray, "z y x"]:
        require_inside(self, box)
        result = np.empty(box.shape, self.dtype)
        for i, z in enumerate(range(box.start[0], box.stop[0])):
            result[i] = self.recent.get(z, self._decoded)[box.slices[1:]]
        return result

    def write(self, box: Box, data: Shaped[np.ndarray, "z y x"]) -> None:
        require_fitting(self, box, data)
        if not self.writable:
            raise io.UnsupportedOperation(f"{self.files[0].parent} was opened read-only")
        if box.size and box.shape[1:] != self.shape[1:]:
            raise ValueError(
                f"images are written by whole sections of {self.shape[1:]} voxels; got box {box}"
            )
        for z, section in zip(range(box.start[0], box.stop[0]), data, strict=True):
            _replace(self.files[z], _png(section))
            self.recent.forget(z)

    def _decoded(self, z: int) -> np.ndarray:
        section = _section(self.files[z])
        if section.shape != self.shape[1:] or section.dtype != self.dtype:
            raise ValueError(
                f"{self.files[z]}: expected {self.shape[1:]} {self.dtype} like the first section; "
                f"got {section.shape} {section.dtype}"
            )
        return section


def open_images(path: Path, voxel_size_nm: VoxelSize | None, *, writable: bool = False) -> Volume:
    """The images of a folder in natural order of their names (2 before 10), or one image file.

    Raises:
        ValueError: If there is no image, the first is damaged or coloured, no voxel size is given, or images
            to write to are no PNG.
    """
    size_nm = chosen_voxel_size(voxel_size_nm, None, str(path))
    files = tuple(sorted(filter(_is_image, path.iterdir()), key=_natural)) if path.is_dir() else (path,)
    if not files:
        raise ValueError(f"{path} holds no PNG, JPEG or TIFF images")
    if writable and any(file.suffix.lower() not in PNG for file in files):
        raise io.UnsupportedOperation(f"{path}: only PNG images can be written to")
    first = _section(files[0])
    shape = (len(files), *stack_shape(first.shape, str(files[0]))[1:])
    return ImageFilesVolume(files, shape, first.dtype, size_nm, writable)


def create_images(path: Path, spec: VolumeSpec) -> Volume:
    """A new folder of black PNG sections; their voxel size is not stored.

    Raises:
        ValueError: If the type is neither uint8 nor uint16.
        OSError: If the folder exists or cannot be written.
    """
    if spec.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"PNG sections are uint8 or uint16; got {spec.dtype}")
    path.mkdir()
    black = _png(np.zeros(spec.shape[1:], spec.dtype))
    for z in range(spec.shape[0]):
        (path / f"section_{z:04d}.png").write_bytes(black)
    return open_images(path, spec.voxel_size_nm, writable=True)


def _is_image(path: Path) -> bool:
    # names with a dot in front are the file system's, such as macOS's ._section.png
    return path.suffix.lower() in PNG + JPEG + TIFF and not path.name.startswith(".")


def _natural(path: Path) -> tuple[list[str | int], str]:
    parts = re.split(r"([0-9]+)", path.name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], path.name


def _section(path: Path) -> Shaped[np.ndarray, "y x"]:
    if path.suffix.lower() in TIFF:
        return _tiff_section(path)
    data = path.read_bytes()
    try:
        return _grey(_decoded_png(data) if path.suffix.lower() in PNG else _decoded_jpeg(data))
    except (ValueError, RuntimeError, MemoryError) as error:  # decoders raise RuntimeErrors
        raise ValueError(f"{path} is no readable grey image: {error}") from error


def _tiff_section(path: Path) -> Shaped[np.ndarray, "y x"]:
    from microtome.volume.tiff import open_tiff

    volume = open_tiff(path, (1.0, 1.0, 1.0))  # only the voxels are used
    if volume.shape[0] != 1:
        raise ValueError(f"{path}: expected one section a file; got {volume.shape[0]}")
    return volume.read(Box.of(volume.shape))[0]


def _decoded_png(data: bytes) -> np.ndarray:
    image = imagecodecs.png_decode(data)
    # byte 24 is the bit depth; one bit is a mask, which the decoder stretches to 0 and 255
    return (image != 0).astype(np.uint8) if data[24] == 1 else image


def _decoded_jpeg(data: bytes) -> np.ndarray:
    # the decoder fills up a truncated file with grey; a whole one has an end marker behind its scan
    if data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise ValueError("truncated")
    return imagecodecs.jpeg8_decode(data)


def _grey(image: np.ndarray) -> Shaped[np.ndarray, "y x"]:
    """The first channel where all colour channels are equal and nothing is transparent."""
    if image.ndim == 2:
        return image
    if image.shape[2] in (2, 4):
        if not np.all(image[..., -1] == np.iinfo(image.dtype).max):
            raise ValueError("it is partly transparent")
        image = image[..., :-1]
    if not np.all(image == image[..., :1]):
        raise ValueError("it has colours; convert it to grey first")
    return np.ascontiguousarray(image[..., 0])


def _png(section: Shaped[np.ndarray, "y x"]) -> bytes:
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(section), level=1))


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that it is either the old or the new one, whenever the program is killed."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)
