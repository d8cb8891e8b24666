"""A tiny component with an accelerator's ports: every input that had an event in a step spikes in that step.

It is its own golden model (``x > 0``), and can break the stream protocol on demand.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from spikeloom.hw.params import AcceleratorParams, ArrayParams, CoreParams, NeuronParams, Reset
from spikeloom.sim.tokens import events_format, out_format

__all__ = ["Echo", "echo_params"]


def echo_params(channels: int) -> AcceleratorParams:
    """Parameters with the port widths of an `Echo`."""
    array = ArrayParams(sources=channels, targets=channels, lanes=1, weight_bits=2, acc_bits=12)
    neuron = NeuronParams(
        neurons=channels, acc_bits=12, state_bits=12, threshold=0, reset=Reset.VALUE, reset_value=0
    )
    return AcceleratorParams(cores=(CoreParams(name="echo", array=array, neuron=neuron, update_lanes=1),))


class Echo(wiring.Component):
    """Collect the events of a step in a bitmap, then send the set bits and a tick.

    `fault`: "" for none; "hang" stops before the second tick of a sample; "no_last" never marks the
    last tick; "unstable" changes a payload that waits; "twice" sends every spike twice.
    """

    events: Any
    out: Any

    def __init__(self, params: AcceleratorParams, *, fault: str = "") -> None:
        self.channels = params.cores[0].array.sources
        self.fault = fault
        bits = events_format(params).index_bits
        assert out_format(params).index_bits == bits
        token = data.StructLayout({"index": bits, "tick": 1, "last": 1})
        super().__init__({"events": In(stream.Signature(token)), "out": Out(stream.Signature(token))})

    def elaborate(self, platform) -> Module:
        m = Module()
        bitmap, sending, last = Signal(self.channels), Signal(), Signal()
        scan, again, ticks, stop = Signal(range(self.channels + 1)), Signal(), Signal(2), Signal()
        event, out = self.events.p, self.out.p
        m.d.comb += self.events.ready.eq(~sending)
        with m.If(self.events.valid & ~sending):
            with m.If(event.tick):
                m.d.sync += [
                    sending.eq(1),
                    last.eq(event.last),
                    scan.eq(0),
                    ticks.eq(Mux(event.last, 0, ticks + 1)),
                ]
            with m.Else():
                m.d.sync += bitmap.bit_select(event.index, 1).eq(1)
        done = scan == self.channels
        m.d.comb += [
            stop.eq((ticks == 2) if self.fault == "hang" else 0),
            self.out.valid.eq(sending & (done | bitmap.bit_select(scan, 1)) & ~stop),
            out.index.eq(Mux(done, 0, scan)),
            out.tick.eq(done),
            out.last.eq(done & last if self.fault != "no_last" else 0),
        ]
        if self.fault == "unstable":
            flip = Signal()
            m.d.sync += flip.eq(~flip)
            m.d.comb += out.index.eq(Mux(done, 0, scan ^ flip))
        with m.If(sending & (~self.out.valid | self.out.ready) & ~stop):
            if self.fault == "twice":
                m.d.sync += again.eq(~again & self.out.valid & ~done)
            with m.If(done):
                m.d.sync += [sending.eq(0), bitmap.eq(0)]
            with m.Elif(~self.out.valid | again | (self.fault != "twice")):
                m.d.sync += scan.eq(scan + 1)
        return m
