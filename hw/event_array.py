"""Event array: expander and row array behind a dense array's interface, for convolutions and row lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .expander import Expander
from .params import CoreParams
from .row_array import RowArray
from .signatures import event_stream
from .weight_memory import WeightMemory

__all__ = ["EventArray"]


class EventArray(wiring.Component):
    """Synaptic array whose events touch only some targets.

    Streams
    -------
    events : in, `event_stream(core.array.sources, core.array.value_bits)`
    sweep : out, as of `RowArray`

    Parameters
    ----------
    rows : sequence of int
        `core.rows` words of the weight memory, as `RowArray` takes them.
    channels_last : sequence of bool
        For each link of `core`, whether its source numbers its channels last.
    """

    events: Any
    sweep: Any
    sweep_ready: Signal
    start: Signal

    def __init__(self, core: CoreParams, rows: Sequence[int], channels_last: Sequence[bool]):
        self.expander = Expander(core, channels_last)
        self.array = RowArray(core, rows)
        super().__init__(
            {
                "events": In(event_stream(core.array.sources, core.array.value_bits)),
                "sweep": Out(self.array.sweep.signature),
                "sweep_ready": In(1),
                "start": Out(1),
            }
        )

    @property
    def memories(self) -> list[WeightMemory]:
        """What holds weights, and the groups of row lists."""
        return self.array.memories

    def elaborate(self, platform):
        m = Module()
        m.submodules.expander = self.expander
        m.submodules.array = self.array
        wiring.connect(m, wiring.flipped(self.events), self.expander.events)
        wiring.connect(m, self.expander.rows, self.array.rows)
        wiring.connect(m, wiring.flipped(self.sweep), self.array.sweep)
        m.d.comb += [self.expander.hold.eq(self.array.hold), self.expander.rest.eq(self.array.clearing)]
        m.d.comb += [self.array.sweep_ready.eq(self.sweep_ready), self.start.eq(self.array.start)]
        return m
