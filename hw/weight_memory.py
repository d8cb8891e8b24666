"""Weight memory of a synaptic array: a row of all lanes a cycle."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth import Module, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .kinds import WeightStore
from .loaded_memory import LoadedMemory, LoadedShape
from .params import bits_for_unsigned

__all__ = ["WeightMemory"]


class WeightMemory(wiring.Component):
    """Memory of `count` words of `row_bits`; `row` follows `address` by two cycles.

    Nothing stands between the memory and its output register, so that the register can be the RAM's own.
    With a `store` other than INITIALISED the words come over the load bus: `loaded` is the memory then, which
    the bus drives; else it is None.
    """

    READ_CYCLES = 2

    address: Signal
    row: Signal

    def __init__(
        self,
        rows: Sequence[int],
        *,
        count: int,
        row_bits: int,
        store: WeightStore = WeightStore.INITIALISED,
    ):
        if len(rows) != count:
            raise ValueError(f"Weight memory takes {count} rows, not {len(rows)}")
        self.rows = rows
        self.row_bits = row_bits
        self.loaded: LoadedMemory | None = None
        if store is not WeightStore.INITIALISED:
            shape = LoadedShape(name="weights", rows=count, bits=row_bits)
            self.loaded = LoadedMemory(rows, shape, store=store)
        super().__init__({"address": In(bits_for_unsigned(count - 1)), "row": Out(row_bits)})

    def elaborate(self, platform):
        m = Module()
        if self.loaded is not None:
            m.submodules.weights = self.loaded
            m.d.comb += [self.loaded.address.eq(self.address), self.row.eq(self.loaded.word)]
            return m
        # depth 2 at least: a memory of one word has no address
        m.submodules.weights = memory = Memory(
            shape=unsigned(self.row_bits), depth=max(2, len(self.rows)), init=self.rows
        )
        read = memory.read_port()
        m.d.comb += read.addr.eq(self.address)
        row = Signal(self.row_bits, reset_less=True)
        m.d.sync += row.eq(read.data)
        m.d.comb += self.row.eq(row)
        return m


assert WeightMemory.READ_CYCLES == LoadedMemory.READ_CYCLES
