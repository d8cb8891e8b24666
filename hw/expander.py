"""Event expander: an event becomes the rows of synapses it adds, a row a cycle.

For cores that a convolution or row lists feed: only the receptive field of an event, or the words that have a
weight, are touched. A core's dense links go through the same expander. Decoding is a pipeline without stalls
into a queue, which credits keep from overflowing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Const, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .fifo import Fifo
from .out_stage import OutStage
from .params import CoreParams
from .row_decode import decode_event, start_layout
from .row_walk import RowWalk, walk_layout, walk_start
from .signatures import event_layout, event_stream, row_stream
from .staged import Pipeline, Staged

__all__ = ["QUEUE_CYCLES", "ROOM_CYCLES", "Expander", "decode_cycles", "decode_fields", "expander_depth"]

QUEUE_CYCLES = Fifo.LATENCY_CYCLES + OutStage.LATENCY_CYCLES  # behind the decoder
ROOM_CYCLES = 2  # from a start that leaves to the event that takes its room


def decode_cycles(core: CoreParams, channels_last: Sequence[bool]) -> int:
    """Cycles from taking an event to its start entering the queue."""
    index = Signal(event_layout(core.array.sources)["index"].width)
    return decode_fields(Pipeline(), core, channels_last, index)[1]


def expander_depth(core: CoreParams, channels_last: Sequence[bool]) -> int:
    """Events that an expander holds before their first row is under way: enough for an event every cycle."""
    return decode_cycles(core, channels_last) + QUEUE_CYCLES + ROOM_CYCLES


def decode_fields(
    p: Pipeline, core: CoreParams, channels_last: Sequence[bool], index: Value
) -> tuple[dict[str, Staged], int]:
    """Fields of the start, all at one stage, and that stage."""
    fields = decode_event(p, core, channels_last, p.input(index))
    stage = max(x.stage for x in fields.values())
    return {name: p.delay(x, stage) for name, x in fields.items()}, stage


class Expander(wiring.Component):
    """Decoder, queue and row walk.

    Streams
    -------
    events : in, `event_stream(core.array.sources, core.array.value_bits)`
    rows : out, `row_stream(core.rows, groups, core.array.value_bits)`

    Ports `hold` and `rest`, in: as of the walk.

    Timing: as a FIFO of `depth` events that an event passes in `latency` cycles, in front of a walk that an
    event occupies for as many cycles as it has rows, at least one. Its room is known `ROOM_CYCLES` after that
    walk took it.

    Parameters
    ----------
    channels_last : sequence of bool
        For each link of `core`, whether its source numbers its channels last.
    """

    events: Any
    rows: Any
    hold: Signal
    rest: Signal

    def __init__(self, core: CoreParams, channels_last: Sequence[bool]):
        self.core = core
        self.channels_last = tuple(channels_last)
        self.decode_cycles = decode_cycles(core, self.channels_last)
        self.depth = expander_depth(core, self.channels_last)
        super().__init__(
            {
                "events": In(event_stream(core.array.sources, core.array.value_bits)),
                "rows": Out(row_stream(core.rows, core.array.groups, core.array.value_bits)),
                "hold": In(1),
                "rest": In(1),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from taking an event to its start being taken by the walk, at the earliest."""
        return self.decode_cycles + QUEUE_CYCLES

    def elaborate(self, platform):
        m = Module()
        layout = start_layout(self.core)
        m.submodules.queue = queue = Fifo(width=layout.size, depth=self.depth)
        # or the walk's handshake would go through the queue
        m.submodules.stage = stage = OutStage(walk_layout(self.core))
        m.submodules.walk = walk = RowWalk(self.core)
        token = self.events.payload
        fields, _ = decode_fields(Pipeline(m), self.core, self.channels_last, token.index)
        value = token.value if self.core.array.value_bits else Const(0, 0)
        control = Cat(self.events.valid & self.events.ready, token.tick, token.last, value)
        for cycle in range(self.decode_cycles):
            held = Signal(len(control), name=f"control_{cycle}")
            m.d.sync += held.eq(control)
            control = held
        start = Signal(layout)
        m.d.comb += [start[name].eq(x.value) for name, x in fields.items()]
        m.d.comb += [start.tick.eq(control[1]), start.last.eq(control[2])]
        if self.core.array.value_bits:
            m.d.comb += start.value.eq(control[3:])
        with m.If(start.tick):
            m.d.comb += start.none.eq(0)  # whatever its index says
        with m.If(start.tick | start.none):
            m.d.comb += [start.columns.eq(0), start.lines.eq(0)]
        m.d.comb += [queue.w_en.eq(control[0]), queue.w_data.eq(start)]
        m.d.comb += [
            stage.i.payload.eq(walk_start(self.core, data.View(layout, queue.r_data))),
            stage.i.valid.eq(queue.r_rdy),
            queue.r_en.eq(stage.i.ready),
        ]
        wiring.connect(m, stage.o, walk.starts)
        self._credit(m, walk.starts.valid & walk.starts.ready)
        wiring.connect(m, walk.rows, wiring.flipped(self.rows))
        m.d.comb += [walk.hold.eq(self.hold), walk.rest.eq(self.rest)]
        return m

    def _credit(self, m: Module, left: Value) -> None:
        """Take events while fewer than `depth` are on their way to the walk."""
        inside, gone = Signal(range(self.depth + 1)), Signal()
        m.d.comb += self.events.ready.eq(inside != self.depth)
        m.d.sync += gone.eq(left)  # a register, for the clock rate
        m.d.sync += inside.eq(inside + (self.events.valid & self.events.ready) - gone)
