"""Memory whose words are read, updated and written back in a pipeline, an update every cycle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amaranth import Module, Mux, Signal, Value, unsigned
from amaranth.hdl import ShapeLike
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .params import bits_for_unsigned

__all__ = ["UpdateMemory"]


class UpdateMemory(wiring.Component):
    """Memory of `depth` words of `width` bits; ``word <- update(word, operand)``.

    Ports
    -----
    strobe, address, operand : in
        Update a word; back to back, to any addresses: what is still on its way is forwarded.
    done, old, current : out
        Strobe, word before the update and operand, `READ_CYCLES` after the strobe.

    Parameters
    ----------
    update : function
        Of the word and the operand (Amaranth values); one level of logic behind a register.
    """

    READ_CYCLES = 2  # the memory's own register, and one behind it for the clock rate

    strobe: Signal
    address: Signal
    operand: Any
    done: Signal
    old: Signal
    current: Any

    def __init__(
        self, *, width: int, depth: int, operand: ShapeLike, update: Callable[[Value, Any], Value]
    ) -> None:
        self.width = width
        self.depth = max(2, depth)  # a memory of one word has no address
        self.update = update
        super().__init__(
            {
                "strobe": In(1),
                "address": In(bits_for_unsigned(self.depth - 1)),
                "operand": In(operand),
                "done": Out(1),
                "old": Out(width),
                "current": Out(operand),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=unsigned(self.width), depth=self.depth, init=[])
        read, write = memory.read_port(), memory.write_port()
        strobes = [self.strobe, *(Signal(name=f"strobe_{k}") for k in (1, 2, 3))]
        addresses = [self.address, *(self._held(self.address, f"address_{k}") for k in (1, 2, 3))]
        for age in range(3):
            m.d.sync += [strobes[age + 1].eq(strobes[age]), addresses[age + 1].eq(addresses[age])]
        operand = self._held(self.operand, "operand_1")
        m.d.sync += [operand.eq(self.operand), self.current.eq(operand)]
        # what the latest update wrote, and the one before it
        new, before = Signal(self.width, reset_less=True), Signal(self.width, reset_less=True)
        m.d.sync += [new.eq(self.update(self.old, self.current)), before.eq(new)]
        m.d.comb += [
            self.done.eq(strobes[2]),
            read.addr.eq(self.address),
            write.addr.eq(addresses[3]),
            write.data.eq(new),
            write.en.eq(strobes[3]),
        ]
        self._forward(m, read.data, new, before, strobes, addresses)
        return m

    def _forward(
        self,
        m: Module,
        word: Value,
        new: Signal,
        before: Signal,
        strobes: list[Signal],
        addresses: list[Signal],
    ) -> None:
        """Take the word from an update that has not been written when this one reads."""
        same = [Signal(name=f"same_{age}") for age in (1, 2, 3)]
        for age in (1, 2, 3):
            m.d.sync += same[age - 1].eq(strobes[age] & (addresses[age] == self.address))
        same_next, held = Signal(), Signal(self.width, reset_less=True)
        m.d.sync += [same_next.eq(same[0]), held.eq(Mux(same[1], new, Mux(same[2], before, word)))]
        m.d.comb += self.old.eq(Mux(same_next, new, held))

    @staticmethod
    def _held(of: Any, name: str) -> Any:
        return Signal(of.shape(), name=name, reset_less=True)
