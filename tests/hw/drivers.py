"""Drive a component in Amaranth's simulator: streams with random gaps and stalls, their protocol checked."""

from __future__ import annotations

import random

from amaranth import ClockDomain, Elaboratable, Module, ResetSignal, Signal, Value
from amaranth.sim import Simulator

__all__ = ["Bench", "coin", "token"]


def coin(probability, seed):
    """Yield True with `probability`, without end; None for probability 0."""
    if not probability:
        return None
    rng = random.Random(seed)
    return iter(lambda: rng.random() < probability, None)


def token(index=0, value=None, *, tick=0, last=0):
    """Payload of an event or value stream."""
    fields = {"index": index, "tick": tick, "last": last}
    return fields if value is None else {**fields, "value": value}


class Bench(Elaboratable):
    """A component, the reset of its clock domain (`rst`), and the number of the cycle (`cycle`).

    `clocks`: periods of further domains by name, in cycles; they have no reset.
    """

    def __init__(self, component, *, clocks=None):
        self.component = component
        self.clocks = clocks or {}
        self.rst = Signal()
        self.cycle = Signal(32, reset_less=True)

    def elaborate(self, platform):
        m = Module()
        m.domains += ClockDomain("sync")
        m.d.comb += ResetSignal("sync").eq(self.rst)
        for name in self.clocks:
            m.domains += ClockDomain(name, reset_less=True)
        m.submodules.component = self.component
        m.d.sync += self.cycle.eq(self.cycle + 1)
        return m

    def run(self, *benches, background=(), limit_cycles=5_000):
        """Run `benches`, functions of a simulator context, until all have ended."""
        simulator = Simulator(self)
        simulator.add_clock(1e-6)
        for name, period in self.clocks.items():
            simulator.add_clock(period * 1e-6, domain=name)

        async def watchdog(ctx):
            for _ in range(limit_cycles):
                await ctx.tick()
            raise AssertionError(f"still running after {limit_cycles} cycles")

        for bench in benches:
            simulator.add_testbench(bench)
        for bench in (*background, watchdog):
            simulator.add_testbench(bench, background=True)
        simulator.run()

    async def reset(self, ctx):
        """Hold the reset for a cycle."""
        ctx.set(self.rst, 1)
        await ctx.tick()
        ctx.set(self.rst, 0)

    async def put(self, ctx, stream, payloads, *, gap=None, taken=None):
        """Send payloads; True from `gap` offers none for a cycle. `taken` gets the cycle of each transfer."""
        for payload in payloads:
            while gap is not None and next(gap):
                await ctx.tick()
            ctx.set(stream.payload, payload)
            ctx.set(stream.valid, 1)
            ready = False
            while not ready:
                _, _, ready, cycle = await ctx.tick().sample(stream.ready, self.cycle)
            ctx.set(stream.valid, 0)
            if taken is not None:
                taken.append(cycle)

    async def get(self, ctx, stream, *, done, stall=None, taken=None):
        """Take payloads until ``done(payload)``; True from `stall` takes none for a cycle.

        A token that waits may neither be withdrawn nor change.
        """
        payloads, waiting = [], None
        while True:
            ready = stall is None or not next(stall)
            ctx.set(stream.ready, ready)
            ports = (stream.valid, Value.cast(stream.payload), stream.payload, self.cycle)
            _, _, valid, raw, payload, cycle = await ctx.tick().sample(*ports)
            if waiting is not None:
                assert valid, f"cycle {cycle}: a token that waited was withdrawn"
                assert raw == waiting, f"cycle {cycle}: a token that waited changed"
            waiting = raw if valid and not ready else None
            if valid and ready:
                payloads.append(payload)
                if taken is not None:
                    taken.append(cycle)
                if done(payload):
                    ctx.set(stream.ready, 0)
                    return payloads

    def watch(self, strobe, values, record):
        """Background bench: ``record((cycle, *values))`` in every cycle with `strobe`."""

        async def bench(ctx):
            while True:
                _, _, hit, *sampled = await ctx.tick().sample(strobe, self.cycle, *values)
                if hit:
                    record(tuple(sampled))

        return bench
