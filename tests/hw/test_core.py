"""One core: its streams and probe for every readout, and the distance of its sweeps."""

import random
from itertools import pairwise

import pytest
from spikeloom.hw.core import Core
from spikeloom.hw.params import ReadoutKind
from spikeloom.sim.golden.model import run_golden

from .drivers import Bench, coin
from .randoms import random_chain
from .runs import expected_tokens, fields, random_samples, sample_tokens, tallied


def run_core(core, x, *, gap=None, stall=None):
    """Tokens of all samples together, and the update strobes: (cycle, group, membranes)."""
    bench, rng = Bench(core), random.Random(0)
    ends, tokens, updates = [], [], []

    async def send(ctx):
        for sample in x:
            await bench.put(ctx, core.events, sample_tokens(sample, rng), gap=gap)

    def done(payload):
        ends.extend([1] * (payload.tick and payload.last))
        return len(ends) == len(x)

    async def take(ctx):
        tokens.extend(map(fields, await bench.get(ctx, core.out, done=done, stall=stall)))

    watch = bench.watch(core.probe.strobe, [core.probe.group, core.probe.membranes], updates.append)
    bench.run(send, take, background=[watch])
    return tokens, updates


def expected(params, golden, samples):
    """The tokens of the core: like the accelerator's, but a class readout sends its tallies."""
    for sample in range(samples):
        if params.readout is ReadoutKind.CLASS:
            tally = tallied(golden.output[sample].astype(int), params.cores[0].neuron, params.count_bits)
            yield from ((index, int(value), 0, 0) for index, value in enumerate(tally))
            yield (None, None, 1, 1)
        else:
            yield from expected_tokens(params, golden, sample)


@pytest.mark.parametrize("waits", [0, 0.5], ids=["open", "waiting"])
@pytest.mark.parametrize("readout", ReadoutKind)
@pytest.mark.parametrize(
    ("sizes", "shape"), [((3, 7), (7, 1)), ((5, 7), (3, 3)), ((1, 9), (4, 2)), ((4, 1), (1, 1))]
)
def test_streams_and_probe(sizes, shape, readout, waits):
    rng = random.Random(f"core {sizes} {readout} {waits}")
    chain = random_chain(rng, sizes=sizes, shapes=[shape], readout=readout, count_bits=4)
    params = chain.params.cores[0]
    core = Core(params, chain.rows[0], readout=readout, count_bits=4)
    x = random_samples(rng, chain, samples=3, steps=5)
    tokens, updates = run_core(core, x, gap=coin(waits, 1), stall=coin(waits, 2))
    golden = run_golden(chain.network, x, record=True)
    assert tokens == list(expected(chain.params, golden, len(x)))
    membranes = golden.membranes[params.name].reshape(-1, params.neuron.neurons)
    groups = core.lif.groups
    starts = []
    for step, values in enumerate(membranes):
        sweep = updates[step * groups : (step + 1) * groups]
        starts.append(sweep[0][0])
        assert [group for _, group, _ in sweep] == list(range(groups))
        found = [value for *_, lanes in sweep for value in list(lanes)]
        assert found[: params.neuron.neurons] == values.tolist(), f"step {step}"
    assert all(b - a >= core.lif.gap_cycles for a, b in pairwise(starts))
