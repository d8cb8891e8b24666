"""Commands: what the host asks for beside the tokens, answered one reply a command, in order."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .protocol import COUNTERS, IDENTITY_BYTES, Op
from .signatures import byte_stream

__all__ = ["COUNTER_BITS", "Commands", "counters_layout"]

COUNTER_BITS = 32


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
    reset : out, for a cycle, two cycles before the reply
    """

    i: Any
    o: Any
    counters: Any
    reset: Signal

    def __init__(self, *, identity: bytes):
        if len(identity) != IDENTITY_BYTES:
            raise ValueError(f"Identity must have {IDENTITY_BYTES} bytes, not {len(identity)}")
        self.identity = identity
        super().__init__(
            {
                "i": In(byte_stream()),
                "o": Out(byte_stream()),
                "counters": In(counters_layout()),
                "reset": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        op, only = Signal(8), Signal()  # first byte of the command; it has no other
        known = Signal()
        place = Signal(range(max(IDENTITY_BYTES, 4 * len(COUNTERS)) + 1))
        out = self.o.payload
        with m.Switch(op), m.Case(Op.IDENTIFY, Op.RESET, Op.COUNTERS, Op.ECHO):
            m.d.comb += known.eq(1)
        with m.FSM():
            with m.State("OP"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [op.eq(self.i.payload.data), only.eq(self.i.payload.last), place.eq(0)]
                with m.If(self.i.valid):
                    m.next = "DECODE"
            with m.State("DECODE"):
                m.d.comb += self.reset.eq(op == Op.RESET)
                m.next = "SETTLE"
            with m.State("SETTLE"):  # what left the accelerator before its reset is behind us now
                m.next = "HEAD"
            with m.State("HEAD"):
                m.d.comb += [
                    self.o.valid.eq(1),
                    out.data.eq(Mux(known, op | Op.REPLY, Op.UNKNOWN)),
                    out.last.eq((op == Op.RESET) | ((op == Op.ECHO) & only)),
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
            with m.State("DRAIN"):  # a body that nobody asked for
                m.d.comb += self.i.ready.eq(~only)
                with m.If(only | (self.i.valid & self.i.payload.last)):
                    m.next = "OP"
        return m

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
