"""Both kinds of accumulators: sums of the events of a step, swept while the next step is added."""

import random
from dataclasses import replace

import pytest
from amaranth import Const
from spikeloom.hw.accumulators import (
    LEAD_CYCLES,
    MemoryAccumulators,
    RegisterAccumulators,
    accumulators,
    most_late_cycles,
    sweep_cycles,
)
from spikeloom.hw.params import ArrayParams

from .drivers import Bench
from .randoms import random_array, weight_rows

AHEAD = 3  # cycles from `ahead_group` to its row

# targets, lanes, update lanes; sweep groups of 1 to 12, lanes that do not divide the targets
SHAPES = [
    (1, 1, 1),
    (5, 5, 5),
    (2, 2, 1),
    (5, 5, 1),
    (6, 6, 1),
    (7, 7, 1),
    (12, 12, 1),
    (8, 8, 2),
    (2, 1, 1),
    (3, 2, 2),
    (3, 2, 1),
    (7, 3, 3),
    (7, 3, 1),
    (5, 4, 2),
    (9, 6, 2),
    (10, 4, 1),
    (17, 4, 2),
    (17, 17, 1),
    (16, 16, 4),
    (20, 5, 1),
    (25, 4, 2),
    (13, 2, 2),
    (8, 1, 1),
    (15, 2, 2),
    (17, 2, 1),
    (33, 4, 2),
    (64, 4, 4),
]


def test_kind_follows_the_groups():
    params = ArrayParams(lanes=6, sources=2, targets=6, weight_bits=2, acc_bits=4)
    assert isinstance(accumulators(params, update_lanes=3), RegisterAccumulators)
    assert isinstance(accumulators(replace(params, lanes=1), update_lanes=1), RegisterAccumulators)
    assert isinstance(accumulators(replace(params, targets=8, lanes=1), update_lanes=1), MemoryAccumulators)


class Traffic:
    """Random steps put into the accumulators as the array does: a tick waits for `free`."""

    def __init__(self, acc, rng, weights, *, steps, ready, idle):
        self.acc, self.rng, self.ready = acc, rng, ready
        self.bench = Bench(acc)
        self.rows = weight_rows(weights, acc.params)
        sources = acc.params.sources
        self.steps = [rng.sample(range(sources), rng.randint(0, sources)) for _ in range(steps)]
        self.steps[rng.randrange(steps)] = []
        self.idle = idle
        self.free_at = None  # cycle of the latest free
        self.swaps, self.starts, self.sweep, self.accs = [], [], [], {}
        self.way = [{}] * AHEAD

    def run(self):
        sweep = self.acc.sweep
        watches = [
            self.bench.watch(sweep.strobe, (sweep.group, sweep.final, sweep.last), self.sweep.append),
            self.bench.watch(Const(1), (sweep.accs, sweep.zero), self.note_accs),
            self.bench.watch(self.acc.free, (), self.note_free),
            self.bench.watch(self.acc.start, (), self.starts.append),
            self.be_ready,
        ]
        self.bench.run(self.feed, background=watches)

    def note_accs(self, row):
        cycle, accs, zero = row
        self.accs[cycle] = [0] * len(accs) if zero else list(accs)

    def note_free(self, row):
        self.free_at = row[0]

    async def be_ready(self, ctx):
        while True:
            ctx.set(self.acc.sweep_ready, self.rng.random() < self.ready)
            await ctx.tick()

    async def feed(self, ctx):
        await ctx.tick()
        first_swap = True
        for number, events in enumerate(self.steps):
            first = 1
            for source in events:
                while self.rng.random() < self.idle:
                    await self.idle_cycle(ctx)
                await self.event(ctx, source, first)
                first = 0
            while not first_swap and not self.may_swap(ctx):
                await self.idle_cycle(ctx)
            first_swap = False
            self.free_at = None
            await self.cycle(
                ctx, {"swap": 1, "swap_ahead": 1, "swap_zero": first, "swap_last": number % 3 == 2}
            )
        while len(self.sweep) < len(self.steps) * self.acc.sweep_groups:
            await self.idle_cycle(ctx)
        for _ in range(8):
            await self.idle_cycle(ctx)

    def may_swap(self, ctx):
        """A tick taken one cycle after `free` comes `LEAD_CYCLES` later; its swap is `AHEAD` cycles away."""
        cycle = ctx.get(self.bench.cycle) + AHEAD
        return self.free_at is not None and cycle >= self.free_at + 1 + LEAD_CYCLES

    async def idle_cycle(self, ctx):
        await self.cycle(ctx, {})

    async def cycle(self, ctx, item):
        """Send `item` on its way to the accumulators, and let them do what came `AHEAD` cycles before."""
        self.way.append(item)
        acc, here = self.acc, self.way.pop(0)
        ctx.set(acc.ahead_group, item.get("group", 0))
        ctx.set(acc.ahead_first, self.way[0].get("first", 0))
        for name in ("add", "group", "row", "swap"):
            ctx.set(getattr(acc, name), here.get(name, 0))
        early = [here, *self.way][acc.early]
        for name in ("swap_ahead", "swap_zero", "swap_last"):
            ctx.set(getattr(acc, name), early.get(name, 0))
        _, _, cycle = await ctx.tick().sample(self.bench.cycle)
        if here.get("swap"):
            self.swaps.append(cycle)

    async def event(self, ctx, source, first):
        params = self.acc.params
        for group in range(params.groups):
            row = self.rows[group * params.sources + source]
            await self.cycle(ctx, {"add": 1, "first": first, "group": group, "row": row})


@pytest.mark.parametrize(("ready", "idle"), [(1.0, 0.0), (0.3, 0.3)], ids=["straight", "waiting"])
@pytest.mark.parametrize(("targets", "lanes", "update_lanes"), SHAPES)
def test_sums_of_every_step(targets, lanes, update_lanes, ready, idle):
    rng = random.Random(f"{targets} {lanes} {update_lanes} {ready}")
    bits = rng.choice([1, 1, 2, 3, 8])
    params, weights = random_array(rng, sources=6, targets=targets, lanes=lanes, weight_bits=bits)
    most = most_late_cycles(params, -(-targets // update_lanes))
    late = rng.choice([0, most, rng.randint(0, most)])
    acc = accumulators(params, update_lanes=update_lanes, accs_late=late)
    traffic = Traffic(acc, rng, weights, steps=9, ready=ready, idle=idle)
    traffic.run()
    groups = acc.sweep_groups
    assert len(traffic.starts) == len(traffic.steps)
    assert len(traffic.sweep) == len(traffic.steps) * groups
    for step, events in enumerate(traffic.steps):
        sweep = traffic.sweep[step * groups : (step + 1) * groups]
        cycles = [row[0] for row in sweep]
        assert cycles == list(range(cycles[0], cycles[0] + groups)), f"sweep {step} has a gap"
        if ready == 1.0:
            assert cycles[0] + late == traffic.swaps[step] + sweep_cycles(params, groups)
        assert [row[1] for row in sweep] == list(range(groups))
        assert [row[2] for row in sweep] == [0] * (groups - 1) + [1]
        assert {row[3] for row in sweep} == {step % 3 == 2}
        sums = [sum(weights[target][source] for source in events) for target in range(targets)]
        found = [value for cycle in cycles for value in traffic.accs[cycle + late]]
        assert found[:targets] == sums, f"step {step}: {events}"


def test_a_start_comes_the_same_time_before_every_sweep():
    """What the core counts from: the distance of two starts is the distance of the sweeps."""
    rng = random.Random(5)
    params, weights = random_array(rng, sources=3, targets=7, lanes=3, weight_bits=3)
    traffic = Traffic(accumulators(params, update_lanes=1), rng, weights, steps=9, ready=0.3, idle=0.0)
    traffic.run()
    strobes = [row[0] for row in traffic.sweep if row[1] == 0]
    assert len({strobe - start for strobe, (start,) in zip(strobes, traffic.starts, strict=True)}) == 1
