"""Two places for words of a stream, so that no path leads through from one side to the other."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["StreamBuffer"]


class StreamBuffer(wiring.Component):
    """A word in each cycle, one cycle late.

    Streams
    -------
    i : in
    o : out

    Ports
    -----
    forget : in, what is not on offer at `o` yet is dropped; what is stays, as an offer is never withdrawn
    """

    i: Any
    o: Any
    forget: Signal

    def __init__(self, *, width: int):
        words = stream.Signature(unsigned(width))
        super().__init__({"i": In(words), "o": Out(words), "forget": In(1)})

    def elaborate(self, platform):
        m = Module()
        held = Signal.like(self.i.payload)
        full = Signal()  # `held` waits behind what is on offer
        m.d.comb += self.i.ready.eq(~full)
        with m.If(self.o.ready | ~self.o.valid):
            m.d.sync += [
                self.o.valid.eq((full | self.i.valid) & ~self.forget),
                self.o.payload.eq(Mux(full, held, self.i.payload)),
                full.eq(0),
            ]
        with m.Else():
            m.d.sync += full.eq((full | self.i.valid) & ~self.forget)
            with m.If(~full):
                m.d.sync += held.eq(self.i.payload)
        return m
