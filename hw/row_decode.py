"""From an event's index to the rows of synapses it adds: where they start, and how they are walked.

Of a convolution the index is divided into channel, row and column by constants. Small tables then give, for
each of the three, its part of the first weight address and of the first accumulator word, and how many taps
there are; the parts are summed. From tap to tap both addresses grow by constants (`Walk`), so nothing is
multiplied. A row list starts where a table of pointers says, and its words follow each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate

from amaranth import Const, Mux, Signal, Value, unsigned
from amaranth.lib import data
from amaranth.lib.memory import Memory

from .constant_product import constant_product, divide
from .conv_params import AxisParams, ConvParams
from .params import CoreParams, LinkParams, bits_for_unsigned
from .staged import Pipeline, Staged

__all__ = ["Walk", "decode_event", "start_layout", "walks"]

SMALL_TABLE = 32  # entries of a table that becomes LUTs, fast enough without a second register


@dataclass(frozen=True, kw_only=True)
class Walk:
    """How the rows of an event follow each other: words, then columns, then lines.

    Each step is (growth of the weight address, growth of the accumulator word). `column`: from the last word
    of a tap to the first of the next; `line`: from the first word of a line of taps to the first of the next.
    """

    words: int
    word: tuple[int, int]
    column: tuple[int, int] = (0, 0)
    line: tuple[int, int] = (0, 0)


def walks(core: CoreParams) -> tuple[Walk, ...]:
    """Walk of each link of a core."""
    return tuple(_walk(core, link) for link in core.links)


def _walk(core: CoreParams, link: LinkParams) -> Walk:
    conv, lanes = link.conv, core.array.lanes
    if link.lists:  # a list is a line of columns; the groups come from a memory
        return Walk(words=1, word=(0, 0), column=(1, 0))
    if conv is None:
        return Walk(words=core.array.groups, word=(link.channels, 1))
    words, position = conv.tap_rows(lanes), conv.filters // lanes
    right, left = conv.columns.tap_step
    down, up = conv.rows.tap_step
    return Walk(
        words=words,
        word=(1, 1),
        column=(1 - words - left * words, 1 - words + right * position),
        line=(-up * conv.columns.kernel * words, down * conv.columns.outputs * position),
    )


def start_layout(core: CoreParams) -> data.StructLayout:
    """First row and number of rows of an event: row, group, columns, lines, none, link, value, tick, last.

    `columns` and `lines` count the taps beyond the first along each axis, `columns` of a row list its words;
    `none`: there are no taps. `value` is there with `core.array.value_bits` only.
    """
    value = {"value": core.array.value_bits} if core.array.value_bits else {}
    axes = [(conv.columns, conv.rows) for conv in core.convolutions]
    columns, lines = (max((_most(pair[k]) for pair in axes), default=1) - 1 for k in (0, 1))
    columns = max([columns, *(max(link.lists) - 1 for link in core.links if link.lists)])
    return data.StructLayout(
        {
            "row": bits_for_unsigned(core.rows - 1),
            "group": bits_for_unsigned(core.array.groups - 1),
            "columns": bits_for_unsigned(columns),
            "lines": bits_for_unsigned(lines),
            "none": 1,
            "link": bits_for_unsigned(len(core.links) - 1),
            **value,
            "tick": 1,
            "last": 1,
        }
    )


def _most(axis: AxisParams) -> int:
    return max(1, *(len(axis.taps(k)) for k in range(axis.size)))


def decode_event(
    p: Pipeline, core: CoreParams, channels_last: Sequence[bool], index: Staged
) -> dict[str, Staged]:
    """Fields of `start_layout` but `value`, `tick` and `last`, of the event `index`.

    Parameters
    ----------
    channels_last : sequence of bool
        For each link, whether its source numbers its channels last.
    """
    layout = start_layout(core)
    offsets = [0, *accumulate(link.channels for link in core.links)]
    bases = core.link_bases
    starts = []
    for k, link in enumerate(core.links):
        local = _local(p, index, offsets[k], link, name=f"index_{k}")
        if link.lists:
            starts.append(_table(p, local, _pointers(link, bases[k]), f"lists_{k}"))
        elif link.conv is None:
            starts.append({"row": _add(p, [local, p.constant(bases[k])], layout["row"].width, f"row_{k}")})
        else:
            decoder = _ConvDecoder(p, link.conv, core.array.lanes, layout, f"{k}")
            starts.append(decoder.start(local, base=bases[k], channels_last=channels_last[k]))
    link = _link_number(p, index, offsets[1:-1])
    fields = ("row", "group", "columns", "lines", "none")
    return {"link": link, **{name: _chosen(p, link, starts, name, layout) for name in fields}}


def _local(p: Pipeline, index: Staged, offset: int, link: LinkParams, *, name: str) -> Staged:
    """Index within a link."""
    bits = bits_for_unsigned(link.channels - 1)
    if not offset:
        return Staged(index.value[:bits], index.stage)
    local = p.register(lambda x: x - offset, index, name=name)
    return Staged(local.value[:bits].as_unsigned(), local.stage)


def _link_number(p: Pipeline, index: Staged, starts: Sequence[int]) -> Staged:
    if not starts:
        return p.constant(Const(0, 1))
    return p.register(lambda x: sum((x >= start for start in starts), Const(0, 1)), index, name="link")


def _chosen(
    p: Pipeline, link: Staged, starts: Sequence[Mapping[str, Staged]], name: str, layout: data.StructLayout
) -> Staged:
    """Field `name` of the link that the event came by."""
    zero = p.constant(Const(0, layout[name].width))
    fields = [start.get(name, zero) for start in starts]
    if len(fields) == 1:
        return fields[0]

    def choose(link: Value, *values: Value) -> Value:
        return reduce(lambda rest, k: Mux(link == k, values[k], rest), range(1, len(values)), values[0])

    return p.register(choose, link, *fields, name=name, shape=unsigned(layout[name].width))


def _add(p: Pipeline, terms: Sequence[Staged], width: int, name: str) -> Staged:
    """Sum of what is not zero, in `width`, which the whole sum fits."""
    used = [x for x in terms if not (x.constant and isinstance(x.value, Const) and not x.value.value)]
    if not used:
        return p.constant(Const(0, width))
    while len(used) > 1:
        first, second, *used = sorted(used, key=lambda x: -1 if x.constant else x.stage)
        used.append(p.register(lambda a, b: a + b, first, second, name=name, shape=unsigned(width)))
    return used[0]


def _pointers(link: LinkParams, base: int) -> list[dict[str, int]]:
    """Start of each channel's row list, the first at word `base`."""
    starts = accumulate(link.lists, initial=base)
    return [
        {"row": start if count else 0, "columns": max(0, count - 1), "none": int(not count)}
        for start, count in zip(starts, link.lists, strict=False)
    ]


def _table(p: Pipeline, index: Staged, entries: Sequence[Mapping[str, int]], name: str) -> dict[str, Staged]:
    """Look `index` up; fields that are alike everywhere are constants."""
    names = list(entries[0])
    found = {field: p.constant(Const(entries[0][field])) for field in names}
    vary = [field for field in names if len({entry[field] for entry in entries}) > 1]
    if not vary:
        return found
    layout = data.StructLayout(
        {field: bits_for_unsigned(max(entry[field] for entry in entries)) for field in vary}
    )
    words = [sum(entry[field] << layout[field].offset for field in vary) for entry in entries]
    word = _read(p, index, words, layout.size, name)
    if len(entries) > SMALL_TABLE:
        word = p.delay(word, word.stage + 1)
    view = data.View(layout, word.value)
    return found | {field: Staged(view[field].as_unsigned(), word.stage) for field in vary}


def _read(p: Pipeline, index: Staged, words: Sequence[int], width: int, name: str) -> Staged:
    """Word `index` of a memory; without a module, only its stage counts."""
    p.tables.append((words, width))
    if p.m is None:
        return Staged(Signal(width), index.stage + 1)
    memory = Memory(shape=unsigned(width), depth=len(words), init=words)
    p.m.submodules[name] = memory
    read = memory.read_port()
    p.m.d.comb += read.addr.eq(index.value)
    return Staged(read.data, index.stage + 1)


class _ConvDecoder:
    """Start of an event of one convolution."""

    def __init__(self, p: Pipeline, conv: ConvParams, lanes: int, layout: data.StructLayout, name: str):
        self.p = p
        self.conv = conv
        self.lanes = lanes
        self.layout = layout
        self.name = name

    def start(self, index: Staged, *, base: int, channels_last: bool) -> dict[str, Staged]:
        """Fields of the event `index`; the link's weights begin at word `base`."""
        channel, row, column = self._coordinates(index, channels_last)
        words = self.conv.tap_rows(self.lanes)
        position = self.conv.filters // self.lanes
        kernel = self.conv.columns.kernel * words
        lines = self._axis(
            row, self.conv.rows, "lines", row_step=kernel, group_step=self.conv.columns.outputs * position
        )
        columns = self._axis(column, self.conv.columns, "columns", row_step=words, group_step=position)
        group = self._channel_group(channel)
        channel_row = constant_product(
            self.p, channel, self.conv.rows.kernel * kernel, name=f"channel_row_{self.name}"
        )
        rows = [channel_row, lines["row"], columns["row"], self.p.constant(base)]
        groups = [group, lines["group"], columns["group"]]
        none = self.p.register(lambda a, b: a | b, lines["none"], columns["none"], name=f"none_{self.name}")
        return {
            "row": _add(self.p, rows, self.layout["row"].width, f"row_{self.name}"),
            "group": _add(self.p, groups, self.layout["group"].width, f"group_{self.name}"),
            "columns": columns["count"],
            "lines": lines["count"],
            "none": none,
        }

    def _coordinates(self, index: Staged, channels_last: bool) -> tuple[Staged, Staged, Staged]:
        channels, rows, columns = self.conv.source_shape
        highest = self.conv.sources - 1
        if channels_last:
            place, channel = divide(self.p, index, channels, highest=highest, name=f"place_{self.name}")
            row, column = divide(self.p, place, columns, highest=rows * columns - 1, name=f"row_{self.name}")
            return channel, row, column
        line, column = divide(self.p, index, columns, highest=highest, name=f"line_{self.name}")
        channel, row = divide(self.p, line, rows, highest=channels * rows - 1, name=f"channel_{self.name}")
        return channel, row, column

    def _axis(
        self, coordinate: Staged, axis: AxisParams, name: str, *, row_step: int, group_step: int
    ) -> dict[str, Staged]:
        """First tap and number of taps of every coordinate of an axis."""
        entries = []
        for taps in map(axis.taps, range(axis.size)):
            first, kernel = taps[0] if taps else (0, 0)
            entry = {"row": kernel * row_step, "group": first * group_step}
            entries.append(entry | {"count": max(0, len(taps) - 1), "none": int(not taps)})
        return _table(self.p, coordinate, entries, f"{name}_{self.name}")

    def _channel_group(self, channel: Staged) -> Staged:
        words = [{"group": self.conv.first_word(c, self.lanes)} for c in range(self.conv.channels)]
        return _table(self.p, channel, words, f"channels_{self.name}")["group"]
