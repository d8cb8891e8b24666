"""Spike serialiser: groups of neurons that were updated become a stream of events and ticks.

A group without spikes costs no cycle; so a silent population costs one cycle a step, its tick.
"""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.hdl import Shape
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .fifo import DeepFifo, Fifo
from .params import bits_for_unsigned
from .signatures import event_stream, value_stream

__all__ = ["Serialiser", "entry_layout"]


def entry_layout(
    *, neurons: int, lanes: int, value: Shape | None = None, spike_bits: int = 1
) -> data.StructLayout:
    """Entry of a serialiser's queue, a group of `lanes`: base, mask, final, last, and values or counts.

    `single`: it has but one token.
    """
    groups = -(-neurons // lanes)
    highest = groups - 1 if _aligned(lanes) else groups * lanes - 1
    entry: dict = {"base": bits_for_unsigned(highest), "mask": lanes, "single": 1, "final": 1, "last": 1}
    if value is not None:
        entry["values"] = data.ArrayLayout(value, lanes)
    if spike_bits > 1:
        entry["counts"] = data.ArrayLayout(spike_bits, lanes)
    return data.StructLayout(entry)


def _aligned(lanes: int) -> bool:
    """Whether an index is a group's number and a lane's number side by side."""
    return lanes & (lanes - 1) == 0


class Serialiser(wiring.Component):
    """Queue of groups and the scan that sends them in ascending index order.

    Ports
    -----
    strobe, group, mask, final, last : in
        A group: `mask` has a bit for each lane to send, `final` ends the step.
    values : in
        With `value`: what is sent with each lane.
    counts : in
        With `spike_bits` above 1: how many events each lane of `mask` sends, 1 or more.
    start : in
        A sweep begins: `groups` strobes will follow.
    ready : out
        There is room for another sweep.
    out : stream, `event_stream(neurons)` or `value_stream(neurons, value)`; gates drive it, so what follows
        is an output stage (hw/out_stage.py)

    The queue holds `SWEEPS` whole sweeps, so that neurons never wait inside one. With `only_last`, nothing
    but the last step of a sample is sent, ticks included.
    """

    SWEEPS = 2
    LATENCY_CYCLES = 4  # from a strobe to its first token on `out`, when nothing waits
    PART_LANES = 4  # for which what `single` takes is found before an entry is written
    DEEP_GROUPS = 16  # of a sweep; a queue for more is block RAM, which takes longer

    strobe: Signal
    group: Signal
    mask: Signal
    final: Signal
    last: Signal
    start: Signal
    ready: Signal
    values: Any
    counts: Any
    out: Any

    def __init__(
        self,
        *,
        neurons: int,
        lanes: int,
        value: Shape | None = None,
        only_last: bool = False,
        spike_bits: int = 1,
    ):
        self.only_last = only_last
        self.spike_bits = spike_bits
        self.neurons = neurons
        self.lanes = lanes
        self.groups = -(-neurons // lanes)
        self.value = value
        group = bits_for_unsigned(self.groups - 1)
        members = {
            "strobe": In(1),
            "group": In(group),
            "mask": In(lanes),
            "final": In(1),
            "last": In(1),
            "start": In(1),
            "ready": Out(1),
            "out": Out(event_stream(neurons) if value is None else value_stream(neurons, value)),
        }
        if value is not None:
            members["values"] = In(data.ArrayLayout(value, lanes))
        if spike_bits > 1:
            members["counts"] = In(data.ArrayLayout(spike_bits, lanes))
        self.entry = entry_layout(neurons=neurons, lanes=lanes, value=value, spike_bits=spike_bits)
        super().__init__(members)

    @classmethod
    def deep_cycles(cls, groups: int) -> int:
        """Cycles of latency beyond `LATENCY_CYCLES` with so many groups a sweep."""
        return DeepFifo.LATENCY_CYCLES - Fifo.LATENCY_CYCLES if groups > cls.DEEP_GROUPS else 0

    def elaborate(self, platform):
        m = Module()
        kind = DeepFifo if self.deep_cycles(self.groups) else Fifo
        m.submodules.queue = queue = kind(width=self.entry.size, depth=max(2, self.SWEEPS * self.groups))
        self._push(m, queue)
        step_sent = self._scan(m, queue)
        self._credit(m, step_sent)
        return m

    def _push(self, m: Module, queue: Fifo) -> None:
        entry = Signal(self.entry)
        mask = self.mask & self.last.replicate(self.lanes) if self.only_last else self.mask
        m.d.comb += [
            entry.mask.eq(mask),
            entry.base.eq(self.group if _aligned(self.lanes) else self._first_index(m)),
            entry.final.eq(self.final),
            entry.last.eq(self.last),
        ]
        # registers, for the clock rate: the neurons are far away; only what writes needs a reset
        pushed, push = Signal(self.entry, reset_less=True), Signal()
        m.d.sync += [pushed.eq(entry), push.eq(self.strobe & (self.final | mask.any()))]
        written = Signal(self.entry)
        m.d.comb += [
            written.eq(pushed),
            written.single.eq(_finishes(*self._parts(m, entry), pushed.final)),
            queue.w_data.eq(written),
            queue.w_en.eq(push),
        ]
        if self.value is not None:
            m.d.comb += entry["values"].eq(self.values)
        if self.spike_bits > 1:
            m.d.comb += entry["counts"].eq(self.counts)

    def _parts(self, m: Module, entry: Any) -> tuple[Signal, Signal]:
        """Of each `PART_LANES` lanes: whether any sends, and whether they send more than one event."""
        parts = [slice(k, k + self.PART_LANES) for k in range(0, self.lanes, self.PART_LANES)]
        masks = [entry.mask[part] for part in parts]
        more = [Cat(*(mask[k] & mask[:k].any() for k in range(1, len(mask)))).any() for mask in masks]
        if self.spike_bits > 1:
            above = entry.mask & _above(entry, 1)
            more = [several | above[part].any() for several, part in zip(more, parts, strict=True)]
        some, several = Signal(len(parts), reset_less=True), Signal(len(parts), reset_less=True)
        m.d.sync += [some.eq(Cat(*(mask.any() for mask in masks))), several.eq(Cat(*more))]
        return some, several

    def _first_index(self, m: Module) -> Value:
        """Index of the group's first lane: a running sum, since groups come in order."""
        base = Signal(range(max(2, (self.groups - 1) * self.lanes + 1)))
        with m.If(self.strobe):
            m.d.sync += base.eq(Mux(self.final, 0, base + self.lanes))
        return base

    def _scan(self, m: Module, queue: Fifo) -> Value:
        """Send the lowest lane that is left, or the tick; one token a cycle."""
        entry = Signal(self.entry, reset_less=True)  # mask: the lanes that are left
        rest = Signal(self.lanes, reset_less=True)  # its mask but for the lowest lane: known ahead
        live, finish = Signal(), Signal()
        room, load = Signal(), Signal()
        lowest = entry.mask & ~rest
        m.d.comb += [room.eq(self.out.ready), load.eq(~live | (room & finish))]
        oldest, there = data.View(self.entry, queue.r_data), queue.r_rdy
        m.d.comb += queue.r_en.eq(load)
        tick = ~entry.mask.any()
        sent = live
        if self.only_last:  # what is not sent waits for nobody
            silent = tick & ~entry.last
            sent = live & ~silent
            m.d.comb += room.eq(self.out.ready | silent)
        m.d.comb += [self.out.valid.eq(sent), *self._token(entry, lowest, tick)]
        left, following, several = self._after(entry, rest, lowest)
        with m.If(load):
            m.d.sync += [live.eq(there), entry.eq(oldest), finish.eq(oldest.single)]
            m.d.sync += rest.eq(_without_lowest(oldest.mask))
        with m.Elif(room):
            m.d.sync += [entry.mask.eq(left), rest.eq(following)]
            m.d.sync += finish.eq(_finishes(left, several, entry.final))
            m.d.sync += self._count_down(entry, lowest)
        return live & room & finish & entry.final

    def _after(self, entry: Any, rest: Signal, lowest: Value) -> tuple[Value, Value, Value]:
        """When this token has left: the mask, the same but for its lowest lane, lanes with several events."""
        if self.spike_bits == 1:
            return rest, _without_lowest(rest), Const(0, 1)
        again = (lowest & _above(entry, 1)).any()  # it is not the lane's last event
        left = Mux(again, entry.mask, rest)
        several = (rest & _above(entry, 1)) | (lowest & _above(entry, 2))
        return left, Mux(again, rest, _without_lowest(rest)), several

    def _count_down(self, entry: Any, lowest: Value) -> list:
        if self.spike_bits == 1:
            return []
        return [entry.counts[k].eq(entry.counts[k] - lowest[k]) for k in range(self.lanes)]

    def _token(self, entry: Any, lowest: Value, tick: Value) -> list:
        token = self.out.payload
        lane = _one_hot_index(lowest, self.lanes)
        index = (
            Cat(lane[: (self.lanes - 1).bit_length()], entry.base)
            if _aligned(self.lanes)
            else entry.base + lane
        )
        assigned = [token.index.eq(index), token.tick.eq(tick), token.last.eq(entry.last)]
        if self.value is not None:
            assigned.append(token.value.eq(entry["values"][lane]))
        return assigned

    def _credit(self, m: Module, step_sent: Value) -> None:
        """Sweeps whose tick is still to be sent; at most `SWEEPS` begin."""
        pending = Signal(range(self.SWEEPS + 1))
        sent = Signal()  # a register, for the clock rate
        m.d.comb += self.ready.eq(pending != self.SWEEPS)
        m.d.sync += [sent.eq(step_sent), pending.eq(pending + self.start - sent)]


def _finishes(left: Value, several: Value, final: Value) -> Value:
    """Whether the next token is an entry's last: its tick, or the last lane of an entry without one."""
    more = Cat(*(left[k] & left[:k].any() for k in range(len(left))), several).any()
    return Mux(final, ~left.any(), ~more)


def _without_lowest(mask: Value) -> Value:
    return Cat(*(mask[k] & mask[:k].any() for k in range(len(mask))))


def _above(entry: Any, count: int) -> Value:
    """Lanes that have more than `count` events left."""
    return Cat(*(entry.counts[k] > count for k in range(len(entry.mask))))


def _one_hot_index(one_hot: Value, width: int) -> Value:
    bits = [
        Cat(*(one_hot[k] for k in range(width) if k >> bit & 1)).any()
        for bit in range((width - 1).bit_length())
    ]
    return Cat(*bits) if bits else Const(0, 1)
