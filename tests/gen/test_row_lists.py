"""Row lists: what is stored of a sparse matrix, by definition, and when the planner takes them."""

import random
from dataclasses import replace

import numpy as np
import pytest
from spikeloom.gen.core_rows import core_rows
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.gen.row_lists import list_counts, list_rows
from spikeloom.hw.params import INPUT, AcceleratorParams, ArrayParams, CoreParams, LinkParams, NeuronParams

from .chains import quantised_chain


def pruned(rng, targets, sources, keep, bits=4):
    source = np.random.default_rng(rng.getrandbits(32))
    limit = 1 << (bits - 1)
    weight = source.integers(-limit, limit, size=(targets, sources))
    return weight * (source.random(weight.shape) < keep)


@pytest.mark.parametrize("lanes", [1, 2, 3, 7, 10])
@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 1.0])
def test_lists_hold_every_weight_once(keep, lanes):
    """Unpacked, word by word, they are the matrix; no word is zero but the one of an empty matrix."""
    rng = random.Random(f"{keep} {lanes}")
    weight = pruned(rng, 10, 7, keep)
    array = ArrayParams(sources=7, targets=10, lanes=lanes, weight_bits=4, acc_bits=12)
    counts, words = list_counts(weight, lanes), iter(list_rows(weight, array))
    found = np.zeros((array.groups * lanes, 7), int)
    for source, count in enumerate(counts):
        before = -1
        for word in [next(words) for _ in range(count)]:
            group = word >> array.row_bits
            assert before < group < array.groups
            before = group
            codes = [word >> 4 * lane & 15 for lane in range(lanes)]
            assert any(codes) or not weight.any()
            found[group * lanes : (group + 1) * lanes, source] = [c - 16 * (c > 7) for c in codes]
    assert next(words, None) is None
    assert np.array_equal(found[:10], weight)
    assert not found[10:].any()
    assert counts.sum() >= 1


def chain(weight, bits=4):
    targets, sources = weight.shape
    network = quantised_chain([sources, targets], bits=bits)
    (projection,) = network.projections
    return replace(network, projections=(replace(projection, weight=weight.astype(np.int32)),))


def test_the_cheaper_form_is_taken():
    rng = random.Random(1)
    for keep, lists in ((1.0, False), (0.5, False), (0.05, True)):
        network = chain(pruned(rng, 120, 60, keep))
        plan = make_plan(network)
        (core,) = plan.accelerator.cores
        assert core.by_rows is lists
        assert len(core_rows(plan, network)[0]) == core.rows
    dense = make_plan(network, PlanOptions(sparse="never"))
    assert not dense.notes
    assert dense.accelerator.cores[0].weight_memory_bits > 4 * core.weight_memory_bits
    (note,) = plan.notes
    assert note.startswith(f"layer.1: input->layer.1 as row lists (row lists at {core.array.lanes} lanes: ")
    assert note.endswith(f"matrix at 32 lanes: {60 * 4 * 32 * 4} bits, 4 rows an event)")


def test_identity_costs_a_word_a_source():
    plan = make_plan(chain(np.eye(64, dtype=int)))
    (core,) = plan.accelerator.cores
    assert core.links[0].lists == (1,) * 64
    assert core.event_cycles == 1


def test_lanes_that_are_asked_for_stay():
    network = chain(pruned(random.Random(2), 120, 60, 0.05))
    for options in (PlanOptions(lanes=8), PlanOptions(population_lanes={"layer.1": 8})):
        assert make_plan(network, options).accelerator.cores[0].array.lanes == 8
    options = PlanOptions(population_update_lanes={"layer.1": 4})
    assert make_plan(network, options).accelerator.cores[0].update_lanes == 4


def test_always():
    network = chain(np.ones((20, 5), int))
    plan = make_plan(network, PlanOptions(sparse="always"))
    assert sum(plan.accelerator.cores[0].links[0].lists) == plan.accelerator.cores[0].array.groups * 5


def test_weights_of_one_bit_are_never_lists():
    network = chain(np.ones((20, 5), int), bits=1)
    assert not make_plan(network, PlanOptions(sparse="always")).accelerator.cores[0].by_rows


def test_other_weights_than_those_planned_are_refused():
    network = chain(np.eye(40, dtype=int))
    plan = make_plan(network)
    with pytest.raises(ValueError, match="row lists are not those of the weights"):
        core_rows(plan, chain(np.eye(40, dtype=int)[::-1] * 0 + 1))


def core_with(link, **array):
    shape = ArrayParams(sources=3, targets=6, lanes=2, weight_bits=4, acc_bits=8)
    neuron = NeuronParams(neurons=6, acc_bits=8, state_bits=8, threshold=1)
    return CoreParams(name="c", array=replace(shape, **array), neuron=neuron, update_lanes=1, links=(link,))


def test_parameters_of_lists():
    link = LinkParams(source=INPUT, channels=3, lists=(2, 0, 3))
    core = core_with(link)
    AcceleratorParams(cores=(core,))
    assert (core.rows, core.listed_rows, core.event_cycles, core.weight_memory_bits) == (5, 5, 3, 5 * (8 + 2))
    for lists, text in (
        ((1, 1), "Row lists of a link must be 3, one a channel, not 2"),
        ((0, 0, 0), "Words of the row lists of a link must be between 1 and"),
    ):
        with pytest.raises(ValueError, match=text):
            LinkParams(source=INPUT, channels=3, lists=lists)
    for array, text in (
        ({"weight_bits": 1}, "Core c: row lists need weights of 2 bits or more"),
        ({"max_delay": 3}, "Core c: an array with row lists cannot hold delays"),
        ({"lanes": 3}, "Core c: words of a row list must be between 0 and 2, not 3"),
    ):
        with pytest.raises(ValueError, match=text):
            core_with(link, **array)
