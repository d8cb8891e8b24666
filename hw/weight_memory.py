"""Weight memory of a synaptic array: a row of all lanes a cycle."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth import Module, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .params import ArrayParams, bits_for_unsigned

__all__ = ["WeightMemory"]


class WeightMemory(wiring.Component):
    """Initialised memory of `params.rows` words of `params.row_bits`; `row` follows `address` by two cycles.

    Nothing stands between the memory and its output register, so that the register can be the RAM's own.
    """

    READ_CYCLES = 2

    address: Signal
    row: Signal

    def __init__(self, params: ArrayParams, rows: Sequence[int]):
        if len(rows) != params.rows:
            raise ValueError(f"Weight memory takes {params.rows} rows, not {len(rows)}")
        self.params = params
        self.rows = rows
        super().__init__({"address": In(bits_for_unsigned(params.rows - 1)), "row": Out(params.row_bits)})

    def elaborate(self, platform):
        m = Module()
        # depth 2 at least: a memory of one word has no address
        m.submodules.weights = memory = Memory(
            shape=unsigned(self.params.row_bits), depth=max(2, self.params.rows), init=self.rows
        )
        read = memory.read_port()
        m.d.comb += read.addr.eq(self.address)
        row = Signal(self.params.row_bits, reset_less=True)
        m.d.sync += row.eq(read.data)
        m.d.comb += self.row.eq(row)
        return m
