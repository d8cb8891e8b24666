"""Memory whose words are loaded at run time: read by the design, written and read back over a load bus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .kinds import WeightStore
from .memory_banks import (
    bank_address,
    bank_starts,
    bank_words,
    choose_bank,
    in_banks,
    whole_banks,
)
from .params import bits_for_unsigned

__all__ = ["LOADED", "SLICE_BITS", "LoadedMemory", "LoadedShape", "load_port_signature"]

SLICE_BITS = 16
"""Bits that are written or read back at a time: the width of an iCE40 SPRAM, and of its block RAM."""
LOADED = "loaded"
"""Attribute of a memory whose words are not part of the design."""


@dataclass(frozen=True, kw_only=True)
class LoadedShape:
    """Geometry of one loaded memory: `rows` words of `bits`, in slices of 16 bits, the lowest first."""

    name: str
    rows: int
    bits: int

    @property
    def slices(self) -> int:
        """Slices of a word."""
        return -(-self.bits // SLICE_BITS)

    def banks(self, store: WeightStore) -> tuple[int, ...]:
        """Words of each bank (hw/memory_banks.py)."""
        if store is WeightStore.SPRAM:
            return whole_banks(self.rows)
        return bank_words(self.rows, self.slices * SLICE_BITS)


def load_port_signature(shape: LoadedShape) -> wiring.Signature:
    """What a memory sees of the load bus.

    While `active`, `row` is its address instead of the design's. `write` puts `data` into a slice of it;
    `q` is that slice, when the address has stayed for `LoadedMemory.READ_CYCLES` cycles.
    """
    return wiring.Signature(
        {
            "active": Out(1),
            "write": Out(1),
            "row": Out(bits_for_unsigned(shape.rows - 1)),
            "slice": Out(bits_for_unsigned(shape.slices - 1)),
            "data": Out(SLICE_BITS),
            "q": In(SLICE_BITS),
        }
    )


class LoadedMemory(wiring.Component):
    """Memory of `shape`; `word` follows `address` by `READ_CYCLES` cycles.

    One address serves both reading and writing, as a single-port RAM has it; nothing is read in a cycle that
    writes. What it holds before it is loaded is unknown in a device; simulations start with `words`. What the
    load bus brings is held in registers here, data in every bank.

    Parameters
    ----------
    words : sequence of int
        `shape.rows` words of `shape.bits`.
    store : WeightStore
        LOADED or SPRAM.
    """

    READ_CYCLES = 2

    address: Signal
    word: Signal
    load: Any

    def __init__(
        self,
        words: Sequence[int],
        shape: LoadedShape,
        *,
        store: WeightStore = WeightStore.LOADED,
    ):
        self.words, self.shape, self.store = words, shape, store
        super().__init__(
            {
                "address": In(bits_for_unsigned(shape.rows - 1)),
                "word": Out(shape.bits),
                "load": In(load_port_signature(shape)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        load, banks = self.load, self.shape.banks(self.store)
        active, row = Signal(reset_less=True), Signal.like(load.row, reset_less=True)
        m.d.sync += [active.eq(load.active), row.eq(load.row)]
        address = Signal.like(self.address)
        m.d.comb += address.eq(Mux(active, row, self.address))
        words = [
            self._bank(m, number, here, bank_address(address, banks[number]))
            for number, here in enumerate(in_banks(load.row, banks))
        ]
        word = choose_bank(m, address, words, banks)
        m.d.comb += [self.word.eq(word), load.q.eq(word.word_select(load.slice, SLICE_BITS))]
        return m

    def _bank(self, m: Module, number: int, here: Value, address: Value) -> Signal:
        """A bank, and the registers around it; gives its word, two cycles after `address`.

        `here`: it has the row on the bus.
        """
        load, slices = self.load, self.shape.slices
        memory = self._memory(m, number)
        write, read = memory.write_port(granularity=SLICE_BITS), memory.read_port()
        wanted = Signal(slices, name=f"wanted_{number}")
        writing = Signal(name=f"writing_{number}", reset_less=True)
        written = Signal(slices, name=f"written_{number}", reset_less=True)
        word = Signal(slices * SLICE_BITS, name=f"word_{number}", reset_less=True)
        m.d.comb += [
            wanted.eq(Cat(load.write & here & (load.slice == place) for place in range(slices))),
            read.addr.eq(address),
            read.en.eq(~writing),
            write.addr.eq(address),
            write.en.eq(written & writing.replicate(slices)),
        ]
        m.d.sync += [writing.eq(load.write & here), written.eq(wanted), word.eq(read.data)]
        self._hold_data(m, number, write.data)
        return word

    def _memory(self, m: Module, number: int) -> Memory:
        banks = self.shape.banks(self.store)
        start, name = bank_starts(banks)[number], "words" if len(banks) == 1 else f"words_{number}"
        style = {"ram_style": "huge"} if self.store is WeightStore.SPRAM else {}
        m.submodules[name] = memory = Memory(
            shape=unsigned(self.shape.slices * SLICE_BITS),
            depth=max(2, banks[number]),
            init=self.words[start : start + banks[number]],
            attrs={LOADED: "1", **style},
        )
        return memory

    def _hold_data(self, m: Module, number: int, to: Value) -> None:
        """What is written: registers of every bank.

        They are alike in all banks, so synthesis merges them; SPRAMs get theirs back in a netlist pass.
        An enable would keep them apart too, but it would come late.
        """
        for place in range(self.shape.slices):
            data = Signal(SLICE_BITS, name=f"data_{number}_{place}", reset_less=True)
            m.d.sync += data.eq(self.load.data)
            m.d.comb += to.word_select(place, SLICE_BITS).eq(data)
