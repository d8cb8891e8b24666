"""Commands: what the host asks for beside the tokens, answered one reply a command, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Array, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..loaded_memory import LoadedShape
from .counters import COUNTER_BITS
from .memory_commands import MEMORY_OPS, MemoryCommands
from .protocol import COUNTERS, IDENTITY_BYTES, Op
from .signatures import byte_stream

__all__ = ["Commands", "counters_layout"]

_RESETTING = (Op.RESET, Op.MEMORY_WRITE, Op.MEMORY_READ)


def counters_layout() -> data.StructLayout:
    """Counters that the host can read (`protocol.COUNTERS`)."""
    return data.StructLayout(dict.fromkeys(COUNTERS, COUNTER_BITS))


class Commands(wiring.Component):
    """Takes commands, gives replies.

    Ports
    -----
    i : in, `byte_stream`: a command, `last` with its final byte
    o : out, `byte_stream`: a reply
    counters : in, `counters_layout`
    reset : out, at least two cycles before the reply
    refuse : in, with the first byte of `i`: it is of tokens, which cannot be taken yet
    memories : the commands of the load bus; None without loaded memories
    """

    i: Any
    o: Any
    counters: Any
    reset: Signal
    refuse: Signal

    def __init__(self, *, identity: bytes, shapes: Sequence[LoadedShape] = (), crossed: bool = False):
        if len(identity) != IDENTITY_BYTES:
            raise ValueError(f"Identity must have {IDENTITY_BYTES} bytes, not {len(identity)}")
        self.identity = identity
        self.memories = MemoryCommands(shapes, crossed=crossed) if shapes else None
        super().__init__(
            {
                "i": In(byte_stream()),
                "o": Out(byte_stream()),
                "counters": In(counters_layout()),
                "reset": Out(1),
                "refuse": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        op, only = Signal(8), Signal()  # first byte of the command; it has no other
        known, refused = Signal(), Signal()
        memories = self.memories
        if memories is not None:
            m.submodules.memories = memories
            m.d.comb += [memories.op.eq(op), memories.only.eq(only)]
        place = Signal(range(max(IDENTITY_BYTES, 4 * len(COUNTERS)) + 1))
        out = self.o.payload
        with m.Switch(op), m.Case(Op.IDENTIFY, Op.RESET, Op.COUNTERS, Op.ECHO):
            m.d.comb += known.eq(1)
        with m.If(op.matches(*MEMORY_OPS)):
            m.d.comb += known.eq(memories is not None)
        with m.FSM():
            with m.State("OP"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [op.eq(self.i.payload.data), only.eq(self.i.payload.last), place.eq(0)]
                m.d.sync += refused.eq(self.refuse)
                with m.If(self.i.valid):
                    m.next = "DECODE"
            with m.State("DECODE"):
                m.d.comb += self.reset.eq(~refused & known & op.matches(*_RESETTING))
                m.next = "SETTLE"
            with m.State("SETTLE"):  # what left the accelerator before its reset is behind us now
                m.next = "HEAD"
            with m.State("HEAD"):
                m.d.comb += [
                    self.o.valid.eq(1),
                    out.data.eq(Mux(refused, Op.NOT_LOADED, Mux(known, op | Op.REPLY, Op.UNKNOWN))),
                    out.last.eq(refused | (op == Op.RESET) | ((op == Op.ECHO) & only)),
                ]
                with m.If(self.o.ready):
                    m.next = "DRAIN"
                    with m.Switch(op):
                        with m.Case(Op.IDENTIFY):
                            m.next = "IDENTITY"
                        with m.Case(Op.COUNTERS):
                            m.next = "COUNTERS"
                        with m.Case(Op.ECHO):
                            m.next = "ECHO"
                    with m.If(~known):
                        m.next = "UNKNOWN"
                    if memories is not None:
                        with m.Elif(op.matches(*MEMORY_OPS)):
                            m.d.comb += memories.start.eq(~refused)
                            m.next = "MEMORIES"
                    with m.If(refused):
                        m.next = "DRAIN"
            with m.State("IDENTITY"):
                byte = Array(Const(value, 8) for value in self.identity)[place]
                self._reply(m, byte, place, IDENTITY_BYTES)
            with m.State("COUNTERS"):
                self._counters(m, place)
            with m.State("UNKNOWN"):
                self._reply(m, op, place, 1)
            with m.State("ECHO"):
                m.d.comb += [
                    self.o.valid.eq(self.i.valid & ~only),
                    self.i.ready.eq(self.o.ready & ~only),
                    out.eq(self.i.payload),
                ]
                with m.If(only | (self.i.valid & self.i.ready & self.i.payload.last)):
                    m.next = "OP"
            if memories is not None:
                with m.State("MEMORIES"):
                    self._memories(m, memories, only)
            with m.State("DRAIN"):  # a body that nobody asked for
                m.d.comb += self.i.ready.eq(~only)
                with m.If(only | (self.i.valid & self.i.payload.last)):
                    m.next = "OP"
        return m

    def _memories(self, m: Module, memories: MemoryCommands, only: Signal) -> None:
        """The rest of the command is theirs."""
        wiring.connect(m, wiring.flipped(self.i), memories.i)
        wiring.connect(m, memories.o, wiring.flipped(self.o))
        m.d.comb += self.reset.eq(memories.bus.active)
        with m.If(memories.done):
            m.d.sync += only.eq(memories.ended)
            m.next = "DRAIN"

    def _reply(self, m: Module, byte: Any, place: Signal, count: int) -> None:
        """Send byte `place` of `count`."""
        m.d.comb += [
            self.o.valid.eq(1),
            self.o.payload.data.eq(byte),
            self.o.payload.last.eq(place == count - 1),
        ]
        with m.If(self.o.ready):
            m.d.sync += place.eq(place + 1)
            with m.If(place == count - 1):
                m.next = "DRAIN"

    def _counters(self, m: Module, place: Signal) -> None:
        """Hold one counter while its bytes go."""
        held, holding = Signal(unsigned(COUNTER_BITS)), Signal()
        with m.If(~holding):
            values = Array(getattr(self.counters, name) for name in COUNTERS)
            m.d.sync += [held.eq(values[place[2:]]), holding.eq(1)]
        with m.Else():
            self._reply(m, held.word_select(place[:2], 8), place, 4 * len(COUNTERS))
            with m.If(self.o.ready & place[:2].all()):
                m.d.sync += holding.eq(0)
