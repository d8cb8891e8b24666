"""The parameter store: which fields are stored, in which format, and the words of every group."""

import random
import re
from functools import reduce
from operator import and_

import pytest
from amaranth import signed, unsigned
from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue]  (no stub)
from spikeloom.gen.rtl import convert
from spikeloom.hw.parameter_store import ParameterStore, parameter_fields
from spikeloom.hw.params import DecayParams, NeuronParams, Reset

from .drivers import Bench


def params(rng, neurons):
    def each(low, high):
        return tuple(rng.randint(low, high) for _ in range(neurons))

    return NeuronParams(
        neurons=neurons,
        acc_bits=8,
        state_bits=10,
        synapse=DecayParams(factor=each(0, 4096)),
        synapse_bits=12,
        membrane=DecayParams(factor=3000),
        threshold=each(1, 511),
        reset=Reset.VALUE,
        reset_value=each(-512, -1),
        bias=7,
        leak=each(-100000, 100000),
        v_min=-300,
    )


def test_fields_are_those_that_differ_as_wide_as_their_values():
    fields = parameter_fields(
        NeuronParams(
            neurons=2,
            acc_bits=4,
            state_bits=8,
            membrane=DecayParams(factor=(0, 7), frac_bits=3),
            threshold=(0, 127),
            bias=(-1, -3),
            reset_value=5,
        )
    )
    assert fields == {
        "threshold": (signed(8), (0, 127)),
        "bias": (signed(3), (-1, -3)),
        "membrane_factor": (unsigned(3), (0, 7)),
    }


def test_no_fields_where_neurons_are_alike():
    assert parameter_fields(NeuronParams(neurons=2, acc_bits=4, state_bits=8, threshold=3)) == {}


@pytest.mark.parametrize(("neurons", "lanes"), [(1, 1), (2, 2), (5, 2), (7, 1), (9, 4)])
def test_words_of_every_group(neurons, lanes):
    rng = random.Random(neurons)
    neuron = params(rng, neurons)
    store = ParameterStore(neuron, lanes=lanes)
    bench = Bench(store)
    assert set(store.fields) == {"threshold", "reset_value", "leak", "synapse_factor"}

    def expected(field, k):
        source, name = (neuron.synapse, "factor") if field == "synapse_factor" else (neuron, field)
        values = getattr(source, name)
        return values[k] if k < neurons else 0

    async def read(ctx):
        order = [*range(store.groups), *(rng.randrange(store.groups) for _ in range(10))]
        for at, group in enumerate([*order, 0, 0]):
            ctx.set(store.group, group)
            await ctx.tick()
            if at >= 1:  # two cycles after the address was set
                for lane in range(lanes):
                    for field in store.fields:
                        k = order[at - 1] * lanes + lane
                        assert ctx.get(store.words[lane][field]) == expected(field, k), (field, k)
            if at == len(order):
                break

    bench.run(read)


@pytest.mark.parametrize(
    ("filters", "positions", "lanes"), [(4, 5, 4), (4, 5, 2), (6, 4, 2), (5, 3, 1), (8, 7, 1)]
)
def test_words_that_repeat_are_stored_once(filters, positions, lanes):
    """A filter's parameters all over its map, swept twice: as if every word were there."""
    rng = random.Random(f"{filters} {positions} {lanes}")
    one = tuple(rng.randint(1, 500) for _ in range(filters))
    neuron = NeuronParams(
        neurons=filters * positions,
        acc_bits=8,
        state_bits=10,
        threshold=one * positions,
        reset=Reset.SUBTRACT,
    )
    store = ParameterStore(neuron, lanes=lanes)
    words = []

    async def sweep(ctx):
        groups = range(store.groups)
        for group in [*groups, *[None] * rng.randint(0, 3), *groups, None, None]:
            ctx.set(store.strobe, group is not None)
            ctx.set(store.final, group == store.groups - 1)
            ctx.set(store.group, group or 0)
            await ctx.tick()
            words.append([ctx.get(store.words[lane]["threshold"]) for lane in range(lanes)])

    Bench(store).run(sweep)
    expected = [list((one * positions)[k : k + lanes]) for k in range(0, neuron.neurons, lanes)]
    assert words[1 : 1 + store.groups] == expected
    assert words[-1 - store.groups : -1] == expected
    depth = max(2, filters // lanes)
    assert f"size {depth} " in rtlil.convert(store)


@pytest.mark.parametrize("neurons", [1, 2, ParameterStore.LUT_ROWS, ParameterStore.LUT_ROWS + 1])
def test_no_two_wires_have_one_name(neurons):
    """The fields of a port are wires of their own, named after it."""
    text = convert(ParameterStore(params(random.Random(1), neurons), lanes=1)).rtlil()
    for module in text.split("\nmodule ")[1:]:
        wires = re.findall(r"^ +wire .*(\\\S+)$", module, re.M)
        assert len(wires) == len(set(wires)) > 2


def test_bits_that_are_1_for_every_neuron_of_a_lane():
    thresholds, bias = (5, 7, 13, 4), (-3, -1, -8, 6)
    kind = {"neurons": 4, "acc_bits": 8, "state_bits": 10, "threshold": thresholds, "bias": bias}
    for lanes in (1, 2):
        ones = ParameterStore(NeuronParams(**kind), lanes=lanes).ones
        for lane in range(lanes):
            assert ones[lane]["threshold"] == reduce(and_, thresholds[lane::lanes])
            assert ones[lane]["bias"] == reduce(and_, bias[lane::lanes])
    beyond = ParameterStore(NeuronParams(**kind), lanes=3).ones  # two lanes of the last word have no neuron
    assert [beyond[lane][name] for lane in (1, 2) for name in ("threshold", "bias")] == [0] * 4
    loaded = ParameterStore(NeuronParams(**kind, loaded_period=4), lanes=1)
    assert loaded.ones.as_bits() == 0  # whatever is loaded first
