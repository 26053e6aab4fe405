import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from microtome.labels import IGNORE
from microtome.project.encoding import EncodedLabels, decode_labels, encode_labels

LABELS = np.array([[[0, 1, IGNORE], [2, IGNORE, 254]]], dtype=np.uint8)


@given(arrays(np.uint8, st.tuples(*[st.integers(1, 5)] * 3)))
def test_decoding_gives_back_what_was_encoded(labels: np.ndarray) -> None:
    np.testing.assert_array_equal(decode_labels(encode_labels(labels)), labels)


def test_the_ignore_value_is_never_stored() -> None:
    encoded = encode_labels(LABELS)
    assert list(zlib.decompress(encoded.labels)) == [0, 1, 0, 2, 0, 254]
    assert list(zlib.decompress(encoded.mask)) == [0b11010100]


def test_strided_arrays_are_encoded_in_z_y_x_order() -> None:
    turned = np.ascontiguousarray(LABELS.T).T
    assert encode_labels(turned) == encode_labels(LABELS)


@pytest.mark.parametrize("field", ["labels", "mask"])
@pytest.mark.parametrize("data", [b"", b"junk", zlib.compress(b"too much data"), zlib.compress(b"")])
def test_bytes_that_do_not_fit_are_refused(field: str, data: bytes) -> None:
    with pytest.raises(ValueError, match="labels"):
        decode_labels(replace(encode_labels(LABELS), **{field: data}))


def test_a_torn_stream_is_refused() -> None:
    encoded = encode_labels(LABELS)
    with pytest.raises(ValueError, match="labels"):
        decode_labels(replace(encoded, labels=encoded.labels[:-1]))


def test_a_class_where_nothing_was_annotated_is_refused() -> None:
    damaged = EncodedLabels((1, 1, 1), zlib.compress(b"\x01"), zlib.compress(b"\x00"))
    with pytest.raises(ValueError, match="contradict"):
        decode_labels(damaged)
