"""Consistent overhead byte stuffing: frames of any bytes, separated by zero bytes.

S. Cheshire, M. Baker: Consistent Overhead Byte Stuffing. IEEE/ACM Transactions on Networking 7 (1999).
"""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from .signatures import byte_stream, byte_strobe

__all__ = ["CobsDecoder", "CobsEncoder"]

BLOCK = 254  # most bytes other than zero that one code byte covers


class CobsDecoder(wiring.Component):
    """Bytes of the line to bytes of frames, one for one, in the same cycle.

    Ports
    -----
    i : in, `byte_strobe`
    o : out, `byte_strobe`
    end : out, a frame ended (maybe an empty one)
    whole : out, with `end`: its last block was complete
    """

    i: Any
    o: Any
    end: Signal
    whole: Signal

    def __init__(self):
        super().__init__({"i": In(byte_strobe()), "o": Out(byte_strobe()), "end": Out(1), "whole": Out(1)})

    def elaborate(self, platform):
        m = Module()
        left = Signal(8)
        zero_due = Signal()  # the block before this code stood for a zero at its end
        with m.If(self.i.valid):
            with m.If(self.i.data == 0):
                m.d.comb += [self.end.eq(1), self.whole.eq(left == 0)]
                m.d.sync += [left.eq(0), zero_due.eq(0)]
            with m.Elif(left == 0):
                m.d.comb += self.o.valid.eq(zero_due)
                m.d.sync += [left.eq(self.i.data - 1), zero_due.eq(self.i.data != BLOCK + 1)]
            with m.Else():
                m.d.comb += [self.o.valid.eq(1), self.o.data.eq(self.i.data)]
                m.d.sync += left.eq(left - 1)
        return m


class CobsEncoder(wiring.Component):
    """Frames to bytes of the line, each frame followed by a zero.

    A block leaves when it is complete, so up to 254 bytes are held.

    Ports
    -----
    i : in, `byte_stream`
    o : out, stream of bytes
    draining : out, fewer than `NEARLY` bytes are left to send
    """

    NEARLY = 16

    i: Any
    o: Any
    draining: Signal

    def __init__(self):
        super().__init__({"i": In(byte_stream()), "o": Out(stream.Signature(8)), "draining": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.bytes = held = SyncFIFOBuffered(width=8, depth=256)
        m.submodules.codes = codes = SyncFIFOBuffered(width=9, depth=4)  # length + 1, ends the frame
        self._blocks(m, held, codes)
        self._lines(m, held, codes)
        return m

    def _blocks(self, m: Module, held: SyncFIFOBuffered, codes: SyncFIFOBuffered) -> None:
        """Cut frames into blocks; a zero at the end of a frame is followed by an empty block."""
        length = Signal(range(BLOCK + 1))
        empty_due = Signal()
        zero, last = self.i.payload.data == 0, self.i.payload.last
        full = ~zero & (length == BLOCK - 1)
        room = held.w_rdy & codes.w_rdy & ~empty_due
        m.d.comb += [
            self.i.ready.eq(room),
            held.w_data.eq(self.i.payload.data),
            held.w_en.eq(self.i.valid & room & ~zero),
            codes.w_data[:8].eq(Mux(empty_due, 1, Mux(zero, length + 1, length + 2))),
            codes.w_data[8].eq(empty_due | (last & ~zero)),
            codes.w_en.eq(empty_due | (self.i.valid & room & (zero | last | full))),
        ]
        with m.If(empty_due):
            m.d.sync += empty_due.eq(~codes.w_rdy)
        with m.Elif(self.i.valid & room):
            m.d.sync += [
                length.eq(Mux(zero | last | full, 0, length + 1)),
                empty_due.eq(zero & last),
            ]

    def _lines(self, m: Module, held: SyncFIFOBuffered, codes: SyncFIFOBuffered) -> None:
        left = Signal(range(BLOCK + 1))
        final, delimiter = Signal(), Signal()
        m.d.comb += self.draining.eq(~codes.r_rdy & (left < self.NEARLY))
        with m.If(left != 0):
            m.d.comb += [
                self.o.payload.eq(held.r_data),
                self.o.valid.eq(held.r_rdy),
                held.r_en.eq(self.o.ready),
            ]
            with m.If(self.o.ready & held.r_rdy):
                m.d.sync += [left.eq(left - 1), delimiter.eq(final & (left == 1))]
        with m.Elif(delimiter):
            m.d.comb += [self.o.payload.eq(0), self.o.valid.eq(1)]
            with m.If(self.o.ready):
                m.d.sync += delimiter.eq(0)
        with m.Else():
            code = codes.r_data[:8]
            m.d.comb += [
                self.o.payload.eq(code),
                self.o.valid.eq(codes.r_rdy),
                codes.r_en.eq(self.o.ready),
            ]
            with m.If(self.o.ready & codes.r_rdy):
                ends = codes.r_data[8]
                m.d.sync += [left.eq(code - 1), final.eq(ends), delimiter.eq(ends & (code == 1))]
