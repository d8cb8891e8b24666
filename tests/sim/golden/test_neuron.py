"""One integer step of a population against the scalar oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloom.hw.params import DecayParams, NeuronParams, Reset, Rounding
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
    ("formats", "dtype"),
    [
        ({"acc_bits": 12, "state_bits": 16}, np.int32),
        ({"acc_bits": 12, "state_bits": 20}, np.int64),
        ({"acc_bits": 30, "state_bits": 16, "frac_bits": 8}, np.int64),
        ({"acc_bits": 48, "state_bits": 48, "frac_bits": 16}, object),
    ],
)
def test_narrowest_exact_type(formats, dtype):
    decay = DecayParams(factor=4000, frac_bits=12)
    assert golden.neuron_arrays(NeuronParams(neurons=1, membrane=decay, **formats)).dtype == dtype


def test_int32_is_exact_at_its_limit():
    """A 31-bit acc beside a 28-bit state still fits int32, a 32-bit one takes int64."""
    wide = NeuronParams(
        neurons=1, acc_bits=31, state_bits=28, membrane=DecayParams(factor=2, frac_bits=1), threshold=5
    )
    assert golden.neuron_arrays(wide).dtype == np.int32
    beyond = NeuronParams(
        neurons=1, acc_bits=32, state_bits=28, membrane=DecayParams(factor=2, frac_bits=1), threshold=5
    )
    assert golden.neuron_arrays(beyond).dtype == np.int64
    arrays, oracle = golden.neuron_arrays(wide), Neuron(wide, 0)
    state = golden.initial_state(arrays, 1)
    for acc in [(1 << 30) - 1, -(1 << 30), -(1 << 30), -(1 << 30)]:
        state = golden.step(arrays, state, np.asarray([[acc]])).state
        oracle.step(acc)
        assert state.v.item() == oracle.v


def test_a_synaptic_current_counts_towards_the_type():
    """The sum before it saturates, 2**29 + 2**30 + 2**29 + 9, is what no longer fits int32."""
    fields = {
        "acc_bits": 31,
        "state_bits": 8,
        "synapse": DecayParams(factor=2, frac_bits=1),
        "synapse_bits": 30,
    }
    params = NeuronParams(neurons=1, bias=(1 << 29) + 9, **fields)
    arrays, oracle = golden.neuron_arrays(params), Neuron(params, 0)
    state = golden.initial_state(arrays, 1)
    for _ in range(3):
        state = golden.step(arrays, state, np.asarray([[(1 << 30) - 1]])).state
        oracle.step((1 << 30) - 1)
        assert state.i is not None
        assert (state.v.item(), state.i.item()) == (oracle.v, oracle.i)


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
