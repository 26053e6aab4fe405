import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile

from microtome.box import Box
from microtome.volume import create_volume, open_volume
from microtome.volume.tiff import PagedTiffVolume

NM = (40.0, 4.0, 4.0)
IMAGE = np.random.default_rng(0).integers(0, 255, (4, 20, 24), np.uint8)
WHOLE = Box.of(IMAGE.shape)

VARIANTS: dict[str, dict[str, object]] = {
    "plain": {},
    "big endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "tiled": {"tile": (16, 16)},
    "LZW": {"compression": "lzw"},
    "deflate": {"compression": "zlib", "predictor": True},
    "zstd": {"compression": "zstd"},
    "tiled zstd": {"compression": "zstd", "tile": (16, 16)},
    "tiled BigTIFF": {"bigtiff": True, "tile": (16, 32), "compression": "lzw", "predictor": True},
    "tiled big endian": {"byteorder": ">", "tile": (16, 16), "compression": "zlib"},
    "strips": {"rowsperstrip": 3, "compression": "lzw"},
    "ImageJ": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "OME": {"ome": True, "metadata": {"axes": "ZYX"}},
    "OME deflate": {"ome": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
    "no metadata": {"metadata": None},
    "no metadata, compressed": {"metadata": None, "compression": "zlib"},
}
every_variant = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)


def saved(path: Path, data: np.ndarray = IMAGE, **options: object) -> Path:
    tifffile.imwrite(path, data, photometric="minisblack", **options)
    return path


@every_variant
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_kind_of_tiff_is_read(options: dict[str, object], dtype: type, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    volume = open_volume(saved(path, IMAGE.astype(dtype), **options), NM)
    box = Box((1, 3, 5), (3, 19, 20))
    assert volume.dtype == dtype
    assert np.array_equal(volume.read(WHOLE), IMAGE)
    assert np.array_equal(volume.read(box), IMAGE[box.slices])


@every_variant
def test_a_truncated_tiff_is_refused_wherever_it_ends(options: dict[str, object], tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.tif", **options).read_bytes()
    cut = tmp_path / "cut.tif"
    for length in sorted({*range(0, len(whole), max(1, len(whole) // 60)), len(whole) - 1}):
        cut.write_bytes(whole[:length])
        try:
            found = open_volume(cut, NM).read(WHOLE)
        except ValueError as error:
            assert str(cut) in str(error)  # noqa: PT017
            assert "\n" not in str(error)  # noqa: PT017
        else:  # the end held nothing that is needed
            assert np.array_equal(found, IMAGE)


def test_a_damaged_page_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", compression="zlib")
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[2].dataoffsets[0]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 50)
    volume = open_volume(path, NM)
    assert np.array_equal(volume.read(Box((0, 0, 0), (2, 20, 24))), IMAGE[:2])
    with pytest.raises(ValueError, match=r"a\.tif is no readable TIFF"):
        volume.read(WHOLE)


def test_only_the_pages_of_the_box_are_decoded(tmp_path: Path) -> None:
    volume = open_volume(saved(tmp_path / "a.tif", compression="zlib"), NM)
    assert isinstance(volume, PagedTiffVolume)
    volume.read(Box((1, 0, 0), (3, 1, 1)))
    assert list(volume.recent._sections) == [1, 2]


def test_threads_read_tiles_that_are_their_own(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (40, 128, 128), np.uint8)
    volume = open_volume(saved(tmp_path / "a.tif", image, tile=(16, 16)), NM)
    boxes = [Box((z, 0, 0), (z + 1, 128, 128)) for z in range(40)] * 3
    with ThreadPoolExecutor(4) as pool:
        for box, read in zip(boxes, pool.map(volume.read, boxes), strict=True):
            assert np.array_equal(read, image[box.slices])


def test_only_the_tiles_of_the_box_are_decoded(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", compression="zlib", tile=(16, 16))
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[2].dataoffsets[3]  # of y from 16, x from 16
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 20)
    volume = open_volume(path, NM)
    for box in (Box((2, 0, 3), (3, 16, 24)), Box((1, 3, 0), (4, 20, 16))):
        assert np.array_equal(volume.read(box), IMAGE[box.slices])
    with pytest.raises(ValueError, match=r"a\.tif is no readable TIFF"):
        volume.read(Box((2, 0, 0), (3, 17, 17)))


def test_a_tile_that_was_left_out_is_zero(tmp_path: Path) -> None:
    image = np.zeros((2, 32, 32), np.uint8)
    image[0, 0, 0] = image[1, :16, 16:] = 7
    tiles = (image[z, y : y + 16, x : x + 16] for z in (0, 1) for y in (0, 16) for x in (0, 16))
    kept = (tile if tile.any() else None for tile in tiles)
    options = {"tile": (16, 16), "compression": "zlib", "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", kept, shape=image.shape, dtype=image.dtype, **options)
    assert np.array_equal(open_volume(tmp_path / "a.tif", NM).read(Box.of(image.shape)), image)


def test_sections_written_one_by_one_make_a_stack(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for section in IMAGE:
            tif.write(section, photometric="minisblack")
    assert np.array_equal(open_volume(tmp_path / "a.tif", NM).read(WHOLE), IMAGE)


def test_one_section_is_a_volume(tmp_path: Path) -> None:
    assert open_volume(saved(tmp_path / "a.tif", IMAGE[0]), NM).shape == (1, 20, 24)


def test_extra_axes_of_length_one_are_dropped(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", IMAGE[None, :, None], imagej=True)
    assert open_volume(path, NM).shape == (4, 20, 24)


def test_channels_and_time_are_refused_with_their_lengths(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", IMAGE.reshape(2, 2, 20, 24), imagej=True, metadata={"axes": "ZCYX"})
    with pytest.raises(ValueError, match="channel 2"):
        open_volume(path, NM)


def test_colour_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 6, 3), np.uint8), photometric="rgb")
    with pytest.raises(ValueError, match="one channel"):
        open_volume(tmp_path / "a.tif", NM)


def test_images_of_several_shapes_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(IMAGE[0], photometric="minisblack")
        tif.write(IMAGE[0, :5], photometric="minisblack")
    with pytest.raises(ValueError, match="expected one stack"):
        open_volume(tmp_path / "a.tif", NM)


@pytest.mark.parametrize(("unit", "nm"), [("nm", 1.0), ("um", 1e3), ("\\u00B5m", 1e3), ("micron", 1e3)])
def test_imagej_states_the_voxel_size(unit: str, nm: float, tmp_path: Path) -> None:
    metadata = {"axes": "ZYX", "spacing": 2.0, "unit": unit}
    path = saved(tmp_path / "a.tif", imagej=True, resolution=(4.0, 2.0), metadata=metadata)
    assert open_volume(path).voxel_size_nm == pytest.approx((2 * nm, nm / 2, nm / 4))


def test_ome_states_the_voxel_size(tmp_path: Path) -> None:
    lengths = {"PhysicalSizeX": 4.6, "PhysicalSizeY": 4.6, "PhysicalSizeZ": 0.045}
    units = {"PhysicalSizeXUnit": "nm", "PhysicalSizeYUnit": "nm", "PhysicalSizeZUnit": "µm"}
    path = saved(tmp_path / "a.tif", ome=True, metadata={"axes": "ZYX", **lengths, **units})
    assert open_volume(path).voxel_size_nm == pytest.approx((45, 4.6, 4.6))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 2.0, "unit": "nm"}},
        {
            "imagej": True,
            "metadata": {"axes": "ZYX", "spacing": 2.0, "unit": "pixel"},
            "resolution": (4.0, 2.0),
        },
        {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 4.6}},
        {"resolution": (300, 300), "resolutionunit": "INCH"},
    ],
)
def test_a_voxel_size_that_is_not_wholly_stated_is_asked_for(
    options: dict[str, object], tmp_path: Path
) -> None:
    path = saved(tmp_path / "a.tif", **options)
    with pytest.raises(
        ValueError, match=r"voxel size is not in .*a\.tif: give it as z,y,x in nm \(--voxel-size\)"
    ):
        open_volume(path)


def test_a_compressed_tiff_cannot_be_opened_for_writing(tmp_path: Path) -> None:
    with pytest.raises(io.UnsupportedOperation, match="compressed"):
        open_volume(saved(tmp_path / "a.tif", compression="zlib"), NM, writable=True)


def test_a_type_that_ome_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="uint64"):
        create_volume(tmp_path / "a.tif", (1, 2, 3), np.dtype(np.uint64), NM)
