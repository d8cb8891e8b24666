"""Words of the accelerator's streams to and from bytes, least significant byte first."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .signatures import byte_stream

__all__ = ["BytesToWords", "WordsToBytes", "word_bytes"]


def word_bytes(bits: int) -> int:
    """Bytes that a word of so many bits takes on the link."""
    return -(-bits // 8)


class BytesToWords(wiring.Component):
    """Bytes to words of `width` bits; bits of the last byte beyond the word are ignored.

    Streams
    -------
    i : in, bytes
    o : out, words
    """

    i: Any
    o: Any

    def __init__(self, *, width: int):
        self.width = width
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(unsigned(width)))})

    def elaborate(self, platform):
        m = Module()
        count = word_bytes(self.width)
        held = Signal(8 * count)
        place = Signal(range(count))
        m.d.comb += [self.o.payload.eq(held), self.i.ready.eq(~self.o.valid)]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += held.eq(Cat(held, self.i.payload)[8:])
            with m.If(place == count - 1):
                m.d.sync += [place.eq(0), self.o.valid.eq(1)]
            with m.Else():
                m.d.sync += place.eq(place + 1)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m


class WordsToBytes(wiring.Component):
    """Words of `width` bits to bytes; `last` marks the final byte of a word.

    Streams
    -------
    i : in, words
    o : out, `byte_stream`
    """

    i: Any
    o: Any

    def __init__(self, *, width: int):
        self.width = width
        super().__init__({"i": In(stream.Signature(unsigned(width))), "o": Out(byte_stream())})

    def elaborate(self, platform):
        m = Module()
        count = word_bytes(self.width)
        held = Signal(8 * count)
        left = Signal(range(count + 1))
        m.d.comb += [
            self.i.ready.eq(left == 0),
            self.o.valid.eq(left != 0),
            self.o.payload.data.eq(held[:8]),
            self.o.payload.last.eq(left == 1),
        ]
        with m.If(left == 0):
            m.d.sync += held.eq(self.i.payload)
            with m.If(self.i.valid):
                m.d.sync += left.eq(count)
        with m.Elif(self.o.ready):
            m.d.sync += [held.eq(held[8:]), left.eq(left - 1)]
        return m
