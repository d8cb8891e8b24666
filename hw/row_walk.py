"""Row walk: the rows of synapses of one event after the other, a row a cycle, without a pause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .params import CoreParams
from .row_decode import start_layout, walks
from .signatures import row_stream

__all__ = ["TICK_CYCLES", "RowWalk", "walk_layout", "walk_start"]

TICK_CYCLES = 2  # that a tick occupies the walk, at least


def walk_layout(core: CoreParams) -> data.StructLayout:
    """What the walk takes: a start, whether its first row goes at once, and whether it has but one."""
    return data.StructLayout({**start_layout(core).members, "goes": 1, "single": 1})


def walk_start(core: CoreParams, start: Any) -> Any:
    """What the walk takes of `start`, found a cycle before so that the walk need not."""
    many_words = _of(start.link, [walk.words > 1 for walk in walks(core)])
    many = ~start.none & (start.tick | many_words | start.columns.any() | start.lines.any())
    return data.View(walk_layout(core), Cat(start, ~start.none & ~start.tick, ~many))


def _of(link: Value, values: Sequence[int]) -> Value:
    """Constant of the link."""
    if len(set(values)) == 1:
        return Const(values[0], max(1, int(values[0]).bit_length()))
    return Array(Const(value) for value in values)[link]


class RowWalk(wiring.Component):
    """Steps through words, columns and lines of each event.

    Streams
    -------
    starts : in, `walk_layout(core)`, made of a start by `walk_start`
    rows : out, `row_stream(core.rows, groups, core.array.value_bits)`

    Port `hold`, in: no tick may be offered in the next cycle. A tick waits for that, a cycle at least, unseen
    on `rows`, whose handshake need not look at what it offers.
    Port `rest`, in: after a reset, nothing may be taken yet.

    The first row of an event is offered a cycle after its start was taken; the next start is taken with the
    last row. An event without taps takes a cycle, a tick two; their `columns` and `lines` are 0.

    Everything that decides on the next row is a register: how many words, columns and lines are left, 0 or 1,
    and whether the row is the event's last.
    """

    LATENCY_CYCLES = 1

    starts: Any
    rows: Any
    hold: Signal
    rest: Signal

    def __init__(self, core: CoreParams):
        self.core = core
        self.walks = walks(core)
        self.more_words = [walk.words - 1 for walk in self.walks]
        super().__init__(
            {
                "starts": In(stream.Signature(walk_layout(core))),
                "rows": Out(row_stream(core.rows, core.array.groups, core.array.value_bits)),
                "hold": In(1),
                "rest": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        start = self.starts.payload
        now = Signal(start_layout(self.core), reset_less=True)
        valid, finish, load = Signal(), Signal(), Signal()
        waits = Signal()  # a tick, a cycle and for `hold` to end
        move = ~valid | self.rows.ready
        m.d.comb += [load.eq(finish & move), self.starts.ready.eq(load), self.rows.valid.eq(valid)]
        m.d.comb += [self.rows.payload[name].eq(now[name]) for name in self.rows.payload.shape().members]
        words = _Left(_of(start.link, self.more_words), "words")
        columns, lines = _Left(start.columns, "columns"), _Left(start.lines, "lines")
        with m.If(load):
            m.d.sync += [
                now.eq(data.View(now.shape(), Value.cast(start)[: now.shape().size])),
                valid.eq(self.starts.valid & start.goes),
                waits.eq(self.starts.valid & start.tick),
                finish.eq(~self.starts.valid | start.single),
            ]
            m.d.sync += [*words.begin(), *columns.begin(), *lines.begin()]
        with m.Elif(waits):
            m.d.sync += [valid.eq(~self.hold), finish.eq(~self.hold), waits.eq(self.hold)]
        with m.Elif(~valid):
            m.d.sync += finish.eq(~self.rest)
        with m.Elif(self.rows.ready):
            m.d.sync += finish.eq(self._is_last(words, columns, lines))
            self._advance(m, words, columns, lines)
        self._addresses(m, now, load, move, words, columns)
        return m

    def _is_last(self, words: _Left, columns: _Left, lines: _Left) -> Value:
        """Whether the row behind this one is the event's last."""
        in_word = words.one & columns.none & lines.none
        in_column = words.first_was_none & columns.one & lines.none
        in_line = words.first_was_none & columns.first_was_none & lines.one
        return Mux(words.none, Mux(columns.none, in_line, in_column), in_word)

    def _advance(self, m: Module, words: _Left, columns: _Left, lines: _Left) -> None:
        """Words are the inner loop, then columns, then lines."""
        with m.If(words.none):
            m.d.sync += words.again()
            with m.If(columns.none):
                m.d.sync += [*columns.again(), *lines.less()]
            with m.Else():
                m.d.sync += columns.less()
        with m.Else():
            m.d.sync += words.less()

    def _addresses(self, m: Module, now: Any, load: Value, move: Value, words: _Left, columns: _Left) -> None:
        """Row and group: a step on, or the first of the next line, which is kept beside them."""
        start = self.starts.payload
        for place, name in enumerate(("row", "group")):
            width = len(now[name])
            line = Signal(width, name=f"next_line_{name}", reset_less=True)
            at, first = now[name], start[name]
            # one addition for both, as which it is comes from a register
            steps = [self._step(kind, place, now.link, width) for kind in ("column", "word")]
            following = at + Mux(words.none, *steps)
            with m.If(load):
                m.d.sync += line.eq(first + self._step("line", place, start.link, width))
            with m.Elif(move):
                m.d.sync += at.eq(Mux(words.none & columns.none, line, following))
                with m.If(words.none & columns.none):
                    m.d.sync += line.eq(line + self._step("line", place, now.link, width))

    def _step(self, kind: str, place: int, link: Value, width: int) -> Value:
        """What an address grows by, modulo its width."""
        return _of(link, [getattr(walk, kind)[place] % (1 << width) for walk in self.walks])


class _Left:
    """Count of what is left, and registers that say whether that is none or one.

    `first` is its value when an event begins, which `again` restores. A constant 0 needs no registers.
    """

    def __init__(self, first: Value, name: str):
        def register(what: str, bits: int = 1) -> Signal:
            return Signal(bits, name=f"{name}_{what}", reset_less=True)

        self.first = first
        self.first_none = first == 0
        self.fixed = isinstance(first, Const) and not first.value
        self.count, self.kept = register("left", len(first)), register("first", len(first))
        self.one, self.first_was_one = register("one"), register("first_was_one")
        self.none: Value = Const(1) if self.fixed else register("none")
        self.first_was_none: Value = Const(1) if self.fixed else register("first_was_none")

    def begin(self) -> list:
        """With an event's start."""
        if self.fixed:
            return []
        one = self.first == 1
        return [
            self.count.eq(self.first),
            self.kept.eq(self.first),
            self.none.eq(self.first_none),
            self.first_was_none.eq(self.first_none),
            self.one.eq(one),
            self.first_was_one.eq(one),
        ]

    def again(self) -> list:
        """From the beginning."""
        if self.fixed:
            return []
        return [
            self.count.eq(self.kept),
            self.none.eq(self.first_was_none),
            self.one.eq(self.first_was_one),
        ]

    def less(self) -> list:
        """One less."""
        if self.fixed:
            return []
        return [self.count.eq(self.count - 1), self.none.eq(self.one), self.one.eq(self.count == 2)]
