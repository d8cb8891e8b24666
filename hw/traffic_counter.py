"""Traffic counter: how many events and steps a stream has carried since the reset."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["TRAFFIC_BITS", "TrafficCounter", "watch"]

TRAFFIC_BITS = 32
"""Width of a counter; it wraps around."""


class TrafficCounter(wiring.Component):
    """Counts the transfers of a stream; it only listens.

    Ports
    -----
    strobe, tick : in
        A token is transferred; it ends a step.
    events, steps : out
        Tokens so far that were events, and that were ticks.
    """

    strobe: Signal
    tick: Signal
    events: Signal
    steps: Signal

    def __init__(self):
        counts = dict.fromkeys(("events", "steps"), Out(TRAFFIC_BITS))
        super().__init__({"strobe": In(1), "tick": In(1), **counts})

    def elaborate(self, platform):
        m = Module()
        with m.If(self.strobe):
            with m.If(self.tick):
                m.d.sync += self.steps.eq(self.steps + 1)
            with m.Else():
                m.d.sync += self.events.eq(self.events + 1)
        return m


def watch(m: Module, stream: Any, name: str) -> TrafficCounter:
    """Add a counter of `stream`, whose payload has a `tick`, under the name `name`."""
    m.submodules[name] = counter = TrafficCounter()
    m.d.comb += [
        counter.strobe.eq(stream.valid & stream.ready),
        counter.tick.eq(stream.payload.tick),
    ]
    return counter
