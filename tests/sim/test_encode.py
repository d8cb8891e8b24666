"""Spike codes against their equations, one channel and step at a time, and their refusals."""

from math import floor

import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.sim import encode
from spikeloom.sim.encode import encode_direct, encode_latency, encode_rate, encode_threshold, scale_values

VALUES = np.random.default_rng(7).integers(0, 256, (6, 2, 3)).astype(np.uint8)
VALUES[0, 0, 0], VALUES[0, 0, 1] = 0, 255


def test_rate_follows_the_value():
    values = np.asarray([[0, 51, 204, 255]], dtype=np.uint8)
    rate = encode_rate(values, 20_000, seed=3, max_rate=0.5).mean(axis=1)[0]
    np.testing.assert_allclose(rate, [0, 0.1, 0.4, 0.5], atol=0.015)
    assert rate[0] == 0
    assert encode_rate(np.ones((1, 5), bool), 40).min() == 1


def test_rate_draws_are_those_of_pcg64():
    """s[t] = [u[t] < r v], u the doubles that NumPy's generator makes of the same seed."""
    u = np.random.Generator(np.random.PCG64(11)).random((6, 9, 2, 3))
    expected = u < 0.8 * (VALUES / 255)[:, None]
    np.testing.assert_array_equal(encode_rate(VALUES, 9, seed=11, max_rate=0.8), expected)


def test_even_spikes_follow_their_equation():
    steps, rate = 11, 0.9
    x = encode_rate(VALUES, steps, seed=5, max_rate=rate, even=True)
    phase = np.random.Generator(np.random.PCG64(5)).random((6, 2, 3))
    for at in np.ndindex(VALUES.shape):
        per_step, p = rate * int(VALUES[at]) / 255, phase[at]
        expected = [floor(p + per_step * (t + 1)) - floor(p + per_step * t) for t in range(steps)]
        assert x[(at[0], slice(None), *at[1:])].tolist() == expected
    count = x.sum(axis=1)
    assert np.all(np.abs(count - rate * steps * VALUES / 255) < 1)


def test_even_spikes_of_frames_add_up():
    frames = np.random.default_rng(2).random((3, 50, 4))
    x = encode_rate(frames, frames=True, even=True, max_rate=0.7)
    assert x.shape == frames.shape
    assert x.max() == 1
    assert np.all(np.abs(x.cumsum(axis=1) - 0.7 * frames.cumsum(axis=1)) < 1)


def test_direct_repeats_the_value():
    x = encode_direct(VALUES, 5)
    assert x.dtype == np.uint8
    np.testing.assert_array_equal(x, np.repeat(VALUES[:, None], 5, axis=1))
    fractions = np.linspace(0, 1, 9).reshape(1, 9)
    np.testing.assert_array_equal(encode_direct(fractions, 1, max_value=4)[0, 0], [0, 1, 1, 2, 2, 3, 3, 4, 4])
    frames = np.random.default_rng(2).integers(0, 17, (3, 50, 4))
    np.testing.assert_array_equal(encode_direct(frames, frames=True, max_value=16, high=16), frames)
    with pytest.raises(UserError, match=r"^Largest value must be 1 \.\. 255, not 256$"):
        encode_direct(VALUES, 5, max_value=256)


@pytest.mark.parametrize("steps", [1, 2, 7, 16])
def test_latency_follows_its_equation(steps):
    x = encode_latency(VALUES, steps, threshold=0.1)
    for at in np.ndindex(VALUES.shape):
        v = int(VALUES[at]) / 255
        expected = [int(v > 0.1 and t == floor((steps - 1) * (1 - v) + 0.5)) for t in range(steps)]
        assert x[(at[0], slice(None), *at[1:])].tolist() == expected
    assert x[0, 0, 0, 1] == 1
    assert x[0, :, 0, 0].sum() == 0


def test_latency_of_zero_is_silence_and_of_little_the_last_step():
    x = encode_latency(np.asarray([[0.0, 1e-6]]), 5)
    assert x[0].T.tolist() == [[0] * 5, [0, 0, 0, 0, 1]]


def test_threshold_follows_its_equation():
    x = encode_threshold(VALUES, 3, threshold=0.2)
    np.testing.assert_array_equal(x, np.repeat((VALUES / 255 > 0.2)[:, None], 3, axis=1))
    frames = np.asarray([[[0.1], [0.9], [0.5]]])
    assert encode_threshold(frames, frames=True).ravel().tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "code",
    [
        lambda v: encode_rate(v, 5, seed=9),
        lambda v: encode_rate(v, 5, seed=9, even=True),
        lambda v: encode_latency(v, 5),
        lambda v: encode_threshold(v, 5),
    ],
)
def test_chunks_and_later_samples_change_nothing(code, monkeypatch):
    whole = code(VALUES)
    assert whole.dtype == np.uint8
    assert whole.shape == (6, 5, 2, 3)
    np.testing.assert_array_equal(code(VALUES[:2]), whole[:2])
    monkeypatch.setattr(encode, "_CHUNK_VALUES", 5 * 6 * 4)
    np.testing.assert_array_equal(code(VALUES), whole)


def test_seeds_differ():
    assert np.any(encode_rate(VALUES, 9, seed=1) != encode_rate(VALUES, 9, seed=2))


def test_values_are_scaled_by_their_type_or_a_given_range():
    assert scale_values(np.asarray([0, 51, 255], np.uint8)).tolist() == [0, 0.2, 1]
    assert scale_values(np.asarray([0, 13107], np.uint16)).tolist() == [0, 0.2]
    assert scale_values(np.asarray([False, True])).tolist() == [0, 1]
    assert scale_values(np.asarray([0, 0.3, 1])).tolist() == [0, 0.3, 1]
    assert scale_values(np.asarray([-4, 0, 2, 9]), low=-2, high=2).tolist() == [0, 0.5, 1, 1]
    assert scale_values(np.asarray([0, 16.0]), high=16).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: scale_values(np.asarray([0, 16.0])),
            "Values to encode are 0 .. 16 of type float64: give their range as low and high",
        ),
        (
            lambda: scale_values(np.asarray([-1, 1])),
            "Values to encode are -1 .. 1 of type int64: give their range as low and high",
        ),
        (lambda: scale_values(np.asarray([0, np.nan])), "Values to encode must be finite"),
        (lambda: scale_values(np.asarray([0, np.inf]), low=0, high=1), "Values to encode must be finite"),
        (
            lambda: scale_values(np.asarray([0.0]), low=1, high=1),
            "Range of the values to encode must have low < high, not 1 .. 1",
        ),
        (
            lambda: scale_values(np.asarray([0.0]), low=float("nan")),
            "Range of the values to encode must have low < high, not nan .. 1",
        ),
        (
            lambda: scale_values(np.asarray(["a"])),
            "Values to encode must be numbers, not <U1 of shape (1,)",
        ),
        (
            lambda: encode_rate(np.zeros((0, 4)), 5),
            "Values to encode must be numbers, not float64 of shape (0, 4)",
        ),
        (
            lambda: encode_rate(np.zeros(4), 5),
            "Values to encode must have the shape (samples, ...), not (4,)",
        ),
        (
            lambda: encode_rate(np.zeros((4, 2)), frames=True),
            "Values to encode must have the shape (samples, steps, ...), not (4, 2)",
        ),
        (
            lambda: encode_rate(np.zeros((4, 2, 1)), 3, frames=True),
            "Values to encode bring 2 frames, so there cannot be 3 steps",
        ),
        (lambda: encode_rate(np.zeros((4, 2))), "Steps must be at least 1, not None"),
        (lambda: encode_latency(np.zeros((4, 2)), 0), "Steps must be at least 1, not 0"),
        (
            lambda: encode_rate(np.zeros((4, 2)), 3, max_rate=0),
            "Largest rate must be above 0 and at most 1 spike a step, not 0",
        ),
        (
            lambda: encode_rate(np.zeros((4, 2)), 3, max_rate=1.5),
            "Largest rate must be above 0 and at most 1 spike a step, not 1.5",
        ),
        (lambda: encode_rate(np.zeros((4, 2)), 3, seed=-1), "Seed must be 0 or more, not -1"),
        (
            lambda: encode_latency(np.zeros((4, 2)), 3, threshold=2),
            "Encoding threshold must be 0 .. 1, not 2",
        ),
        (
            lambda: encode_threshold(np.zeros((4, 2)), 1 << 40),
            f"Spikes of 4 samples would take {8 << 40} bytes, at most 4294967296 are accepted",
        ),
    ],
)
def test_what_does_not_fit(call, message):
    with pytest.raises(UserError) as error:
        call()
    assert str(error.value) == message
