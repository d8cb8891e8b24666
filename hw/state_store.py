"""State of a population: one word a group, read cycles ahead, cleared by a flag instead of a sweep."""

from __future__ import annotations

from amaranth import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .params import bits_for_unsigned

__all__ = ["StateStore"]


class StateStore(wiring.Component):
    """Memory of `groups` words (registers when there is one).

    `r_data` follows `r_group` by `read_cycles(groups)` cycles and is zero if `r_zero` was set with it. A word
    written in cycle c is seen by a read of cycle c + 1.
    """

    READ_CYCLES = 2  # the memory's own register, and one behind it for the clock rate
    DEEP_GROUPS = 32  # deeper memories are block RAM, which is fast only with a plain register of its own

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

    @classmethod
    def read_cycles(cls, groups: int) -> int:
        """Cycles from a group's number to its word."""
        return cls.READ_CYCLES + int(groups > cls.DEEP_GROUPS)

    def elaborate(self, platform):
        m = Module()
        if not self.width:  # neurons without state; Yosys takes no memory of that width
            return m
        read = self._registers(m) if self.groups == 1 else self._memory(m)
        zero: Value = self.r_zero
        for cycle in range(1, self.read_cycles(self.groups)):
            held = Signal(name=f"zero_{cycle}")
            m.d.sync += held.eq(zero)
            zero = held
        data = Signal(self.width, reset_less=True)  # `zero` alone, a register, clears it
        m.d.sync += data.eq(read)
        with m.If(zero):
            m.d.sync += data.eq(0)
        m.d.comb += self.r_data.eq(data)
        return m

    def _registers(self, m: Module) -> Value:
        kept = Signal(self.width, reset_less=True)
        read = Signal(self.width, reset_less=True)
        m.d.sync += read.eq(kept)
        with m.If(self.w_en):
            m.d.sync += kept.eq(self.w_data)
        return read

    def _memory(self, m: Module) -> Value:
        deep = self.groups > self.DEEP_GROUPS
        # a word that is read while it is written is not used
        attributes = {"no_rw_check": "1", "ram_style": "block"} if deep else {}
        m.submodules.memory = memory = Memory(shape=self.width, depth=self.groups, init=[], attrs=attributes)
        write = memory.write_port()
        read = memory.read_port()
        m.d.comb += [
            write.addr.eq(self.w_group),
            write.data.eq(self.w_data),
            write.en.eq(self.w_en),
            read.addr.eq(self.r_group),
        ]
        if not deep:
            return read.data
        word = Signal(self.width, reset_less=True)  # nothing before it: it can be the RAM's own register
        m.d.sync += word.eq(read.data)
        return word
