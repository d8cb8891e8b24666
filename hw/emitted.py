"""The emitted accelerator as a component: an instance of the module in the RTL files."""

from __future__ import annotations

from typing import Any

from amaranth import ClockSignal, Instance, Module, ResetSignal, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .load_bus import load_signature, loaded_shapes
from .params import AcceleratorParams, bits_for_unsigned
from .signatures import input_layout, out_layout

__all__ = ["EmittedAccelerator"]


class EmittedAccelerator(wiring.Component):
    """Instance of module `name`, whose RTL is read beside the design's: what was verified is what is built.

    Streams
    -------
    events : in, words: the payload that `input_layout` says
    out : out, words: the payload that `out_layout` says

    Ports
    -----
    reset : in, beside the reset of the clock domain: forgets everything under way
    load : in, where memories are loaded, the load bus
    saturations : out, where they are counted, as of `accelerator.Accelerator`
    """

    events: Any
    out: Any
    reset: Signal
    load: Any
    saturations: Signal

    def __init__(self, params: AcceleratorParams, *, name: str = "accelerator"):
        self.name = name
        shapes = loaded_shapes(params)
        self.loads = bool(shapes)
        optional: dict[str, Any] = {"load": In(load_signature(shapes))} if shapes else {}
        self.counts = params.count_saturations
        if self.counts:
            optional["saturations"] = Out(bits_for_unsigned(params.most_saturations))
        event_bits = input_layout(params).size
        super().__init__(
            {
                "events": In(stream.Signature(unsigned(event_bits))),
                "out": Out(stream.Signature(unsigned(out_layout(params).size))),
                "reset": In(1),
                **optional,
            }
        )

    def elaborate(self, platform):
        m = Module()
        bus = {}
        if self.loads:
            ports = ("active", "write", "memory", "row", "slice", "data")
            bus = {f"i_load__{name}": getattr(self.load, name) for name in ports}
            bus["o_load__q"] = self.load.q
        if self.counts:
            bus["o_saturations"] = self.saturations
        m.submodules.emitted = Instance(
            self.name,
            i_clk=ClockSignal(),
            # The domain's own reset is 0 where the device itself starts all registers.
            i_rst=ResetSignal(allow_reset_less=True) | self.reset,
            i_events__payload=self.events.payload,
            i_events__valid=self.events.valid,
            o_events__ready=self.events.ready,
            o_out__payload=self.out.payload,
            o_out__valid=self.out.valid,
            i_out__ready=self.out.ready,
            **bus,
        )
        return m
