import io

import numpy as np
import pytest

from microtome.box import Box
from microtome.volume import ArrayVolume
from microtome.volume.views import Cast, Cropped

NM = (8.0, 8.0, 8.0)
IMAGE = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)


def test_a_part_begins_at_0() -> None:
    box = Box((1, 1, 2), (3, 3, 5))
    part = Cropped(ArrayVolume(IMAGE, NM), box)
    assert (part.shape, part.dtype, part.voxel_size_nm) == ((2, 2, 3), np.uint16, NM)
    assert np.array_equal(part.read(Box.of(part.shape)), IMAGE[box.slices])
    with pytest.raises(ValueError, match="inside 0:2,0:2,0:3"):
        part.read(Box.of((3, 2, 3)))
    with pytest.raises(io.UnsupportedOperation):
        part.write(Box.of((1, 1, 1)), IMAGE[:1, :1, :1])


@pytest.mark.parametrize("box", [Box((0, 0, 0), (4, 4, 5)), Box((1, 1, 1), (1, 2, 2))])
def test_a_part_that_leaves_the_volume_or_is_empty_is_refused(box: Box) -> None:
    with pytest.raises(ValueError, match="expected a box"):
        Cropped(ArrayVolume(IMAGE, NM), box)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.float32])
def test_numbers_that_fit_stay_what_they_are(dtype: type) -> None:
    found = Cast(ArrayVolume(IMAGE, NM), np.dtype(dtype)).read(Box.of(IMAGE.shape))
    assert found.dtype == dtype
    assert np.array_equal(found, IMAGE)


@pytest.mark.parametrize(
    ("value", "stored", "wanted"),
    [
        (256, np.uint16, np.uint8),
        (-1, np.int8, np.uint64),
        (2**63, np.uint64, np.int64),
        (0.5, np.float32, np.uint8),
        (float("nan"), np.float32, np.uint16),
    ],
)
def test_numbers_that_do_not_fit_are_named(value: float, stored: type, wanted: type) -> None:
    volume = Cast(ArrayVolume(np.full((1, 1, 1), value, stored), NM), np.dtype(wanted))
    with pytest.raises(ValueError, match=f"expected voxels that {np.dtype(wanted)} holds; got {value}"):
        volume.read(Box.of((1, 1, 1)))
