"""Spike serialiser: groups of neurons that were updated become a stream of events and ticks.

A group without spikes costs no cycle; so a silent population costs one cycle a step, its tick.
"""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.hdl import Shape
from amaranth.lib import data, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from .params import bits_for_unsigned
from .signatures import event_stream, value_stream

__all__ = ["Serialiser"]


class Serialiser(wiring.Component):
    """Queue of groups and the scan that sends them in ascending index order.

    Ports
    -----
    strobe, group, mask, final, last : in
        A group: `mask` has a bit for each lane to send, `final` ends the step.
    values : in
        With `value`: what is sent with each lane.
    start : in
        A sweep begins: `groups` strobes will follow.
    ready : out
        There is room for another sweep.
    out : stream, `event_stream(neurons)` or `value_stream(neurons, value)`

    The queue holds `SWEEPS` whole sweeps, so that neurons never wait inside one. With `only_last`, nothing
    but the last step of a sample is sent, ticks included.
    """

    SWEEPS = 2
    LATENCY_CYCLES = 3  # from a strobe to its first token on `out`, when nothing waits

    strobe: Signal
    group: Signal
    mask: Signal
    final: Signal
    last: Signal
    start: Signal
    ready: Signal
    values: Any
    out: Any

    def __init__(self, *, neurons: int, lanes: int, value: Shape | None = None, only_last: bool = False):
        self.only_last = only_last
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
        entry: dict = {"group": group, "mask": lanes, "final": 1, "last": 1}
        if value is not None:
            members["values"] = In(data.ArrayLayout(value, lanes))
            entry["values"] = data.ArrayLayout(value, lanes)
        self.entry = data.StructLayout(entry)
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = SyncFIFOBuffered(
            width=self.entry.size, depth=max(2, self.SWEEPS * self.groups)
        )
        self._push(m, queue)
        popped_final = self._scan(m, queue)
        self._credit(m, popped_final)
        return m

    def _push(self, m: Module, queue: SyncFIFOBuffered) -> None:
        entry = Signal(self.entry)
        for name in self.entry.members:
            m.d.comb += entry[name].eq(getattr(self, name))
        if self.only_last:
            m.d.comb += entry.mask.eq(self.mask & self.last.replicate(self.lanes))
        m.d.comb += [
            queue.w_data.eq(entry),
            queue.w_en.eq(self.strobe & (self.final | entry.mask.any())),
        ]

    def _scan(self, m: Module, queue: SyncFIFOBuffered) -> Value:
        """Send the lowest lane that is left, or the tick; one token a cycle."""
        entry = self._oldest(queue)
        sent = Signal(self.lanes)
        left = Signal(self.lanes)
        lane = Signal(range(max(2, self.lanes)))
        room = Signal()
        lowest = left & (~left + 1)[: self.lanes]
        more = (left & ~lowest).any()
        tick = ~left.any()
        done = Mux(entry.final, tick, ~more)
        m.d.comb += [
            left.eq(entry.mask & ~sent),
            room.eq(~self.out.valid | self.out.ready),
            lane.eq(_one_hot_index(lowest, self.lanes)),
            queue.r_en.eq(room & done),
        ]
        with m.If(self.out.ready):
            m.d.sync += self.out.valid.eq(0)
        with m.If(room & queue.r_rdy):
            m.d.sync += [
                self.out.valid.eq(~(tick & ~entry.last) if self.only_last else 1),
                sent.eq(Mux(done, 0, sent | lowest)),
                *self._token(entry, lane, tick),
            ]
        return queue.r_rdy & queue.r_en & entry.final

    def _oldest(self, queue: SyncFIFOBuffered) -> Any:
        return data.View(self.entry, queue.r_data)

    def _token(self, entry: Any, lane: Signal, tick: Value) -> list:
        token = self.out.payload
        index = entry.group * self.lanes + lane
        if self.lanes & (self.lanes - 1) == 0:
            index = Cat(lane[: (self.lanes - 1).bit_length()], entry.group)
        assigned = [token.index.eq(index), token.tick.eq(tick), token.last.eq(tick & entry.last)]
        if self.value is not None:
            assigned.append(token.value.eq(entry["values"][lane]))
        return assigned

    def _credit(self, m: Module, popped_final: Value) -> None:
        """Sweeps whose final group is still to be sent; at most `SWEEPS` begin."""
        pending = Signal(range(self.SWEEPS + 1))
        m.d.comb += self.ready.eq(pending != self.SWEEPS)
        m.d.sync += pending.eq(pending + self.start - popped_final)


def _one_hot_index(one_hot: Value, width: int) -> Value:
    bits = [
        Cat(*(one_hot[k] for k in range(width) if k >> bit & 1)).any()
        for bit in range((width - 1).bit_length())
    ]
    return Cat(*bits) if bits else Const(0, 1)
