"""Channel fan: an event of the input, once for each link into a core that takes its channel; ticks pass."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .signatures import event_stream

__all__ = ["ChannelFan"]


class ChannelFan(wiring.Component):
    """Copies events for ranges of channels that may overlap; the ranges follow each other in `o`.

    The copies of an event leave one a cycle, in the order of the ranges, and it is taken with the last. An
    event of no range is consumed. No latency.

    Streams
    -------
    i : in, `event_stream(of, value_bits)`
    o : out, `event_stream` of the channels of all ranges together, with the same values

    Parameters
    ----------
    of : int
        Channels of the input.
    ranges : sequence of (int, int)
        First channel and number of channels of each link.
    """

    i: Any
    o: Any

    def __init__(self, *, of: int, ranges: Sequence[tuple[int, int]], value_bits: int = 0):
        self.ranges = list(ranges)
        self.bases = list(accumulate((channels for _, channels in self.ranges), initial=0))
        super().__init__(
            {"i": In(event_stream(of, value_bits)), "o": Out(event_stream(self.bases[-1], value_bits))}
        )

    def elaborate(self, platform):
        m = Module()
        token, sent = self.i.payload, Signal(len(self.ranges))
        left = Signal(len(self.ranges))
        mine = Cat(
            (token.index >= first) & (token.index < first + channels) for first, channels in self.ranges
        )
        m.d.comb += left.eq(mine & ~sent)
        first_left = left & (-left)[: len(left)]
        final = token.tick | (left == first_left)
        offset = Const(0)
        for place, (first, _) in enumerate(self.ranges):
            offset = Mux(first_left[place], self.bases[place] - first, offset)
        kept = [name for name in token.shape().members if name != "index"]
        m.d.comb += [
            *(self.o.payload[name].eq(token[name]) for name in kept),
            self.o.payload.index.eq(token.index + offset),
            self.o.valid.eq(self.i.valid & (token.tick | left.any())),
            self.i.ready.eq(Mux(token.tick | left.any(), self.o.ready & final, 1)),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += sent.eq(Mux(final, 0, sent | first_left))
        return m
