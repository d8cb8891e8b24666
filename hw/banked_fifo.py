"""FIFO of several LUT RAMs, a register behind each: for what is deeper than a LUT RAM, but no block RAM."""

from __future__ import annotations

from amaranth import Array, Module, Signal, unsigned
from amaranth.lib import data
from amaranth.lib.memory import Memory

from .fifo import Fifo

__all__ = ["BankedFifo"]


class BankedFifo(Fifo):
    """FIFO of banks of `BANK_WORDS` words, interface as of `Fifo`: a word comes a cycle later.

    In one memory the word would go through LUT RAM and the choice among its parts in one cycle.
    """

    BANK_WORDS = 16  # of a LUT RAM
    MOST_WORDS = 128  # a memory of more is better block RAM
    LATENCY_CYCLES = Fifo.LATENCY_CYCLES + 1

    @classmethod
    def fits(cls, depth: int) -> bool:
        """Whether a FIFO of such a depth is of this kind."""
        return cls.BANK_WORDS < cls.places(depth) <= cls.MOST_WORDS

    @property
    def depth(self) -> int:
        """Words that it holds."""
        return super().depth + 1

    def elaborate(self, platform):
        m = Module()
        row_bits = self.BANK_WORDS.bit_length() - 1
        banks = 1 << (self.address_bits - row_bits)
        words = data.ArrayLayout(unsigned(self.width), banks)
        m.submodules.storage = storage = Memory(
            shape=words,
            depth=self.BANK_WORDS,
            init=[],
            attrs={"no_rw_check": "1"},  # what is read while it is written is not taken
        )
        write, read = storage.write_port(granularity=1), storage.read_port()
        there, take = Signal(), Signal()
        behind, move = Signal(), Signal()  # a word is in the banks' registers; it can go on
        m.d.comb += [move.eq(~self.r_rdy | self.r_en), take.eq(there & (~behind | move))]
        put, write_place, read_place = self._control(m, there, take)
        m.d.comb += [
            write.addr.eq(write_place[:row_bits]),
            write.en.eq(put << write_place[row_bits:]),
            read.addr.eq(read_place[:row_bits]),
            read.en.eq(take),
        ]
        m.d.comb += [write.data[bank].eq(self.w_data) for bank in range(banks)]
        bank = Signal(self.address_bits - row_bits, reset_less=True)
        with m.If(take):
            m.d.sync += bank.eq(read_place[row_bits:])
        m.d.sync += behind.eq(take | (behind & ~move))
        with m.If(move):
            m.d.sync += [
                self.r_data.eq(Array(read.data[k] for k in range(banks))[bank]),
                self.r_rdy.eq(behind),
            ]
        return m
