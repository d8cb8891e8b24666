"""Sums of weights by events against the synapses one by one, for every layout, width and activity."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloom.hw.conv_params import AxisParams, ConvParams
from spikeloom.sim.golden.sums import sums

from .oracle import synapses_of
from .strategies import convolutions

LAYOUTS = ["steps first", "samples first", "part of the sources", "read only", "every second source"]


def spikes_of(rng, sources, density, most, layout):
    """(steps, samples, sources) counts, somehow laid out in memory."""
    shape = {"samples first": (4, 3, sources), "part of the sources": (3, 4, sources + 5)}
    shape = shape.get(layout, (3, 4, 2 * sources if layout == "every second source" else sources))
    counts = rng.integers(1, most + 1, shape) * (rng.random(shape) < density)
    counts = counts.astype(np.uint8)
    if layout == "samples first":
        return counts.transpose(1, 0, 2)
    if layout == "part of the sources":
        return counts[..., 3 : 3 + sources]
    if layout == "every second source":
        return counts[..., ::2]
    counts.flags.writeable = layout != "read only"
    return counts


def expected(weight, conv, spikes):
    projection = SimpleNamespace(weight=weight, conv=conv, delay_steps=None)
    targets = len(weight) if conv is None else conv.targets
    total = np.zeros((*spikes.shape[:2], targets), np.int64)
    for target, source, value, _ in synapses_of(projection):
        total[..., target] += spikes[..., source].astype(np.int64) * value
    return total


def check(weight, conv, spikes, dtype, rng):
    want = expected(weight, conv, spikes)
    before = rng.integers(-9, 9, want.shape).astype(dtype)
    acc = before.copy()
    sums(weight, conv, np.dtype(dtype)).add(acc, spikes)
    np.testing.assert_array_equal(acc, want + before)  # it adds to what is there


@settings(max_examples=60, deadline=None)
@given(
    sources=st.integers(1, 40),
    targets=st.integers(1, 40),
    seed=st.integers(0, 2**32),
    density=st.sampled_from([0, 0.03, 0.3, 1]),
    most=st.sampled_from([1, 3, 255]),
    layout=st.sampled_from(LAYOUTS),
    dtype=st.sampled_from([np.int32, np.int64]),
)
def test_a_matrix(sources, targets, seed, density, most, layout, dtype):
    rng = np.random.default_rng(seed)
    weight = rng.integers(-(1 << 15), 1 << 15, (targets, sources)).astype(np.int32)
    check(weight, None, spikes_of(rng, sources, density, most, layout), dtype, rng)


@settings(max_examples=80, deadline=None)
@given(
    conv=convolutions(),
    seed=st.integers(0, 2**32),
    density=st.sampled_from([0, 0.05, 0.5, 1]),
    most=st.sampled_from([1, 255]),
    layout=st.sampled_from(LAYOUTS),
    dtype=st.sampled_from([np.int32, np.int64]),
)
def test_a_convolution(conv, seed, density, most, layout, dtype):
    rng = np.random.default_rng(seed)
    weight = rng.integers(-(1 << 11), 1 << 11, conv.kernel_shape).astype(np.int32)
    check(weight, conv, spikes_of(rng, conv.sources, density, most, layout), dtype, rng)


@pytest.mark.parametrize("places", [[0], [7], [8], [0, 1, 2, 3, 4], [3, 9, 10, 63, 64, 70], list(range(71))])
@pytest.mark.parametrize("count", [1, 128, 255])
def test_every_event_is_found_wherever_it_lies(places, count):
    spikes = np.zeros((1, 1, 71), np.uint8)
    spikes[0, 0, places] = count
    acc = np.zeros((1, 1, 71), np.int32)
    sums(np.eye(71, dtype=np.int32), None, acc.dtype).add(acc, spikes)
    np.testing.assert_array_equal(acc, spikes)


def test_every_pattern_of_events_in_a_word():
    spikes = np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1)[np.newaxis]
    acc = np.zeros((1, 256, 8), np.int32)
    sums(np.eye(8, dtype=np.int32), None, acc.dtype).add(acc, spikes)
    np.testing.assert_array_equal(acc, spikes)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("most", [1, 2])
@pytest.mark.parametrize("targets", [1, 10, 128, 130])
def test_the_widest_weights_that_a_type_holds(bits, most, targets):
    """One bit more is the next type; sums of few events stay within int16 where weights have 8 bits."""
    rng = np.random.default_rng(targets)
    limit = 1 << (bits - 1)
    for low, high in ((-limit, limit - 1), (-limit - 1, limit - 1), (-limit, limit)):
        weight = rng.integers(low, high + 1, (targets, 120)).astype(np.int32)
        weight[0] = high
        weight[-1, ::2] = low
        spikes = spikes_of(rng, 120, 0.5, most, "samples first")
        check(weight, None, spikes, np.int16 if bits == 8 else np.int32, rng)


@pytest.mark.parametrize("high", [(1 << 24) - 1, (1 << 24) + 1, (1 << 30) + 1])
def test_products_of_a_busy_map_are_exact_beyond_what_a_float_holds(high):
    """All sources have a spike, so it is a matrix product: of odd sums, on both sides of 2**24."""
    axis = AxisParams(size=1, outputs=1, kernel=1)
    count = high // 32767
    weight = np.full((1, count + 1, 1, 1), 32767, np.int32)
    weight[0, -1] = high - count * 32767
    conv = ConvParams(channels=count + 1, filters=1, rows=axis, columns=axis)
    acc = np.zeros((1, 1, 1), np.int32)
    sums(weight, conv, acc.dtype).add(acc, np.ones((1, 1, count + 1), np.uint8))
    assert acc.item() == high


@pytest.mark.parametrize("value", [-(1 << 20), 1 << 20])
def test_weights_of_more_than_16_bits(value):
    acc = np.zeros((1, 1, 1), np.int64)
    sums(np.asarray([[value]], np.int32), None, acc.dtype).add(acc, np.full((1, 1, 1), 255, np.uint8))
    assert acc.item() == 255 * value
