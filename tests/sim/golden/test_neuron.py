"""One integer step of a population against the scalar oracle."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloom.hw.params import DecayParams, Fire, NeuronParams, Reset, Rounding
from spikeloom.sim.golden import neuron as golden

from .oracle import Neuron
from .strategies import neurons

COUNT = 3


@st.composite
def cases(draw):
    params = draw(neurons(COUNT))
    limit = 1 << (params.acc_bits - 1)
    small = st.integers(max(-limit, -8), min(limit - 1, 8))
    extreme = st.sampled_from([-limit, limit - 1])
    acc = st.one_of(small, extreme, st.integers(-limit, limit - 1))
    steps = draw(st.lists(st.lists(acc, min_size=2 * COUNT, max_size=2 * COUNT), min_size=1, max_size=6))
    return params, steps


@settings(max_examples=250, deadline=None)
@given(cases())
def test_step_equals_the_scalar_oracle(case):
    params, steps = case
    arrays = golden.neuron_arrays(params)
    state = golden.initial_state(arrays, 2)
    oracle = [Neuron(params, k % COUNT) for k in range(2 * COUNT)]
    saturations = 0
    for t, accs in enumerate(steps):
        before = (state.v.copy(), None if state.i is None else state.i.copy())
        got = golden.step(arrays, state, np.asarray(accs, dtype=np.int64).reshape(2, COUNT))
        np.testing.assert_array_equal(state.v, before[0])  # pure: the old state is left alone
        spikes = [one.step(acc) for one, acc in zip(oracle, accs, strict=True)]
        state, saturations = got.state, saturations + got.saturations
        assert state.v.ravel().tolist() == [one.v for one in oracle], f"membranes at step {t}"
        if params.synapse is not None:
            assert state.i is not None
            assert state.i.ravel().tolist() == [one.i for one in oracle], f"currents at step {t}"
        if params.spiking:
            assert got.spikes is not None
            assert got.spikes.ravel().tolist() == spikes, f"spikes at step {t}"
        else:
            assert got.spikes is None
        assert saturations == sum(one.saturations for one in oracle), f"saturations at step {t}"


@pytest.mark.parametrize("start", [-1, -2, -200, -(1 << 15), 1, 200, (1 << 15) - 1])
@pytest.mark.parametrize(("factor", "frac_bits"), [(4095, 12), (3686, 12), (1, 1), (65535, 16), (0, 12)])
def test_trunc0_lets_a_state_of_either_sign_reach_zero(start, factor, frac_bits):
    params = DecayParams(factor=factor, frac_bits=frac_bits, rounding=Rounding.TRUNC0)
    x, last = np.asarray([start], dtype=np.int64), None
    while x[0] and x[0] != last:
        last = x[0]
        x = golden.decay(x, factor, params)
    assert x[0] == 0


def test_floor_stops_small_negative_states_at_minus_one():
    params = DecayParams(factor=4095, frac_bits=12, rounding=Rounding.FLOOR)
    assert golden.decay(np.asarray([-1, 1], dtype=np.int64), 4095, params).tolist() == [-1, 0]


@pytest.mark.parametrize(
    ("formats", "factor", "dtype"),
    [
        ({"acc_bits": 12, "state_bits": 16}, (1 << 16) - 1, np.int32),
        ({"acc_bits": 12, "state_bits": 16}, 1 << 16, np.int64),
        ({"acc_bits": 16, "state_bits": 16, "frac_bits": 15}, 1 << 12, np.int32),
        ({"acc_bits": 16, "state_bits": 16, "frac_bits": 16}, 1 << 12, np.int64),
        ({"acc_bits": 48, "state_bits": 48, "frac_bits": 15}, 1 << 12, np.int64),
        ({"acc_bits": 48, "state_bits": 48, "frac_bits": 16}, 1 << 12, object),
        ({"acc_bits": 12, "state_bits": 48}, (1 << 16) - 1, np.int64),
        ({"acc_bits": 12, "state_bits": 48}, 1 << 16, object),
    ],
)
@pytest.mark.parametrize("rounding", Rounding)
def test_each_type_up_to_its_limit(formats, factor, dtype, rounding):
    """States and accumulators at both ends of their formats, in the type that just holds every product."""
    decay = DecayParams(factor=factor, frac_bits=16, rounding=rounding)
    high = (1 << (formats["state_bits"] - 1)) - 1
    params = NeuronParams(neurons=1, membrane=decay, threshold=high, **formats)
    arrays, oracle = golden.neuron_arrays(params), Neuron(params, 0)
    assert arrays.dtype == dtype
    state = golden.initial_state(arrays, 1)
    limit = 1 << (formats["acc_bits"] - 1)
    for acc in [-limit] * 5 + [limit - 1] * 5:
        state = golden.step(arrays, state, np.asarray([[acc]])).state
        oracle.step(acc)
        assert state.v.item() == oracle.v


def test_a_synaptic_current_counts_towards_the_type():
    params = NeuronParams(
        neurons=1,
        acc_bits=48,
        state_bits=8,
        synapse=DecayParams(factor=1 << 16, frac_bits=16),
        synapse_bits=48,
    )
    assert golden.neuron_arrays(params).dtype == object
    assert golden.neuron_arrays(replace(params, synapse_bits=47)).dtype == np.int64
    arrays, oracle = golden.neuron_arrays(params), Neuron(params, 0)
    state = golden.initial_state(arrays, 1)
    for _ in range(3):
        state = golden.step(arrays, state, np.asarray([[-(1 << 47)]])).state
        oracle.step(-(1 << 47))
        assert state.i is not None
        assert (state.v.item(), state.i.item()) == (oracle.v, oracle.i)


@pytest.mark.parametrize("count", [1, 3, 1023, 1024, 1025, 2100])
@pytest.mark.parametrize("acc_dtype", [np.int16, np.int32, np.int64])
@pytest.mark.parametrize("fire", Fire)
def test_many_steps_of_many_neurons_and_samples_at_once(count, acc_dtype, fire):
    """Around the blocks the kernel works in: neurons of their own, a last block that is cut short."""
    rng = np.random.default_rng(count)
    samples, steps = 401 if count < 9 else 3, 4

    def words(low, high):
        return tuple(int(word) for word in rng.integers(low, high, count))

    params = NeuronParams(
        neurons=count,
        acc_bits=12,
        state_bits=11,
        synapse=DecayParams(factor=words(0, 9), frac_bits=3),
        synapse_bits=10,
        membrane=DecayParams(factor=words(0, 9), frac_bits=3),
        threshold=words(-100, 900),
        reset=Reset.TWO_STAGE_SUBTRACT,
        fire=fire,
        bias=words(-99, 99),
        leak=words(-99, 99),
        v_min=words(-1000, -500),
    )
    acc = rng.integers(-900, 900, (steps, samples, count)).astype(acc_dtype)
    arrays = golden.neuron_arrays(params)
    state = golden.initial_state(arrays, samples)
    got = golden.advance(arrays, state, acc, record=True)
    assert got.spikes is not None
    assert got.membranes is not None
    assert got.currents is not None
    assert state.i is not None
    saturations = 0
    for sample, k in itertools.product(range(0, samples, 10), range(0, count, 7)):
        oracle = Neuron(params, k)
        for step in range(steps):
            spike = oracle.step(int(acc[step, sample, k]))
            assert got.spikes[step, sample, k] == spike
            assert got.membranes[step, sample, k] == oracle.v
            assert got.currents[step, sample, k] == oracle.i
        assert (state.v[sample, k], state.i[sample, k]) == (oracle.v, oracle.i)
    every = (Neuron(params, k) for _ in range(samples) for k in range(count))
    for one, accs in zip(every, acc.reshape(steps, -1).T.tolist(), strict=True):
        for value in accs:
            one.step(value)
        saturations += one.saturations
    assert got.saturations == saturations


def test_saturations_are_counted_for_each_neuron_and_state():
    identity = DecayParams(factor=2, frac_bits=1)
    params = NeuronParams(
        neurons=2,
        acc_bits=8,
        state_bits=4,
        synapse=identity,
        synapse_bits=6,
        membrane=identity,
        threshold=7,
        v_min=-3,
    )
    result = golden.step(golden.neuron_arrays(params), golden.initial_state(golden.neuron_arrays(params), 1),
                         np.asarray([[100, -100]]))  # fmt: skip
    assert result.state.i is not None
    assert result.state.i.tolist() == [[31, -32]]
    assert result.state.v.tolist() == [[7, -3]]
    assert result.saturations == 3  # two currents, one membrane; the clamp to v_min is not one


def test_two_stage_subtract_takes_the_threshold_once():
    """snnTorch's rule: the spike of step t is decided with the reset of step t - 1 subtracted once more."""
    identity = DecayParams(factor=2, frac_bits=1)
    params = NeuronParams(
        neurons=1, acc_bits=8, state_bits=12, membrane=identity, threshold=10, reset=Reset.TWO_STAGE_SUBTRACT
    )
    arrays = golden.neuron_arrays(params)
    state, seen = golden.initial_state(arrays, 1), []
    for acc in (35, 0, 0, 0):
        result = golden.step(arrays, state, np.asarray([[acc]]))
        state = result.state
        assert result.spikes is not None
        seen.append((bool(result.spikes.item()), state.v.item()))
    assert seen == [(True, 25), (True, 15), (False, 15), (False, 15)]
