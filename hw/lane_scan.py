"""Lane scan: what the lanes of a group send, one after the other, found in levels of four.

A level splits a group of lanes into its parts that send something; the last one sends lanes. Which part is
next, and whether it is the last, are registers: so no handshake waits for a search through the lanes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.hdl import Shape
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CountDown", "LaneGroup", "LaneScan", "part_sizes"]

RADIX = 4  # parts of a level: as many as a LUT has inputs


def part_sizes(lanes: int) -> list[int]:
    """Lanes of what each level of the scan sends, to single lanes."""
    sizes = [1]
    while sizes[0] * RADIX < lanes:
        sizes.insert(0, sizes[0] * RADIX)
    return sizes


@dataclass(frozen=True)
class LaneGroup:
    """What a level takes: `lanes` neighbours of a population whose highest index is `highest`.

    `unit` divides the index of its first lane, which is kept in units. A `whole` group may have a tick behind
    its lanes; a part is either lanes or a tick, and `end` where nothing of its whole group follows. Which
    parts of a whole group send something, and whether but one does, may be `known`: `find_parts` found it.
    """

    lanes: int
    unit: int
    highest: int
    value: Shape | None
    spike_bits: int
    whole: bool = True
    known: bool = False

    def part(self, lanes: int) -> LaneGroup:
        """What a level sends that splits it into so many lanes."""
        return replace(self, lanes=lanes, unit=min(self.unit, lanes), whole=False, known=False)

    @property
    def part_lanes(self) -> int:
        """Lanes of the parts that the first level makes of it."""
        return part_sizes(self.lanes)[0]

    def entry(self) -> dict[str, Any]:
        """Fields: base, mask (lanes that send), tick (final of a whole group), last, end of a part, and
        values or counts."""
        highest = self.highest // self.lanes * self.lanes if self.whole else self.highest
        fields: dict[str, Any] = {
            "base": (highest // self.unit).bit_length(),  # none, where there is but one group
            "mask": self.lanes,
            "final" if self.whole else "tick": 1,
            "last": 1,
            **({} if self.whole else {"end": 1}),
        }
        if self.value is not None:
            fields["values"] = data.ArrayLayout(self.value, self.lanes)
        if self.spike_bits > 1:
            fields["counts"] = data.ArrayLayout(self.spike_bits, self.lanes)
        return fields

    def layout(self) -> data.StructLayout:
        """The same; with counts, also which of them are 1. Of a part of several lanes, whether it is `alone`:
        the next level sends it as one part.
        """
        single = {"single": self.lanes} if self.spike_bits > 1 else {}
        alone = {} if self.lanes == 1 or (self.whole and not self.known) else {"alone": 1}
        sending = {"sending": -(-self.lanes // self.part_lanes) + 1} if self.known else {}
        return data.StructLayout(self.entry() | single | alone | sending)

    def find_parts(self, m: Module, payload: Any) -> None:
        """Drive what is `known` of the whole group `payload`."""
        sending = _sending(self, self.part_lanes, payload)
        m.d.comb += [payload.sending.eq(sending), payload.alone.eq(~_without_lowest(sending).any())]


class LaneScan(wiring.Component):
    """One level: the parts of a group that send, lowest first, then the tick of a whole one; a cycle each.

    Streams
    -------
    i : in, `group.layout()`; has a lane that sends, or a tick
    o : out, `group.part(lanes).layout()`, `LATENCY_CYCLES` later at the earliest
    """

    LATENCY_CYCLES = 1

    i: Any
    o: Any

    def __init__(self, group: LaneGroup, lanes: int):
        self.group = group
        self.part = group.part(lanes)
        self.parts = -(-group.lanes // lanes)
        super().__init__(
            {
                "i": In(stream.Signature(group.layout())),
                "o": Out(stream.Signature(self.part.layout())),
            }
        )

    def elaborate(self, platform):
        m = Module()
        group = self.i.payload
        sending = group.sending if self.group.known else _sending(self.group, self.part.lanes, group)
        held = Signal(self.group.layout(), reset_less=True)
        number = Signal(range(self.parts), reset_less=True)
        rest = Signal(len(sending), reset_less=True)  # of `sending`, what is behind the part under way
        live, tick = Signal(), Signal(reset_less=True)
        finish = Signal(init=1)  # nothing of the group is left behind it, or there is no group
        m.d.comb += [self.i.ready.eq(finish & (~live | self.o.ready)), self.o.valid.eq(live)]
        ahead = Mux(finish, sending, rest)
        if self.group.whole and not self.group.known:
            alone = ~self.i.valid | ~_without_lowest(sending).any()
        elif self.group.whole:
            alone = ~self.i.valid | group.alone
        else:
            alone = ~self.i.valid | group.alone | group.tick
        with m.If(~live | self.o.ready):
            m.d.sync += [
                live.eq(~finish | self.i.valid),
                finish.eq(Mux(finish, alone, ~_without_lowest(rest).any())),
                number.eq(_lowest(ahead)),
                rest.eq(_without_lowest(ahead)),
                tick.eq(~ahead[: self.parts].any()),
            ]
        with m.If(self.i.ready):
            m.d.sync += held.eq(group)
        if self.part.lanes > 1:
            # found here, where there is time for it
            parts_alone = Signal(self.parts, reset_less=True)
            with m.If(self.i.ready):
                m.d.sync += parts_alone.eq(self._alone(group))
            m.d.comb += self.o.payload.alone.eq(parts_alone.bit_select(number, 1))
        self._send(m, held, number)
        whole = self.group.whole
        m.d.comb += [
            self.o.payload.tick.eq(tick if whole else held.tick),
            self.o.payload.end.eq(finish & (Const(1) if whole else held.end)),
        ]
        return m

    def _alone(self, group: Any) -> Value:
        """Of each part, whether at most one part of the next level sends something."""
        lanes, size = self.part.lanes, self.part.lanes // RADIX
        found = []
        for first in range(0, self.group.lanes, lanes):
            mask = group.mask[first : first + lanes]
            sending = Cat(*(mask[k : k + size].any() for k in range(0, len(mask), size)))
            found.append(~_without_lowest(sending).any())
        return Cat(*found)

    def _send(self, m: Module, held: Any, number: Signal) -> None:
        part = self.o.payload
        m.d.comb += [part.base.eq(self._base(held.base, number)), part.last.eq(held.last)]
        for name in ("mask", "values", "counts", "single"):
            if name in held.shape().members:
                m.d.comb += part[name].eq(self._chosen(Value.cast(held[name]), number))

    def _chosen(self, lanes: Value, number: Value) -> Value:
        """Part `number` of a field of all lanes; 0 where it has none."""
        bits = len(lanes) // self.group.lanes * self.part.lanes
        parts: list[Value] = [lanes[k * bits : (k + 1) * bits] for k in range(self.parts)]
        for bit in number:
            pairs = [parts[k : k + 2] for k in range(0, len(parts), 2)]
            parts = [Mux(bit, *reversed(pair)) if len(pair) == 2 else pair[0] for pair in pairs]
        return parts[0]

    def _base(self, base: Value, number: Value) -> Value:
        """Index of the part's first lane: number and base side by side, as far as the base has units."""
        low = (self.group.unit // self.part.unit).bit_length() - 1
        step = (self.part.lanes // self.part.unit).bit_length() - 1
        high = number[low:]
        return Cat(number[:low], base + Cat(Const(0, step), high) if len(high) else base)


class CountDown(wiring.Component):
    """A lane as often as its count says.

    Streams
    -------
    i : in, `group.layout()` of one lane, or a tick
    o : out, the same, `LATENCY_CYCLES` later at the earliest
    """

    LATENCY_CYCLES = 1

    i: Any
    o: Any

    def __init__(self, group: LaneGroup):
        self.group = group
        payload = stream.Signature(group.layout())
        super().__init__({"i": In(payload), "o": Out(payload)})

    def elaborate(self, platform):
        m = Module()
        lane, held = self.i.payload, self.o.payload
        stored = Signal(self.group.layout(), reset_less=True)
        live, finish = Signal(), Signal(init=1)  # as in a level of the scan
        left = Signal(self.group.spike_bits, reset_less=True)  # events, this one included
        m.d.comb += [self.o.valid.eq(live), self.i.ready.eq(finish & (~live | self.o.ready))]
        with m.If(~live | self.o.ready):
            m.d.sync += [
                live.eq(~finish | self.i.valid),
                finish.eq(Mux(finish, ~self.i.valid | lane.single | lane.tick, left == 2)),
                left.eq(Mux(finish, lane.counts[0], left - 1)),
            ]
        with m.If(self.i.ready):
            m.d.sync += stored.eq(lane)
        m.d.comb += [held.eq(stored), held.end.eq(finish & stored.end)]
        return m


def _sending(group: LaneGroup, lanes: int, payload: Any) -> Value:
    """The parts of so many lanes that have one that sends, and the tick of a whole group."""
    parts = [payload.mask[k : k + lanes].any() for k in range(0, group.lanes, lanes)]
    return Cat(*parts, *([payload.final] if group.whole else []))


def _lowest(mask: Value) -> Value:
    """Number of the lowest bit that is set."""
    first = mask & ~_without_lowest(mask)
    width = len(mask)
    bits = [
        Cat(*(first[k] for k in range(width) if k >> bit & 1)).any()
        for bit in range((width - 1).bit_length())
    ]
    return Cat(*bits) if bits else Const(0, 1)


def _without_lowest(mask: Value) -> Value:
    return Cat(*(mask[k] & mask[:k].any() for k in range(len(mask))))
