"""Row array: adds the rows of synapses of a row stream, one a cycle, and sweeps the sums to the neurons.

A word of a row list brings its accumulator word from a memory of its own, which is read before the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .addends import multiply_row, product_cycles
from .banked_accumulators import ROW_CYCLES, BankedAccumulators
from .params import CoreParams, WeightStore
from .signatures import row_stream, sweep_signature
from .staged import held
from .weight_memory import WeightMemory, rows_in_block_ram

__all__ = ["RowArray"]


class RowArray(wiring.Component):
    """Weight memory, banked accumulators and, with row lists, the memory of their groups.

    Streams
    -------
    rows : in, `row_stream(core.rows, groups, core.array.value_bits)`
    sweep : out, `sweep_signature(update_lanes, groups, acc_bits)`; begins with `start` when `sweep_ready`

    Port `hold`, out: a tick must not come in the next cycle; one is on its way or its sweep still reads. Nor
    may one come right behind another, of which `hold` does not know yet.
    Port `clearing`, out: after a reset, no row may come yet; `rows` is always ready.

    Timing: a row a cycle. The sweep of a step starts `swap_cycles(core)` after its tick was taken, or later
    when `sweep_ready` comes. The next step's rows are taken meanwhile; its tick waits for the sweep.

    Parameters
    ----------
    rows : sequence of int
        `core.rows` words of the weight memory; those of row lists, the first, with their group above.
    """

    rows: Any
    sweep: Any
    sweep_ready: Signal
    start: Signal
    hold: Signal
    clearing: Signal

    def __init__(self, core: CoreParams, rows: Sequence[int]):
        array = core.array
        self.core = core
        listed = core.listed_rows
        weights = [word & ((1 << array.row_bits) - 1) for word in rows[:listed]]
        self.memory = WeightMemory(
            [*weights, *rows[listed:]],
            count=core.rows,
            row_bits=array.row_bits,
            store=array.store,
            block_ram=rows_in_block_ram(core.rows, array.row_bits),
        )
        groups = [word >> array.row_bits for word in rows[:listed]]
        self.groups: WeightMemory | None = None
        if listed:
            loaded = array.store is not WeightStore.INITIALISED
            store = WeightStore.LOADED if loaded else WeightStore.INITIALISED
            self.groups = WeightMemory(groups, count=listed, row_bits=core.group_bits, store=store)
        self.accumulators = BankedAccumulators(array, update_lanes=core.update_lanes)
        sweep = sweep_signature(core.update_lanes, self.accumulators.sweep_groups, array.acc_bits)
        super().__init__(
            {
                "rows": In(row_stream(core.rows, array.groups, array.value_bits)),
                "sweep": Out(sweep),
                "sweep_ready": In(1),
                "start": Out(1),
                "hold": Out(1),
                "clearing": Out(1),
            }
        )

    @property
    def memories(self) -> list[WeightMemory]:
        """What holds weights, and the groups of row lists."""
        return [self.memory] if self.groups is None else [self.memory, self.groups]

    @staticmethod
    def swap_cycles(core: CoreParams) -> int:
        """Cycles from taking a tick to the start of its sweep, at the earliest."""
        look_up = WeightMemory.READ_CYCLES if core.listed_rows else 0
        return look_up + product_cycles(core.array) + BankedAccumulators.SWAP_CYCLES

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = self.memory
        m.submodules.accumulators = acc = self.accumulators
        wiring.connect(m, wiring.flipped(self.sweep), acc.sweep)
        m.d.comb += [acc.sweep_ready.eq(self.sweep_ready), self.start.eq(acc.start)]
        row, taken = self.rows.payload, Signal()
        clearing = Signal(init=1)  # a register near the walk
        m.d.sync += [
            clearing.eq(acc.clearing),
            self.hold.eq((taken & row.tick) | (self.hold & ~acc.free)),
        ]
        m.d.comb += [self.clearing.eq(clearing), self.rows.ready.eq(1), taken.eq(self.rows.valid)]
        taken, row, group = self._look_up(m, taken, row)
        self._control(m, Cat(taken & ~row.tick, taken & row.tick, row.last, group))
        m.d.comb += acc.row.eq(self._addends(m, row))
        return m

    def _look_up(self, m: Module, taken: Signal, row: Any) -> tuple[Signal, Any, Value]:
        """Whether a row was taken, the row and its group; with row lists, when its group has been read."""
        if self.groups is None:
            return taken, row, row.group
        m.submodules.groups = self.groups
        m.d.comb += self.groups.address.eq(row.row)
        for cycle in range(1, WeightMemory.READ_CYCLES + 1):
            held = Signal(name=f"taken_{cycle}")
            held_row = Signal(row.shape(), name=f"row_{cycle}", reset_less=True)
            m.d.sync += [held.eq(taken), held_row.eq(row)]
            taken, row = held, held_row
        return taken, row, Mux(row.row < self.core.listed_rows, self.groups.row, row.group)

    def _control(self, m: Module, control: Value) -> None:
        """Control of the accumulators, as late as what a row adds."""
        acc = self.accumulators
        for cycle in range(product_cycles(self.core.array)):
            held = Signal(len(control), name=f"control_{cycle}")
            m.d.sync += held.eq(control)
            control = held
        m.d.comb += [
            acc.add.eq(control[0]),
            acc.swap.eq(control[1]),
            acc.swap_last.eq(control[2]),
            acc.group.eq(control[3:]),
        ]

    def _addends(self, m: Module, row: Any) -> Value:
        """Weights of `row`, times the event's value where there is one, `ROW_CYCLES` after its control."""
        array = self.core.array
        # registers between block RAM, which stands in few columns of the device, and adders or multipliers
        behind = 1 if array.value_bits else 2
        late = ROW_CYCLES - WeightMemory.READ_CYCLES - behind
        m.d.comb += self.memory.address.eq(held(m, row.row, late, "address"))
        weights = held(m, self.memory.row, behind, "weights")
        if not array.value_bits:
            return weights
        value = held(m, row.value, late + WeightMemory.READ_CYCLES + behind, "value")
        return multiply_row(m, weights, value, array)
