"""Registers that write and read back the loaded memories of an accelerator, and say what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal

from ..load_bus import LOAD_READ_CYCLES
from ..loaded_memory import SLICE_BITS, LoadedShape
from .load_place import LoadPlace
from .register_map import PLACE, WORD_BITS, Reg

__all__ = ["MemoryRegisters"]


class MemoryRegisters:
    """Logic in `m` of the registers from MEMORY_PLACE on.

    A write to the memories takes away the name of what they hold, until CONTENTS_HIGH gives one. Neither the
    name nor `loaded` has a reset, as the memories have none.

    Parameters
    ----------
    m : Module
    shapes : sequence of LoadedShape
    bus : `register_bus`
    load : `hw.load_bus.load_signature`
        The load bus, driven here.

    Attributes
    ----------
    access : Signal
        To be driven: MEMORY_DATA is wanted, until `done`.
    done : Signal
        For a cycle: `access` was carried out, or its place is in no memory.
    loaded : Signal
        What the memories hold has a name.
    reads, writes : dict
        As those of `Registers`.
    """

    def __init__(self, m: Module, shapes: Sequence[LoadedShape], *, bus: Any, load: Any):
        self.access, self.done = Signal(name="access"), Signal(name="accessed")
        self.loaded = Signal(reset_less=True)
        self.reads: dict[int, tuple[Any, Any]] = {}
        self.writes: dict[int, tuple[Signal, Any]] = {}
        at = LoadPlace(m, shapes, load)
        self._place(m, at, bus)
        self._slices(m, at, bus, load)
        self._name(m, bus)

    def _place(self, m: Module, at: LoadPlace, bus: Any) -> None:
        place, row = Signal(name="write_place"), Signal(name="write_row")
        high = PLACE["memory"] + PLACE["reserved"]
        with m.If(place):
            m.d.sync += [at.memory.eq(bus.data), at.at.eq(bus.data[high:])]
        with m.If(row):
            m.d.sync += at.row.eq(bus.data)
        self.writes |= {Reg.MEMORY_PLACE: (place, 1), Reg.MEMORY_ROW: (row, 1)}
        self.reads |= {
            Reg.MEMORY_PLACE: (Cat(at.memory, Const(0, PLACE["reserved"]), at.at), 1),
            Reg.MEMORY_ROW: (at.row, 1),
            Reg.MEMORY_ROWS: (at.rows, 1),
            Reg.MEMORY_BITS: (at.bits, 1),
        }

    def _slices(self, m: Module, at: LoadPlace, bus: Any, load: Any) -> None:
        wait = Signal(range(LOAD_READ_CYCLES + 1))
        m.d.comb += load.data.eq(bus.data[:SLICE_BITS])
        with m.FSM(name="slices"):
            with m.State("IDLE"):
                m.d.sync += wait.eq(0)
                with m.If(self.access):
                    m.next = "ACCESS"
            with m.State("ACCESS"):
                complete = bus.write | ~at.there | (wait == LOAD_READ_CYCLES)
                m.d.comb += [
                    load.active.eq(1),
                    load.write.eq(self.access & bus.write & at.there),
                    self.done.eq(self.access & complete),
                ]
                m.d.sync += wait.eq(wait + 1)
                with m.If(load.write):
                    m.d.sync += self.loaded.eq(0)
                with m.If(self.done & at.there):
                    at.advance()
                with m.If(self.done | ~self.access):
                    m.next = "IDLE"
        self.writes[Reg.MEMORY_DATA] = (Signal(name="write_slice"), at.there)
        self.reads[Reg.MEMORY_DATA] = (Mux(at.there, load.q, 0), at.there)

    def _name(self, m: Module, bus: Any) -> None:
        contents = Signal(2 * WORD_BITS, reset_less=True)
        low, high = Signal(name="write_name"), Signal(name="commit")
        with m.If(low):
            m.d.sync += [contents[:WORD_BITS].eq(bus.data), self.loaded.eq(0)]
        with m.If(high):
            m.d.sync += [contents[WORD_BITS:].eq(bus.data), self.loaded.eq(1)]
        named = bus.data.any() | contents[:WORD_BITS].any()
        self.writes |= {Reg.CONTENTS: (low, 1), Reg.CONTENTS_HIGH: (high, named)}
        for offset, half in ((Reg.CONTENTS, contents[:WORD_BITS]), (Reg.CONTENTS_HIGH, contents[WORD_BITS:])):
            self.reads[offset] = (Mux(self.loaded, half, 0), 1)
