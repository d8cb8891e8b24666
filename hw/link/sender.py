"""Frame sender: header, payload and CRC of one frame after the other."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from .cobs import CobsEncoder
from .protocol import CRC_BYTES, HEADER_BYTES
from .signatures import byte_stream, header_layout

__all__ = ["FrameSender"]


class FrameSender(wiring.Component):
    """Sends the frame that it is asked for.

    Ports
    -----
    ask : in, there is a frame to send
    header, length : in, of that frame
    take : out, it is being sent; header and length were read, the next frame may be asked for
    idle : out, ready for a frame, and the line about to be
    offset : out, of a payload byte, in the frame that was taken
    data : in, that byte, a cycle later
    o : out, stream of bytes for the line
    """

    ask: Signal
    header: Any
    length: Signal
    take: Signal
    idle: Signal
    offset: Signal
    data: Signal
    o: Any

    def __init__(self):
        super().__init__(
            {
                "ask": In(1),
                "header": In(header_layout()),
                "length": In(8),
                "take": Out(1),
                "idle": Out(1),
                "offset": Out(8),
                "data": In(8),
                "o": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.encoder = encoder = CobsEncoder()
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        wiring.connect(m, encoder.o, wiring.flipped(self.o))
        # A byte is chosen in one cycle and encoded in another: the line takes far longer.
        out, full = byte_stream().create(), Signal()
        passed = Signal()
        header = Signal(8 * HEADER_BYTES)
        left, place = Signal(8), Signal(2)
        byte = Signal(8)
        m.d.comb += [
            passed.eq(out.valid & out.ready),
            crc.data.eq(out.payload.data),
            out.ready.eq(~full),
            encoder.i.valid.eq(full),
        ]
        with m.If(passed):
            m.d.sync += [encoder.i.payload.eq(out.payload), full.eq(1)]
        with m.Elif(encoder.i.ready):
            m.d.sync += full.eq(0)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [
                    crc.start.eq(1),
                    self.idle.eq(encoder.draining & ~full),
                    self.take.eq(self.ask & self.idle),
                ]
                m.d.sync += [header.eq(self.header), left.eq(self.length), self.offset.eq(0), place.eq(0)]
                with m.If(self.take):
                    m.next = "HEADER"
            with m.State("HEADER"):
                m.d.comb += [out.valid.eq(1), out.payload.data.eq(header[:8]), crc.valid.eq(passed)]
                with m.If(passed):
                    m.d.sync += [header.eq(Cat(header[8:], header[:8])), place.eq(place + 1)]
                    with m.If(place == HEADER_BYTES - 1):
                        m.next = "FETCH"
            with m.State("FETCH"):
                with m.If(left == 0):
                    m.next = "CRC"
                with m.Else():
                    m.next = "LATCH"
            with m.State("LATCH"):  # straight from a block RAM into CRC and COBS it would be the slowest path
                m.d.sync += byte.eq(self.data)
                m.next = "PAYLOAD"
            with m.State("PAYLOAD"):
                m.d.comb += [out.valid.eq(1), out.payload.data.eq(byte), crc.valid.eq(passed)]
                with m.If(passed):
                    m.d.sync += [self.offset.eq(self.offset + 1), left.eq(left - 1)]
                    m.next = "FETCH"
            with m.State("CRC"):
                m.d.comb += [
                    out.valid.eq(1),
                    out.payload.data.eq(crc.crc.word_select(place, 8)),
                    out.payload.last.eq(place == CRC_BYTES - 1),
                ]
                with m.If(passed):
                    m.d.sync += place.eq(place + 1)
                    with m.If(place == CRC_BYTES - 1):
                        m.next = "IDLE"
        return m
