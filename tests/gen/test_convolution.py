"""Convolutions by matrix products against the taps of every source, and what is counted of them."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spikeloom.gen.convolution import convolve, fan_out, patches, synapse_counts, window_sums
from spikeloom.hw.conv_params import AxisParams, ConvParams


@st.composite
def axes(draw):
    size = draw(st.integers(1, 9))
    return AxisParams(
        size=size,
        outputs=draw(st.integers(1, 9)),
        kernel=draw(st.integers(1, 5)),
        stride=draw(st.integers(1, 4)),
        padding=draw(st.integers(0, 5)),
        dilation=draw(st.integers(1, 3)),
        pool=draw(st.integers(1, min(3, size))),
    )


@st.composite
def convolutions(draw):
    groups = draw(st.integers(1, 3))
    return ConvParams(
        channels=groups * draw(st.integers(1, 3)),
        filters=groups * draw(st.integers(1, 3)),
        rows=draw(axes()),
        columns=draw(axes()),
        groups=groups,
    )


def matrix(kernel, conv):
    """(targets, sources), synapse by synapse."""
    weight = np.zeros((*conv.target_shape, *conv.source_shape), kernel.dtype)
    filters, channels = conv.filters // conv.groups, conv.channels // conv.groups
    for channel, row, column in np.ndindex(conv.source_shape):
        group = channel // channels
        for f in range(group * filters, (group + 1) * filters):
            for r, kr in conv.rows.taps(row):
                for c, kc in conv.columns.taps(column):
                    weight[f, r, c, channel, row, column] = kernel[f, channel % channels, kr, kc]
    return weight.reshape(conv.targets, conv.sources)


WIDE = AxisParams(size=21, outputs=21, kernel=3, padding=1)
POOLED = AxisParams(size=8, outputs=1, kernel=2, pool=4)


@settings(max_examples=200, deadline=None)
@given(convolutions(), st.integers(0, 2**32))
@example(ConvParams(channels=40, filters=2, rows=WIDE, columns=WIDE), 1)  # more than fits at once
@example(ConvParams(channels=4, filters=10, rows=POOLED, columns=POOLED), 2)  # a matrix behind a pool
@example(ConvParams(channels=40, filters=40, rows=WIDE, columns=WIDE, groups=40), 3)
def test_products_equal_the_taps(conv, seed):
    rng = np.random.default_rng(seed)
    kernel = rng.integers(-9, 10, conv.kernel_shape)
    weight = matrix(kernel, conv)
    counts = rng.integers(0, 4, (5, conv.sources)).astype(np.uint8)
    expected = counts @ weight.T
    for dtype in (np.float32, np.float64):
        got = convolve(counts, kernel.astype(dtype), conv)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(window_sums(kernel, conv), weight.sum(axis=1))
    ones = matrix(np.ones_like(kernel), conv)
    np.testing.assert_array_equal(fan_out(conv), ones.sum(axis=0))
    assert synapse_counts(kernel, conv) == (ones.sum(), np.count_nonzero(weight))
    rows, columns = (rng.integers(0, axis.outputs, 7) for axis in (conv.rows, conv.columns))
    seen = patches(counts, conv, rows, columns)
    per_group = kernel.reshape(conv.groups, conv.filters // conv.groups, -1)
    there = np.einsum("npgk,gfk->ngfp", seen, per_group).reshape(5, conv.filters, 7)
    np.testing.assert_array_equal(there, expected.reshape(5, *conv.target_shape)[:, :, rows, columns])


def test_a_matrix_counts_its_own_weights():
    assert synapse_counts(np.array([[1, 0, -2], [0, 0, 3]]), None) == (6, 3)
