"""PNG files as other programs write them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from microtome.project.exchange.colours import class_colours, classes_of, painted
from microtome.project.exchange.png import read_mask, read_png, write_png

LABELS = np.array([[0, 1, 2], [2, 2, 0]], dtype=np.uint8)
TWO = class_colours(2)


def test_a_picture_comes_back_as_it_was_written(tmp_path: Path) -> None:
    for picture in (LABELS, painted(LABELS, TWO)):
        write_png(tmp_path / "a.png", picture)
        np.testing.assert_array_equal(read_png(tmp_path / "a.png", (2, 3)), picture)


@pytest.mark.parametrize("transparency", [{"transparency": 0}, {}])
def test_a_palette_is_resolved(tmp_path: Path, transparency: dict[str, int]) -> None:
    indexed = Image.frombytes("P", (3, 2), LABELS.tobytes())
    indexed.putpalette([0, 0, 0, *TWO.ravel().tolist()])
    indexed.save(tmp_path / "a.png", **transparency)
    found, soft = classes_of(read_png(tmp_path / "a.png", (2, 3)), TWO)
    np.testing.assert_array_equal(found, LABELS)
    assert soft == 0


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "I;16"])
def test_a_mask_may_be_of_any_kind(tmp_path: Path, mode: str) -> None:
    white = np.array([[255, 0, 255], [0, 0, 255]], dtype=np.uint8)
    picture = Image.fromarray(white)
    deep = Image.fromarray(white.astype(np.uint16) * 257)
    picture = deep if mode == "I;16" else picture.convert(mode)
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png", (2, 3)), white > 0)


def test_another_format_and_another_size_are_refused(tmp_path: Path) -> None:
    Image.fromarray(LABELS).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png: expected a PNG image"):
        read_png(tmp_path / "a.png", (2, 3))
    Image.fromarray(LABELS).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="expected 4 × 2 pixels, as exported; got 3 × 2"):
        read_png(tmp_path / "a.png", (2, 4))
