"""Frame checker: what comes in, decoded, measured and checked; nothing is trusted before its last byte."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from .cobs import CobsDecoder
from .protocol import CRC_BYTES, FRAME_BYTES, HEADER_BYTES, VERSION
from .signatures import byte_strobe, header_layout

__all__ = ["FrameChecker"]


class FrameChecker(wiring.Component):
    """Frames of a line of bytes.

    Ports
    -----
    i : in, `byte_strobe`
    start : out, with the first byte of a frame
    o : out, `byte_strobe`: payload, then the four bytes of the CRC
    offset : out, of that byte in the payload
    header : out, of the frame, from its fifth byte to its end
    length : out, of its payload, with `good`
    good, bad : out, the frame ended, and is what its sender sent, or is not
    """

    i: Any
    start: Signal
    o: Any
    offset: Signal
    header: Any
    length: Signal
    good: Signal
    bad: Signal

    def __init__(self):
        super().__init__(
            {
                "i": In(byte_strobe()),
                "start": Out(1),
                "o": Out(byte_strobe()),
                "offset": Out(8),
                "header": Out(header_layout()),
                "length": Out(8),
                "good": Out(1),
                "bad": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = CobsDecoder()
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        count = Signal(8)  # bytes of the frame; what is too long stays at 255
        wiring.connect(m, wiring.flipped(self.i), decoder.i)
        m.d.comb += [
            self.start.eq(decoder.o.valid & (count == 0)),
            crc.start.eq(self.start),
            crc.valid.eq(decoder.o.valid),
            crc.data.eq(decoder.o.data),
            self.o.valid.eq(decoder.o.valid & (count >= HEADER_BYTES) & (count < FRAME_BYTES)),
            self.o.data.eq(decoder.o.data),
            self.offset.eq(count - HEADER_BYTES),
            self.length.eq(count - HEADER_BYTES - CRC_BYTES),
        ]
        raw = self.header.as_value()
        for place in range(HEADER_BYTES):
            with m.If(decoder.o.valid & (count == place)):
                m.d.sync += raw[8 * place : 8 * place + 8].eq(decoder.o.data)
        with m.If(decoder.end):
            m.d.sync += count.eq(0)
        with m.Elif(decoder.o.valid & (count != 255)):
            m.d.sync += count.eq(count + 1)

        sized = (count >= HEADER_BYTES + CRC_BYTES) & (count <= FRAME_BYTES)
        right = sized & crc.match_detected & (self.header.version == VERSION)
        anything = (count != 0) | ~decoder.whole  # between two delimiters
        m.d.comb += [
            self.good.eq(decoder.end & decoder.whole & right),
            self.bad.eq(decoder.end & anything & ~self.good),
        ]
        return m
