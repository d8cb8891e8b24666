"""Registers of an accelerator: the commands of the link as words that a bus reads and writes."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..load_bus import load_signature
from .counters import COUNTER_BITS
from .memory_registers import MemoryRegisters
from .params import HostLinkParams
from .register_bus import register_bus
from .register_map import (
    ACCELERATOR_COUNTERS,
    CONTROL_RESET,
    EVENT_WORDS,
    MAGIC,
    MAP_VERSION,
    OUT_WORDS,
    STATUS,
    WIDTHS,
    WORD_BITS,
    Reg,
    out_words,
)

__all__ = ["Registers"]

_WORD_BYTES = WORD_BITS // 8


class Registers(wiring.Component):
    """Answers a request in the cycle after it; one for a slice of a memory within eight.

    Parameters
    ----------
    params : HostLinkParams
        Its clock, build identity and memories; a bus has neither bits nor frames.
    event_bits, out_bits : int
        Width of tokens.
    streams : bool
        Tokens have a way of their own: there are no EVENT and OUT.

    Streams
    -------
    event : out, tokens that were written to EVENT; always taken, as `room` is known before
    out : in, tokens that are read from OUT

    Ports
    -----
    bus : in, `register_bus`
    counters : in, `ACCELERATOR_COUNTERS`
    room : in, event tokens that can be taken now
    waiting : in, an out token waits
    reset : out, the accelerator is to forget everything under way
    loaded : out, what the memories hold has a name, or there are none to load
    load : out, with loaded memories, the load bus; `reset` comes with it, and until there is a name
    """

    bus: Any
    counters: Any
    room: Signal
    waiting: Signal
    event: Any
    out: Any
    reset: Signal
    loaded: Signal
    load: Any

    def __init__(self, params: HostLinkParams, *, event_bits: int, out_bits: int, streams: bool):
        if event_bits > EVENT_WORDS * WORD_BITS or out_words(out_bits) > OUT_WORDS:
            raise ValueError(f"Tokens of {event_bits} and {out_bits} bits do not fit into the registers")
        self.params = params
        self.event_bits, self.out_bits, self.streams = event_bits, out_bits, streams
        load = {"load": Out(load_signature(params.memories))} if params.memories else {}
        super().__init__(
            {
                **load,
                "bus": In(register_bus()),
                "counters": In(data.StructLayout(dict.fromkeys(ACCELERATOR_COUNTERS, COUNTER_BITS))),
                "room": In(STATUS["event_room"]),
                "waiting": In(1),
                "event": Out(stream.Signature(unsigned(event_bits), always_ready=True)),
                "out": In(stream.Signature(unsigned(out_bits))),
                "reset": Out(1),
                "loaded": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        start, control, slow, complete = Signal(), Signal(), Signal(), Signal()
        reads = {offset: (value, 1) for offset, value in self._facts().items()}
        writes: dict[int, tuple[Signal, Any]] = {Reg.CONTROL: (control, 1)}
        reads[Reg.SCRATCH], writes[Reg.SCRATCH] = self._scratch(m)
        if not self.streams:
            reads |= self._out(m, start & ~bus.write & (bus.address == Reg.OUT >> 2))
            writes |= self._event(m)
        m.d.comb += [start.eq(bus.valid & ~bus.done), self.loaded.eq(1)]
        m.d.comb += self.reset.eq(control & (bus.data & CONTROL_RESET).any())
        if self.params.memories:
            memories = MemoryRegisters(m, self.params.memories, bus=bus, load=self.load)
            reads, writes = reads | memories.reads, writes | memories.writes
            m.d.comb += [
                slow.eq((bus.address == Reg.MEMORY_DATA >> 2) & (~bus.write | bus.strobe.all())),
                memories.access.eq(start & slow),
                complete.eq(memories.done),
                self.loaded.eq(memories.loaded),
            ]
            with m.If(self.load.active | ~memories.loaded):
                m.d.comb += self.reset.eq(1)
        self._answer(m, start, reads, writes, now=~slow | complete)
        return m

    def _answer(self, m: Module, start: Signal, reads: dict, writes: dict, *, now: Any) -> None:
        """`reads`: value of a register, and whether it has one. `writes`: its strobe, and whether it may."""
        bus = self.bus
        value, known = Signal(WORD_BITS), Signal()
        with m.If(~bus.write), m.Switch(bus.address):
            for offset, (word, there) in reads.items():
                with m.Case(offset >> 2):
                    m.d.comb += [value.eq(word), known.eq(there)]
        with m.Elif(bus.strobe.all()), m.Switch(bus.address):
            for offset, (strobe, allowed) in writes.items():
                with m.Case(offset >> 2):
                    m.d.comb += [strobe.eq(start & allowed), known.eq(allowed)]
        with m.Elif(~bus.strobe.any()):  # nothing is written
            m.d.comb += known.eq(1)
        m.d.sync += [bus.done.eq(start & now), bus.error.eq(~known), bus.q.eq(value)]

    def _facts(self) -> dict[int, Any]:
        """Registers that can only be read."""
        params, streams = self.params, int(self.streams)
        widths = (self.event_bits, self.out_bits, len(params.memories), streams)
        status = (self.waiting, self.loaded, Const(0, STATUS["reserved"]), self.room)
        words: dict[int, Any] = {
            Reg.MAGIC: Const(MAGIC, WORD_BITS),
            Reg.VERSION: Const(MAP_VERSION, WORD_BITS),
            Reg.CLOCK_HZ: Const(params.clock_hz, WORD_BITS),
            Reg.WIDTHS: Cat(Const(v, bits) for v, bits in zip(widths, WIDTHS.values(), strict=True)),
            Reg.STATUS: Cat(*status),
        }
        for at in range(0, len(params.build_id), _WORD_BYTES):
            word = int.from_bytes(params.build_id[at : at + _WORD_BYTES], "little")
            words[Reg.BUILD_ID + at] = Const(word, WORD_BITS)
        for at, name in enumerate(ACCELERATOR_COUNTERS):
            words[Reg.COUNTERS + _WORD_BYTES * at] = getattr(self.counters, name)
        return words

    def _scratch(self, m: Module) -> tuple[tuple[Any, Any], tuple[Signal, Any]]:
        """A word that nothing else uses: a test of the bus."""
        keep, word = Signal(name="write_scratch"), Signal(WORD_BITS, name="scratch")
        with m.If(keep):
            m.d.sync += word.eq(self.bus.data)
        return (word, 1), (keep, 1)

    def _event(self, m: Module) -> dict[int, tuple[Signal, Any]]:
        """EVENT sends; what of a token is beyond its word was written to EVENT_HIGH before."""
        send, word = Signal(name="send"), Signal(WORD_BITS, name="event_high")
        keep = Signal(name="write_event_high")
        with m.If(keep):
            m.d.sync += word.eq(self.bus.data)
        m.d.comb += [self.event.valid.eq(send), self.event.payload.eq(Cat(self.bus.data, word))]
        high = {Reg.EVENT_HIGH: (keep, 1)} if self.event_bits > WORD_BITS else {}
        return {Reg.EVENT: (send, self.room != 0), **high}

    def _out(self, m: Module, take: Any) -> dict[int, tuple[Any, Any]]:
        """The first word takes a token, if there is one; the others are of the one taken last."""
        words = out_words(self.out_bits)
        padding = Const(0, words * WORD_BITS - self.out_bits - 1)
        whole = Mux(self.out.valid, Cat(self.out.payload, padding, Const(1, 1)), 0)
        held = Signal((words - 1) * WORD_BITS, name="out_high")
        m.d.comb += self.out.ready.eq(take)
        with m.If(take):
            m.d.sync += held.eq(whole[WORD_BITS:])
        found: dict[int, tuple[Any, Any]] = {Reg.OUT: (whole[:WORD_BITS], 1)}
        for at in range(1, words):
            found[Reg.OUT + _WORD_BYTES * at] = (held.word_select(at - 1, WORD_BITS), 1)
        return found
