"""Scales and nearest integers of rows of weights."""

import numpy as np
import pytest
from spikeloom.gen.quantise.weight_grid import max_scale, mse_scale, nearest, weight_limits


def error(weight, scale, bits):
    return ((weight - scale[:, None] * nearest(weight / scale[:, None], bits)) ** 2).sum(axis=1)


@pytest.mark.parametrize("bits", range(1, 17))
def test_integers_stay_in_their_format(bits):
    integers = nearest(np.linspace(-1e6, 1e6, 10001), bits)
    low, high = weight_limits(bits)
    assert (integers.min(), integers.max()) == (low, high)
    assert bits > 1 or set(integers) == {-1, 1}


@pytest.mark.parametrize("bits", range(2, 9))
def test_max_scale_is_the_smallest_that_clips_nothing(bits):
    weight = np.random.default_rng(bits).normal(size=(20, 9))
    low, high = weight_limits(bits)
    quotient = weight / max_scale(weight, bits)[:, None]
    assert (quotient >= low - 1e-9).all()
    assert (quotient <= high + 1e-9).all()
    assert np.allclose(np.maximum(quotient.max(axis=1) / high, quotient.min(axis=1) / low), 1)


@pytest.mark.parametrize("bits", [1, 2, 4, 6])
def test_mse_scale_is_about_the_best_of_a_fine_search(bits):
    rng = np.random.default_rng(bits)
    weight = rng.normal(size=(30, 64))
    weight[:, 0] = 10 * rng.choice([-1, 1], 30)
    chosen = error(weight, mse_scale(weight, bits), bits)
    tried = [error(weight, np.full(30, scale), bits) for scale in np.geomspace(0.01, 10, 2000)]
    assert (chosen <= 1.1 * np.min(tried, axis=0)).all()


def test_mse_scale_clips_outliers_at_few_bits_only():
    weight = np.concatenate([np.random.default_rng(0).normal(size=(1, 500)), [[8.0]]], axis=1)
    assert mse_scale(weight, 3)[0] < 0.6 * max_scale(weight, 3)[0]
    assert mse_scale(weight, 12)[0] > 0.95 * max_scale(weight, 12)[0]


def test_rows_are_chunked_without_a_difference():
    weight = np.random.default_rng(0).normal(size=(3000, 50))
    assert np.array_equal(mse_scale(weight, 4)[2000:], mse_scale(weight[2000:], 4))


def test_rows_of_zeros_have_scale_zero():
    assert max_scale(np.zeros((2, 3)), 4).tolist() == [0, 0]
    assert mse_scale(np.zeros((2, 3)), 4).tolist() == [0, 0]
    assert max_scale(np.zeros((2, 0)), 4).tolist() == [0, 0]
