"""Weight memory of a synaptic array: a row of all lanes a cycle."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth import Module, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .kinds import WeightStore
from .loaded_memory import LoadedMemory, LoadedShape
from .memory_banks import SHALLOW, bank_address, bank_starts, bank_words, choice_cycles, choose_bank
from .params import bits_for_unsigned
from .staged import held

__all__ = ["WeightMemory", "rows_in_block_ram"]

_LUT_ROWS = 16  # as many as a LUT has words
_LUT_BITS = 1 << 12  # fewer are not worth a block RAM's width


def rows_in_block_ram(rows: int, row_bits: int) -> bool:
    """Whether a table is better block RAM where LUTs would cost less, several of them in a row for each bit.

    Of arrays that have much logic for each lane: it stands between the address and those LUTs.
    """
    return rows > _LUT_ROWS and rows * row_bits >= _LUT_BITS


class WeightMemory(wiring.Component):
    """Memory of `count` words of `row_bits`; `row` follows `address` by `READ_CYCLES` and `late` cycles.

    Nothing stands between a block RAM and its output register, so that the register can be the RAM's own:
    what is deep is made of banks (hw/memory_banks.py), chosen behind it. Its block RAMs stand far from each
    other: their address has a register on the way. With another `store` than INITIALISED the words come over
    the load bus: `loaded` is the memory then, which the bus drives.

    Parameters
    ----------
    late : int
        Cycles that the row may come later, for the way of the address and the choice of a bank:
        `late_cycles` is what they take.
    block_ram : bool
        Whether it is block RAM even where LUTs would cost less: several levels of them are slow.
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
        late: int = 0,
        block_ram: bool = False,
    ):
        assert not late or store is WeightStore.INITIALISED, "the load bus counts on `READ_CYCLES`"
        if len(rows) != count:
            raise ValueError(f"Weight memory takes {count} rows, not {len(rows)}")
        self.rows = rows
        self.row_bits = row_bits
        self.late = late
        self.attributes = {"ram_style": "block"} if block_ram else {}
        self.loaded: LoadedMemory | None = None
        if store is not WeightStore.INITIALISED:
            shape = LoadedShape(name="weights", rows=count, bits=row_bits)
            self.loaded = LoadedMemory(rows, shape, store=store)
        super().__init__({"address": In(bits_for_unsigned(count - 1)), "row": Out(row_bits)})

    @staticmethod
    def late_cycles(count: int, row_bits: int, store: WeightStore) -> int:
        """Cycles beyond `READ_CYCLES` that the way to many block RAMs and the choice of a bank take."""
        if store is not WeightStore.INITIALISED:
            return 0
        return choice_cycles(bank_words(count, row_bits)) + int(count > SHALLOW)

    def elaborate(self, platform):
        m = Module()
        if self.loaded is not None:
            m.submodules.weights = self.loaded
            m.d.comb += [self.loaded.address.eq(self.address), self.row.eq(self.loaded.word)]
            return m
        banks = bank_words(len(self.rows), self.row_bits)
        ahead = int(self.late > choice_cycles(banks))
        address = held(m, self.address, ahead, "near_address")
        words = []
        for number, (start, count) in enumerate(zip(bank_starts(banks), banks, strict=True)):
            name = f"weights_{number}" if len(banks) > 1 else "weights"
            memory = self._bank(self.rows[start : start + count])
            m.submodules[name] = memory
            read = memory.read_port()
            word = Signal(self.row_bits, name=f"{name}_row", reset_less=True)
            m.d.comb += read.addr.eq(bank_address(address, count))
            m.d.sync += word.eq(read.data)
            words.append(word)
        m.d.comb += self.row.eq(choose_bank(m, address, words, banks, cycles=self.late - ahead))
        return m

    def _bank(self, rows: Sequence[int]) -> Memory:
        # depth 2 at least: a memory of one word has no address
        return Memory(
            shape=unsigned(self.row_bits), depth=max(2, len(rows)), init=rows, attrs=self.attributes
        )


assert WeightMemory.READ_CYCLES == LoadedMemory.READ_CYCLES
