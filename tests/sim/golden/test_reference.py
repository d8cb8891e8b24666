"""The float reference: equal to the golden model where that is exact, and hand-made cases beside it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloom.gen.ir import (
    Input,
    Network,
    Population,
    Projection,
    QuantisedNetwork,
    QuantisedPopulation,
    QuantisedProjection,
)
from spikeloom.gen.semantics import Semantics, Spikes
from spikeloom.hw.params import LATE_RESETS, Compare, DecayParams, Fire, NeuronParams, Reset
from spikeloom.sim.golden import run_float, run_golden

SEMANTICS = Semantics(name="nir", dt=1e-3)
FRAC_BITS = 16
STEPS = 8  # a decay of k / 4 adds two fraction bits a step, so 7 of them stay within FRAC_BITS
UNIT = 1 << FRAC_BITS


def float_network(populations, projections, *, channels):
    return Network(
        name="net",
        semantics=SEMANTICS,
        inputs=(Input(name="in", shape=(channels,)),),
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=(populations[-1].name,),
    )


def single(weight=((1.0,),), **fields):
    weight = np.asarray(weight, dtype=np.float64)
    population = Population(name="p", kind="LIF", shape=(len(weight),), **fields)
    link = Projection(name="w", source="in", target="p", weight=weight)
    return float_network([population], [link], channels=weight.shape[1])


@st.composite
def pairs(draw):
    """A population whose decays are quarters and whose words are whole: float and integers, both exact."""
    size = draw(st.integers(1, 3))
    words = st.lists(st.integers(-60, 60), min_size=size, max_size=size)
    quarters = st.lists(st.integers(0, 4), min_size=size, max_size=size)
    alpha, beta = draw(st.none() | quarters), draw(st.none() | quarters)
    threshold = draw(st.none() | words)
    resets = (
        [r for r in Reset if beta is not None or r not in LATE_RESETS]
        if threshold is not None
        else [Reset.NONE]
    )
    modes = {
        "reset": draw(st.sampled_from(resets)),
        "compare": draw(st.sampled_from(Compare)),
        "fire": draw(st.sampled_from(Fire)) if threshold and beta else Fire.AFTER,
    }
    given_words = {"threshold": threshold, "bias": draw(words), "v_min": draw(st.none() | words)}
    given_words["reset_value"] = draw(words) if threshold else [0] * size
    given_words["leak"] = draw(words) if alpha else [0] * size
    population = Population(
        name="p",
        kind="LIF",
        shape=(size,),
        alpha=None if alpha is None else np.asarray(alpha) / 4,
        beta=None if beta is None else np.asarray(beta) / 4,
        **{name: None if word is None else np.asarray(word, float) for name, word in given_words.items()},
        **modes,
    )
    integer_words = {
        name: None if w is None else tuple(v * UNIT for v in w) for name, w in given_words.items()
    }
    if alpha is None:
        del integer_words["leak"]
    neuron = NeuronParams(
        neurons=size,
        acc_bits=24,
        state_bits=48,
        frac_bits=FRAC_BITS,
        synapse=None if alpha is None else DecayParams(factor=tuple(alpha), frac_bits=2),
        synapse_bits=0 if alpha is None else 48,
        membrane=None if beta is None else DecayParams(factor=tuple(beta), frac_bits=2),
        **integer_words,
        **modes,
    )  # fmt: skip
    weight = np.asarray(
        draw(st.lists(st.lists(st.integers(-99, 99), min_size=2, max_size=2), min_size=size, max_size=size))
    )
    inner = np.asarray(draw(st.lists(words, min_size=size, max_size=size))) if threshold else None
    return population, neuron, weight, inner


@settings(max_examples=200, deadline=None)
@given(pairs(), st.integers(0, 2**32))
def test_float_and_golden_agree_where_both_are_exact(pair, seed):
    population, neuron, weight, inner = pair
    links = [("in", weight, False)] + ([] if inner is None else [("p", inner, True)])
    net = float_network(
        [population],
        [
            Projection(name=f"from {s}", source=s, target="p", weight=w * 1.0, recurrent=r)
            for s, w, r in links
        ],
        channels=2,
    )
    size = population.size
    quantised = QuantisedNetwork(
        name="net",
        inputs=net.inputs,
        populations=(
            QuantisedPopulation(
                name="p",
                kind="LIF",
                shape=(size,),
                neuron=neuron,
                weight_bits=8,
                scale=np.ones(size),
                offset=np.zeros(size),
            ),
        ),
        projections=tuple(
            QuantisedProjection(
                name=f"from {s}", source=s, target="p", weight=w.astype(np.int32), recurrent=r
            )
            for s, w, r in links
        ),
        outputs=("p",),
        input_max=3,
    )
    x = np.random.default_rng(seed).integers(0, 4, (3, STEPS, 2)).astype(np.uint8)
    real, integer = run_float(net, x, record=True), run_golden(quantised, x, record=True)
    np.testing.assert_array_equal(real.membranes["p"] * UNIT, integer.membranes["p"])
    for kind in ("spikes", "currents"):
        one, other = getattr(real, kind), getattr(integer, kind)
        assert set(one) == set(other)
        for name in one:
            np.testing.assert_array_equal(one[name] * (UNIT if kind == "currents" else 1), other[name])
    assert integer.saturations == {"p": 0}


def test_empty_words_stand_for_zero():
    net = single(alpha=np.asarray([0.5]), beta=np.asarray([0.25]))
    x = np.asarray([[[1], [0], [2]]], dtype=np.uint8)
    run = run_float(net, x, record=True)
    assert run.currents["p"].ravel().tolist() == [1, 0.5, 2.25]
    assert run.membranes["p"].ravel().tolist() == [1, 0.75, 2.4375]
    assert run.output is run.membranes["p"]


def test_a_population_without_decay_keeps_nothing():
    run = run_float(single(bias=np.asarray([-1.0])), np.asarray([[[3], [1]]], dtype=np.uint8))
    assert run.output.ravel().tolist() == [2, 0]


def test_graded_spikes_count_thresholds():
    """sinabs: n = trunc(v / threshold), v loses n thresholds, and never is n negative."""
    net = single(
        beta=np.ones(1),
        threshold=np.asarray([2.0]),
        reset=Reset.SUBTRACT,
        spikes=Spikes.GRADED,
        bias=np.asarray([-5.0]),
        v_min=np.asarray([-2.0]),
    )
    run = run_float(net, np.asarray([[[12], [0], [4], [5], [200]]], dtype=np.uint8), record=True)
    assert run.spikes["p"].dtype == np.uint16
    assert run.spikes["p"].ravel().tolist() == [3, 0, 0, 0, 96]
    assert run.membranes["p"].ravel().tolist() == [1, -2, -2, -2, 1]


def test_graded_spikes_reach_the_next_population_as_counts():
    first = Population(
        name="a",
        kind="IF",
        shape=(1,),
        beta=np.ones(1),
        threshold=np.ones(1),
        reset=Reset.SUBTRACT,
        spikes=Spikes.GRADED,
    )
    second = Population(name="b", kind="LI", shape=(1,), beta=np.ones(1))
    links = [
        Projection(name="wa", source="in", target="a", weight=np.asarray([[300.0]])),
        Projection(name="wb", source="a", target="b", weight=np.asarray([[0.5]])),
    ]
    run = run_float(
        float_network([first, second], links, channels=1), np.asarray([[[1], [2]]], dtype=np.uint8)
    )
    assert run.spikes["a"].ravel().tolist() == [300, 600]
    assert run.output.ravel().tolist() == [150, 450]


@pytest.mark.parametrize("reset", list(Reset))
def test_fire_before_sends_the_spike_of_the_membrane_before(reset):
    """Spyx: what leaves at t was decided by the membrane of t - 1, whatever the reset does at t."""
    fields = {"beta": np.asarray([0.9]), "threshold": np.ones(1), "reset": reset, "reset_value": np.zeros(1)}
    x = (np.random.default_rng(3).random((1, 60, 1)) < 0.6).astype(np.uint8)
    run = run_float(single([[0.7]], fire=Fire.BEFORE, **fields), x, record=True)
    v = run.membranes["p"][0, :, 0]
    expected = np.concatenate([[False], v[:-1] > 1])
    assert run.spikes["p"][0, :, 0].tolist() == expected.tolist()
    if reset in (Reset.NONE, Reset.LATE_SUBTRACT, Reset.LATE_VALUE):
        assert expected.any()
