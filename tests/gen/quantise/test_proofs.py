"""Proofs against brute force: what accumulators and states really reach."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloom.gen.quantise import QuantiseOptions, quantise
from spikeloom.gen.quantise.proofs import accumulator_bits, accumulator_interval
from spikeloom.hw.params import LATE_RESETS, Compare, Fire, Reset, bits_for_signed
from spikeloom.sim.golden import run_golden
from spikeloom.sim.golden.model import accumulator_range

from .nets import network, population


@st.composite
def synapses(draw):
    sources = draw(st.integers(1, 5))
    row = st.lists(st.integers(-8, 7), min_size=sources, max_size=sources)
    weight = np.array(draw(st.lists(row, min_size=1, max_size=3)))
    return weight, np.array(draw(st.lists(st.integers(1, 3), min_size=sources, max_size=sources)))


@given(synapses())
def test_accumulators_reach_exactly_what_is_proven(case):
    weight, counts = case
    sums = np.array([weight @ n for n in itertools.product(*(range(most + 1) for most in counts))])
    interval = accumulator_interval(weight, counts)
    assert np.array_equal(interval.low, sums.min(axis=0))
    assert np.array_equal(interval.high, sums.max(axis=0))
    assert accumulator_bits(interval) == bits_for_signed(int(sums.min()), int(sums.max()))


def test_several_projections_and_event_counts_add_up():
    net = network(
        [population("a", 2), population("b", 2)],
        {("in", "a"): [[1.0, 1.0]] * 2, ("in", "b"): [[1.0, -1.0]] * 2, ("a", "b"): [[1.0, 1.0]] * 2},
        channels=2,
    )
    options = QuantiseOptions.from_table({"weight_bits": 4, "input_max": 5, "clip": "max"})
    qnet, _ = quantise(net, options)
    for target in qnet.populations:
        low, high = accumulator_range(qnet, target.name)
        assert target.neuron.acc_bits == bits_for_signed(low, high)
    assert accumulator_range(qnet, "b") == (-35, 7 * 5 + 7 + 7)


@st.composite
def neurons(draw):
    """One neuron of any kind, with two inputs."""
    alpha, beta = (draw(st.none() | st.sampled_from([0.0, 0.3, 0.9, 0.97, 1.0])) for _ in range(2))
    value = st.integers(-128, 128).map(lambda n: n / 64)
    threshold = draw(st.none() | value)
    resets = (
        [r for r in Reset if beta is not None or r not in LATE_RESETS]
        if threshold is not None
        else [Reset.NONE]
    )
    fire = Fire.AFTER if threshold is None or beta is None else draw(st.sampled_from(Fire))
    weight = [[draw(value), draw(value)]]
    cell = population(
        "p",
        1,
        alpha=alpha,
        beta=beta,
        threshold=threshold,
        reset=draw(st.sampled_from(resets)),
        reset_value=draw(value),
        compare=draw(st.sampled_from(Compare)),
        fire=fire,
        bias=draw(value),
        leak=0.0 if alpha is None else draw(value),
        v_min=draw(st.none() | value),
    )
    return network([cell], {("in", "p"): weight}, channels=2)


@given(neurons(), st.integers(1, 9), st.sampled_from(["trunc0", "floor"]), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_proven_states_never_saturate(net, bits, rounding, seed):
    """Inputs that drive as hard as they can, for as long as the proof covers."""
    steps = 24
    options = QuantiseOptions.from_table(
        {"weight_bits": bits, "rounding": rounding, "horizon_steps": steps, "max_state_bits": 48}
    )
    qnet, report = quantise(net, options)
    assert report.populations[0].ranges == "proven"
    rng = np.random.default_rng(seed)
    positive = net.projections[0].weight[0] > 0
    hardest = np.stack([positive, ~positive, [True, True], [False, False]])
    x = np.concatenate(
        [
            np.repeat(hardest[:, None], steps, axis=1),
            hardest[rng.integers(0, 4, (8, steps // 6)).repeat(6, axis=1)],
            rng.random((8, steps, 2)) < 0.5,
        ]
    )
    assert run_golden(qnet, x.astype(np.uint8)).saturations == {"p": 0}
