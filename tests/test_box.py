import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microtome.box import Block, Box, Int3, count, grid, hull, tile

lengths = st.tuples(*[st.integers(1, 9)] * 3)
corners = st.tuples(*[st.integers(-4, 8)] * 3)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    return Box(start := draw(corners), Box(start, start).shifted(draw(lengths)).stop)


def test_a_box_knows_its_shape_size_slices_and_text() -> None:
    box = Box((1, 2, 3), (2, 4, 6))
    assert (box.shape, box.size, str(box)) == ((1, 2, 3), 6, "1:2,2:4,3:6")
    assert box.slices == (slice(1, 2), slice(2, 4), slice(3, 6))


def test_a_box_that_stops_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="must not stop before it starts"):
        Box((0, 0, 1), (1, 1, 0))


def test_tiles_of_a_small_volume_are_as_written_out_by_hand() -> None:
    assert list(tile(Box.of((1, 3, 4)), (1, 2, 3), (1, 1, 1))) == [
        Block(read=Box((0, 0, 0), (1, 3, 4)), write=Box((0, 0, 0), (1, 2, 3))),
        Block(read=Box((0, 0, 2), (1, 3, 4)), write=Box((0, 0, 3), (1, 2, 4))),
        Block(read=Box((0, 1, 0), (1, 3, 4)), write=Box((0, 2, 0), (1, 3, 3))),
        Block(read=Box((0, 1, 2), (1, 3, 4)), write=Box((0, 2, 3), (1, 3, 4))),
    ]


def test_a_grid_with_a_step_is_as_written_out_by_hand() -> None:
    starts = [box.start for box in grid(Box.of((1, 2, 5)), (1, 2, 2), (1, 1, 2))]
    assert starts == [(0, 0, 0), (0, 0, 2)]


@given(boxes(), lengths, st.tuples(*[st.integers(0, 3)] * 3))
def test_write_boxes_partition_the_domain(domain: Box, shape: Int3, halo: Int3) -> None:
    times_written = np.zeros(domain.shape, int)
    for block in tile(domain, shape, halo):
        times_written[block.write.relative_to(domain).slices] += 1
    assert np.array_equal(times_written, np.ones(domain.shape, int))


@given(boxes(), lengths, st.tuples(*[st.integers(-5, 5)] * 3))
def test_write_boxes_begin_at_multiples_of_their_shape_from_the_origin(
    domain: Box, shape: Int3, origin: Int3
) -> None:
    times_written = np.zeros(domain.shape, int)
    for block in tile(domain, shape, (0, 0, 0), origin):
        times_written[block.write.relative_to(domain).slices] += 1
        for a, n, first, edge in zip(block.write.start, shape, origin, domain.start, strict=True):
            assert (a - first) % n == 0 or a == edge
    assert np.array_equal(times_written, np.ones(domain.shape, int))


@given(boxes(), lengths, st.tuples(*[st.integers(0, 3)] * 3))
def test_read_boxes_hold_the_halo_and_stay_in_the_domain(domain: Box, shape: Int3, halo: Int3) -> None:
    for block in tile(domain, shape, halo):
        assert block.read == block.write.grown(halo).intersection(domain)
        assert domain.contains(block.read)


@given(boxes(), lengths, lengths)
def test_grid_boxes_have_the_shape_and_lie_inside_the_domain(domain: Box, shape: Int3, step: Int3) -> None:
    found = list(grid(domain, shape, step))
    assert all(box.shape == shape and domain.contains(box) for box in found)
    assert len(set(found)) == len(found)


@given(boxes(), boxes())
def test_intersections_are_symmetric(a: Box, b: Box) -> None:
    assert a.intersection(b).size == b.intersection(a).size
    assert a.overlaps(b) == b.overlaps(a) == (a.intersection(b).size > 0)
    if a.overlaps(b):
        assert a.intersection(b) == b.intersection(a)


@given(boxes(), boxes())
def test_an_intersection_lies_in_both_boxes(a: Box, b: Box) -> None:
    if a.overlaps(b):
        assert a.contains(a.intersection(b))
        assert b.contains(a.intersection(b))


@given(boxes(), corners)
def test_shifting_there_and_back_is_identity(box: Box, by: Int3) -> None:
    assert box.shifted(by).shifted((-by[0], -by[1], -by[2])) == box


def test_a_negative_halo_is_refused() -> None:
    with pytest.raises(ValueError, match="halo"):
        list(tile(Box.of((2, 2, 2)), (1, 1, 1), (0, -1, 0)))


@pytest.mark.parametrize(
    "cut", [lambda domain: grid(domain, (1, 0, 1)), lambda domain: tile(domain, (0, 1, 1), (0, 0, 0))]
)
def test_an_empty_block_shape_is_refused(cut) -> None:  # noqa: ANN001
    with pytest.raises(ValueError, match="at least 1"):
        list(cut(Box.of((2, 2, 2))))


def test_the_hull_is_the_smallest_box_that_holds_all() -> None:
    assert hull([Box((1, 5, 2), (3, 6, 4)), Box((0, 7, 3), (2, 9, 4))]) == Box((0, 5, 2), (3, 9, 4))
    assert hull([Box((1, 2, 3), (4, 5, 6))]) == Box((1, 2, 3), (4, 5, 6))


def test_the_count_is_that_of_the_grid() -> None:
    domain = Box((1, 2, 3), (4, 20, 30))
    for shape in ((1, 4, 5), (2, 18, 27), (3, 19, 1), (1, 1, 28)):
        assert count(domain, shape) == len(list(grid(domain, shape)))
