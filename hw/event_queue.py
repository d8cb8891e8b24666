"""Event queue: absorbs bursts of tokens while the array behind it is busy."""

from __future__ import annotations

from typing import Any

from amaranth import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .fifo import Fifo

__all__ = ["EventQueue"]


class EventQueue(wiring.Component):
    """FIFO of `depth` payloads or more; a token leaves `LATENCY_CYCLES` after it came, at the earliest.

    With a depth of 4 or more it carries a token every cycle.
    """

    LATENCY_CYCLES = Fifo.LATENCY_CYCLES

    i: Any
    o: Any

    def __init__(self, payload: data.StructLayout, *, depth: int = 16):
        self.payload = payload
        self.depth = depth
        super().__init__({"i": In(stream.Signature(payload)), "o": Out(stream.Signature(payload))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = fifo = Fifo(width=self.payload.size, depth=self.depth)
        m.d.comb += [
            fifo.w_data.eq(self.i.payload),
            fifo.w_en.eq(self.i.valid),
            self.i.ready.eq(fifo.w_rdy),
            self.o.payload.eq(fifo.r_data),
            self.o.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.o.ready),
        ]
        return m
