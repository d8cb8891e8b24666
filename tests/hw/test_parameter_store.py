"""The parameter store: which fields are stored, in which format, and the words of every group."""

import random

import pytest
from amaranth import signed, unsigned
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
