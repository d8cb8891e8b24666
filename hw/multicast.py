"""Multicast: one stream to several consumers, each token to each of them exactly once."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Multicast"]


class Multicast(wiring.Component):
    """Fan-out of a stream to `ways` consumers.

    Streams
    -------
    i : in, `payload`
    o_0, o_1, ... : out, the same

    A consumer may take a token before the others do; the next token comes when all have taken it. Nothing is
    dropped, doubled or reordered. No latency.
    """

    i: Any

    def __init__(self, payload: data.Layout, *, ways: int):
        self.ways = ways
        signature = stream.Signature(payload)
        super().__init__({"i": In(signature), **{f"o_{k}": Out(signature) for k in range(ways)}})

    @property
    def outputs(self) -> list[Any]:
        """The out streams."""
        return [getattr(self, f"o_{k}") for k in range(self.ways)]

    def elaborate(self, platform):
        m = Module()
        taken = Signal(self.ways)
        done = Cat(*(taken[k] | out.ready for k, out in enumerate(self.outputs)))
        m.d.comb += self.i.ready.eq(done.all())
        for k, out in enumerate(self.outputs):
            m.d.comb += [out.payload.eq(self.i.payload), out.valid.eq(self.i.valid & ~taken[k])]
        with m.If(self.i.valid):
            m.d.sync += taken.eq(0)
            with m.If(~done.all()):
                m.d.sync += taken.eq(done)
        return m
