"""Rounding with feedback against exhaustive search and against rounding to the nearest."""

import itertools

import numpy as np
import pytest
from spikeloom.gen.quantise.feedback import damped, polish, round_with_feedback
from spikeloom.gen.quantise.weight_grid import nearest, weight_limits


def problem(seed, rows, sources, *, blocks=1):
    """Correlated traces, as inputs that fire together leave them."""
    rng = np.random.default_rng(seed)
    trace = rng.normal(size=(blocks, 400, 3)) @ rng.normal(size=(blocks, 3, sources))
    trace += 0.3 * rng.normal(size=trace.shape)
    moments = damped(trace.transpose(0, 2, 1) @ trace / 400, 0.001)
    return rng.normal(size=(blocks, rows, sources)), moments


def error(weight, integers, scale, moments):
    e = weight - integers * scale[:, :, None]
    return np.einsum("bri,bij,brj->br", e, moments, e)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_feedback_beats_the_nearest_integers_and_polish_never_harms(bits):
    weight, moments = problem(bits, 50, 100)  # more columns than a block
    scale = np.full((1, 50), 4.0 / (1 << bits))
    plain = error(weight, nearest(weight / scale[:, :, None], bits), scale, moments)
    fed = round_with_feedback(weight, scale, moments, bits)
    better = polish(weight, fed, scale, moments, bits)
    assert error(weight, fed, scale, moments).mean() < 0.5 * plain.mean()
    assert (error(weight, better, scale, moments) <= error(weight, fed, scale, moments) + 1e-9).all()
    low, high = weight_limits(bits)
    assert low <= better.min() <= better.max() <= high
    assert np.array_equal(better, np.rint(better))


def test_near_the_optimum_of_all_integers():
    weight, moments = problem(1, 20, 5)
    scale = np.full((1, 20), 0.8)
    every = np.array(list(itertools.product(range(-4, 4), repeat=5)), np.float64)
    e = weight[0][:, None] - 0.8 * every
    best = np.einsum("rki,ij,rkj->rk", e, moments[0], e).min(axis=1)
    found = polish(weight, round_with_feedback(weight, scale, moments, 3), scale, moments, 3)
    assert error(weight, found, scale, moments).mean() < 1.3 * best.mean()


def test_blocks_are_independent():
    weight, moments = problem(2, 4, 70, blocks=3)
    scale = np.full((3, 4), 0.3)
    together = round_with_feedback(weight, scale, moments, 4)
    for k in range(3):
        part = slice(k, k + 1)
        alone = round_with_feedback(weight[part], scale[part], moments[part], 4)
        assert np.array_equal(together[part], alone)


def test_silent_sources_keep_their_nearest_integers():
    moments = np.zeros((1, 4, 4))
    moments[0, :2, :2] = [[2.0, 1.9], [1.9, 2.0]]
    weight = np.array([[[0.4, 0.45, 1.2, -2.4]]])
    fed = round_with_feedback(weight, np.ones((1, 1)), damped(moments, 0.01), 4)
    assert fed[0, 0, 2:].tolist() == [1, -2]
    assert fed[0, 0, :2].sum() == 1  # 0.85 together, where each alone would give 0


def test_moments_of_silence_are_still_invertible():
    assert np.array_equal(damped(np.zeros((1, 2, 2)), 0.1), np.eye(2)[None])
