"""Bus endpoint: registers, and streams where there are some, on one side, the accelerator on the other."""

from __future__ import annotations

from typing import Any

from amaranth import Module, ResetInserter, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from ..load_bus import load_signature
from .counters import COUNTER_BITS, count, stream_steps
from .params import HostLinkParams
from .register_bus import register_bus
from .register_map import EVENT_TOKENS
from .registers import Registers
from .stream_buffer import StreamBuffer

__all__ = ["BusEndpoint"]

_OUT_TOKENS = 16


class BusEndpoint(wiring.Component):
    """What `LinkEndpoint` is for a line, for a bus, which is reliable: no frames, no windows.

    Parameters
    ----------
    params : HostLinkParams
    event_bits, out_bits : int
        Width of the accelerator's payloads; the two top bits of both are `tick` and `last`.
    streams : bool
        Tokens come and go through `source` and `sink`, not through registers.

    Streams
    -------
    events : out, words for the accelerator
    out : in, its answers
    source, sink : with `streams`, in and out, the same; what `sink` offers is never withdrawn

    Ports
    -----
    bus : in, `register_bus`
    reset : out, of the accelerator
    load : out, with loaded memories, its load bus. Until they are loaded, no token is taken
    cycles, saturations : in, counters of the accelerator (`counters.own_counters`)
    waiting : out, a token waits to be taken from OUT or `sink`
    """

    bus: Any
    events: Any
    out: Any
    source: Any
    sink: Any
    reset: Signal
    load: Any
    cycles: Signal
    saturations: Signal
    waiting: Signal

    def __init__(self, params: HostLinkParams, *, event_bits: int, out_bits: int, streams: bool):
        self.streams = streams
        self.registers = Registers(params, event_bits=event_bits, out_bits=out_bits, streams=streams)
        events, out = stream.Signature(unsigned(event_bits)), stream.Signature(unsigned(out_bits))
        members = {"load": Out(load_signature(params.memories))} if params.memories else {}
        members |= {"source": In(events), "sink": Out(out)} if streams else {}
        members |= {"cycles": In(COUNTER_BITS), "saturations": In(COUNTER_BITS)}
        members |= {"events": Out(events), "out": In(out), "reset": Out(1), "waiting": Out(1)}
        super().__init__({**members, "bus": In(register_bus())})

    def elaborate(self, platform):
        m = Module()
        m.submodules.registers = registers = self.registers
        wiring.connect(m, wiring.flipped(self.bus), registers.bus)
        if registers.params.memories:
            wiring.connect(m, registers.load, wiring.flipped(self.load))
        # Its reset comes with the accelerator's load bus, which has a register too.
        m.d.sync += self.reset.eq(registers.reset)
        m.d.comb += [
            registers.counters.cycles.eq(self.cycles),
            registers.counters.saturations.eq(self.saturations),
        ]
        for name, step in stream_steps(self.events, self.out).items():
            m.d.comb += getattr(registers.counters, name).eq(count(m, name, step))
        m.d.comb += registers.waiting.eq(self.waiting)
        # In the cycle of its reset the accelerator may still offer what the reset is to forget.
        given = self.out.valid & ~self.reset
        if self.streams:
            self._streams(m, registers, given)
        else:
            self._words(m, registers, given)
        return m

    def _streams(self, m: Module, registers: Registers, given: Any) -> None:
        event = StreamBuffer(width=len(self.events.payload))
        m.submodules.event = ResetInserter(self.reset)(event)
        m.submodules.answer = answer = StreamBuffer(width=len(self.out.payload))
        open_ = registers.loaded & ~self.reset
        wiring.connect(m, event.o, wiring.flipped(self.events))
        wiring.connect(m, answer.o, wiring.flipped(self.sink))
        m.d.comb += [
            event.i.payload.eq(self.source.payload),
            event.i.valid.eq(self.source.valid & open_),
            self.source.ready.eq(event.i.ready & open_),
            answer.i.payload.eq(self.out.payload),
            answer.i.valid.eq(given),
            self.out.ready.eq(answer.i.ready & ~self.reset),
            answer.forget.eq(self.reset),
            self.waiting.eq(self.sink.valid),
        ]

    def _words(self, m: Module, registers: Registers, given: Any) -> None:
        """A FIFO each way; that of events is a place longer than what it is ever asked to hold."""
        fresh = ResetInserter(self.reset)
        event = SyncFIFOBuffered(width=len(self.events.payload), depth=EVENT_TOKENS + 1)
        answer = SyncFIFOBuffered(width=len(self.out.payload), depth=_OUT_TOKENS)
        m.submodules.event, m.submodules.answer = fresh(event), fresh(answer)
        room = Signal(range(EVENT_TOKENS + 1), init=EVENT_TOKENS)
        m.d.sync += room.eq(room - registers.event.valid + (self.events.valid & self.events.ready))
        with m.If(self.reset):
            m.d.sync += room.eq(EVENT_TOKENS)
        with m.If(registers.loaded & ~self.reset):
            m.d.comb += registers.room.eq(room)
        m.d.comb += [
            event.w_data.eq(registers.event.payload),
            event.w_en.eq(registers.event.valid),
            self.events.payload.eq(event.r_data),
            self.events.valid.eq(event.r_rdy),
            event.r_en.eq(self.events.ready),
            answer.w_data.eq(self.out.payload),
            answer.w_en.eq(given),
            self.out.ready.eq(answer.w_rdy & ~self.reset),
            registers.out.payload.eq(answer.r_data),
            registers.out.valid.eq(answer.r_rdy),
            answer.r_en.eq(registers.out.ready),
            self.waiting.eq(answer.r_rdy),
        ]
