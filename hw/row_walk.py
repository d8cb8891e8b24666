"""Row walk: the rows of synapses of one event after the other, a row a cycle, without a pause."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .params import CoreParams
from .row_decode import start_layout, walks
from .signatures import row_stream

__all__ = ["RowWalk"]


class RowWalk(wiring.Component):
    """Steps through words, columns and lines of each event.

    Streams
    -------
    starts : in, `start_layout(core)`
    rows : out, `row_stream(core.rows, groups, core.array.value_bits)`

    The first row of an event is offered a cycle after its start was taken; the next start is taken with the
    last row. An event without taps and a tick take a cycle; their `columns` and `lines` are 0.
    """

    LATENCY_CYCLES = 1

    starts: Any
    rows: Any

    def __init__(self, core: CoreParams):
        self.core = core
        self.walks = walks(core)
        super().__init__(
            {
                "starts": In(stream.Signature(start_layout(core))),
                "rows": Out(row_stream(core.rows, core.array.groups, core.array.value_bits)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        start = self.starts.payload
        now = Signal(start_layout(self.core))
        live = Signal()
        words = Signal(range(max(2, *(walk.words for walk in self.walks))), name="words_left")
        columns = Signal.like(now.columns, name="columns_left")
        line = Signal(data.StructLayout({"row": len(now.row), "group": len(now.group)}), name="next_line")
        word_over, column_over, line_over = words == 0, columns == 0, now.lines == 0
        moves, load = Signal(), Signal()
        m.d.comb += [
            moves.eq(live & (now.none | self.rows.ready)),
            load.eq(~live | (moves & word_over & column_over & line_over)),
            self.starts.ready.eq(load),
            self.rows.valid.eq(live & ~now.none),
        ]
        m.d.comb += [self.rows.payload[name].eq(now[name]) for name in self.rows.payload.shape().members]
        more_words = [walk.words - 1 for walk in self.walks]
        with m.If(load):
            m.d.sync += [live.eq(self.starts.valid), now.eq(start), columns.eq(start.columns)]
            m.d.sync += words.eq(Mux(start.tick | start.none, 0, self._of(start.link, more_words)))
            m.d.sync += self._after(line, start, "line", start.link)
        with m.Elif(moves):
            m.d.sync += words.eq(Mux(word_over, self._of(now.link, more_words), words - 1))
            with m.If(~word_over):
                m.d.sync += self._after(now, now, "word", now.link)
            with m.Elif(~column_over):
                m.d.sync += [columns.eq(columns - 1), *self._after(now, now, "column", now.link)]
            with m.Else():
                m.d.sync += [now.row.eq(line.row), now.group.eq(line.group), now.lines.eq(now.lines - 1)]
                m.d.sync += [columns.eq(now.columns), *self._after(line, line, "line", now.link)]
        return m

    def _of(self, link: Value, values: list[int]) -> Value:
        """Constant of the link."""
        if len(set(values)) == 1:
            return Const(values[0], max(1, values[0].bit_length()))
        return Array(Const(value) for value in values)[link]

    def _after(self, to: Any, at: Any, step: str, link: Value) -> list:
        """One step on: both addresses, which wrap around at their widths."""
        grown = []
        for place, name in enumerate(("row", "group")):
            width = len(at[name])
            steps = [getattr(walk, step)[place] % (1 << width) for walk in self.walks]
            grown.append(to[name].eq(at[name] + self._of(link, steps)))
        return grown
