"""The row array: sums of rows that come in any order, swept while the next step is added."""

import random
from dataclasses import replace
from typing import Any

import pytest
from amaranth import Module, Signal
from amaranth.lib import wiring
from spikeloom.hw.banked_accumulators import BankedAccumulators
from spikeloom.hw.params import LinkParams
from spikeloom.hw.row_array import RowArray

from .convolutions import random_conv
from .drivers import Bench, coin
from .test_expander import core_of

# filters, lanes, update lanes; the map has 1, 2 or more positions
SHAPES = [(1, 1, 1), (2, 1, 1), (4, 4, 1), (4, 2, 2), (6, 3, 1), (8, 8, 2)]


class HeldArray(wiring.Component):
    """A row array whose ticks wait as `hold` says, as they do in the row walk."""

    rows: Any
    sweep: Any
    sweep_ready: Signal
    start: Signal

    def __init__(self, core, words):
        self.array = RowArray(core, words)
        self.accumulators = self.array.accumulators
        members = dict(self.array.signature.members)
        del members["hold"], members["clearing"]
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = array = self.array
        held = Signal()
        wait = self.rows.payload.tick & held
        m.d.sync += held.eq(array.hold | (array.rows.valid & array.rows.payload.tick))
        wiring.connect(m, array.sweep, wiring.flipped(self.sweep))
        m.d.comb += [
            array.rows.payload.eq(self.rows.payload),
            array.rows.valid.eq(self.rows.valid & self.rows.ready),
            self.rows.ready.eq(~array.clearing & ~wait),
            array.sweep_ready.eq(self.sweep_ready),
            self.start.eq(array.start),
        ]
        return m


class Run:
    """Steps (lists of (row, group)) through an array; swept sums, and cycles of ticks, starts and strobes."""

    def __init__(self, core, words, steps, *, gap=None, ready=1.0, seed=0, reset_after=None):
        self.array = array = HeldArray(core, words)
        self.core, self.steps = core, steps
        self.bench = Bench(array)
        self.taken, self.starts, self.sweep = [], [], []
        self.since = 0
        rng = random.Random(seed)

        async def be_ready(ctx):
            while True:
                ctx.set(array.sweep_ready, rng.random() < ready)
                await ctx.tick()

        async def send(ctx):
            if reset_after is not None:
                await self.bench.put(ctx, array.rows, list(self.tokens())[:reset_after])
                await self.bench.reset(ctx)
                # what the reset cut off is not counted
                self.since = ctx.get(self.bench.cycle)
                for records in (self.taken, self.sweep):
                    records.clear()
            await self.bench.put(ctx, array.rows, self.tokens(), gap=gap, taken=self.taken)
            while len(self.sweep) < len(steps) * array.accumulators.sweep_groups:
                await ctx.tick()
            for _ in range(8):
                await ctx.tick()

        ports = array.sweep
        values = (ports.group, ports.accs, ports.zero, ports.final, ports.last)
        watches = [
            self.bench.watch(ports.strobe, values, self.note),
            self.bench.watch(array.start, (), self.starts.append),
        ]
        self.bench.run(send, background=[*watches, be_ready], limit_cycles=20_000)

    def note(self, row):
        if row[0] >= self.since:
            self.sweep.append(row)

    def tokens(self):
        for number, rows in enumerate(self.steps):
            for row, group in rows:
                yield {"row": row, "group": group, "tick": 0, "last": 0}
            yield {"row": 0, "group": 0, "tick": 1, "last": int(number == len(self.steps) - 1)}

    def sums(self):
        """Accumulators of every step."""
        groups = self.array.accumulators.sweep_groups
        assert len(self.sweep) == len(self.steps) * groups
        for step in range(len(self.steps)):
            rows = self.sweep[step * groups : (step + 1) * groups]
            assert [row[1] for row in rows] == list(range(groups))
            assert [row[4] for row in rows] == [0] * (groups - 1) + [1]
            assert {row[5] for row in rows} == {step == len(self.steps) - 1}
            values = [0 if row[3] else value for row in rows for value in list(row[2])]
            yield values[: self.core.array.targets]


def random_case(rng, filters, lanes, update_lanes, *, weight_bits=4):
    """A core, its weight words, what they hold, and steps of rows, often to the same group in a row."""
    conv = random_conv(rng, filters=filters)
    while conv.groups > 1 or conv.positions > 12:
        conv = random_conv(rng, filters=filters)
    core = core_of(conv, lanes, weight_bits=weight_bits)
    core = type(core)(**{**vars(core), "update_lanes": update_lanes})
    low, high = -(1 << (weight_bits - 1)), (1 << (weight_bits - 1)) - 1
    weights = [
        [rng.choice([-1, 1]) if weight_bits == 1 else rng.randint(low, high) for _ in range(lanes)]
        for _ in range(core.rows)
    ]
    words = []
    for row in weights:
        codes = [int(w < 0) if weight_bits == 1 else w % (1 << weight_bits) for w in row]
        words.append(sum(code << lane * weight_bits for lane, code in enumerate(codes)))
    steps = [random_rows(rng, core, rng.choice([0, 1, 2, 3, 7, 15])) for _ in range(9)]
    return core, words, weights, steps


def random_rows(rng, core, count):
    few = [rng.randrange(core.array.groups) for _ in range(rng.choice([1, 2, 3, 8]))]
    return [(rng.randrange(core.rows), rng.choice(few)) for _ in range(count)]


def with_lists(rng, core, words, steps):
    """Further words, of row lists, before those of the convolution; in the rows of the steps too.

    Their rows carry any group: what counts is the one above the word.
    """
    counts = [rng.randint(0, core.array.groups) for _ in range(3)] + [1]
    link = LinkParams(source=0, channels=len(counts), lists=tuple(counts))
    array = replace(core.array, sources=core.array.sources + len(counts))
    core = replace(core, array=array, links=(*core.links, link))
    groups = [rng.randrange(core.array.groups) for _ in range(core.listed_rows)]
    drawn = zip(rng.choices(words, k=len(groups)), groups, strict=True)
    lists = [word | group << array.row_bits for word, group in drawn]
    steps = [[(row + len(lists), group) for row, group in rows] for rows in steps]
    for rows in steps:
        for _ in range(rng.choice([0, 1, 5])):
            place = rng.randint(0, len(rows))
            rows.insert(place, (rng.randrange(len(lists)), rng.randrange(core.array.groups)))
    return core, lists + words, groups, steps


def expected_sums(core, weights, rows):
    lanes = core.array.lanes
    sums = [0] * core.array.targets
    for row, group in rows:
        for lane, weight in enumerate(weights[row]):
            sums[group * lanes + lane] += weight
    return sums


def check(rng, shape, *, weight_bits=4, **run):
    core, words, weights, steps = random_case(rng, *shape, weight_bits=weight_bits)
    found = list(Run(core, words, steps, **run).sums())
    for step, rows in enumerate(steps):
        assert found[step] == expected_sums(core, weights, rows), f"step {step}: {rows}"


@pytest.mark.parametrize("how", ["straight", "gaps", "neurons wait", "reset"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", SHAPES)
def test_sums(shape, seed, how):
    rng = random.Random(f"{shape} {seed}")
    run = {
        "straight": {},
        "gaps": {"gap": coin(0.4, seed)},
        "neurons wait": {"ready": 0.2},
        "reset": {"reset_after": rng.randint(1, 20)},
    }[how]
    check(rng, shape, **run)


@pytest.mark.parametrize("how", ["straight", "gaps", "neurons wait", "reset"])
@pytest.mark.parametrize("shape", SHAPES)
def test_sums_of_row_lists(shape, how):
    """A row list's word goes to the group that its memory says; a tick takes as much longer as that takes."""
    rng = random.Random(f"lists {shape} {how}")
    core, words, _, steps = random_case(rng, *shape)
    core, words, groups, steps = with_lists(rng, core, words, steps)
    waits = {"gaps": {"gap": coin(0.4, how)}, "neurons wait": {"ready": 0.2}, "reset": {"reset_after": 9}}
    run = Run(core, words, steps, **waits.get(how, {}))
    mask = (1 << core.array.weight_bits) - 1
    weights = []
    for word in words:
        codes = [word >> lane * core.array.weight_bits & mask for lane in range(core.array.lanes)]
        weights.append([code - (mask + 1) * (code > mask >> 1) for code in codes])
    for step, (found, rows) in enumerate(zip(run.sums(), steps, strict=True)):
        rows = [(row, groups[row] if row < len(groups) else group) for row, group in rows]
        assert found == expected_sums(core, weights, rows), f"step {step}: {rows}"
    if how == "straight":
        assert run.starts[0][0] == run.taken[len(steps[0])] + RowArray.swap_cycles(core)
        assert RowArray.swap_cycles(core) == BankedAccumulators.SWAP_CYCLES + 2


@pytest.mark.parametrize("weight_bits", [1, 2, 7, 16])
def test_weight_widths(weight_bits):
    check(random.Random(weight_bits), (4, 2, 1), weight_bits=weight_bits)


@pytest.mark.parametrize("shape", SHAPES)
def test_timing(shape):
    """A row a cycle; a sweep starts when its tick has come through, and lets the next tick in as it ends."""
    rng = random.Random(f"timing {shape}")
    core, words, _, steps = random_case(rng, *shape)
    run = Run(core, words, steps)
    acc = BankedAccumulators
    groups = run.array.accumulators.sweep_groups
    taken, starts, free, at = iter(run.taken), [], 0, None
    for rows in steps:
        for _ in rows:
            cycle = next(taken)
            assert at is None or cycle == at + 1
            at = cycle
        tick = next(taken)
        assert at is None or tick == max(at + 1, free)
        at = tick
        starts.append(tick + acc.SWAP_CYCLES)
        free = starts[-1] + acc.free_cycles(groups)
    assert [row[0] for row in run.starts] == starts
    assert [row[0] for row in run.sweep] == [s + acc.SWEEP_CYCLES + k for s in starts for k in range(groups)]
