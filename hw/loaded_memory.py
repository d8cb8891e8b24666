"""Memory whose words are loaded at run time: read by the design, written and read back over a load bus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .kinds import WeightStore
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
    writes. What it holds before it is loaded is unknown in a device; simulations start with `words`.

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

    def __init__(self, words: Sequence[int], shape: LoadedShape, *, store: WeightStore = WeightStore.LOADED):
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
        slices, load = self.shape.slices, self.load
        style = {"ram_style": "huge"} if self.store is WeightStore.SPRAM else {}
        m.submodules.words = memory = Memory(
            shape=unsigned(slices * SLICE_BITS),
            depth=max(2, self.shape.rows),
            init=self.words,
            attrs={LOADED: "1", **style},
        )
        write, read = memory.write_port(granularity=SLICE_BITS), memory.read_port()
        address = Signal.like(read.addr)
        word = Signal(slices * SLICE_BITS, reset_less=True)
        m.d.comb += [
            address.eq(Mux(load.active, load.row, self.address)),
            read.addr.eq(address),
            read.en.eq(~load.write),
            write.addr.eq(address),
            write.data.eq(load.data.replicate(slices)),
            self.word.eq(word),
            load.q.eq(word.word_select(load.slice, SLICE_BITS)),
        ]
        for number in range(slices):
            m.d.comb += write.en[number].eq(load.write & (load.slice == number))
        m.d.sync += word.eq(read.data)
        return m
