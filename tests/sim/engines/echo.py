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
    last tick; "unstable" changes a payload that waits, "withdraw" takes it back for a cycle; "twice" sends
    every spike twice; "early" marks every tick as the last; "late" sends one more token after the
    last; "flood" sends spikes without end.
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
        scan = Signal(range(self.channels + 1))
        event, out = self.events.p, self.out.p
        done = scan == self.channels
        m.d.comb += [
            self.events.ready.eq(~sending),
            self.out.valid.eq(sending & (done | bitmap.bit_select(scan, 1))),
            out.index.eq(Mux(done, 0, scan)),
            out.tick.eq(done),
            out.last.eq(done & last),
        ]
        with m.If(self.events.valid & ~sending):
            with m.If(event.tick):
                m.d.sync += [sending.eq(1), last.eq(event.last), scan.eq(0)]
            with m.Else():
                m.d.sync += bitmap.bit_select(event.index, 1).eq(1)
        with m.If(sending & (~self.out.valid | self.out.ready)):
            with m.If(done):
                m.d.sync += [sending.eq(0), bitmap.eq(0)]
            with m.Else():
                m.d.sync += scan.eq(scan + 1)
        self._break(m, sending, scan)
        return m

    def _break(self, m: Module, sending: Signal, scan: Signal) -> None:
        """Override, as statements that come last do, what the fault concerns."""
        out, flip = self.out.p, Signal()
        taken = self.out.valid & self.out.ready
        if self.fault in ("unstable", "withdraw"):
            m.d.sync += flip.eq(~flip)
        if self.fault == "unstable":
            with m.If(~out.tick):
                m.d.comb += out.index.eq(scan ^ flip)
        elif self.fault == "withdraw":
            with m.If(flip):
                m.d.comb += self.out.valid.eq(0)
        elif self.fault == "hang":
            steps = Signal(range(3))
            with m.If(taken & out.tick):
                m.d.sync += steps.eq(Mux(out.last, 0, Mux(steps == 2, 2, steps + 1)))
            with m.If(steps == 2):
                m.d.comb += [self.out.valid.eq(0), self.events.ready.eq(0)]
                m.d.sync += scan.eq(0)
        elif self.fault in ("no_last", "early"):
            m.d.comb += out.last.eq(out.tick & (self.fault == "early"))
        elif self.fault in ("twice", "flood"):
            with m.If(taken & ~out.tick):
                m.d.sync += flip.eq(~flip)
                with m.If((self.fault == "flood") | ~flip):
                    m.d.sync += scan.eq(scan)
        elif self.fault == "late":
            with m.If(taken & out.last):
                m.d.sync += flip.eq(1)
            with m.If(flip & ~sending):
                m.d.comb += [self.out.valid.eq(1), out.tick.eq(0), out.last.eq(0)]
                with m.If(self.out.ready):
                    m.d.sync += flip.eq(0)
