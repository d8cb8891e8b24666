"""The emitted accelerator as a component: an instance of the module in the RTL files."""

from __future__ import annotations

from typing import Any

from amaranth import ClockSignal, Instance, Module, ResetSignal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .params import AcceleratorParams, ReadoutKind
from .signatures import event_layout, value_layout

__all__ = ["EmittedAccelerator"]


class EmittedAccelerator(wiring.Component):
    """Instance of module `name`, whose RTL is read beside the design's: what was verified is what is built.

    Streams
    -------
    events : in, words: the payload of `event_stream` of the first core's sources
    out : out, words: the payload that `params.readout` says
    """

    events: Any
    out: Any

    def __init__(self, params: AcceleratorParams, *, name: str = "accelerator"):
        self.name = name
        event_bits = event_layout(params.cores[0].array.sources).size
        super().__init__(
            {
                "events": In(stream.Signature(unsigned(event_bits))),
                "out": Out(stream.Signature(unsigned(_out_bits(params)))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.emitted = Instance(
            self.name,
            i_clk=ClockSignal(),
            i_rst=ResetSignal(allow_reset_less=True),  # 0 where the device itself starts all registers
            i_events__payload=self.events.payload,
            i_events__valid=self.events.valid,
            o_events__ready=self.events.ready,
            o_out__payload=self.out.payload,
            o_out__valid=self.out.valid,
            i_out__ready=self.out.ready,
        )
        return m


def _out_bits(params: AcceleratorParams) -> int:
    neuron = params.cores[-1].neuron
    value_bits = {ReadoutKind.MEMBRANE: neuron.state_bits, ReadoutKind.COUNTS: params.count_bits}
    bits = value_bits.get(params.readout)
    if bits is None:
        return event_layout(neuron.neurons).size
    return value_layout(neuron.neurons, unsigned(bits)).size
