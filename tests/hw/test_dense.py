"""The dense array: sums of weights for every shape and width, its rate and its latency."""

import random

import pytest
from amaranth import Const
from spikeloom.hw.accumulators import most_late_cycles
from spikeloom.hw.dense import DenseArray

from .drivers import Bench, coin, token
from .randoms import random_array, weight_rows
from .test_accumulators import SHAPES


class Run:
    """Samples of steps (lists of source indices) through an array; swept sums, cycles of what was taken."""

    def __init__(self, array, samples, *, gap=None, ready=1.0, seed=0, limit_cycles=5_000):
        self.array, self.samples = array, samples
        self.steps = [step for sample in samples for step in sample]
        self.bench = Bench(array)
        self.taken, self.starts, self.sweep, self.accs = [], [], [], {}
        rng = random.Random(seed)

        async def be_ready(ctx):
            while True:
                ctx.set(array.sweep_ready, rng.random() < ready)
                await ctx.tick()

        async def send(ctx):
            await self.bench.put(ctx, array.events, self.tokens(), gap=gap, taken=self.taken)
            while len(self.sweep) < len(self.steps) * array.accumulators.sweep_groups:
                await ctx.tick()
            for _ in range(8):
                await ctx.tick()

        ports = array.sweep
        watches = [
            self.bench.watch(ports.strobe, (ports.group, ports.final, ports.last), self.sweep.append),
            self.bench.watch(Const(1), (ports.accs, ports.zero), self.note_accs),
            self.bench.watch(array.start, (), self.starts.append),
        ]
        self.bench.run(send, background=[*watches, be_ready], limit_cycles=limit_cycles)

    def note_accs(self, row):
        cycle, accs, zero = row
        self.accs[cycle] = [0] * len(accs) if zero else list(accs)

    def tokens(self):
        for sample in self.samples:
            for number, events in enumerate(sample):
                for source in events:
                    yield token(source)
                yield token(tick=1, last=number == len(sample) - 1)

    def sums(self):
        """Accumulators of every step."""
        groups = self.array.accumulators.sweep_groups
        assert len(self.sweep) == len(self.steps) * groups
        lasts = [number == len(sample) - 1 for sample in self.samples for number in range(len(sample))]
        for step, last in enumerate(lasts):
            rows = self.sweep[step * groups : (step + 1) * groups]
            assert [row[1] for row in rows] == list(range(groups))
            assert [row[2] for row in rows] == [0] * (groups - 1) + [1]
            assert {row[3] for row in rows} == {last}
            late = self.array.accumulators.accs_late
            values = [value for row in rows for value in self.accs[row[0] + late]]
            yield values[: self.array.params.targets]


def random_steps(rng, sources, *, count=8, most=8):
    """Steps of random events; some sources several times in a step, some steps empty."""
    steps = [[rng.randrange(sources) for _ in range(rng.randint(0, most))] for _ in range(count)]
    steps[rng.randrange(count)] = []
    return steps


def check(rng, *, sources, targets, lanes, update_lanes, weight_bits, **run):
    steps = random_steps(rng, sources)
    array, weights = random_array(
        rng, sources=sources, targets=targets, lanes=lanes, weight_bits=weight_bits, input_max=8
    )
    most = most_late_cycles(array, -(-targets // update_lanes))
    late = rng.choice([0, most, rng.randint(0, most)])
    dense = DenseArray(array, weight_rows(weights, array), update_lanes=update_lanes, accs_late=late)
    found = list(Run(dense, [steps], **run).sums())
    for step, events in enumerate(steps):
        expected = [sum(weights[target][source] for source in events) for target in range(targets)]
        assert found[step] == expected, f"step {step}: {events}"


@pytest.mark.parametrize("waiting", [False, True], ids=["straight", "waiting"])
@pytest.mark.parametrize(("targets", "lanes", "update_lanes"), SHAPES)
def test_every_shape(targets, lanes, update_lanes, waiting):
    rng = random.Random(f"{targets} {lanes} {update_lanes}")
    shape = {"targets": targets, "lanes": lanes, "update_lanes": update_lanes}
    run = {"gap": coin(0.4, 1), "ready": 0.3} if waiting else {}
    check(rng, sources=rng.choice([1, 2, 5, 8]), weight_bits=rng.randint(1, 8), **shape, **run)


@pytest.mark.parametrize("weight_bits", range(1, 17))
def test_every_weight_width(weight_bits):
    lanes = (weight_bits - 1) % 4 + 1
    rng = random.Random(weight_bits)
    check(rng, sources=3, targets=4, lanes=lanes, update_lanes=1, weight_bits=weight_bits)


@pytest.mark.parametrize(("targets", "lanes"), [(4, 4), (4, 2), (7, 3)])
def test_an_event_takes_a_cycle_a_group(targets, lanes):
    rng = random.Random(0)
    array, weights = random_array(rng, sources=5, targets=targets, lanes=lanes, weight_bits=3, input_max=4)
    dense = DenseArray(array, weight_rows(weights, array), update_lanes=lanes)
    run = Run(dense, [[[0, 1, 2, 3, 4, 0, 1]]])
    start = run.taken[0] - array.groups + 1
    assert run.taken[:-1] == [start + (k + 1) * array.groups - 1 for k in range(7)]
    assert run.taken[-1] == run.taken[-2] + 1
    assert run.sweep[0][0] == run.taken[-1] + dense.latency


@pytest.mark.parametrize(("targets", "lanes"), [(6, 6), (6, 2)])
def test_the_next_step_is_added_while_a_sweep_waits(targets, lanes):
    """With the neurons not ready, the events of the next step are taken, and its tick is not."""
    rng = random.Random(1)
    array, weights = random_array(rng, sources=4, targets=targets, lanes=lanes, weight_bits=4, input_max=4)
    dense = DenseArray(array, weight_rows(weights, array), update_lanes=1)
    bench = Bench(dense)
    taken = []
    tokens = [token(0), token(tick=1), token(1), token(2), token(tick=1)]

    async def send(ctx):
        await bench.put(ctx, dense.events, tokens, taken=taken)

    async def wait(ctx):
        for _ in range(60):
            await ctx.tick()
        assert len(taken) == 4
        ctx.set(dense.sweep_ready, 1)
        for _ in range(60):
            await ctx.tick()
        assert len(taken) == 5

    bench.run(send, wait)
