"""UART: 8 data bits, no parity, one stop bit, least significant bit first."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from .signatures import byte_strobe

__all__ = ["UartReceiver", "UartTransmitter"]

_MAJORITY_CYCLES = 8  # shorter bits are sampled once: three samples would reach into their edges


class UartReceiver(wiring.Component):
    """Bytes from a pin.

    A start bit must still be there in its middle, or it was noise. From 8 cycles a bit up, each bit is the
    majority of three samples around its middle. A byte without its stop bit is dropped and reported; the
    next start is looked for after the line was high again.

    Ports
    -----
    rx : in, the pin, asynchronous
    o : out, `byte_strobe`
    framing_error : out, for a cycle: a byte had no stop bit
    """

    rx: Signal
    o: Any
    framing_error: Signal

    def __init__(self, *, bit_cycles: int):
        self.bit_cycles = bit_cycles
        rx = In(1, init=1)  # pyright: ignore[reportCallIssue]
        super().__init__({"rx": rx, "o": Out(byte_strobe()), "framing_error": Out(1)})

    def elaborate(self, platform):
        m = Module()
        rx = Signal(init=1)
        m.submodules.synchroniser = FFSynchronizer(self.rx, rx, init=1)
        before = Signal(2, init=3)
        m.d.sync += before.eq(Cat(rx, before[0]))
        bit = rx
        if self.bit_cycles >= _MAJORITY_CYCLES:
            bit = (rx & before[0]) | (rx & before[1]) | (before[0] & before[1])

        wait = Signal(range(self.bit_cycles))
        bits = Signal(range(10))  # 0: the start bit, 1..8: data, 9: the stop bit
        busy, high = Signal(), Signal(init=1)
        shifted = Signal(8)
        m.d.comb += self.o.data.eq(shifted)
        m.d.sync += [self.o.valid.eq(0), self.framing_error.eq(0)]
        # The majority looks one cycle back, so its middle is one cycle later.
        half = self.bit_cycles // 2 - 1 + (self.bit_cycles >= _MAJORITY_CYCLES)
        with m.If(~busy):
            m.d.sync += [high.eq(high | rx), wait.eq(half - 1), bits.eq(0), busy.eq(high & ~rx)]
        with m.Elif(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.Else():
            m.d.sync += [wait.eq(self.bit_cycles - 1), bits.eq(bits + 1)]
            with m.If(bits == 0):
                m.d.sync += busy.eq(~bit)
            with m.Elif(bits == 9):
                m.d.sync += [busy.eq(0), high.eq(bit), self.o.valid.eq(bit), self.framing_error.eq(~bit)]
            with m.Else():
                m.d.sync += shifted.eq(Cat(shifted[1:], bit))
        return m


class UartTransmitter(wiring.Component):
    """Bytes to a pin, without a pause between them.

    Ports
    -----
    i : in, stream of bytes
    tx : out, the pin
    """

    i: Any
    tx: Signal

    def __init__(self, *, bit_cycles: int):
        self.bit_cycles = bit_cycles
        tx = Out(1, init=1)  # pyright: ignore[reportCallIssue]
        super().__init__({"i": In(stream.Signature(8)), "tx": tx})

    def elaborate(self, platform):
        m = Module()
        wait = Signal(range(self.bit_cycles))
        left = Signal(range(11))
        shifted = Signal(9, init=0x1FF)
        idle = Signal()
        m.d.comb += [idle.eq((left == 0) | ((left == 1) & (wait == 0))), self.i.ready.eq(idle)]
        with m.If(idle & self.i.valid):
            m.d.sync += [
                self.tx.eq(0),
                shifted.eq(Cat(self.i.payload, 1)),
                left.eq(10),
                wait.eq(self.bit_cycles - 1),
            ]
        with m.Elif(left != 0):
            m.d.sync += wait.eq(Mux(wait == 0, self.bit_cycles - 1, wait - 1))
            with m.If(wait == 0):
                m.d.sync += [self.tx.eq(shifted[0]), shifted.eq(Cat(shifted[1:], 1)), left.eq(left - 1)]
        return m
