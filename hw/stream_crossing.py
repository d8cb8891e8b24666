"""A stream from one clock domain into another."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.hdl import ShapeLike
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["StreamCrossing"]


class StreamCrossing(wiring.Component):
    """Carries payloads between two clocks, whatever they are; a register at each side, no memory.

    A payload takes two to three cycles of the domain it goes to, and as many of the one it comes from before
    the next can follow: enough for a line of bits, and a fraction of the logic of an asynchronous FIFO.

    The side `i_domain` says with a toggle that its register holds a payload, which does not change before
    the other side has answered with its own. To forget what is under way, both domains are reset, for long
    enough that each has seen the other's toggle at rest (`clocked_accelerator.ClockedAccelerator` does).

    Streams
    -------
    i : in, in `i_domain`
    o : out, in `o_domain`
    """

    i: Any
    o: Any

    def __init__(self, shape: ShapeLike, *, i_domain: str, o_domain: str):
        self.i_domain, self.o_domain = i_domain, o_domain
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        held = Signal.like(self.i.payload)
        sent, arrived = Signal(), Signal()  # toggles: of a payload in `held`, and as the other side sees it
        taken, returned = Signal(), Signal()
        m.submodules.there = FFSynchronizer(sent, arrived, o_domain=self.o_domain)
        m.submodules.back = FFSynchronizer(taken, returned, o_domain=self.i_domain)
        m.d.comb += self.i.ready.eq(sent == returned)
        with m.If(self.i.valid & self.i.ready):
            m.d[self.i_domain] += [held.eq(self.i.payload), sent.eq(~sent)]
        with m.If(~self.o.valid | self.o.ready):
            m.d[self.o_domain] += [
                self.o.valid.eq(arrived != taken),
                taken.eq(arrived),
            ]
            with m.If(arrived != taken):
                m.d[self.o_domain] += self.o.payload.eq(held)
        return m
