"""Quantising without a calibration set: every kind of neuron, reports as options, refusals."""

import dataclasses
import itertools
import json
import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloom.gen.errors import UserError
from spikeloom.gen.network_check import check_quantised
from spikeloom.gen.quantise import QuantiseOptions, QuantiseReport, quantise
from spikeloom.gen.semantics import Spikes
from spikeloom.hw.params import LATE_RESETS, Compare, DecayParams, Fire, Reset, Rounding
from spikeloom.sim.golden import run_float, run_golden

from .nets import chain, events, network, population, same

KINDS = {
    "IF": {"beta": 1.0},
    "LIF": {"beta": 0.9},
    "CubaLIF": {"alpha": 0.6, "beta": 0.8},
    "Threshold": {"beta": None},
    "synaptic threshold": {"alpha": 0.7, "beta": None},
    "LI": {"beta": 0.9, "threshold": None, "reset": Reset.NONE},
    "CubaLI": {"alpha": 0.5, "beta": 0.9, "threshold": None, "reset": Reset.NONE},
    "I": {"beta": 1.0, "threshold": None, "reset": Reset.NONE},
    "Sum": {"beta": None, "threshold": None, "reset": Reset.NONE},
}


def options(**table):
    return QuantiseOptions.from_table(table)


NEURONS = [
    (kind, reset, compare)
    for kind, fields in KINDS.items()
    for reset in Reset
    for compare in Compare
    if ("threshold" in fields) == (reset is Reset.NONE)
    if fields["beta"] is not None or reset not in LATE_RESETS
]


@pytest.mark.parametrize(("kind", "reset", "compare"), NEURONS)
def test_every_kind_and_reset_follows_the_float_network(kind, reset, compare):
    """With 16 bits hardly a spike differs, whatever the neuron."""
    fields = dict(KINDS[kind])
    analog = "threshold" in fields
    if not analog:
        fields |= {"reset": reset, "reset_value": -0.25, "compare": compare, "v_min": -1.5}
        fields["fire"] = Fire.BEFORE if compare is Compare.GE and reset in LATE_RESETS else Fire.AFTER
    fields |= {"bias": 0.05, "leak": -0.02 if "alpha" in fields else 0.0}
    rng = np.random.default_rng(5)
    net = chain(rng, [12, 9, 4], **KINDS["LIF"])
    net = dataclasses.replace(net, populations=(net.populations[0], population("layer1", 4, **fields)))
    qnet, report = quantise(net, options(weight_bits=16))
    x = events(rng, 6, 40, 12)
    wanted, given = run_float(net, x), run_golden(qnet, x)
    last = qnet.populations[-1]
    if analog:
        real = given.output * last.scale / 2.0**last.neuron.frac_bits
        assert np.abs(real - wanted.output).max() < 0.02 * np.abs(wanted.output).max()
        assert len(set(last.scale)) == 1  # an argmax over neurons means something
    else:
        assert np.mean(given.output != wanted.output) < 0.01
        assert wanted.output.any()
    assert report.method == "weights"
    check_quantised(qnet, where="test")


networks = st.builds(
    lambda seed, kind, sizes, recurrent: chain(
        np.random.default_rng(seed), sizes, recurrent=recurrent, **KINDS[kind]
    ),
    st.integers(0, 99),
    st.sampled_from(["IF", "LIF", "CubaLIF"]),
    st.lists(st.integers(1, 6), min_size=2, max_size=4),
    st.booleans(),
)


@given(networks, st.integers(1, 16), st.sampled_from(["auto", 12, 20]), st.sampled_from(["floor", "trunc0"]))
@settings(max_examples=50, deadline=None)
def test_a_report_given_back_as_options_gives_the_same_network(net, bits, state_bits, rounding):
    qnet, report = quantise(net, options(weight_bits=bits, state_bits=state_bits, rounding=rounding))
    again, second = quantise(net, QuantiseOptions.from_table(tomllib.loads(report.as_options().to_toml())))
    assert same(qnet, again)
    assert second.as_options() == report.as_options()
    assert QuantiseReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_given_bits_fraction_threshold_and_bias_are_kept():
    net = chain(np.random.default_rng(0), [5, 3], alpha=0.8)
    given = {"state_bits": 17, "synapse_bits": 15, "frac_bits": 3, "threshold": 99, "bias": [1, 2, 3]}
    qnet, _ = quantise(net, options(**given, decay_frac_bits=7, rounding="floor"))
    neuron = qnet.populations[0].neuron
    assert (neuron.state_bits, neuron.synapse_bits, neuron.frac_bits) == (17, 15, 3)
    assert (neuron.threshold, neuron.bias) == (99, (1, 2, 3))
    assert neuron.membrane == DecayParams(factor=round(0.9 * 128), frac_bits=7, rounding=Rounding.FLOOR)


def test_populations_have_their_own_options():
    net = chain(np.random.default_rng(0), [5, 4, 3])
    qnet, report = quantise(
        net, options(weight_bits=6, population={"layer1": {"weight_bits": 2, "clip": "max"}})
    )
    assert [p.weight_bits for p in qnet.populations] == [6, 2]
    assert [p.weight_bits for p in report.populations] == [6, 2]
    assert np.abs(qnet.projections[1].weight).max() <= 2


@pytest.mark.parametrize("state_bits", [8, 10, 14, 20])
def test_fraction_adapts_to_given_state_bits(state_bits):
    net = chain(np.random.default_rng(0), [30, 20])
    qnet, report = quantise(net, options(weight_bits=8, state_bits=state_bits))
    neuron = qnet.populations[0].neuron
    assert neuron.state_bits == state_bits
    assert report.populations[0].ranges == "given"
    assert report.populations[0].membrane_holds > 1  # a threshold always fits
    wide, _ = quantise(net, options(weight_bits=8, state_bits=24))
    assert neuron.frac_bits <= wide.populations[0].neuron.frac_bits


def test_a_threshold_above_a_narrow_state_makes_weights_coarser():
    net = network([population("p", 2, threshold=[100.0, 1.0])], {("in", "p"): [[0.5, 0.3]] * 2}, channels=2)
    qnet, _ = quantise(net, options(weight_bits=8, state_bits=8))
    assert qnet.populations[0].neuron.threshold == 127
    scale = qnet.populations[0].scale
    assert scale[0] > 10 * scale[1]


def test_equal_decays_are_one_factor_and_no_decay_is_the_identity():
    cells = [population("a", 3, alpha=0.5, beta=1.0), population("b", 3, beta=[0.5, 0.6, 0.7])]
    eye = np.eye(3)
    qnet, _ = quantise(network(cells, {("in", "a"): eye, ("a", "b"): eye}, channels=3), options())
    first, second = (p.neuron for p in qnet.populations)
    assert first.synapse is not None
    assert first.membrane is not None
    assert second.membrane is not None
    one = 1 << first.membrane.frac_bits
    assert (first.synapse.factor, first.membrane.factor) == (one // 2, one)
    assert np.shape(second.membrane.factor) == (3,)


def test_slow_decays_get_more_fraction_bits():
    for beta in (0.5, 0.9, 0.99, 0.995):
        net = network([population("p", 1, beta=beta)], {("in", "p"): [[1.0]]}, channels=1)
        decay = quantise(net, options())[0].populations[0].neuron.membrane
        assert decay is not None
        assert isinstance(decay.factor, int)
        assert abs(decay.factor / 2**decay.frac_bits - beta) <= (1 - beta) / 256


def test_more_weight_bits_are_never_further_away():
    rng = np.random.default_rng(3)
    net, x = chain(rng, [40, 30, 10]), events(rng, 40, 20, 40)
    wanted = run_float(net, x)
    wrong = [
        np.mean(
            run_golden(quantise(net, options(weight_bits=bits))[0], x).spikes["layer0"]
            != wanted.spikes["layer0"]
        )
        for bits in (2, 4, 6, 8, 12)
    ]
    assert all(b < 0.6 * a for a, b in itertools.pairwise(wrong)), wrong
    assert wrong[-1] < 1e-3


@given(st.integers(-45, 45), st.integers(-45, 45), st.integers(-45, 45), st.integers(1, 16))
@settings(max_examples=60, deadline=None)
def test_any_magnitude_works_or_is_one_line(weight, threshold, bias, bits):
    cell = population("p", 1, threshold=10.0**threshold, bias=10.0**bias, reset=Reset.SUBTRACT)
    net = network([cell], {("in", "p"): [[10.0**weight, -(10.0**weight)]]}, channels=2)
    try:
        qnet, _ = quantise(net, options(weight_bits=bits))
    except UserError:
        return
    check_quantised(qnet, where="test")


def test_silent_neurons_and_empty_weights_are_legal():
    for threshold in (0.0, 1.0):
        net = network([population("p", 2, threshold=threshold)], {("in", "p"): np.zeros((2, 3))}, channels=3)
        qnet, _ = quantise(net, options())
        assert not qnet.projections[0].weight.any()
    unfed = network([population("p", 2, bias=0.3)], {}, channels=3)
    assert run_golden(quantise(unfed, options())[0], np.zeros((1, 20, 3), np.uint8)).output.any()


def bad(**fields):
    return network([population("p", 2, **fields)], {("in", "p"): np.ones((2, 3))}, channels=3)


@pytest.mark.parametrize(
    ("net", "table", "message"),
    [
        (bad(beta=1.5), {}, "Population p: beta must be between 0 and 1"),
        (bad(alpha=float("nan")), {}, "Population p: alpha must be between 0 and 1"),
        (bad(threshold=float("inf")), {}, "Population p: threshold must be finite"),
        (
            bad(spikes=Spikes.GRADED, threshold=0.0, reset=Reset.SUBTRACT),
            {},
            "Population p has graded spikes; accepted: thresholds above 0, or spikes=binary",
        ),
        (
            bad(spikes=Spikes.GRADED),
            {},
            "Population p has graded spikes; accepted: reset=subtract and fire=after, not reset=value and "
            "fire=after, or spikes=binary",
        ),
        (
            network([population("p", 1)], {("in", "p"): [[np.inf]]}, channels=1),
            {},
            "Projection in->p: weights must be finite",
        ),
        (
            network(
                [population("a", 1, threshold=None, reset=Reset.NONE), population("b", 1)],
                {("in", "a"): [[1.0]], ("a", "b"): [[1.0]]},
                channels=1,
            ),
            {},
            "Population a does not spike, so it cannot feed b; accepted: analog populations as outputs only",
        ),
        (
            bad(),
            {"population": {"q": {}}},
            "Options for population q, which does not exist; accepted: p",
        ),
        (
            bad(),
            {"projection": {"w": {"weights": "int8:"}}},
            "Options for projection w, which does not exist; accepted: in->p",
        ),
        (
            bad(),
            {"projection": {"in->p": {"weights": "int8:"}}},
            "Population p has given weights, so option scale must be given too",
        ),
        (
            bad(),
            {"scale": 1.0, "projection": {"in->p": {"weights": "int8:AAAA"}}},
            "Option weights of projection in->p: packed weights are damaged",
        ),
        (bad(), {"scale": [1.0, 1.0, 1.0]}, "Option scale of population p must have 2 values, not 3"),
        (
            bad(threshold=None, reset=Reset.NONE),
            {"threshold": 3},
            "Population p does not spike, so it takes no option threshold",
        ),
        (
            bad(),
            {"threshold": 500, "state_bits": 8},
            "Population p: Neuron threshold must be between -128 and 127, not 500",
        ),
    ],
)
def test_unusable_input_is_one_line(net, table, message):
    with pytest.raises(UserError) as error:
        quantise(net, options(**table))
    assert str(error.value) == message


def test_notes_say_what_a_user_should_know():
    cells = population("p", 2, beta=0.99999, threshold=None, reset=Reset.NONE, offset=[0.0, 1.0])
    net = network([cells], {("in", "p"): [[1.0, 0.0]] * 2}, channels=2)
    _, report = quantise(net, options(weight_bits=1, decay_frac_bits=8, scale=[1.0, 2.0], max_state_bits=6))
    assert [note.removeprefix("Population p: ").split(" ")[0] for note in report.notes] == [
        "some",
        "its",
        "its",
        "1-bit",
        "a",
    ]
