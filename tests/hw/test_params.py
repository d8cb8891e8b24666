"""Every parameter is checked first, and every message is pinned."""

import re
from dataclasses import replace

import pytest
from spikeloom.hw.params import (
    INPUT,
    AcceleratorParams,
    ArrayParams,
    Compare,
    CoreParams,
    DecayParams,
    Fire,
    LinkParams,
    NeuronParams,
    ReadoutKind,
    Reset,
    bits_for_signed,
    bits_for_unsigned,
)

DECAY = DecayParams(factor=3, frac_bits=2)
NEURON = NeuronParams(
    neurons=4, acc_bits=8, state_bits=10, synapse=DECAY, synapse_bits=9, membrane=DECAY, threshold=5
)
GRADED = {"spike_bits": 2, "reset": Reset.SUBTRACT, "compare": Compare.GE}
ARRAY = ArrayParams(sources=3, targets=4, lanes=4, weight_bits=4, acc_bits=8)
CORE = CoreParams(name="hidden", array=ARRAY, neuron=NEURON, update_lanes=2)
LINK = LinkParams(source=0, channels=4)
ANALOG = replace(CORE, name="output", neuron=replace(NEURON, threshold=None))


@pytest.mark.parametrize(
    ("params", "change", "text"),
    [
        (DECAY, {"frac_bits": 0}, "Decay fraction bits must be between 1 and 16, not 0"),
        (DECAY, {"frac_bits": 17}, "Decay fraction bits must be between 1 and 16, not 17"),
        (DECAY, {"factor": 5}, "Decay factor must be between 0 and 4, not 5"),
        (DECAY, {"factor": (0, 4, -1)}, "Decay factor must be between 0 and 4, not -1"),
        (NEURON, {"neurons": 0}, "Population size must be between 1 and 16777216, not 0"),
        (NEURON, {"acc_bits": 0}, "Accumulator bits must be between 1 and 48, not 0"),
        (NEURON, {"acc_bits": 49}, "Accumulator bits must be between 1 and 48, not 49"),
        (NEURON, {"state_bits": 1}, "State bits must be between 2 and 48, not 1"),
        (NEURON, {"state_bits": 49}, "State bits must be between 2 and 48, not 49"),
        (NEURON, {"frac_bits": -1}, "State fraction bits must be between 0 and 16, not -1"),
        (NEURON, {"frac_bits": 17}, "State fraction bits must be between 0 and 16, not 17"),
        (NEURON, {"synapse_bits": 1}, "Synaptic current bits must be between 2 and 48, not 1"),
        (NEURON, {"synapse": None}, "Synaptic current bits and leak need a synaptic current decay"),
        (
            NEURON,
            {"synapse": None, "synapse_bits": 0, "leak": 1},
            "Synaptic current bits and leak need a synaptic current decay",
        ),
        (NEURON, {"threshold": 512}, "Neuron threshold must be between -512 and 511, not 512"),
        (NEURON, {"threshold": -513}, "Neuron threshold must be between -512 and 511, not -513"),
        (NEURON, {"threshold": (1, 2, 512, 3)}, "Neuron threshold must be between -512 and 511, not 512"),
        (NEURON, {"reset_value": -513}, "Neuron reset_value must be between -512 and 511, not -513"),
        (NEURON, {"v_min": 512}, "Neuron v_min must be between -512 and 511, not 512"),
        (
            NEURON,
            {"bias": 1 << 47},
            "Neuron bias must be between -140737488355328 and 140737488355327, not 140737488355328",
        ),
        (
            NEURON,
            {"leak": (0, 0, 0, -(1 << 47) - 1)},
            "Neuron leak must be between -140737488355328 and 140737488355327, not -140737488355329",
        ),
        (NEURON, {"threshold": (1, 2, 3)}, "Neuron threshold must have 4 values, not 3"),
        (NEURON, {"reset_value": (1,)}, "Neuron reset_value must have 4 values, not 1"),
        (NEURON, {"bias": (1,) * 5}, "Neuron bias must have 4 values, not 5"),
        (NEURON, {"leak": ()}, "Neuron leak must have 4 values, not 0"),
        (NEURON, {"v_min": (0, 0)}, "Neuron v_min must have 4 values, not 2"),
        (NEURON, {"synapse": replace(DECAY, factor=(1,))}, "Neuron synapse decay must have 4 values, not 1"),
        (
            NEURON,
            {"membrane": replace(DECAY, factor=(1,))},
            "Neuron membrane decay must have 4 values, not 1",
        ),
        (
            NEURON,
            {"threshold": None, "reset": Reset.VALUE},
            "A population without a threshold takes neither a reset nor fire=before",
        ),
        (
            NEURON,
            {"threshold": None, "fire": Fire.BEFORE},
            "A population without a threshold takes neither a reset nor fire=before",
        ),
        (
            NEURON,
            {"membrane": None, "reset": Reset.LATE_VALUE},
            "A late reset or fire=before needs a membrane that is kept between steps",
        ),
        (
            NEURON,
            {"membrane": None, "reset": Reset.LATE_SUBTRACT},
            "A late reset or fire=before needs a membrane that is kept between steps",
        ),
        (
            NEURON,
            {"membrane": None, "fire": Fire.BEFORE},
            "A late reset or fire=before needs a membrane that is kept between steps",
        ),
        (NEURON, {"spike_bits": 0}, "Spike bits must be between 1 and 8, not 0"),
        (NEURON, {"spike_bits": 9}, "Spike bits must be between 1 and 8, not 9"),
        (
            NEURON,
            {"spike_bits": 2, "threshold": None, "reset": Reset.NONE},
            "Spike bits above 1 need a threshold above 0",
        ),
        (NEURON, {**GRADED, "threshold": 0}, "Spike bits above 1 need a threshold above 0, not 0"),
        (
            NEURON,
            {**GRADED, "threshold": (1, 2, -3, 4)},
            "Spike bits above 1 need a threshold above 0, not -3",
        ),
        (NEURON, {**GRADED, "reset": Reset.VALUE}, "Spike bits above 1 need reset=subtract, not value"),
        (NEURON, {**GRADED, "compare": Compare.GT}, "Spike bits above 1 need compare=>=, not >"),
        (NEURON, {**GRADED, "fire": Fire.BEFORE}, "Spike bits above 1 need fire=after, not before"),
        (ARRAY, {"sources": 0}, "Array sources must be between 1 and 16777216, not 0"),
        (ARRAY, {"targets": 0, "lanes": 1}, "Array targets must be between 1 and 16777216, not 0"),
        (ARRAY, {"lanes": 0}, "Lanes must be between 1 and 4, not 0"),
        (ARRAY, {"lanes": 5}, "Lanes must be between 1 and 4, not 5"),
        (ARRAY, {"weight_bits": 0}, "Weight bits must be between 1 and 16, not 0"),
        (ARRAY, {"weight_bits": 17}, "Weight bits must be between 1 and 16, not 17"),
        (ARRAY, {"acc_bits": 0}, "Accumulator bits must be between 1 and 48, not 0"),
        (
            CORE,
            {"array": replace(ARRAY, targets=5)},
            "Core hidden: array and neurons differ in size or accumulator bits",
        ),
        (
            CORE,
            {"array": replace(ARRAY, acc_bits=7)},
            "Core hidden: array and neurons differ in size or accumulator bits",
        ),
        (
            CORE,
            {"links": (LinkParams(source=INPUT, channels=2),)},
            "Core hidden: its links must fill the 3 array sources",
        ),
        (LINK, {"source": -2}, "Link source must be between -1 and 65536, not -2"),
        (LINK, {"channels": 0}, "Link channels must be between 1 and 16777216, not 0"),
        (LINK, {"first": -1}, "First channel of a link must be between 0 and 16777215, not -1"),
        (LINK, {"source": INPUT, "recurrent": True}, "A link from the input cannot be recurrent"),
        (CORE, {"update_lanes": 3}, "Core hidden: update lanes must divide the 4 lanes, not 3"),
        (CORE, {"update_lanes": 0}, "Core hidden: update lanes must divide the 4 lanes, not 0"),
        (CORE, {"update_lanes": 8}, "Core hidden: update lanes must divide the 4 lanes, not 8"),
    ],
)
def test_messages(params, change, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        replace(params, **change)


def next_core(core, **array):
    """A core that takes the spikes of `core`, but for what `array` changes."""
    return replace(
        CORE, name="next", array=replace(ARRAY, **{"sources": core.neuron.neurons, "acc_bits": 8, **array})
    )


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"cores": ()}, "An accelerator needs at least one core"),
        (
            {"cores": (ANALOG, next_core(ANALOG))},
            "Core output does not spike, so it cannot feed next",
        ),
        (
            {"cores": (CORE, next_core(CORE, sources=5))},
            "Core next takes 5 sources, hidden has 4 neurons",
        ),
        (
            {"cores": (ANALOG,), "readout": ReadoutKind.SPIKES},
            "Core output does not spike, so its readout must be membrane or class, not spikes",
        ),
        (
            {"cores": (ANALOG,), "readout": ReadoutKind.COUNTS},
            "Core output does not spike, so its readout must be membrane or class, not counts",
        ),
        (
            {"cores": (CORE,), "readout": ReadoutKind.MEMBRANE},
            "Core hidden spikes, so its readout must be spikes, counts or class, not membrane",
        ),
        ({"cores": (CORE,), "count_bits": 0}, "Spike counter bits must be between 1 and 32, not 0"),
        ({"cores": (CORE,), "count_bits": 33}, "Spike counter bits must be between 1 and 32, not 33"),
    ],
)
def test_accelerator_messages(params, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        AcceleratorParams(**params)


RECURRENT = replace(LINK, source=0, recurrent=True)
FROM_INPUT = LinkParams(source=INPUT, channels=3)


def linked(name, *links):
    """A core with these links."""
    array = replace(ARRAY, sources=sum(link.channels for link in links))
    return replace(CORE, name=name, array=array, links=links)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (
            {"cores": (CORE, linked("next", LINK, FROM_INPUT))},
            "Core next: links from the input without delays must come before all others",
        ),
        ({"cores": (linked("one", RECURRENT),)}, "Core one: its first link must not be recurrent"),
        (
            {"cores": (linked("one", FROM_INPUT, replace(RECURRENT, source=1)),)},
            "Core one: link source must be between 0 and 0, not 1",
        ),
        (
            {"cores": (linked("one", FROM_INPUT, LINK),)},
            "Core one: a link from one must be recurrent",
        ),
        (
            {"cores": (linked("one", replace(LINK, source=1)), linked("two", FROM_INPUT))},
            "Core one: a link from two must be recurrent",
        ),
        (
            {"cores": (CORE, linked("next", replace(LINK, first=1, channels=3)))},
            "Core next takes 3 sources, hidden has 4 neurons",
        ),
        ({"cores": (CORE,), "outputs": (0, 1)}, "Output core must be between 0 and 0, not 1"),
        ({"cores": (CORE,), "outputs": (-1,)}, "Output core must be between 0 and 0, not -1"),
        ({"cores": (CORE,), "input_channels": -1}, "Input channels must be between 0 and 16777216, not -1"),
        (
            {"cores": (CORE, next_core(CORE)), "outputs": (0, 1), "readout": ReadoutKind.COUNTS},
            "Core hidden: the readout counts needs a single output core that feeds nothing; "
            "spikes is accepted",
        ),
        (
            {"cores": (linked("one", FROM_INPUT, RECURRENT),), "readout": ReadoutKind.CLASS},
            "Core one: the readout class needs a single output core that feeds nothing; spikes is accepted",
        ),
    ],
)
def test_link_messages(params, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        AcceleratorParams(**params)


def test_links_of_a_chain_need_not_be_written():
    params = AcceleratorParams(cores=(CORE, next_core(CORE)))
    assert params.links(0) == (FROM_INPUT,)
    assert params.links(1) == (LINK,)
    assert (params.output_cores, params.channels, params.output_neurons) == ((1,), 3, 4)
    assert params.consumers(INPUT) == [(0, 0)]
    assert params.consumers(0) == [(1, 0)]
    assert params.consumers(1) == []


def test_links_of_a_graph():
    cores = (linked("one", FROM_INPUT, RECURRENT), linked("two", replace(FROM_INPUT, first=2), LINK))
    params = AcceleratorParams(cores=cores, outputs=(1, 0), input_channels=9)
    assert params.channels == 9
    assert replace(params, input_channels=0).channels == 5
    assert params.output_cores == (1, 0)
    assert params.output_neurons == 8
    assert params.consumers(INPUT) == [(0, 0), (1, 0)]
    assert params.consumers(0) == [(0, 1), (1, 1)]


@pytest.mark.parametrize("readout", [ReadoutKind.SPIKES, ReadoutKind.COUNTS, ReadoutKind.CLASS])
def test_readouts_of_spikes(readout):
    assert AcceleratorParams(cores=(CORE,), readout=readout).readout is readout


@pytest.mark.parametrize("readout", [ReadoutKind.MEMBRANE, ReadoutKind.CLASS])
def test_readouts_of_an_analog_population(readout):
    assert AcceleratorParams(cores=(ANALOG,), readout=readout).readout is readout


def test_limits_are_accepted():
    replace(DECAY, factor=1 << 16, frac_bits=16)
    replace(NEURON, neurons=1, acc_bits=48, state_bits=48, frac_bits=16, threshold=(1 << 47) - 1)
    replace(ARRAY, sources=1, targets=4, lanes=1, weight_bits=16, acc_bits=48)


@pytest.mark.parametrize(
    ("low", "high", "bits"),
    [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-2, 1, 2), (-3, 1, 3), (0, 127, 8), (-128, 127, 8), (-129, 0, 9)],
)
def test_bits_for_signed(low, high, bits):
    assert bits_for_signed(low, high) == bits
    assert -(1 << (bits - 1)) <= low <= high < 1 << (bits - 1)


@pytest.mark.parametrize(("high", "bits"), [(0, 1), (1, 1), (2, 2), (255, 8), (256, 9)])
def test_bits_for_unsigned(high, bits):
    assert bits_for_unsigned(high) == bits


@pytest.mark.parametrize(
    ("targets", "lanes", "weight_bits", "groups", "rows", "row_bits"),
    [(4, 4, 4, 1, 3, 16), (5, 4, 3, 2, 6, 12), (9, 1, 1, 9, 27, 1), (128, 32, 16, 4, 12, 512)],
)
def test_shape_of_the_weight_memory(targets, lanes, weight_bits, groups, rows, row_bits):
    array = ArrayParams(sources=3, targets=targets, lanes=lanes, weight_bits=weight_bits, acc_bits=8)
    assert (array.groups, array.rows, array.row_bits) == (groups, rows, row_bits)
