from pathlib import Path

import imagecodecs
import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile

from microtome.box import Box
from microtome.volume import create_volume, open_volume

NM = (40.0, 4.0, 4.0)
SECTION = np.random.default_rng(0).integers(0, 255, (9, 7), np.uint8)


def folder(path: Path, sections: dict[str, np.ndarray]) -> Path:
    for name, section in sections.items():
        imageio.imwrite(path / name, section)
    return path


def test_sections_are_in_natural_order(tmp_path: Path) -> None:
    names = [f"section_{i}.png" for i in range(12)]
    volume = open_volume(folder(tmp_path, {name: SECTION * 0 + i for i, name in enumerate(names)}), NM)
    assert volume.read(Box.of(volume.shape))[:, 0, 0].tolist() == list(range(12))


def test_other_files_and_hidden_ones_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "._a.png").write_text("")
    assert open_volume(folder(tmp_path, {"a.png": SECTION}), NM).shape == (1, 9, 7)


def test_png_jpeg_and_tiff_open_as_one_section(tmp_path: Path) -> None:
    folder(tmp_path, {"a.png": SECTION, "a.jpg": SECTION})
    tifffile.imwrite(tmp_path / "a.tif", SECTION)
    assert np.array_equal(open_volume(tmp_path / "a.png", NM).read(Box.of((1, 9, 7)))[0], SECTION)
    assert open_volume(tmp_path / "a.jpg", NM).shape == (1, 9, 7)
    assert open_volume(tmp_path, NM).shape == (3, 9, 7)


def test_sections_of_16_bits_keep_them(tmp_path: Path) -> None:
    volume = open_volume(folder(tmp_path, {"a.png": SECTION.astype(np.uint16) * 257}), NM)
    assert np.array_equal(volume.read(Box.of((1, 9, 7)))[0], SECTION.astype(np.uint16) * 257)


def test_a_one_bit_png_holds_zeros_and_ones(tmp_path: Path) -> None:
    volume = open_volume(folder(tmp_path, {"a.png": SECTION > 100}), NM)
    found = volume.read(Box.of((1, 9, 7)))[0]
    assert found.dtype == np.uint8
    assert np.array_equal(found, (SECTION > 100).astype(np.uint8))


def test_grey_stored_as_colour_is_read(tmp_path: Path) -> None:
    opaque = np.dstack([SECTION, SECTION, SECTION, SECTION * 0 + 255])
    volume = open_volume(folder(tmp_path, {"a.png": np.dstack([SECTION] * 3), "b.png": opaque}), NM)
    assert np.array_equal(volume.read(Box.of((2, 9, 7))), np.stack([SECTION, SECTION]))


def test_colour_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path, {"a.png": np.dstack([SECTION, SECTION, SECTION + 1])})
    with pytest.raises(ValueError, match=r"a\.png is no readable grey image: it has colours"):
        open_volume(path, NM)


def test_transparency_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path, {"a.png": np.dstack([SECTION] * 4)})
    with pytest.raises(ValueError, match="transparent"):
        open_volume(path, NM)


def test_a_section_of_another_shape_is_named_when_it_is_read(tmp_path: Path) -> None:
    volume = open_volume(folder(tmp_path, {"a.png": SECTION, "b.png": SECTION[:5]}), NM)
    assert np.array_equal(volume.read(Box.of((1, 9, 7)))[0], SECTION)
    with pytest.raises(
        ValueError, match=r"b\.png: expected \(9, 7\) uint8 like the first section; got \(5, 7\)"
    ):
        volume.read(Box.of((2, 9, 7)))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
@pytest.mark.parametrize("part", [0, 10, 0.5, 0.9])
def test_a_truncated_image_is_named(name: str, part: float, tmp_path: Path) -> None:
    path = tmp_path / name
    imageio.imwrite(path, SECTION)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part if part >= 1 else part * len(whole))])
    with pytest.raises(ValueError, match=f"{name} is (no readable|truncated)"):
        open_volume(path, NM)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no PNG"):
        open_volume(tmp_path, NM)


def test_a_stack_inside_a_folder_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([SECTION] * 2), photometric="minisblack")
    with pytest.raises(ValueError, match="expected one section a file; got 2"):
        open_volume(tmp_path, NM)


def test_created_sections_are_png_files_with_numbers(tmp_path: Path) -> None:
    volume = create_volume(tmp_path / "new", (2, 9, 7), np.dtype(np.uint8), NM)
    volume.write(Box((1, 0, 0), (2, 9, 7)), SECTION[None])
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "section_0000.png",
        "section_0001.png",
    ]
    assert np.array_equal(imagecodecs.imread(tmp_path / "new" / "section_0001.png"), SECTION)


def test_a_part_of_a_section_cannot_be_written(tmp_path: Path) -> None:
    volume = create_volume(tmp_path / "new", (2, 9, 7), np.dtype(np.uint8), NM)
    with pytest.raises(ValueError, match="whole sections"):
        volume.write(Box((0, 0, 0), (1, 9, 6)), np.zeros((1, 9, 6), np.uint8))


def test_types_that_png_lacks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="uint8 or uint16; got float32"):
        create_volume(tmp_path / "new", (2, 9, 7), np.dtype(np.float32), NM)
