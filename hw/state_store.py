"""State of a population: one word a group, read two cycles ahead, cleared by a flag instead of a sweep."""

from __future__ import annotations

from amaranth import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .params import bits_for_unsigned

__all__ = ["StateStore"]


class StateStore(wiring.Component):
    """Memory of `groups` words (registers when there is one).

    `r_data` follows `r_group` by `READ_CYCLES` cycles and is zero if `r_zero` was set with it. A word written
    in cycle c is seen by a read of cycle c + 1.
    """

    READ_CYCLES = 2  # the memory's own register, and one behind it for the clock rate

    r_group: Signal
    r_zero: Signal
    r_data: Signal
    w_en: Signal
    w_group: Signal
    w_data: Signal

    def __init__(self, *, width: int, groups: int):
        self.width = width
        self.groups = groups
        group = bits_for_unsigned(groups - 1)
        super().__init__(
            {
                "r_group": In(group),
                "r_zero": In(1),
                "r_data": Out(width),
                "w_en": In(1),
                "w_group": In(group),
                "w_data": In(width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        if not self.width:  # neurons without state; Yosys takes no memory of that width
            return m
        read = self._registers(m) if self.groups == 1 else self._memory(m)
        zero = Signal()
        m.d.sync += [zero.eq(self.r_zero), self.r_data.eq(read)]
        with m.If(zero):
            m.d.sync += self.r_data.eq(0)
        return m

    def _registers(self, m: Module) -> Value:
        kept = Signal(self.width, reset_less=True)
        read = Signal(self.width, reset_less=True)
        m.d.sync += read.eq(kept)
        with m.If(self.w_en):
            m.d.sync += kept.eq(self.w_data)
        return read

    def _memory(self, m: Module) -> Value:
        m.submodules.memory = memory = Memory(shape=self.width, depth=self.groups, init=[])
        write = memory.write_port()
        read = memory.read_port()
        m.d.comb += [
            write.addr.eq(self.w_group),
            write.data.eq(self.w_data),
            write.en.eq(self.w_en),
            read.addr.eq(self.r_group),
        ]
        return read.data
