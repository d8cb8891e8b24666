"""An accelerator with a clock of its own gives the tokens of the golden model, whatever the clocks are."""

import random
from dataclasses import replace
from typing import Any

import pytest
from amaranth import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from spikeloom.hw.accelerator import Accelerator
from spikeloom.hw.clocked_accelerator import ACCELERATOR_DOMAIN, ClockedAccelerator
from spikeloom.hw.params import ReadoutKind
from spikeloom.sim.golden.model import run_golden

from .drivers import Bench, coin
from .randoms import random_chain
from .runs import expected_tokens, fields, random_samples, sample_tokens

PERIODS = [0.11, 0.37, 0.5, 0.99, 0.9993, 1.0, 1.0007, 1.01, 1.6, 2.0, 7.3]
"""Of the accelerator's clock, in cycles of the other; a time step of the simulator is 1e-9 of one."""


class Resettable(wiring.Component):
    """An accelerator with an input `reset`, as the emitted one has it."""

    events: Any
    out: Any
    saturations: Signal
    reset: Signal

    def __init__(self, inner):
        self.inner = inner
        members = inner.signature.members
        ports = {name: members[name] for name in ("events", "out", "saturations")}
        super().__init__({**ports, "reset": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = ResetInserter(self.reset)(self.inner)
        wiring.connect(m, wiring.flipped(self.events), self.inner.events)
        wiring.connect(m, self.inner.out, wiring.flipped(self.out))
        m.d.comb += self.saturations.eq(self.inner.saturations)
        return m


def clocked(case):
    params = replace(case.params, count_saturations=True)
    return ClockedAccelerator(Resettable(Accelerator(params, weights=case.rows)))


def sample_of(case, golden, sample):
    return list(expected_tokens(case.params, golden, sample))


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("readout", [ReadoutKind.SPIKES, ReadoutKind.CLASS])
def test_any_two_clocks(period, readout):
    """Random tokens, gaps and back-pressure; samples follow each other; some are cut by a reset."""
    rng = random.Random(f"clocks {period} {readout}")
    case = random_chain(rng, sizes=[5, 7, 4], readout=readout)
    x = random_samples(rng, case, samples=6, steps=4)
    golden = run_golden(case.network, x, record=True)
    component = clocked(case)
    bench = Bench(component, clocks={ACCELERATOR_DOMAIN: period})
    gap, stall = coin(rng.choice([0.0, 0.4]), 1), coin(rng.choice([0.0, 0.5]), 2)
    got, begun = [], []

    async def reset(ctx, cycles):
        ctx.set(component.reset, 1)
        await ctx.tick().repeat(cycles)
        ctx.set(component.reset, 0)

    async def send(ctx):
        for number, sample in enumerate(x):
            tokens = list(sample_tokens(sample, rng))
            if number % 2:
                # a part of the sample, some cycles to run, a reset of any length, perhaps another
                await bench.put(ctx, component.events, tokens[: rng.randrange(len(tokens))], gap=gap)
                await ctx.tick().repeat(rng.randrange(1, 60))
                begun.append(None)
                await reset(ctx, rng.choice([1, 1, 2, 17]))
                if rng.random() < 0.5:
                    await ctx.tick().repeat(rng.randrange(1, 12))
                    await reset(ctx, 1)
            begun.append(number)
            await bench.put(ctx, component.events, tokens, gap=gap)
            while len(got) <= number:
                await ctx.tick()

    async def take(ctx):
        """What comes after a reset is of the sample that follows; what came before it is forgotten."""
        resets, payloads = 0, []
        while len(got) < len(x):
            ready = stall is None or not next(stall)
            ctx.set(component.out.ready, ready)
            ports = component.out.valid, component.out.payload, component.reset
            _, _, valid, payload, resetting = await ctx.tick().sample(*ports)
            if resetting or resets != begun.count(None):
                resets, payloads = begun.count(None), []
            elif valid and ready:
                payloads.append(payload)
                if payload.tick and payload.last:
                    got.append([fields(payload) for payload in payloads])
                    payloads = []

    bench.run(send, take, limit_cycles=40_000)
    assert got == [sample_of(case, golden, number) for number in range(len(x))]


@pytest.mark.parametrize("period", [0.13, 0.998, 5.1])
def test_cycles_are_read_whole(period):
    """The count never goes back, jumps, or falls behind by more than the way takes."""
    rng = random.Random("cycles")
    component = clocked(random_chain(rng, sizes=[2, 2], readout=ReadoutKind.SPIKES))
    bench = Bench(component, clocks={ACCELERATOR_DOMAIN: period})

    async def watch(ctx):
        seen = 0
        for cycle in range(1, 3000):
            _, _, now = await ctx.tick().sample(component.cycles)
            assert seen <= now <= cycle / period + 1
            assert now > cycle / period - 6 / period - 12
            seen = now

    bench.run(watch)


@pytest.mark.parametrize("period", [0.13, 0.998, 5.1])
def test_saturations_of_every_step_are_counted(period):
    rng, counted = random.Random(f"saturations {period}"), []
    for _ in range(3):
        case = random_chain(rng, sizes=[6, 9, 5], readout=ReadoutKind.SPIKES)
        x = random_samples(rng, case, samples=2, steps=5)
        component = clocked(case)
        bench = Bench(component, clocks={ACCELERATOR_DOMAIN: period})

        async def send(ctx, x=x, component=component, bench=bench):
            for sample in x:
                await bench.put(ctx, component.events, sample_tokens(sample, rng))

        async def take(ctx, x=x, component=component, bench=bench):
            for _ in x:
                await bench.get(ctx, component.out, done=lambda p: p.tick and p.last)
            await ctx.tick().repeat(round(30 + 30 * period))
            counted.append(ctx.get(component.saturations))

        bench.run(send, take, limit_cycles=20_000)
        assert counted[-1] == sum(run_golden(case.network, x).saturations.values())
    assert max(counted) > 10
