"""Argmax readout: the neuron with the largest value; of equals, the lowest index."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.hdl import Shape
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .signatures import event_stream, value_stream

__all__ = ["Argmax"]


class Argmax(wiring.Component):
    """Takes a value a neuron in ascending order and a tick; sends the winner as an event, then a tick.

    Streams
    -------
    values : in, `value_stream(neurons, value)`
    out : out, `event_stream(neurons)`

    `latency`: 1 cycle from the tick to the event, one more to the tick on `out`.
    """

    latency = 1

    values: Any
    out: Any

    def __init__(self, *, neurons: int, value: Shape):
        super().__init__({"values": In(value_stream(neurons, value)), "out": Out(event_stream(neurons))})

    def elaborate(self, platform):
        m = Module()
        token = self.values.payload
        best = Signal.like(token.value, reset_less=True)
        winner = Signal.like(token.index, reset_less=True)
        empty = Signal(init=1)
        with m.FSM():
            with m.State("COLLECT"):
                m.d.comb += self.values.ready.eq(1)
                with m.If(self.values.valid):
                    m.d.sync += empty.eq(token.tick)
                    with m.If(token.tick):
                        m.next = "EVENT"
                    with m.Elif(empty | (token.value > best)):
                        m.d.sync += [best.eq(token.value), winner.eq(token.index)]
            with m.State("EVENT"):
                m.d.comb += [self.out.valid.eq(1), self.out.payload.index.eq(winner)]
                with m.If(self.out.ready):
                    m.next = "TICK"
            with m.State("TICK"):
                m.d.comb += [self.out.valid.eq(1), self.out.payload.tick.eq(1), self.out.payload.last.eq(1)]
                with m.If(self.out.ready):
                    m.next = "COLLECT"
        return m
