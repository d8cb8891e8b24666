"""What a step of a delayed array adds up to, on its way to the neurons while the next steps are added.

The interface and the sweep are those of hw/accumulators.py, but nothing is added here: a step's sums come
ready, group by group, the last one with `swap`.
"""

from __future__ import annotations

from amaranth import Cat, Module, Signal
from amaranth.lib.memory import Memory

from .accumulators import (
    MemoryAccumulators,
    RegisterAccumulators,
    early_cycles,
    in_registers,
    swap_delay_cycles,
)
from .params import ArrayParams

__all__ = ["DELAYED_LEAD_CYCLES", "MemoryBank", "RegisterBank", "delay_bank", "delayed_free_cycles"]

DELAYED_LEAD_CYCLES = 9
"""Cycles from taking a tick off the stream to its `swap`."""


def delayed_free_cycles(params: ArrayParams, sweep_groups: int, *, accs_late: int = 0) -> int:
    """Number of the group at which a sweep gives `free`: the next swap then comes behind the last group."""
    behind = swap_delay_cycles(params, sweep_groups) + early_cycles(params, sweep_groups, accs_late)
    return max(0, sweep_groups - 1 - params.groups - DELAYED_LEAD_CYCLES + behind)


def delay_bank(params: ArrayParams, *, update_lanes: int, accs_late: int = 0) -> RegisterBank | MemoryBank:
    """The bank that fits the array."""
    kind = RegisterBank if in_registers(params) else MemoryBank
    row_bits = params.lanes * params.acc_bits
    return kind(params, update_lanes=update_lanes, row_bits=row_bits, accs_late=accs_late)


class RegisterBank(RegisterAccumulators):
    """One group: a register that is drained."""

    @property
    def _early_free(self) -> int:
        return delayed_free_cycles(self.params, self.sweep_groups, accs_late=self.accs_late)

    def elaborate(self, platform):
        m = Module()
        self._drain(m, self.row)
        return m


class MemoryBank(MemoryAccumulators):
    """Several groups: two banks of a memory."""

    @property
    def _early_free(self) -> int:
        return delayed_free_cycles(self.params, self.sweep_groups, accs_late=self.accs_late)

    def _add(self, m: Module, memory: Memory, bank: Signal) -> None:
        write = memory.write_port()
        m.d.comb += [
            write.addr.eq(Cat(self.group, bank)),
            write.en.eq(self.add),
            write.data.as_value().eq(self.row),
        ]
