"""Row array: adds the rows of synapses of a row stream, one a cycle, and sweeps the sums to the neurons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .banked_accumulators import ROW_CYCLES, BankedAccumulators
from .params import CoreParams
from .signatures import row_stream, sweep_signature
from .weight_memory import WeightMemory

__all__ = ["RowArray"]


class RowArray(wiring.Component):
    """Weight memory and banked accumulators.

    Streams
    -------
    rows : in, `row_stream(core.rows, groups)`
    sweep : out, `sweep_signature(update_lanes, groups, acc_bits)`; begins with `start` when `sweep_ready`

    Timing: a row a cycle. The sweep of a step starts `BankedAccumulators.SWAP_CYCLES` after its tick was
    taken, or later when `sweep_ready` comes. The next step's rows are taken meanwhile; its tick waits for the
    sweep.
    """

    rows: Any
    sweep: Any
    sweep_ready: Signal
    start: Signal

    def __init__(self, core: CoreParams, rows: Sequence[int]):
        array = core.array
        self.memory = WeightMemory(rows, count=core.rows, row_bits=array.row_bits)
        self.accumulators = BankedAccumulators(array, update_lanes=core.update_lanes)
        sweep = sweep_signature(core.update_lanes, self.accumulators.sweep_groups, array.acc_bits)
        super().__init__(
            {
                "rows": In(row_stream(core.rows, array.groups)),
                "sweep": Out(sweep),
                "sweep_ready": In(1),
                "start": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = self.memory
        m.submodules.accumulators = acc = self.accumulators
        wiring.connect(m, wiring.flipped(self.sweep), acc.sweep)
        m.d.comb += [acc.sweep_ready.eq(self.sweep_ready), self.start.eq(acc.start)]
        row, taken = self.rows.payload, Signal()
        blocked = Signal()  # a tick is on its way or its sweep still reads
        m.d.comb += [
            self.rows.ready.eq(~acc.clearing & ~(row.tick & blocked)),
            taken.eq(self.rows.valid & self.rows.ready),
            acc.add.eq(taken & ~row.tick),
            acc.swap.eq(taken & row.tick),
            acc.swap_last.eq(row.last),
            acc.group.eq(row.group),
            acc.row.eq(self.memory.row),
            self.memory.address.eq(row.row),
        ]
        with m.If(acc.free):
            m.d.sync += blocked.eq(0)
        with m.If(acc.swap):
            m.d.sync += blocked.eq(1)
        return m


# the row meets its control at the accumulators
assert ROW_CYCLES == WeightMemory.READ_CYCLES
