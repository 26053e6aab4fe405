"""What counts as foreground: thresholds as predictions are stored, and the two sides of synapses by hand."""

import numpy as np
import pytest

from microtome.box import Box
from microtome.objects.settings import ProposalSettings
from microtome.objects.sources import Foreground, OneClass, Polarity, Source, TwoSides
from microtome.segment.probability import at_least, summed, unit
from microtome.volume import ArrayVolume

NM = (40.0, 4.0, 4.0)
SETTINGS = ProposalSettings(dilation=(1, 3, 3))


def volume(*rows: list[int], dtype: type = np.uint8) -> ArrayVolume:
    return ArrayVolume(np.array([rows], dtype), NM)


def foreground(source: Source) -> Foreground:
    box = Box.of(next(iter(source.volumes.values())).shape)
    return source.foreground(source.read(box, SETTINGS), box, SETTINGS)


def test_a_byte_reaches_a_threshold_if_it_is_what_the_threshold_is_stored_as() -> None:
    stored = np.array([[[0, 1, 127, 128, 254, 255]]], np.uint8)
    assert at_least(stored, 0.5).tolist() == [[[False, False, False, True, True, True]]]
    assert at_least(stored, 1.0).tolist() == [[[False] * 5 + [True]]]
    assert at_least(stored, 1e-9).tolist() == [[[False] + [True] * 5]]
    assert (unit(stored.dtype), unit(np.dtype(np.float32))) == (255.0, 1.0)


def test_reals_reach_a_threshold_as_they_are_and_masks_always() -> None:
    assert at_least(np.array([[[0.49, 0.5]]], np.float32), 0.5).tolist() == [[[False, True]]]
    assert at_least(np.array([[[False, True]]]), 1.0).tolist() == [[[False, True]]]
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="probabilities in"):
            at_least(np.array([[[0.5, wrong]]]), 0.5)


def test_sums_stay_within_what_a_probability_can_be() -> None:
    assert summed(*np.array([[[[100, 128]]], [[[100, 128]]]], np.uint8)).tolist() == [[[200, 255]]]
    assert summed(*np.array([[[[0.25, 0.75]]], [[[0.25, 0.75]]]])).tolist() == [[[0.5, 1.0]]]
    assert summed(*np.array([[[[True, False]]], [[[False, False]]]])).tolist() == [[[True, False]]]
    with pytest.raises(ValueError, match="probabilities in"):
        summed(np.array([[[np.nan]]]), np.array([[[0.5]]]))


def test_a_side_needs_the_union_and_a_voxel_of_both_is_of_the_likelier() -> None:
    source = Polarity(
        pre=volume([200, 200, 200, 130, 0, 130]),
        post=volume([0, 0, 200, 200, 200, 129]),
        union=volume([200, 90, 200, 200, 200, 200]),
    )
    pre, post = foreground(source).halves
    assert pre.tolist() == [[[True, False, False, False, False, True]]]
    assert post.tolist() == [[[False, False, True, True, True, False]]]
    assert foreground(source).probability.tolist() == [[[200, 90, 200, 200, 200, 200]]]


def test_the_union_is_dilated_from_beyond_the_box() -> None:
    source = Polarity(volume([0] * 6), volume([0] * 6), volume([0, 0, 255, 0, 0, 0]))
    box = Box((0, 0, 3), (1, 1, 6))
    body = source.foreground(source.read(box, SETTINGS), box, SETTINGS).body
    assert body.tolist() == [[[True, False, False]]]


def test_of_two_classes_the_sum_counts_and_the_greater_is_the_side() -> None:
    source = TwoSides(volume([200, 70, 60, 100, 20]), volume([10, 60, 68, 100, 20]))
    pre, post = foreground(source).halves
    assert pre.tolist() == [[[True, True, False, False, False]]]
    assert post.tolist() == [[[False, False, True, True, False]]]
    assert foreground(source).probability.tolist() == [[[210, 130, 128, 200, 40]]]


def test_volumes_that_hold_no_probabilities_or_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="probability: expected bytes, real numbers or a mask; got int64"):
        OneClass(volume([1], dtype=np.int64))
    with pytest.raises(ValueError, match=r"pre: expected uint8 of shape \(1, 1, 2\), as post; got uint8"):
        TwoSides(volume([1]), volume([1, 2]))
    with pytest.raises(ValueError, match=r"post: expected uint8 of shape .*, as union; got float32"):
        Polarity(volume([1]), volume([1], dtype=np.float32), volume([1]))
