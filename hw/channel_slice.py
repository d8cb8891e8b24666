"""Channel slice: the events of a range of channels, renumbered from zero; ticks pass."""

from __future__ import annotations

from typing import Any

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .signatures import event_stream

__all__ = ["ChannelSlice"]


class ChannelSlice(wiring.Component):
    """Takes channels `first` .. `first + channels - 1` of `i`; other events are consumed. No latency.

    Streams
    -------
    i : in, `event_stream(of, value_bits)`
    o : out, `event_stream(channels, value_bits)`
    """

    i: Any
    o: Any

    def __init__(self, *, of: int, first: int, channels: int, value_bits: int = 0):
        self.first = first
        self.channels = channels
        super().__init__(
            {"i": In(event_stream(of, value_bits)), "o": Out(event_stream(channels, value_bits))}
        )

    def elaborate(self, platform):
        m = Module()
        token = self.i.payload
        mine = token.tick | ((token.index >= self.first) & (token.index < self.first + self.channels))
        m.d.comb += [
            self.o.payload[name].eq(token[name]) for name in token.shape().members if name != "index"
        ]
        m.d.comb += [
            self.o.payload.index.eq(token.index - self.first),
            self.o.valid.eq(self.i.valid & mine),
            self.i.ready.eq(self.o.ready | ~mine),
        ]
        return m
