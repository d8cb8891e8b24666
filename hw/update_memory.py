"""Memory whose words are read, updated and written back in a pipeline, an update every cycle."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
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
    shared_bits : int
        Low bits of the address that memories beside this one have too: compared apart, so that what synthesis
        makes once for all of them ends in a register.
    """

    READ_CYCLES = (
        3  # the memory's own register, one behind it for the clock rate, the choice of a forwarded word
    )
    LUT_RAM_DEPTH = (
        64  # deeper ones are block RAM: LUT RAM takes a deep multiplexer, and LUTs for every 16 words
    )
    _AGES = (1, 2, 3, 4)  # cycles after the strobe; in the last the word is written

    strobe: Signal
    address: Signal
    operand: Any
    done: Signal
    old: Signal
    current: Any

    def __init__(
        self,
        *,
        width: int,
        depth: int,
        operand: ShapeLike,
        update: Callable[[Value, Any], Value],
        shared_bits: int = 0,
    ) -> None:
        self.width = width
        self.shared_bits = shared_bits
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
        # a word that is read while it is written is forwarded: what the memory then gives does not matter
        attrs = {"no_rw_check": "1"}
        if self.depth > self.LUT_RAM_DEPTH:
            attrs["ram_style"] = "block"
        m.submodules.memory = memory = Memory(
            shape=unsigned(self.width), depth=self.depth, init=[], attrs=attrs
        )
        read, write = memory.read_port(), memory.write_port()
        strobes = [self.strobe, *(Signal(name=f"strobe_{age}") for age in self._AGES)]
        addresses = [self.address, *(self._held(self.address, f"address_{age}") for age in self._AGES)]
        operands = [
            self.operand,
            *(self._held(self.operand, f"operand_{age}") for age in (1, 2)),
            self.current,
        ]
        for history in (strobes, addresses, operands):
            m.d.sync += [after.eq(before) for before, after in pairwise(history)]
        word = Signal(self.width, reset_less=True)  # nothing before it: it can be the RAM's own register
        written = [Signal(self.width, name=f"written_{k}", reset_less=True) for k in range(3)]
        m.d.sync += [word.eq(read.data), written[0].eq(self.update(self.old, self.current))]
        m.d.sync += [after.eq(before) for before, after in pairwise(written)]
        m.d.comb += [
            self.done.eq(strobes[self.READ_CYCLES]),
            read.addr.eq(self.address),
            write.addr.eq(addresses[-1]),
            write.data.eq(written[0]),
            write.en.eq(strobes[-1]),
        ]
        self._forward(m, word, written, self._same(m, strobes, addresses))
        return m

    def _same(self, m: Module, strobes: list[Any], addresses: list[Any]) -> Value:
        """Of each update on its way, whether it has this one's address, a cycle after the strobe."""
        bits = self.shared_bits
        shared = Signal(len(self._AGES), name="same_shared")
        own = Signal(len(self._AGES), name="same_own", reset_less=True)
        for age in self._AGES:
            known = strobes[age]
            if bits:
                known = known & (addresses[age][:bits] == self.address[:bits])
            m.d.sync += shared[age - 1].eq(known)
            m.d.sync += own[age - 1].eq(addresses[age][bits:] == self.address[bits:])
        return shared & own

    def _forward(self, m: Module, word: Signal, written: list[Signal], same: Value) -> None:
        """Take the word from an update that has not been written when this one reads.

        `same` comes a cycle after the strobe.
        """
        flags = [same, *(Signal(len(same), name=f"same_{age}") for age in (2, 3))]
        m.d.sync += [flags[1].eq(flags[0]), flags[2].eq(flags[1])]
        latest: Value = word
        for update, flag in reversed(list(zip(written, flags[1][1:], strict=True))):
            latest = Mux(flag, update, latest)
        held = Signal(self.width, reset_less=True)
        m.d.sync += held.eq(latest)
        m.d.comb += self.old.eq(Mux(flags[2][0], written[0], held))

    @staticmethod
    def _held(of: Any, name: str) -> Any:
        return Signal(of.shape(), name=name, reset_less=True)
