"""Reliable link: an unreliable line of bytes becomes two ordered streams, each byte once."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .inbox import Inbox
from .outbox import Outbox
from .protocol import VERSION, FrameType
from .sender import FrameSender
from .signatures import byte_strobe, segment_stream

__all__ = ["ReliableLink"]


class ReliableLink(wiring.Component):
    """`Inbox` and `Outbox` on one line.

    Streams
    -------
    line_i : in, `byte_strobe`
    line_o : out, stream of bytes
    o : out, `segment_stream`: what the host sends
    i : in, `segment_stream`: what goes to the host

    Ports
    -----
    opened : out, for a cycle: a session begins, and whatever was under way is forgotten
    bad, stray : out, a frame was damaged; one came out of order
    """

    line_i: Any
    line_o: Any
    o: Any
    i: Any
    opened: Signal
    bad: Signal
    stray: Signal

    def __init__(self, *, window: int):
        self.window = window
        super().__init__(
            {
                "line_i": In(byte_strobe()),
                "line_o": Out(stream.Signature(8)),
                "o": Out(segment_stream()),
                "i": In(segment_stream()),
                "opened": Out(1),
                "bad": Out(1),
                "stray": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.inbox = inbox = Inbox(window=self.window)
        m.submodules.outbox = outbox = Outbox(window=self.window)
        m.submodules.sender = sender = FrameSender()
        wiring.connect(m, wiring.flipped(self.line_i), inbox.i)
        wiring.connect(m, inbox.o, wiring.flipped(self.o))
        wiring.connect(m, wiring.flipped(self.i), outbox.i)
        wiring.connect(m, inbox.heard, outbox.heard)
        wiring.connect(m, sender.o, wiring.flipped(self.line_o))
        m.d.comb += [
            self.opened.eq(inbox.heard.opened),
            self.bad.eq(inbox.bad),
            self.stray.eq(inbox.stray),
        ]
        self._send(m, inbox, outbox, sender)
        return m

    def _send(self, m: Module, inbox: Inbox, outbox: Outbox, sender: FrameSender) -> None:
        """Choose what is sent next; every frame carries the acknowledgement, so it settles all of them."""
        greet = _pending(m, "greet", inbox.greet)
        closed = _pending(m, "closed", inbox.closed)
        final = _pending(m, "final", inbox.final)
        reject = _pending(m, "reject", inbox.reject)
        answer = _pending(m, "answer", inbox.answer)
        header, numbered = sender.header, Signal()
        m.d.comb += [
            numbered.eq(outbox.ready & ~greet & ~closed & ~final),
            sender.ask.eq(greet | closed | final | reject | answer | outbox.ready),
            sender.length.eq(Mux(numbered, outbox.length, 0)),
            header.version.eq(VERSION),
            header.resend.eq(reject & ~greet & ~closed),
            header.poll.eq(final & ~greet & ~closed),
            header.seq.eq(Mux(greet, inbox.nonce[:8], outbox.seq)),
            header.ack.eq(Mux(greet, inbox.nonce[8:], inbox.expected)),
            header.limit.eq(inbox.limit),
        ]
        with m.If(greet):
            m.d.comb += header.type.eq(FrameType.OPEN)
        with m.Elif(closed):
            m.d.comb += header.type.eq(FrameType.CLOSED)
        with m.Elif(numbered):
            m.d.comb += header.type.eq(Mux(outbox.tokens, FrameType.TOKENS, FrameType.COMMAND))
        with m.Else():
            m.d.comb += header.type.eq(FrameType.STATUS)

        number = Signal(8)  # of the frame that is being sent
        with m.If(sender.take):
            m.d.sync += [number.eq(outbox.seq), greet.eq(inbox.greet)]
            with m.If(~greet):
                m.d.sync += closed.eq(inbox.closed)
            with m.If(~greet & ~closed):
                m.d.sync += [
                    final.eq(inbox.final),
                    reject.eq(inbox.reject),
                    answer.eq(inbox.answer),
                ]
        with m.If(self.opened):
            m.d.sync += closed.eq(0)
        m.d.comb += [
            outbox.idle.eq(sender.idle),
            outbox.take.eq(sender.take & numbered),
            outbox.address.eq(Cat(sender.offset, number[: outbox.slot_bits])),
            sender.data.eq(outbox.data),
        ]


def _pending(m: Module, name: str, strobe: Signal) -> Signal:
    """High from a strobe until it is set back."""
    pending = Signal(name=f"{name}_pending")
    with m.If(strobe):
        m.d.sync += pending.eq(1)
    return pending
