"""AER: four-phase handshakes of any speed on both sides, steps by pin and by timer."""

import random

import pytest
from spikeloom.hw.accelerator import Accelerator
from spikeloom.hw.link.aer import AerLink, AerParams, StepTimer
from spikeloom.hw.params import ReadoutKind
from spikeloom.sim.golden.model import run_golden

from ..drivers import Bench
from ..randoms import random_chain
from ..runs import expected_tokens, random_samples


class FourPhase:
    """Pins of an AER link as other chips see them: no clock, any delay, and every rule of the protocol."""

    def __init__(self, link, seed, *, slowest):
        self.link, self.rng, self.slowest = link, random.Random(f"aer {seed}"), slowest
        self.received = []

    async def wait(self, ctx):
        """A delay that has nothing to do with the clock (1e-6)."""
        await ctx.delay(self.rng.uniform(0, self.slowest) * 1e-6)

    async def until(self, ctx, pin, level, other, least):
        """Wait for `pin` to be at `level`; `other` must stay at `least` meanwhile."""
        while ctx.get(pin) != level:
            assert ctx.get(other) == least, "the other pin moved out of turn"
            await ctx.delay(0.07e-6)

    async def send(self, ctx, addresses):
        link = self.link
        for address in addresses:
            assert not ctx.get(link.in_ack), "ack before req"
            # between two transfers the bus is anything
            ctx.set(link.in_address, self.rng.getrandbits(link.in_bits))
            await self.wait(ctx)
            ctx.set(link.in_address, address)
            await self.wait(ctx)
            ctx.set(link.in_req, 1)
            await self.until(ctx, link.in_ack, 1, link.in_req, 1)
            ctx.set(link.in_address, self.rng.getrandbits(link.in_bits))
            await self.wait(ctx)
            assert ctx.get(link.in_ack), "ack went before req"
            ctx.set(link.in_req, 0)
            await self.until(ctx, link.in_ack, 0, link.in_req, 0)

    async def strobe(self, ctx):
        """End a step, a pulse of at least two cycles."""
        ctx.set(self.link.step, 1)
        await ctx.delay((2.1 + self.rng.random()) * 1e-6)
        ctx.set(self.link.step, 0)
        await ctx.delay((2.1 + self.rng.random()) * 1e-6)

    async def receive(self, ctx):
        """Background: take what comes; an address may not change while `req` or `ack` is up."""
        link = self.link
        while True:
            while not ctx.get(link.out_req):
                await ctx.delay(0.07e-6)
            address = ctx.get(link.out_address)
            await self.wait(ctx)
            assert ctx.get(link.out_req), "req went before ack"
            assert ctx.get(link.out_address) == address, "the address changed while req was up"
            ctx.set(link.out_ack, 1)
            while ctx.get(link.out_req):
                await ctx.delay(0.07e-6)
            await self.wait(ctx)
            assert not ctx.get(link.out_req), "req before ack was down"
            assert ctx.get(link.out_address) == address, "the address changed while ack was up"
            ctx.set(link.out_ack, 0)
            self.received.append(address)


def words(params, tokens):
    """Tokens as the words of the out stream."""
    index_bits = max(1, (params.output_neurons - 1).bit_length())
    for index, value, tick, last in tokens:
        width = index_bits + params.output_value_bits
        body = 0 if tick else (index | ((value or 0) & ((1 << params.output_value_bits) - 1)) << index_bits)
        yield body | tick << width | last << (width + 1)


@pytest.mark.parametrize("slowest", [0.3, 2.0, 9.0])
@pytest.mark.parametrize("readout", [ReadoutKind.SPIKES, ReadoutKind.COUNTS, ReadoutKind.CLASS])
def test_samples_equal_the_golden_model(readout, slowest):
    rng = random.Random(f"aer {readout} {slowest}")
    case = random_chain(rng, sizes=[5, 7, 4], readout=readout)
    x = random_samples(rng, case, samples=3, steps=3)
    ticks = rng.random() < 0.5
    link = AerLink(
        Accelerator(case.params, weights=case.rows), case.params, AerParams(steps=x.shape[1], ticks=ticks)
    )
    pins = FourPhase(link, f"{readout} {slowest}", slowest=slowest)
    golden = run_golden(case.network, x, record=True)
    every = [token for k in range(len(x)) for token in expected_tokens(case.params, golden, k)]
    index_bits = max(1, (case.params.output_neurons - 1).bit_length())
    mask = (1 << index_bits + case.params.output_value_bits) - 1
    wanted = [(index, value, tick, last) for index, value, tick, last in every if ticks or not tick]

    async def run(ctx):
        for sample in x:
            for counts in sample:
                events = [index for index, count in enumerate(counts.tolist()) for _ in range(count)]
                rng.shuffle(events)
                await pins.send(ctx, events)
                await pins.strobe(ctx)
        await ctx.delay(3000e-6)

    Bench(link).run(run, background=[pins.receive], limit_cycles=400_000)
    got = pins.received
    if ticks:  # what a tick carries beside itself is nothing
        tick_bit = 1 << index_bits + case.params.output_value_bits
        got = [word & ~mask if word & tick_bit else word for word in got]
    assert got == list(words(case.params, wanted))
    assert link.signature.members["out_address"].shape == link.out_bits


def test_an_address_of_no_input_is_told():
    rng = random.Random("stray")
    case = random_chain(rng, sizes=[5, 3], readout=ReadoutKind.SPIKES)
    link = AerLink(Accelerator(case.params, weights=case.rows), case.params, AerParams(steps=1))
    pins = FourPhase(link, "stray", slowest=2.0)

    async def run(ctx):
        await pins.send(ctx, [0, 4])
        assert not ctx.get(link.stray)
        await pins.send(ctx, [5])
        assert ctx.get(link.stray)
        assert not ctx.get(link.overrun)

    Bench(link).run(run, background=[pins.receive])


def test_steps_of_the_timer():
    """A step each so many cycles, `last` with every third; those that wait are not lost, too many told."""
    timer = StepTimer(AerParams(steps=3, step_cycles=5))
    bench = Bench(timer)

    async def run(ctx):
        ctx.set(timer.take, 0)
        await ctx.tick().repeat(60)
        told = []
        for _ in range(40):
            ctx.set(timer.take, ctx.get(timer.due))
            due, last = ctx.get(timer.due), ctx.get(timer.last)
            await ctx.tick()
            if due:
                told.append(last)
        assert told == [int(k % 3 == 2) for k in range(len(told))]
        assert len(told) == 99 // 5
        assert not ctx.get(timer.overrun)
        ctx.set(timer.take, 0)
        await ctx.tick().repeat(5 * 300)
        assert ctx.get(timer.overrun)

    bench.run(run)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"steps": 0}, "Steps of a sample must be between 1 and 16777215, not 0"),
        ({"steps": 1, "step_cycles": -1}, "Cycles of a step must be between 0 and 4294967295, not -1"),
    ],
)
def test_params(given, text):
    with pytest.raises(ValueError, match=text):
        AerParams(**given)
