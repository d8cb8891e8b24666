"""Whole accelerators equal the golden model, token for token, and take the predicted cycles."""

import random
from dataclasses import replace

import numpy as np
import pytest
from spikeloom.gen.cycles import predict_cycles
from spikeloom.gen.memory_traffic import core_events, memory_cycles
from spikeloom.hw import memory_banks, weight_memory
from spikeloom.hw.accelerator import Accelerator
from spikeloom.hw.accumulators import lead_cycles
from spikeloom.hw.params import ReadoutKind
from spikeloom.sim.golden.model import run_golden

from .randoms import random_chain, random_graph
from .runs import expected_tokens, random_samples, run_samples

READOUTS = list(ReadoutKind)
# sizes, then lanes and update lanes of each core
SHAPES = [
    ([1, 1], [(1, 1)]),
    ([1, 1, 1, 1], [(1, 1)] * 3),
    ([3, 2, 5], [(2, 1), (5, 1)]),
    ([3, 2, 5], [(1, 1), (1, 1)]),
    ([4, 5, 6], [(5, 5), (6, 1)]),
    ([4, 6, 7], [(6, 1), (7, 1)]),
    ([4, 7, 6], [(7, 1), (4, 1)]),
    ([2, 7, 5], [(3, 3), (2, 1)]),
    ([5, 12, 3], [(12, 1), (1, 1)]),
    ([5, 12, 3], [(8, 2), (3, 3)]),
    ([6, 3, 11], [(2, 2), (4, 4)]),
    ([2, 9, 9], [(9, 3), (4, 2)]),
]


def check(
    chain,
    x,
    *,
    gap=0.0,
    stall=0.0,
    overlap=False,
    shuffle=True,
    pause: int | None = 0,
    seed=0,
    cut_after=None,
):
    """Tokens of all samples, and, where nothing waits from outside, their cycles."""
    params = chain.params
    run = run_samples(
        Accelerator(params, weights=chain.rows),
        x,
        gap=gap,
        stall=stall,
        overlap=overlap,
        shuffle=shuffle,
        pause=pause,
        seed=seed,
        probes=len(params.cores) if params.debug else 0,
        cut_after=cut_after,
    )
    golden = run_golden(chain.network, x, record=True)
    for sample in range(len(x)):
        assert run.tokens[sample] == list(expected_tokens(params, golden, sample)), f"sample {sample}"
    if not (gap or stall or overlap):
        spikes = [golden.spikes.get(core.name) for core in params.cores]
        assert predict_cycles(params, x, spikes).tolist() == run.cycles
        assert (run.cycles > memory_cycles(params, x, spikes).sum(axis=2).max(axis=0)).all()
    return run, golden


def rng_of(*parts):
    return random.Random(" ".join(map(str, parts)))


def waits(rng, seed):
    """Pauses on both sides for odd seeds, none for even ones."""
    if seed % 2 == 0:
        return {"shuffle": False}
    return {"gap": 0.3, "stall": rng.choice([0.3, 0.8]), "overlap": rng.random() < 0.5}


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_awkward_shapes(shape, readout):
    sizes, shapes = SHAPES[shape]
    rng = rng_of("shape", shape, readout)
    chain = random_chain(rng, sizes=sizes, shapes=shapes, readout=readout)
    check(chain, random_samples(rng, chain, samples=2, steps=7))


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("seed", range(8))
def test_random_chains(seed, readout):
    """Even seeds: nothing waits. Odd seeds: both sides wait at random."""
    rng = rng_of("chain", seed, readout)
    sizes = [rng.randint(1, 12) for _ in range(rng.randint(2, 4))]
    chain = random_chain(
        rng,
        sizes=sizes,
        readout=readout,
        count_bits=rng.choice([1, 2, 16]),
        input_max=rng.choice([1, 3]),
        debug=seed % 4 > 1,
    )
    x = random_samples(rng, chain, samples=3, steps=rng.choice([1, 6, 9]))
    gap, stall = (0.3, rng.choice([0.3, 0.8])) if seed % 2 else (0, 0)
    run, golden = check(chain, x, seed=seed, gap=gap, stall=stall)
    if chain.params.debug:
        check_probes(chain.params, run, golden)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("seed", range(10))
def test_random_graphs(seed, readout):
    """Skips, slices, recurrent links and several outputs; even seeds: nothing waits."""
    rng = rng_of("graph", seed, readout)
    graph = random_graph(rng, readout=readout, input_max=rng.choice([1, 3]), debug=seed % 4 > 1)
    x = random_samples(rng, graph, samples=3, steps=rng.choice([1, 6, 9]))
    how = waits(rng, seed)
    run, golden = check(graph, x, seed=seed, pause=300, **how)
    if graph.params.debug:
        check_probes(graph.params, run, golden)
        check_traffic(graph.params, x, run, golden)


@pytest.mark.parametrize("seed", [16, 20, 29, 31, 32, 38, 46, 48, 52, 58])
def test_random_graphs_of_larger_cores(seed):
    """Step queues of several LUT RAMs, of links of all kinds; even seeds: nothing waits."""
    rng = rng_of("larger", seed)
    graph = random_graph(rng, readout=READOUTS[seed % 2], most_neurons=50)
    check(graph, random_samples(rng, graph, samples=2, steps=5), seed=seed, pause=1000, **waits(rng, seed))


def check_traffic(params, x, run, golden):
    """The router brings every event exactly once to each core that listens, and takes all it sends."""
    spikes = [golden.spikes.get(core.name) for core in params.cores]
    for number, traffic in enumerate(run.traffic):
        assert traffic["arrived"] == int(core_events(params, number, x, spikes).sum(dtype=np.int64))
        assert traffic["steps"] == x.shape[0] * x.shape[1]
        if number not in params.output_cores:
            assert traffic["sent"] == int(spikes[number].sum())


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("seed", range(8))
def test_graded_spikes(seed, readout):
    """Up to 15 spikes a neuron and step, in chains and graphs; even seeds: nothing waits."""
    rng = rng_of("graded", seed, readout)
    if seed % 4 < 2:
        sizes = [rng.randint(1, 9) for _ in range(rng.randint(2, 4))]
        case = random_chain(rng, sizes=sizes, readout=readout, spike_bits=4, count_bits=rng.choice([3, 16]))
    else:
        case = random_graph(rng, readout=readout, spike_bits=4, debug=seed > 5)
    x = random_samples(rng, case, samples=2, steps=6)
    how = waits(rng, seed)
    run, golden = check(case, x, seed=seed, pause=2000, **how)
    if case.params.debug:
        check_probes(case.params, run, golden)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("seed", range(12))
def test_input_values(seed, readout):
    """Values up to 255 at the input, in chains and graphs with delays; even seeds: nothing waits.

    Where tokens are shuffled, a value may come in two parts.
    """
    rng = rng_of("values", seed, readout)
    how = {"readout": readout, "input_max": rng.choice([1, 5, 16, 100, 255]), "input_values": True}
    if seed % 4 < 2:
        sizes = [rng.randint(1, 9) for _ in range(rng.randint(2, 4))]
        case = random_chain(rng, sizes=sizes, **how)
    else:
        case = random_graph(rng, **how, spike_bits=rng.choice([1, 3]), delays=seed > 5, debug=seed > 3)
    assert case.params.input_value_bits in (0, case.network.input_max.bit_length())
    x = random_samples(rng, case, samples=2, steps=rng.choice([1, 6, 9]))
    how = waits(rng, seed)
    run, golden = check(case, x, seed=seed, pause=2000, **how)
    if case.params.debug:
        check_probes(case.params, run, golden)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("seed", range(8))
def test_random_graphs_with_delays(seed, readout):
    """Delay lines on first, skip, recurrent and input links; samples shorter and longer than the delays."""
    rng = rng_of("delays", seed, readout)
    graph = random_graph(
        rng,
        readout=readout,
        input_max=rng.choice([1, 3]),
        debug=seed % 4 > 1,
        spike_bits=rng.choice([1, 3]),
        delays=True,
    )
    x = random_samples(rng, graph, samples=3, steps=rng.choice([1, 6, 9]))
    how = waits(rng, seed)
    run, golden = check(graph, x, seed=seed, pause=None, **how)
    if graph.params.debug:
        check_probes(graph.params, run, golden)
        check_traffic(graph.params, x, run, golden)


def check_probes(params, run, golden):
    """Spikes, membranes and currents of every population at every step."""
    for core, records in zip(params.cores, run.probes, strict=True):
        neuron = core.neuron
        groups = -(-neuron.neurons // core.update_lanes)
        assert [record["group"] for record in records] == list(range(groups)) * (len(records) // groups)
        wanted = {"membranes": (golden.membranes, neuron.state_bits)}
        if neuron.spiking:
            wanted["spikes"] = (golden.spikes, neuron.spike_bits)
        if neuron.synapse is not None:
            wanted["currents"] = (golden.currents, neuron.synapse_bits)
        for name, (arrays, bits) in wanted.items():
            expected = arrays[core.name]
            words = [record[name] for record in records]
            found = unpack(words, core.update_lanes, bits, signed=name != "spikes")
            found = found.reshape(*expected.shape[:2], -1)[..., : neuron.neurons]
            np.testing.assert_array_equal(found, expected, err_msg=f"{name} of {core.name}")
        assert ("currents" in records[0]) == (neuron.synapse is not None)


def unpack(words, lanes, bits, *, signed):
    """Lanes of every word."""
    raw = [word >> lane * bits & ((1 << bits) - 1) for word in words for lane in range(lanes)]
    return np.array([value - (value >> (bits - 1) << bits) if signed else value for value in raw])


@pytest.mark.parametrize("readout", READOUTS)
def test_a_sample_follows_at_once(readout):
    rng = rng_of("overlap", readout)
    chain = random_chain(rng, sizes=[5, 7, 4], readout=readout)
    check(chain, random_samples(rng, chain, samples=6, steps=4), overlap=True, stall=rng.choice([0, 0.5]))


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("cut_after", [1, 7, 18, 40, 75])
def test_reset_within_a_sample(cut_after, readout):
    """Whatever was under way is forgotten: the samples after it come out right, in the predicted cycles."""
    rng = rng_of("cut", cut_after, readout)
    if cut_after % 2:
        chain = random_chain(rng, sizes=[6, 8, 5], readout=readout)
    else:
        chain = random_graph(rng, readout=readout)
    check(
        chain, random_samples(rng, chain, samples=2, steps=6), cut_after=cut_after, shuffle=False, pause=300
    )


def test_cycles_are_those_of_each_sample_alone():
    """Prediction is vectorised over samples: a batch equals its samples one by one."""
    rng = rng_of("batch")
    chain = random_chain(rng, sizes=[5, 9, 6, 4], readout=ReadoutKind.SPIKES)
    x = random_samples(rng, chain, samples=20, steps=12)
    golden = run_golden(chain.network, x)
    spikes = [golden.spikes[core.name] for core in chain.params.cores]
    together = predict_cycles(chain.params, x, spikes)
    alone = [
        predict_cycles(chain.params, x[k : k + 1], [s[k : k + 1] for s in spikes])[0] for k in range(len(x))
    ]
    assert together.tolist() == alone


@pytest.mark.parametrize("input_values", [False, True])
@pytest.mark.parametrize("deepest", [8, 32])
@pytest.mark.parametrize("shallow", [16, 1024])
def test_weights_in_banks(shallow, deepest, input_values, monkeypatch):
    """As if block RAMs had few words: up to 18 banks, whose choice takes two or three cycles more.

    What is not shallow has its address a cycle later.
    """
    monkeypatch.setattr(memory_banks, "DEEPEST", deepest)
    monkeypatch.setattr(weight_memory, "SHALLOW", shallow)
    rng = random.Random(f"banks {deepest} {input_values}")
    sizes, shapes = [23, 12, 7], [(2, 1), (4, 2)]
    chain = random_chain(
        rng, sizes=sizes, shapes=shapes, readout=ReadoutKind.SPIKES, input_max=3, input_values=input_values
    )
    array = chain.params.cores[0].array
    assert lead_cycles(array) - lead_cycles(replace(array, sources=1)) == {8: 3, 32: 2}[deepest] + (
        shallow == 16
    )
    # a value that comes in two parts is two events
    check(chain, random_samples(rng, chain, samples=3, steps=5), shuffle=not input_values)
