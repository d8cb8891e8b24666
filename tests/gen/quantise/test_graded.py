"""Graded spikes in the quantiser: how far they count, what is proven for them, how near they come."""

import numpy as np
import pytest
from spikeloom.gen.quantise import QuantiseOptions, quantise
from spikeloom.gen.semantics import Spikes
from spikeloom.hw.params import Compare, Reset, bits_for_signed
from spikeloom.sim import golden
from spikeloom.sim.golden import run_float, run_golden
from spikeloom.sim.golden.model import accumulator_range

from .nets import chain, events, network, population, same

GRADED = {"spikes": Spikes.GRADED, "reset": Reset.SUBTRACT, "compare": Compare.GE}


def graded_chain(seed=0, gain=3.0, **fields):
    """Two layers of integrate-and-fire neurons, the first driven far beyond its threshold."""
    rng = np.random.default_rng(seed)
    cells: dict = GRADED | {"beta": 1.0, "v_min": -1.0} | fields
    net = chain(rng, [12, 10, 6], **cells)
    weights = {
        ("in", "layer0"): gain * np.abs(net.projections[0].weight),
        ("layer0", "layer1"): net.projections[1].weight,
    }
    return network(list(net.populations), weights, channels=12), events(rng, 40, 25, 12)


def bits(qnet):
    return [p.neuron.spike_bits for p in qnet.populations]


def test_bits_hold_the_largest_count_seen_with_a_margin():
    net, x = graded_chain()
    largest = {name: int(s.max()) for name, s in run_float(net, x).spikes.items()}
    assert largest["layer0"] > 4
    qnet, report = quantise(net, QuantiseOptions(range_margin=1.5), simulate=golden, calibration=x)
    assert bits(qnet) == [int(np.ceil(1.5 * count)).bit_length() for count in largest.values()]
    assert [(p.count_seen, p.counts_clipped) for p in report.populations] == [
        (n, 0) for n in largest.values()
    ]


def test_four_bits_without_calibration_and_given_ones():
    net, _ = graded_chain()
    qnet, report = quantise(net)
    assert bits(qnet) == [4, 4]
    note = "spike counts of 4 bits, up to 15 a step; a calibration set finds how many they need"
    assert f"Population layer0: {note}" in report.notes
    options = QuantiseOptions.from_table({"spike_bits": 3, "population": {"layer1": {"spike_bits": 1}}})
    qnet, report = quantise(net, options)
    assert bits(qnet) == [3, 1]
    assert not any("spike counts" in note for note in report.notes)


def test_clipped_counts_are_told_and_fire_later():
    net, x = graded_chain()
    options = QuantiseOptions.from_table({"spike_bits": 2, "search": False})
    qnet, report = quantise(net, options, simulate=golden, calibration=x)
    wanted = run_float(net, x).spikes["layer0"]
    clipped = int((wanted > 3).sum())
    assert clipped > 10
    assert report.populations[0].counts_clipped == clipped
    text = f"{clipped} spike counts of the calibration set, up to {wanted.max()}, are above 3"
    assert any(text in note for note in report.notes)
    found = run_golden(qnet, x).spikes["layer0"]
    assert found.max() == 3
    ends = wanted[:, :15].sum(axis=(0, 1), dtype=int), found.sum(axis=(0, 1), dtype=int)
    assert (ends[1] >= 0.95 * ends[0]).all()


def test_accumulators_are_proven_for_the_largest_count_of_each_source():
    net, _ = graded_chain()
    qnet, _ = quantise(net, QuantiseOptions.from_table({"spike_bits": 3, "input_max": 5}))
    first, second = (p.weight.astype(int) for p in qnet.projections)
    for name, weight, most in (("layer0", first, 5), ("layer1", second, 7)):
        low, high = np.minimum(weight, 0).sum(1).min() * most, np.maximum(weight, 0).sum(1).max() * most
        assert accumulator_range(qnet, name) == (low, high)
        neuron = next(p.neuron for p in qnet.populations if p.name == name)
        assert neuron.acc_bits == bits_for_signed(int(low), int(high))


@pytest.mark.parametrize("search", [False, True])
def test_counts_and_membranes_follow_the_float_network(search):
    net, x = graded_chain(1)
    qnet, report = quantise(net, QuantiseOptions(search=search), simulate=golden, calibration=x)
    wanted, found = run_float(net, x), run_golden(qnet, x)
    rate = wanted.spikes["layer0"].mean()
    assert np.abs(found.spikes["layer0"].astype(int) - wanted.spikes["layer0"]).mean() < 0.12 * rate
    counts = [run.output.sum(axis=1, dtype=int) for run in (wanted, found)]
    assert np.abs(counts[1] - counts[0]).mean() < 0.2 * counts[0].mean()
    assert report.decision_agreement is not None
    assert report.decision_agreement > 0.85
    neuron = qnet.populations[0].neuron
    v_min, threshold = np.array(neuron.v_min), np.array(neuron.threshold)
    assert np.abs(v_min + threshold).max() <= 1 + 0.15 * threshold.max()


def test_search_takes_counts_as_reference():
    """With coarse weights it comes nearer to the counts than rounding does."""
    net, x = graded_chain(2)
    errors = []
    for search in (False, True):
        options = QuantiseOptions.from_table({"search": search, "weight_bits": 3})
        qnet, _ = quantise(net, options, simulate=golden, calibration=x)
        found, wanted = run_golden(qnet, x).output, run_float(net, x).output
        errors.append(np.abs(found.sum(1, dtype=int) - wanted.sum(1, dtype=int)).mean())
    assert errors[1] < 0.8 * errors[0]


def test_a_recurrent_graded_network():
    net, x = graded_chain(3)
    back = -0.2 * np.abs(np.random.default_rng(3).normal(size=(10, 10)))
    weights = {(p.source, p.target): p.weight for p in net.projections} | {("layer0", "layer0"): back}
    net = network(list(net.populations), weights, channels=12)
    qnet, report = quantise(net, QuantiseOptions(tries=2), simulate=golden, calibration=x)
    assert bits(qnet)[0] > 1
    assert same(quantise(net, report.as_options())[0], qnet)


def test_pinned_options_give_the_same_network():
    net, x = graded_chain(4)
    qnet, report = quantise(net, simulate=golden, calibration=x)
    assert same(quantise(net, report.as_options())[0], qnet)


def test_a_threshold_below_an_lsb_still_divides():
    net = network([population("p", 1, **GRADED, threshold=1e-6)], {("in", "p"): [[100.0]]}, channels=1)
    qnet, _ = quantise(net, QuantiseOptions.from_table({"scale": 1.0, "frac_bits": 0}))
    assert qnet.populations[0].neuron.threshold == 1
