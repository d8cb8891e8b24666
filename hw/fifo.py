"""FIFO made for the clock rate: power-of-two memory, registered state, no level counter."""

from __future__ import annotations

from amaranth import Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Fifo"]


class Fifo(wiring.Component):
    """FIFO of at least `depth` words; a word can be read `LATENCY_CYCLES` after it was written.

    Ports
    -----
    w_data, w_en, w_rdy : write `w_data` in a cycle with `w_en` and `w_rdy`, which knows of words that were
        taken a cycle late
    r_data, r_en, r_rdy : `r_data` is the oldest word while `r_rdy`; `r_en` takes it
    """

    LATENCY_CYCLES = 2

    w_data: Signal
    w_en: Signal
    w_rdy: Signal
    r_data: Signal
    r_en: Signal
    r_rdy: Signal

    def __init__(self, *, width: int, depth: int):
        self.width = width
        self.address_bits = max(1, (depth - 2).bit_length() if depth > 2 else 1)  # one word is in `r_data`
        super().__init__(
            {
                "w_data": In(width),
                "w_en": In(1),
                "w_rdy": Out(1),
                "r_data": Out(width),
                "r_en": In(1),
                "r_rdy": Out(1),
            }
        )

    @property
    def depth(self) -> int:
        """Words that it holds."""
        return (1 << self.address_bits) + 1

    def elaborate(self, platform):
        m = Module()
        bits = self.address_bits
        m.submodules.storage = storage = Memory(shape=unsigned(self.width), depth=1 << bits, init=[])
        write, read = storage.write_port(), storage.read_port()
        # places, with a bit that tells a full memory from an empty one, and those behind them
        produce, consume = Signal(bits + 1), Signal(bits + 1)
        succeeding, following = Signal(bits + 1, init=1), Signal(bits + 1, init=1)
        full = Signal()  # as far as was known a cycle ago
        there, put, take = Signal(), Signal(), Signal()
        m.d.comb += [
            self.w_rdy.eq(~full),
            put.eq(self.w_en & ~full),
            take.eq(there & (~self.r_rdy | self.r_en)),
            write.addr.eq(produce[:bits]),
            write.data.eq(self.w_data),
            write.en.eq(put),
            read.addr.eq(consume[:bits]),
            read.en.eq(take),
            self.r_data.eq(read.data),
        ]
        m.d.sync += [
            full.eq(Mux(put, (succeeding ^ consume) == 1 << bits, (produce ^ consume) == 1 << bits)),
            there.eq(put | Mux(take, produce != following, produce != consume)),
            self.r_rdy.eq(there | (self.r_rdy & ~self.r_en)),
        ]
        with m.If(put):
            m.d.sync += [produce.eq(succeeding), succeeding.eq(succeeding + 1)]
        with m.If(take):
            m.d.sync += [consume.eq(following), following.eq(following + 1)]
        return m
