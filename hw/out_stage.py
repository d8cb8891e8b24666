"""Output stage of a stream: two registers, so that neither side's handshake goes through to the other."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["OutStage"]


class OutStage(wiring.Component):
    """Two tokens of room; `o` starts from a register and `i.ready` is one.

    Streams
    -------
    i : in, `payload`
    o : out, the same

    A token leaves `LATENCY_CYCLES` after it came, at the earliest; a token a cycle. The first of the two is
    the output; the other takes what comes in a cycle in which the output cannot go.
    """

    LATENCY_CYCLES = 1

    i: Any
    o: Any

    def __init__(self, payload: data.Layout):
        self.payload = payload
        super().__init__({"i": In(stream.Signature(payload)), "o": Out(stream.Signature(payload))})

    def elaborate(self, platform):
        m = Module()
        spare = Signal(self.payload, reset_less=True)
        full = Signal()  # the spare holds a token
        stay = Signal()
        m.d.comb += [self.i.ready.eq(~full), stay.eq(self.o.valid & ~self.o.ready)]
        # what is in the spare without `full` is of no account: so its enable is a register
        with m.If(~full):
            m.d.sync += [spare.eq(self.i.payload), full.eq(self.i.valid & stay)]
        with m.Elif(~stay):
            m.d.sync += full.eq(0)
        with m.If(~stay):
            m.d.sync += [self.o.payload.eq(self.i.payload), self.o.valid.eq(self.i.valid | full)]
            with m.If(full):
                m.d.sync += self.o.payload.eq(spare)
        return m
