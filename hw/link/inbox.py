"""Inbox: frames of the host in order, each once, kept until they are read."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .checker import FrameChecker
from .protocol import SLOT_BYTES, FrameType
from .signatures import byte_strobe, heard_signature, segment_stream

__all__ = ["Inbox"]


class Inbox(wiring.Component):
    """The receiving half of the link: `window` slots of a frame each.

    A frame is written into the slot of the number that is expected, whatever it is; it takes the slot only
    if it proves whole, sequenced and of that number. So a bad frame changes nothing.

    Ports
    -----
    i : in, `byte_strobe`
    o : out, `segment_stream`, payloads of sequenced frames
    expected : out, number of the next frame in order
    limit : out, number of the first frame there is no promise of room for
    nonce : out, of the session
    heard : out, `heard_signature`, a cycle after the frame proved good
    answer : out, something to tell: frames were taken or read, or came again
    final : out, the host polls
    reject : out, a frame was lost; once until the loss is made good, or the host polls
    greet : out, the host opened (or opened again what is open)
    closed : out, a frame came while no session is open
    bad, stray : out, a frame was damaged; one came out of order
    """

    i: Any
    o: Any
    expected: Signal
    limit: Signal
    nonce: Signal
    heard: Any
    answer: Signal
    final: Signal
    reject: Signal
    greet: Signal
    closed: Signal
    bad: Signal
    stray: Signal

    def __init__(self, *, window: int):
        self.window = window
        strobes = ("answer", "final", "reject", "greet", "closed", "bad", "stray")
        super().__init__(
            {
                "i": In(byte_strobe()),
                "o": Out(segment_stream()),
                "expected": Out(8),
                "limit": Out(8),
                "nonce": Out(16),
                "heard": Out(heard_signature()),
                **{name: Out(1) for name in strobes},
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.checker = checker = FrameChecker()
        m.submodules.slots = slots = Memory(shape=8, depth=self.window * SLOT_BYTES, init=[])
        wiring.connect(m, wiring.flipped(self.i), checker.i)
        kept = Array(Signal(9, name=f"kept_{k}") for k in range(self.window))  # length, is of tokens
        consumed = Signal(8)
        slot_bits = self.window.bit_length() - 1

        # What a frame proved to be, a cycle later, when its header is still there: the CRC takes all of one.
        start, good, bad, length = Signal(), Signal(), Signal(), Signal(8)
        m.d.sync += [
            start.eq(checker.start),
            good.eq(checker.good),
            bad.eq(checker.bad),
            length.eq(checker.length),
        ]
        storing = Signal()
        write = slots.write_port()
        m.d.comb += [
            self.limit.eq(consumed + self.window),
            self.bad.eq(bad),
            write.addr.eq(Cat(checker.offset, self.expected[:slot_bits])),
            write.data.eq(checker.o.data),
            write.en.eq(checker.o.valid & storing),
        ]
        with m.If(start):
            m.d.sync += storing.eq(self.expected != self.limit)
        opening = Signal()
        taken = self._accept(m, checker, good, storing, opening)
        with m.If(taken):
            info = Cat(length, checker.header.type == FrameType.TOKENS)
            m.d.sync += kept[self.expected[:slot_bits]].eq(info)
        done = self._read(m, slots.read_port(), kept, consumed, opening)
        m.d.comb += self.answer.eq(taken | done | (self.stray & ~self.reject))
        return m

    def _accept(
        self, m: Module, checker: FrameChecker, good: Signal, storing: Signal, opening: Signal
    ) -> Signal:
        """What a good frame does; the result is high when one takes its slot."""
        header = checker.header
        opened, rejecting = Signal(), Signal()
        taken, ahead = Signal(), Signal()
        opens = good & (header.type == FrameType.OPEN)
        heard = good & ~opens & opened
        sequenced = heard & ((header.type == FrameType.COMMAND) | (header.type == FrameType.TOKENS))
        in_order = (header.seq == self.expected) & storing
        fresh = ~opened | (self.nonce != Cat(header.seq, header.ack))
        m.d.comb += [
            taken.eq(sequenced & in_order),
            ahead.eq((header.seq - self.expected)[:7].any() & ~(header.seq - self.expected)[7]),
            self.stray.eq(sequenced & ~in_order),
            self.reject.eq(~rejecting & opened & (self.bad | (sequenced & ahead))),
            self.greet.eq(opens),
            self.closed.eq(good & ~opens & ~opened),
            self.final.eq(heard & header.poll),
            opening.eq(opens & fresh),
        ]
        # Registered: from the CRC through the outbox's comparisons in one cycle would be the slowest path.
        m.d.sync += [
            self.heard.strobe.eq(heard),
            self.heard.opened.eq(opening),
            self.heard.ack.eq(header.ack),
            self.heard.limit.eq(header.limit),
            self.heard.resend.eq(header.resend),
        ]
        with m.If(self.reject):
            m.d.sync += rejecting.eq(1)
        with m.Elif(taken | self.final):
            m.d.sync += rejecting.eq(0)
        with m.If(taken):
            m.d.sync += self.expected.eq(self.expected + 1)
        with m.If(opening):
            m.d.sync += [
                opened.eq(1),
                self.nonce.eq(Cat(header.seq, header.ack)),
                self.expected.eq(0),
                rejecting.eq(0),
            ]
        return taken

    def _read(self, m: Module, read: Any, kept: Array, consumed: Signal, opening: Signal) -> Signal:
        """Read the slots out in order; the result is high when one is free again."""
        slot_bits = self.window.bit_length() - 1
        offset, done = Signal(8), Signal()
        looked, fetched = Signal(), Signal()  # the memory, and the register behind it, have the byte
        byte = Signal(8, reset_less=True)
        info: Any = kept[consumed[:slot_bits]]
        waiting = consumed != self.expected
        last, tokens = Signal(), Signal()
        m.d.comb += [
            read.addr.eq(Cat(offset, consumed[:slot_bits])),
            self.o.valid.eq(fetched),
            self.o.payload.data.eq(byte),
            self.o.payload.tokens.eq(tokens),
            self.o.payload.last.eq(last),
            done.eq((fetched & self.o.ready & last) | (waiting & (info[:8] == 0))),
        ]
        # With the byte: what follows decides by them, up to the outbox. The byte itself has a register, as
        # a block RAM's output is late and its way leads into the outbox too.
        m.d.sync += [
            looked.eq(waiting & (info[:8] != 0)),
            fetched.eq(looked),
            byte.eq(read.data),
            last.eq(offset == info[:8] - 1),
            tokens.eq(info[8]),
        ]
        with m.If(fetched & self.o.ready):
            m.d.sync += [looked.eq(0), fetched.eq(0), offset.eq(offset + 1)]
        with m.If(done):
            m.d.sync += [consumed.eq(consumed + 1), offset.eq(0), looked.eq(0), fetched.eq(0)]
        with m.If(opening):
            m.d.sync += [consumed.eq(0), offset.eq(0), looked.eq(0), fetched.eq(0)]
        return done
