"""Load bus: how the memories of an accelerator are written and read back, one slice of a word at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from amaranth import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .kinds import WeightStore
from .loaded_memory import SLICE_BITS, LoadedMemory, LoadedShape
from .parameter_store import parameter_shape
from .params import AcceleratorParams, bits_for_unsigned

__all__ = ["LOAD_READ_CYCLES", "LoadBus", "load_signature", "loaded_shapes"]

LOAD_READ_CYCLES = 3 + LoadedMemory.READ_CYCLES
"""Cycles that an address has to stay on the bus until `q` is its slice."""

_DRIVEN = ("active", "write", "memory", "row", "slice", "data")


def loaded_shapes(params: AcceleratorParams) -> tuple[LoadedShape, ...]:
    """Memories on the load bus, in the order of their numbers: core by core weights, groups, parameters."""
    shapes = []
    for core in params.cores:
        if core.array.store is not WeightStore.INITIALISED:
            shapes.append(LoadedShape(name=f"{core.name}.weights", rows=core.rows, bits=core.array.row_bits))
            if core.listed_rows:
                shapes.append(
                    LoadedShape(name=f"{core.name}.groups", rows=core.listed_rows, bits=core.group_bits)
                )
        parameters = parameter_shape(core.neuron, lanes=core.update_lanes)
        if parameters is not None:
            shapes.append(replace(parameters, name=f"{core.name}.parameters"))
    return tuple(shapes)


def load_signature(shapes: Sequence[LoadedShape]) -> wiring.Signature:
    """The bus, as its user drives it.

    active : the memories listen to the bus and not to the design, which has to be in reset
    write : in this cycle, `data` goes into a slice of a row of a memory
    memory, row, slice : which
    data : 16 bits
    q : in, that slice, once its address has stayed for `LOAD_READ_CYCLES` cycles, `active` and no `write`
    """
    return wiring.Signature(
        {
            "active": Out(1),
            "write": Out(1),
            "memory": Out(bits_for_unsigned(len(shapes) - 1)),
            "row": Out(bits_for_unsigned(max(shape.rows for shape in shapes) - 1)),
            "slice": Out(bits_for_unsigned(max(shape.slices for shape in shapes) - 1)),
            "data": Out(SLICE_BITS),
            "q": In(SLICE_BITS),
        }
    )


class LoadBus(wiring.Component):
    """Joins the bus to the memories, with a register on the way there and one on the way back.

    Parameters
    ----------
    memories : sequence of LoadedMemory
        In the order of their numbers. They are part of other modules, and only driven here.
    """

    bus: Any

    def __init__(self, memories: Sequence[LoadedMemory]):
        self.memories = memories
        super().__init__({"bus": In(load_signature([memory.shape for memory in memories]))})

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        # without a reset: the design is in reset while the bus is in use
        held = {name: Signal.like(getattr(bus, name), reset_less=True) for name in _DRIVEN}
        q = Signal.like(bus.q, reset_less=True)
        m.d.sync += [signal.eq(getattr(bus, name)) for name, signal in held.items()]
        for number, memory in enumerate(self.memories):
            load = memory.load
            m.d.comb += [
                load.active.eq(held["active"]),
                load.write.eq(held["write"] & held["active"] & (held["memory"] == number)),
                load.row.eq(held["row"]),
                load.slice.eq(held["slice"]),
                load.data.eq(held["data"]),
            ]
        m.d.sync += q.eq(Array(memory.load.q for memory in self.memories)[held["memory"]])
        m.d.comb += bus.q.eq(q)
        return m
