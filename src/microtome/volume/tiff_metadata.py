"""The voxel size that a TIFF states, in ImageJ's words or in OME-XML."""

import xml.etree.ElementTree as ElementTree

import tifffile

from microtome.volume.voxel_size import VoxelSize, nm_per_unit


def stated_voxel_size(tif: tifffile.TiffFile) -> VoxelSize | None:
    """The voxel size in nm, or None unless all three lengths are there with a unit."""
    if tif.ome_metadata is not None:
        return _ome_voxel_size(tif.ome_metadata)
    if tif.imagej_metadata is not None:
        return _imagej_voxel_size(tif)
    return None


def _ome_voxel_size(xml: str) -> VoxelSize | None:
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    if pixels is None:
        return None
    z, y, x = (_ome_length(pixels, axis) for axis in "ZYX")
    return None if z is None or y is None or x is None else (z, y, x)


def _ome_length(pixels: ElementTree.Element, axis: str) -> float | None:
    length = pixels.get(f"PhysicalSize{axis}")
    factor = nm_per_unit(pixels.get(f"PhysicalSize{axis}Unit"))
    return None if length is None or factor is None else float(length) * factor


def _imagej_voxel_size(tif: tifffile.TiffFile) -> VoxelSize | None:
    # ImageJ escapes the micro sign
    metadata = tif.imagej_metadata or {}
    factor = nm_per_unit(str(metadata.get("unit", "")).replace("\\u00B5", "µ"))
    spacing = metadata.get("spacing")
    y, x = (_pixel_length(tif, tag) for tag in ("YResolution", "XResolution"))
    if factor is None or spacing is None or y is None or x is None:
        return None
    return (float(spacing) * factor, y * factor, x * factor)


def _pixel_length(tif: tifffile.TiffFile, tag: str) -> float | None:
    """Length of a pixel in ImageJ's unit; 1/1 counts as unknown, as many programs write it always."""
    value = tif.pages.first.tags.valueof(tag)
    if value is None or 0 in value or value[0] == value[1]:
        return None
    return float(value[1] / value[0])
