"""The serialiser: events in ascending order, a tick a step, whole sweeps queued, values and last steps."""

import random

import numpy as np
import pytest
from amaranth import signed, unsigned
from spikeloom.hw.serialiser import Serialiser

from .drivers import Bench, coin
from .runs import fields

# neurons, lanes
SIZES = [
    (1, 1),
    (4, 4),
    (5, 2),
    (6, 3),
    (7, 1),
    (7, 7),
    (9, 5),
    (12, 4),
    (24, 12),
    (40, 10),
    (90, 40),
    (90, 5),
    (100, 6),
]


class Run:
    """Sweeps of random masks; each starts when the serialiser has room, as the core does it."""

    def __init__(self, block, rng, *, sweeps, density, update_cycles=5, stall=None, last_every=3):
        self.block, self.bench, self.rng = block, Bench(block), rng
        self.update_cycles, self.last_every = update_cycles, last_every
        self.masks = [self.mask(density) for _ in range(sweeps)]
        self.values = [[self.value() for _ in range(block.neurons)] for _ in range(sweeps)]
        self.counts = [[self.count() for _ in range(block.neurons)] for _ in range(sweeps)]
        self.strobes, self.sent, self.payloads = [], [], []
        self.ticks = sum(self.last(k) for k in range(sweeps)) if block.only_last else sweeps

        async def read(ctx):
            left = [self.ticks]

            def done(payload):
                left[0] -= payload.tick
                return left[0] == 0

            self.payloads = await self.bench.get(ctx, block.out, done=done, stall=stall, taken=self.sent)

        self.bench.run(self.sweep, read, limit_cycles=40_000)

    def last(self, sweep):
        return sweep % self.last_every == self.last_every - 1

    def mask(self, density):
        density = self.rng.choice([0, density, 1])
        return [self.rng.random() < density for _ in range(self.block.neurons)]

    def count(self):
        """Events of a lane, in half of the cases just one."""
        bits = self.block.spike_bits
        return 1 if bits == 1 or self.rng.random() < 0.5 else self.rng.randint(1, (1 << bits) - 1)

    def value(self):
        shape = self.block.value
        if shape is None:
            return None
        low = -(1 << (shape.width - 1)) if shape.signed else 0
        return low + self.rng.getrandbits(shape.width)

    async def sweep(self, ctx):
        for number in range(len(self.masks)):
            while not ctx.get(self.block.ready):
                await ctx.tick()
            ctx.set(self.block.start, 1)
            await ctx.tick()
            ctx.set(self.block.start, 0)
            for _ in range(self.update_cycles):
                await ctx.tick()
            await self.groups(ctx, number)

    async def groups(self, ctx, number):
        block = self.block
        for group in range(block.groups):
            lanes = range(group * block.lanes, (group + 1) * block.lanes)
            bits = [k < block.neurons and self.masks[number][k] for k in lanes]
            ctx.set(block.strobe, 1)
            ctx.set(block.group, group)
            ctx.set(block.mask, sum(bit << k for k, bit in enumerate(bits)))
            ctx.set(block.final, group == block.groups - 1)
            ctx.set(block.last, self.last(number))
            if block.spike_bits > 1:
                ctx.set(block.counts, [self.counts[number][k] if k < block.neurons else 1 for k in lanes])
            if block.value is not None:
                ctx.set(
                    block.values,
                    [self.values[number][k] if k < block.neurons else self.value() for k in lanes],
                )
            _, _, cycle = await ctx.tick().sample(self.bench.cycle)
            self.strobes.append(cycle)
        ctx.set(block.strobe, 0)

    def expected(self):
        for number, (mask, values) in enumerate(zip(self.masks, self.values, strict=True)):
            if self.last(number) or not self.block.only_last:
                for k, bit in enumerate(mask):
                    yield from [(k, values[k], 0, 0)] * (bit * self.counts[number][k])
                yield (None, None, 1, int(self.last(number)))

    def found(self):
        """The tokens; every one of them says whether its step is the last."""
        lasts = [payload.last for payload in self.payloads]
        steps = np.cumsum([0, *(payload.tick for payload in self.payloads)])[:-1]
        if not self.block.only_last:
            assert lasts == [int(self.last(step)) for step in steps]
        return [fields(payload) for payload in self.payloads]


class AllOnes(random.Random):
    """Every mask full."""

    def choice(self, seq):
        return seq[-1]


class AllZeros(random.Random):
    """Every mask empty."""

    def choice(self, seq):
        return seq[0]


@pytest.mark.parametrize("stall", [0, 0.5], ids=["open", "stalled"])
@pytest.mark.parametrize("value", [None, signed(5), unsigned(9)], ids=["events", "signed", "unsigned"])
@pytest.mark.parametrize(("neurons", "lanes"), SIZES)
def test_tokens_of_every_sweep(neurons, lanes, value, stall):
    rng = random.Random(f"{neurons} {lanes} {value} {stall}")
    block = Serialiser(neurons=neurons, lanes=lanes, value=value, only_last=rng.random() < 0.3)
    run = Run(
        block, rng, sweeps=9, density=0.3, stall=coin(stall, neurons), update_cycles=rng.choice([0, 1, 8])
    )
    assert run.found() == list(run.expected())


@pytest.mark.parametrize("stall", [0, 0.5], ids=["open", "stalled"])
@pytest.mark.parametrize("spike_bits", [2, 3, 8])
@pytest.mark.parametrize(("neurons", "lanes"), SIZES)
def test_every_lane_is_sent_as_often_as_its_count(neurons, lanes, spike_bits, stall):
    rng = random.Random(f"{neurons} {lanes} {spike_bits} {stall}")
    block = Serialiser(neurons=neurons, lanes=lanes, spike_bits=spike_bits)
    run = Run(
        block, rng, sweeps=6, density=0.3, stall=coin(stall, neurons), update_cycles=rng.choice([0, 1, 8])
    )
    assert run.found() == list(run.expected())


def test_counts_leave_an_event_a_cycle():
    """Nothing but the events takes time, from the first token to the tick."""
    block = Serialiser(neurons=9, lanes=4, spike_bits=3)
    run = Run(block, AllOnes(7), sweeps=1, density=1.0, last_every=1)
    events = sum(run.counts[0])
    assert events > 12
    assert run.sent == [run.strobes[0] + block.latency + k for k in range(events + 1)]


@pytest.mark.parametrize("value", [None, unsigned(4)], ids=["events", "values"])
@pytest.mark.parametrize(("neurons", "lanes"), SIZES)
def test_only_the_last_step(neurons, lanes, value):
    rng = random.Random(neurons)
    block = Serialiser(neurons=neurons, lanes=lanes, value=value, only_last=True)
    run = Run(block, rng, sweeps=8, density=0.5, last_every=4)
    assert run.found() == list(run.expected())


@pytest.mark.parametrize("only_last", [False, True])
@pytest.mark.parametrize(
    ("neurons", "lanes", "latency"), [(10, 1, 4), (10, 4, 4), (40, 10, 6), (64, 16, 6), (120, 40, 8)]
)
def test_latency_and_rate(neurons, lanes, latency, only_last):
    """The first token of a sweep of full masks after `latency`, then a token a cycle."""
    block = Serialiser(neurons=neurons, lanes=lanes, only_last=only_last)
    run = Run(block, AllOnes(), sweeps=1, density=1.0, last_every=1)
    assert block.latency == latency
    assert run.sent == [run.strobes[0] + latency + k for k in range(neurons + 1)]


@pytest.mark.parametrize(
    ("neurons", "lanes", "bits", "late"),
    [(17, 1, 1, True), (16, 1, 1, False), (66, 2, 1, True), (68, 4, 6, True)],
)
def test_a_deep_queue_is_later(neurons, lanes, bits, late):
    block = Serialiser(neurons=neurons, lanes=lanes, spike_bits=bits)
    assert Serialiser.deep_queue(block.groups) is late
    assert block.latency == Serialiser.latency_cycles(groups=1, lanes=lanes, spike_bits=bits) + 3 * late
    run = Run(block, AllOnes(), sweeps=1, density=1.0, last_every=1)
    start = run.strobes[0] + block.latency
    assert run.sent == [start + k for k in range(len(run.sent))]
    assert len(run.sent) == 1 + (block.neurons if bits == 1 else sum(run.counts[0]))
    run = Run(block, random.Random(1), sweeps=6, density=0.4)
    assert run.found() == list(run.expected())


def test_a_silent_population_costs_its_tick():
    block = Serialiser(neurons=10, lanes=2)
    run = Run(block, AllZeros(), sweeps=1, density=0.0)
    assert run.sent == [run.strobes[-1] + block.latency]


async def begin_sweeps(ctx, block, masks, *, pause=4):
    """Sweeps of `masks`, of all groups alike, each as soon as there is room; how many of them began."""
    begun = 0
    for mask in masks:
        for _ in range(20):
            if ctx.get(block.ready):
                break
            await ctx.tick()
        else:
            return begun
        begun += 1
        ctx.set(block.start, 1)
        await ctx.tick()
        ctx.set(block.start, 0)
        for group in range(block.groups):
            final = group == block.groups - 1
            ctx.set(block.strobe, 1)
            ctx.set(block.group, group)
            ctx.set(block.mask, mask & 0b01 if final else mask)
            ctx.set(block.final, final)
            if block.spike_bits > 1:
                ctx.set(block.counts, [1] * block.lanes)
            await ctx.tick()
        ctx.set(block.strobe, 0)
        for _ in range(pause):
            await ctx.tick()
    return begun


def room_for(block, masks):
    """Sweeps that begin while `out` is closed, and what leaves once it is open."""
    bench, begun, payloads = Bench(block), [], []

    async def sweep(ctx):
        begun.append(await begin_sweeps(ctx, block, masks))
        ticks = []

        def done(payload):
            ticks.append(payload.tick)
            return sum(ticks) == begun[0]

        payloads.extend(await bench.get(ctx, block.out, done=done))
        for _ in range(4):
            await ctx.tick()
        assert ctx.get(block.ready)

    bench.run(sweep)
    return begun[0], [None if payload.tick else payload.index for payload in payloads]


@pytest.mark.parametrize("value", [None, signed(3)], ids=["events", "values"])
@pytest.mark.parametrize("neurons", [7, 9])
def test_room_for_whole_sweeps_and_no_more(neurons, value):
    """With `out` closed, as many full sweeps begin and fit as the queue has words for, and no further one."""
    block = Serialiser(neurons=neurons, lanes=2, value=value)
    words = Serialiser.queue_words(block.groups)
    begun, indices = room_for(block, [0b11] * 20)
    assert begun == words // block.groups >= Serialiser.SWEEPS
    assert indices == [*range(neurons), None] * begun


@pytest.mark.parametrize(("neurons", "spike_bits"), [(9, 1), (9, 3), (40, 1)])
def test_groups_that_send_nothing_take_no_room(neurons, spike_bits):
    """A silent sweep keeps one word, so that many begin where no full one would."""
    block = Serialiser(neurons=neurons, lanes=2, spike_bits=spike_bits)
    words = Serialiser.queue_words(block.groups)
    begun, indices = room_for(block, [0] * words)
    assert begun == words - block.groups + 1
    assert indices == [None] * begun
    free = words - block.groups - 3
    begun, _ = room_for(block, [0b11, 0, 0, 0, *[0b11] * words])
    assert begun == 4 + free // block.groups


def test_a_deep_queue_holds_three_sweeps():
    assert Serialiser.queue_words(17) == 64
    assert Serialiser.queue_words(256) == 1024
