"""Packed weights: there and back, and texts that nobody wrote."""

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from spikeloom.gen.errors import UserError
from spikeloom.gen.quantise.packing import pack, unpack


@given(
    arrays(np.int32, array_shapes(min_dims=2, max_dims=2), elements=st.integers(-(1 << 15), (1 << 15) - 1))
)
def test_unpack_gives_back_what_was_packed(weight):
    again = unpack(pack(weight), weight.shape, where="w")
    assert again.dtype == np.int32
    assert np.array_equal(again, weight)


def test_small_weights_take_a_byte_each():
    assert pack(np.full((2, 2), -128)).startswith("int8:")
    assert pack(np.full((2, 2), 128)).startswith("int16:")


def packed(data):
    return "int8:" + base64.b64encode(zlib.compress(data)).decode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "w: packed weights must start with int8:, int16:, int32:"),
        ("int64:AAAA", "w: packed weights must start with int8:, int16:, int32:"),
        ("int8:?", "w: packed weights are damaged"),
        ("int8:AAAA", "w: packed weights are damaged"),
        (packed(b"123"), "w: packed weights must be 2 x 2 of int8"),
        (packed(b"12345"), "w: packed weights must be 2 x 2 of int8"),
        (packed(b"0" * (1 << 24)), "w: packed weights must be 2 x 2 of int8"),
    ],
)
def test_other_text_is_refused(text, message):
    with pytest.raises(UserError) as error:
        unpack(text, (2, 2), where="w")
    assert str(error.value) == message
