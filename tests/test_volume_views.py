from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from microtome.box import Box, Int3
from microtome.volume import ArrayVolume, Downsampled, DownsampledLabels, Windowed, intensity_window

NM = (40.0, 4.0, 5.0)
shapes = st.tuples(*[st.integers(1, 7)] * 3)


def view(values: list[float], dtype: type, window: tuple[float, float]) -> list[int]:
    array = np.array(values, dtype).reshape(1, 1, -1)
    return Windowed(ArrayVolume(array, NM), window).read(Box.of(array.shape)).ravel().tolist()


def test_a_window_maps_its_ends_to_0_and_255_and_clips() -> None:
    assert view([0, 100, 150, 200, 65535], np.uint16, (100, 200)) == [0, 0, 128, 255, 255]
    assert view([-1e38, -0.5, 0.1, 0.5, 1e38], np.float32, (-0.5, 0.5)) == [0, 0, 153, 255, 255]


@pytest.mark.parametrize("window", [(1.0, 1.0), (2.0, 1.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_an_empty_window_is_refused(window: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="expected a window"):
        Windowed(ArrayVolume(np.zeros((1, 2, 3)), NM), window)


def test_nan_and_infinity_are_counted_and_located() -> None:
    array = np.array([[[0.0, np.nan, np.inf]]])
    with pytest.raises(ValueError, match="2 NaN or infinite voxels in box 0:1,0:1,0:3"):
        Windowed(ArrayVolume(array, NM), (0, 1)).read(Box.of((1, 1, 3)))
    with pytest.raises(ValueError, match="2 NaN or infinite"):
        intensity_window(ArrayVolume(array, NM))


def test_the_intensity_window_of_a_small_volume_is_its_percentiles() -> None:
    array = np.arange(1001, dtype=np.uint16).reshape(1, 1, -1)[:, :, :256]
    low, high = intensity_window(ArrayVolume(array, NM), (0, 100))
    assert (low, high) == (0.0, 255.0)


def test_the_intensity_window_of_a_larger_volume_is_near_its_percentiles_and_repeatable() -> None:
    array = np.random.default_rng(0).normal(1000, 100, (3, 300, 300)).astype(np.float32)
    window = intensity_window(ArrayVolume(array, NM), (10, 90), seed=1)
    assert window == pytest.approx(np.percentile(array, (10, 90)), rel=0.01)
    assert window == intensity_window(ArrayVolume(array, NM), (10, 90), seed=1)


def test_a_constant_image_has_no_window() -> None:
    with pytest.raises(ValueError, match="contrast"):
        intensity_window(ArrayVolume(np.full((2, 3, 4), 7), NM))


def test_half_a_step_is_rounded_upwards() -> None:
    array = np.array([[[0, 1, 1, 2, 254, 255, 0, 0, 9]]], np.uint8)
    volume = Downsampled(ArrayVolume(array, NM), (1, 1, 2))
    assert volume.read(Box.of((1, 1, 4))).ravel().tolist() == [1, 2, 255, 0]


def test_negative_halves_are_rounded_upwards_too() -> None:
    array = np.array([[[-1, 0, -1, -2]]], np.int16)
    assert Downsampled(ArrayVolume(array, NM), (1, 1, 2)).read(Box.of((1, 1, 2))).ravel().tolist() == [0, -1]


def test_the_most_frequent_label_wins_and_the_larger_of_equals() -> None:
    array = np.array([[[1, 1, 2], [3, 3, 2]], [[5, 0, 0], [0, 5, 255]]], np.uint8).reshape(2, 1, 6)
    volume = DownsampledLabels(ArrayVolume(array, NM), (1, 1, 6))
    assert volume.read(Box.of((2, 1, 1))).ravel().tolist() == [3, 0]
    tie = DownsampledLabels(ArrayVolume(array[:, :, :4], NM), (1, 1, 4))
    assert tie.read(Box.of((2, 1, 1))).ravel().tolist() == [1, 0]


def test_instance_ids_of_64_bits_are_not_used_as_sizes() -> None:
    array = np.array([[[2**63, 2**63, 1, 2**63 + 1, 1, 1]]], np.uint64)
    volume = DownsampledLabels(ArrayVolume(array, NM), (1, 1, 3))
    assert volume.read(Box.of((1, 1, 2))).ravel().tolist() == [2**63, 1]


def test_a_coarser_volume_has_larger_voxels_and_drops_the_rest() -> None:
    volume = Downsampled(ArrayVolume(np.zeros((3, 7, 9), np.uint8), NM), (1, 2, 4))
    assert (volume.shape, volume.voxel_size_nm, volume.dtype) == ((3, 3, 2), (40.0, 8.0, 20.0), np.uint8)


@pytest.mark.parametrize("factors", [(0, 1, 1), (1, 1, 10), (1, -1, 1)])
def test_impossible_factors_are_refused(factors: Int3) -> None:
    with pytest.raises(ValueError, match="expected factors from 1"):
        Downsampled(ArrayVolume(np.zeros((3, 7, 9), np.uint8), NM), factors)


def blocks(array: np.ndarray, factors: Int3) -> list[np.ndarray]:
    z, y, x = (n // f for n, f in zip(array.shape, factors, strict=True))
    cut = array[: z * factors[0], : y * factors[1], : x * factors[2]]
    split = cut.reshape(z, factors[0], y, factors[1], x, factors[2]).transpose(0, 2, 4, 1, 3, 5)
    return list(split.reshape(z * y * x, -1))


@given(arrays.arrays(np.uint8, shapes, elements=st.integers(0, 3)), st.tuples(*[st.integers(1, 3)] * 3))
def test_labels_agree_with_counting(array: np.ndarray, factors: Int3) -> None:
    factors = tuple(min(f, n) for f, n in zip(factors, array.shape, strict=True))
    volume = DownsampledLabels(ArrayVolume(array, NM), factors)
    expected = []
    for block in blocks(array, factors):
        counts = Counter(block.tolist())
        expected.append(max(counts, key=lambda label: (counts[label], label)))
    assert volume.read(Box.of(volume.shape)).ravel().tolist() == expected


@given(arrays.arrays(np.uint16, shapes), st.tuples(*[st.integers(1, 3)] * 3))
def test_means_agree_with_numpy(array: np.ndarray, factors: Int3) -> None:
    factors = tuple(min(f, n) for f, n in zip(factors, array.shape, strict=True))
    volume = Downsampled(ArrayVolume(array, NM), factors)
    expected = [int(np.floor(block.mean() + 0.5)) for block in blocks(array, factors)]
    assert volume.read(Box.of(volume.shape)).ravel().tolist() == expected


@given(arrays.arrays(np.uint8, (4, 6, 6)), st.data())
def test_a_part_is_the_part_of_the_whole(array: np.ndarray, data: st.DataObject) -> None:
    volume = Downsampled(ArrayVolume(array, NM), (2, 2, 3))
    start = data.draw(st.tuples(*[st.integers(0, n) for n in volume.shape]))
    box = Box(start, volume.shape)
    assert np.array_equal(volume.read(box), volume.read(Box.of(volume.shape))[box.slices])
