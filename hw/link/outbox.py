"""Outbox: what goes to the host, in numbered frames that are kept until the host has them."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .protocol import PAYLOAD_BYTES, SLOT_BYTES
from .signatures import heard_signature, segment_stream

__all__ = ["Outbox"]


class Outbox(wiring.Component):
    """The sending half of the link: `window` slots of a frame each.

    A frame ends with a reply, when it is full, when the other kind of payload comes, or, of tokens, when
    the line would else be idle: many words share a frame exactly when the line is busy.

    Ports
    -----
    i : in, `segment_stream`; a reply has at most 246 bytes
    heard : in, `heard_signature`
    idle : in, the sender waits for a frame
    ready : out, there is one to send
    tokens, length, seq : out, of that frame
    take : in, it is being sent: the next one
    address : in, of a byte: offset, then the low bits of the number of the frame
    data : out, that byte, a cycle later
    """

    i: Any
    heard: Any
    idle: Signal
    ready: Signal
    tokens: Signal
    length: Signal
    seq: Signal
    take: Signal
    address: Signal
    data: Signal

    def __init__(self, *, window: int):
        self.window = window
        self.slot_bits = window.bit_length() - 1
        super().__init__(
            {
                "i": In(segment_stream()),
                "heard": In(heard_signature()),
                "idle": In(1),
                "ready": Out(1),
                "tokens": Out(1),
                "length": Out(8),
                "seq": Out(8),
                "take": In(1),
                "address": In(8 + self.slot_bits),
                "data": Out(8),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.slots = slots = Memory(shape=8, depth=self.window * SLOT_BYTES, init=[])
        kept = Array(Signal(9, name=f"kept_{k}") for k in range(self.window))  # length, is of tokens
        acked, filling = Signal(8), Signal(8)  # oldest frame that is kept, frame that is being filled
        read = slots.read_port()
        m.d.comb += [read.addr.eq(self.address), self.data.eq(read.data)]
        self._fill(m, slots.write_port(), kept, acked, filling)
        self._window(m, kept, acked, filling)
        return m

    def _fill(self, m: Module, write: Any, kept: Array, acked: Signal, filling: Signal) -> None:
        offset, tokens = Signal(8), Signal()
        segment = self.i.payload
        other = (offset != 0) & self.i.valid & (segment.tokens != tokens)
        lonely = (offset != 0) & ~self.i.valid & tokens & self.idle & ~self.ready
        accepted, close = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(((filling - acked)[:8] != self.window) & ~other),
            accepted.eq(self.i.valid & self.i.ready),
            write.addr.eq(Cat(offset, filling[: self.slot_bits])),
            write.data.eq(segment.data),
            write.en.eq(accepted),
            close.eq(
                other
                | lonely
                | (accepted & ((segment.last & ~segment.tokens) | (offset == PAYLOAD_BYTES - 1)))
            ),
        ]
        with m.If(accepted):
            m.d.sync += [offset.eq(offset + 1), tokens.eq(segment.tokens)]
        with m.If(close):
            info = Cat((offset + accepted)[:8], Mux(accepted, segment.tokens, tokens))
            m.d.sync += [
                kept[filling[: self.slot_bits]].eq(info),
                filling.eq(filling + 1),
                offset.eq(0),
            ]
        with m.If(self.heard.opened):
            m.d.sync += [filling.eq(0), offset.eq(0)]

    def _window(self, m: Module, kept: Array, acked: Signal, filling: Signal) -> None:
        limit, ahead = Signal(8), Signal(8)
        info: Any = kept[self.seq[: self.slot_bits]]
        fresh = (self.heard.ack - acked)[:8]
        m.d.comb += [
            ahead.eq(limit - self.seq),
            self.ready.eq((self.seq != filling) & (ahead != 0) & ~ahead[7]),
            self.length.eq(info[:8]),
            self.tokens.eq(info[8]),
        ]
        with m.If(self.take):
            m.d.sync += self.seq.eq(self.seq + 1)
        # An old frame that comes again may carry an old number, which is then outside what is kept.
        with m.If(self.heard.strobe & (fresh <= (filling - acked)[:8])):
            m.d.sync += acked.eq(self.heard.ack)
            with m.If(self.heard.resend | ((self.seq - acked)[:8] < fresh)):
                m.d.sync += self.seq.eq(self.heard.ack)
        with m.If(self.heard.strobe & ~(self.heard.limit - limit)[7]):
            m.d.sync += limit.eq(self.heard.limit)
        with m.If(self.heard.opened):
            m.d.sync += [acked.eq(0), self.seq.eq(0), limit.eq(self.heard.limit)]
