"""Place in the loaded memories, from slice to slice: what all who drive the load bus have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Array, Const, Module, Mux, Signal

from ..loaded_memory import LoadedShape
from .protocol import MEMORY_PLACE, MEMORY_PLACE_BYTES

__all__ = ["LoadPlace"]


class LoadPlace:
    """Signals in `m` that say where the load bus is.

    Parameters
    ----------
    m : Module
    shapes : sequence of LoadedShape
    bus : `hw.load_bus.load_signature`
        Its address is driven here; `active`, `write` and `data` are not.

    Attributes
    ----------
    memory, at, row : Signal
        Number of the memory, slice and row; to be set by whoever uses it.
    place : Signal
        `at` and `row`, which are its low and its high bits.
    there : Signal
        A cycle after the place: it is in a memory.
    rows, bits : Value
        Of the memory; 0 where there is none.
    """

    def __init__(self, m: Module, shapes: Sequence[LoadedShape], bus: Any):
        self.m = m
        self.memory = memory = Signal(8)
        self.place = place = Signal(8 * (MEMORY_PLACE_BYTES - MEMORY_PLACE["memory"]))
        self.at, self.row = place[: 8 * MEMORY_PLACE["slice"]], place[8 * MEMORY_PLACE["slice"] :]
        self.there, self._final = Signal(name="there"), Signal(name="final")
        self.rows, slices, self.bits = (
            _of(memory, [getattr(shape, name) for shape in shapes]) for name in ("rows", "slices", "bits")
        )
        m.d.sync += [
            self.there.eq((self.at < slices) & (self.row < self.rows)),
            self._final.eq(self.at == slices - 1),
        ]
        m.d.comb += [bus.memory.eq(memory), bus.row.eq(self.row), bus.slice.eq(self.at)]

    def advance(self) -> None:
        """Go on to the next slice; after the last of a row comes the first of the next."""
        self.m.d.sync += self.at.eq(Mux(self._final, 0, self.at + 1))
        self.m.d.sync += self.row.eq(self.row + self._final)


def _of(memory: Signal, values: Sequence[int]) -> Any:
    """Value of a memory; 0 where there is none."""
    known = Array([*(Const(value) for value in values), Const(0)])
    return known[Mux(memory < len(values), memory, len(values))]
