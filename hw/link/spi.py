"""SPI target: frames of the link behind four pins that another chip clocks."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from .signatures import byte_strobe

__all__ = ["MIN_SCK_CYCLES", "FrameStore", "SpiTarget"]

MIN_SCK_CYCLES = 8
"""Clock cycles of the design that a period of SCK takes at least, half of it high."""
_LINE_BYTES = 256  # of a frame with COBS and its delimiter
_FRAMES = 2


class FrameStore(wiring.Component):
    """Frames of a line, each given only once it is whole.

    An SPI controller takes a byte whenever it clocks one, so a frame must not pause: what would fill the
    gap is a part of it. Two frames are held, no more, so that the sender knows that the line is busy.

    Ports
    -----
    i : in, stream of bytes; a zero ends a frame
    o : out, stream of bytes; `valid` does not go away within a frame
    """

    i: Any
    o: Any

    def __init__(self):
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.held = held = SyncFIFOBuffered(width=8, depth=_FRAMES * _LINE_BYTES)
        whole = Signal(range(_FRAMES + 1))
        m.d.comb += [
            held.w_data.eq(self.i.payload),
            held.w_en.eq(self.i.valid & self.i.ready),
            self.i.ready.eq(held.w_rdy & (whole != _FRAMES)),
            self.o.payload.eq(held.r_data),
            self.o.valid.eq(held.r_rdy & (whole != 0)),
            held.r_en.eq(self.o.valid & self.o.ready),
        ]
        ended, left = Signal(), Signal()
        m.d.comb += [ended.eq(held.w_en & (held.w_data == 0)), left.eq(held.r_en & (held.r_data == 0))]
        m.d.sync += whole.eq(whole + ended - left)
        return m


class SpiTarget(wiring.Component):
    """Bytes both ways, mode 0 (CPOL 0, CPHA 0), most significant bit first.

    SCK is sampled by the clock of the design, of which a period takes 8 cycles or more. Both sides sample at
    its rising edge; MISO changes up to 6 cycles after it, which leaves the controller the rest of the
    period. While there is nothing to say, MISO carries zero bytes, which are delimiters and mean nothing.
    A byte that the end of a selection cuts short is dropped, and the one that was going out begins anew.

    Ports
    -----
    sck, mosi : in, cs_n : in, active low, miso : out, the pins, asynchronous
    o : out, `byte_strobe`, what comes
    i : in, stream of bytes, what goes
    waiting : out, there is something to fetch
    cut : out, for a cycle: a selection ended within a byte
    """

    sck: Signal
    mosi: Signal
    cs_n: Signal
    miso: Signal
    o: Any
    i: Any
    waiting: Signal
    cut: Signal

    def __init__(self):
        super().__init__(
            {
                "sck": In(1),
                "mosi": In(1),
                "cs_n": In(1, init=1),  # pyright: ignore[reportCallIssue]
                "miso": Out(1),
                "o": Out(byte_strobe()),
                "i": In(stream.Signature(8)),
                "waiting": Out(1),
                "cut": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        sck, mosi, cs_n = Signal(), Signal(), Signal(init=1)
        m.submodules.sck = FFSynchronizer(self.sck, sck)
        m.submodules.mosi = FFSynchronizer(self.mosi, mosi)
        m.submodules.cs_n = FFSynchronizer(self.cs_n, cs_n, init=1)
        before, rising = Signal(), Signal()
        bits = Signal(3)
        came, going, real = Signal(8), Signal(8), Signal()  # `real`: no filler
        m.d.comb += rising.eq(sck & ~before & ~cs_n)
        m.d.sync += [
            before.eq(sck),
            self.miso.eq(Array(reversed(list(going)))[bits]),
            self.o.valid.eq(0),
            self.cut.eq(cs_n & (bits != 0)),
            self.waiting.eq(self.i.valid | real),
        ]
        # A byte is chosen at the end of the one before it; before the first one, until the selection begins.
        ends = rising & (bits == 7)
        m.d.comb += self.i.ready.eq(ends | (cs_n & ~real & (bits == 0)))
        with m.If(cs_n):
            m.d.sync += bits.eq(0)
        with m.Elif(rising):
            m.d.sync += [bits.eq(bits + 1), came.eq(Cat(mosi, came[:7]))]
        with m.If(ends):
            m.d.sync += [self.o.valid.eq(1), self.o.data.eq(Cat(mosi, came[:7]))]
        with m.If(self.i.ready):
            m.d.sync += [going.eq(Mux(self.i.valid, self.i.payload, 0)), real.eq(self.i.valid)]
        return m
