"""Spike serialiser: groups of neurons that were updated become a stream of events and ticks.

A group without spikes costs no cycle; so a silent population costs one cycle a step, its tick.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.hdl import Shape
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .fifo import DeepFifo, Fifo
from .lane_scan import CountDown, LaneGroup, LaneScan, part_sizes
from .out_stage import OutStage
from .params import bits_for_unsigned
from .signatures import event_stream, value_stream

__all__ = ["Serialiser", "entry_layout"]


def entry_layout(
    *, neurons: int, lanes: int, value: Shape | None = None, spike_bits: int = 1
) -> data.StructLayout:
    """Entry of a serialiser's queue, a group of `lanes`."""
    group = _group(neurons=neurons, lanes=lanes, value=value, spike_bits=spike_bits)
    return data.StructLayout(group.entry())


def _group(*, neurons: int, lanes: int, value: Shape | None, spike_bits: int) -> LaneGroup:
    return LaneGroup(
        lanes=lanes,
        unit=lanes & -lanes,
        highest=-(-neurons // lanes) * lanes - 1,
        value=value,
        spike_bits=spike_bits,
    )


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

    A sweep begins when the queue has room for all of its groups, so that neurons never wait inside one. The
    queue holds 2 sweeps in which every group sends something, and many in which few do. With `only_last`,
    nothing but the last step of a sample is sent, ticks included.
    """

    SWEEPS = 2
    DEEP_SWEEPS = 3  # of a queue in block RAM, most of which have more words than two sweeps
    CREDIT_CYCLES = 2  # from a token, or a strobe with nothing to send, to the sweep that takes its room
    PUSH_CYCLES = 1  # from a strobe to the queue; one more with counts, whose lanes are found first
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
        self.lane_group = _group(neurons=neurons, lanes=lanes, value=value, spike_bits=spike_bits)
        self.entry = data.StructLayout(self.lane_group.entry())
        super().__init__(members)

    @classmethod
    def deep_queue(cls, groups: int) -> bool:
        """Whether the queue for so many groups a sweep is block RAM."""
        return groups > cls.DEEP_GROUPS

    @classmethod
    def staged_queue(cls, groups: int, lanes: int) -> bool:
        """Whether an output stage stands behind the queue: both it and the scan have a lot to do then."""
        return cls.deep_queue(groups) and len(part_sizes(lanes)) > 1

    @classmethod
    def queue_words(cls, groups: int) -> int:
        """Groups that the queue holds, with so many a sweep."""
        return Fifo.places(max(2, (cls.DEEP_SWEEPS if cls.deep_queue(groups) else cls.SWEEPS) * groups))

    @classmethod
    def latency_cycles(cls, *, groups: int, lanes: int, spike_bits: int = 1) -> int:
        """Cycles from a strobe to its first token on `out`, when nothing waits."""
        queue = DeepFifo if cls.deep_queue(groups) else Fifo
        levels = len(part_sizes(lanes))
        scan = levels * LaneScan.LATENCY_CYCLES + (levels - 1) * OutStage.LATENCY_CYCLES
        scan += OutStage.LATENCY_CYCLES if cls.staged_queue(groups, lanes) else 0
        counts = 1 + OutStage.LATENCY_CYCLES + CountDown.LATENCY_CYCLES if spike_bits > 1 else 0
        return cls.PUSH_CYCLES + queue.LATENCY_CYCLES + scan + counts

    @property
    def latency(self) -> int:
        """The same, of this one."""
        return self.latency_cycles(groups=self.groups, lanes=self.lanes, spike_bits=self.spike_bits)

    def elaborate(self, platform):
        m = Module()
        kind = DeepFifo if self.deep_queue(self.groups) else Fifo
        m.submodules.queue = queue = kind(width=self.entry.size, depth=self.queue_words(self.groups))
        silent = self._push(m, queue)
        self._credit(m, silent, self._send(m, self._scan(m, queue)))
        return m

    def _push(self, m: Module, queue: Fifo) -> Value:
        """Queue what is sent of a group; returns whether a group, a cycle ago, sends nothing."""
        entry = Signal(self.entry)
        mask = self.mask & self.last.replicate(self.lanes) if self.only_last else self.mask
        m.d.comb += [
            entry.mask.eq(mask),
            entry.base.eq(self._base(m)),
            entry.final.eq(self.final),
            entry.last.eq(self.last),
        ]
        if self.value is not None:
            m.d.comb += entry["values"].eq(self.values)
        if self.spike_bits > 1:
            m.d.comb += entry["counts"].eq(self.counts)
        # registers, for the clock rate: the neurons are far away
        strobe: Value = self.strobe
        if self.spike_bits > 1:
            counted = Signal()
            m.d.sync += counted.eq(strobe)
            entry, strobe = self._held(m, entry, "counted"), counted
        push, silent, sends = Signal(), Signal(), entry.final | entry.mask.any()
        m.d.sync += [push.eq(strobe & sends), silent.eq(strobe & ~sends)]
        m.d.comb += [queue.w_data.eq(self._held(m, entry, "pushed")), queue.w_en.eq(push)]
        return silent

    @staticmethod
    def _held(m: Module, value: Any, name: str) -> Any:
        """`value` a cycle later."""
        held = Signal.like(value, name=name)
        m.d.sync += held.eq(value)
        return held

    def _base(self, m: Module) -> Value:
        """Index of the group's first lane, in units: a running sum, since groups come in order."""
        units = self.lanes // self.lane_group.unit
        if units == 1:
            return self.group
        base = Signal(range((self.groups - 1) * units + 1))
        with m.If(self.strobe):
            m.d.sync += base.eq(Mux(self.final, 0, base + units))
        return base

    def _scan(self, m: Module, queue: Fifo) -> Any:
        """Stream of lanes and ticks, one a cycle, from the oldest group on."""
        group = replace(self.lane_group, known=self.staged_queue(self.groups, self.lanes))
        first = Signal(group.layout())
        m.d.comb += Value.cast(first)[: self.entry.size].eq(queue.r_data)
        if self.spike_bits > 1:
            m.d.comb += first.single.eq(Cat(first.counts[k] == 1 for k in range(self.lanes)))
        found: Any = stream.Signature(group.layout()).create()
        m.d.comb += [found.payload.eq(first), found.valid.eq(queue.r_rdy), queue.r_en.eq(found.ready)]
        if group.known:
            group.find_parts(m, first)
            m.submodules.queue_stage = stage = OutStage(group.layout())
            wiring.connect(m, found, stage.i)
            found = stage.o
        # a stage behind each but the last, or a handshake would go through all of the scan
        for size in part_sizes(self.lanes):
            m.submodules[f"scan_{size}"] = scan = LaneScan(group, size)
            wiring.connect(m, found, scan.i)
            group, found = scan.part, scan.o
            if size > 1 or self.spike_bits > 1:
                m.submodules[f"stage_{size}"] = stage = OutStage(group.layout())
                wiring.connect(m, found, stage.i)
                found = stage.o
        if self.spike_bits > 1:
            m.submodules.count_down = count_down = CountDown(group)
            wiring.connect(m, found, count_down.i)
            found = count_down.o
        return found

    def _send(self, m: Module, found: Any) -> Value:
        """Tokens; returns whether the last one of a group leaves."""
        lane, token = found.payload, self.out.payload
        # a tick that is not sent waits for nobody
        silent = lane.tick & ~lane.last if self.only_last else Const(0)
        m.d.comb += [
            self.out.valid.eq(found.valid & ~silent),
            found.ready.eq(self.out.ready | silent),
            token.index.eq(lane.base),
            token.tick.eq(lane.tick),
            token.last.eq(lane.last),
        ]
        if self.value is not None:
            m.d.comb += token.value.eq(lane["values"][0])
        return found.valid & found.ready & lane.end

    def _credit(self, m: Module, silent: Value, group_sent: Value) -> None:
        """Words that are left when a sweep has begun that fills all of its own; below 0 none may begin.

        Those of a sweep are taken when it begins, and given back by groups that send nothing or have left.
        """
        most = self.queue_words(self.groups) - self.groups
        left = Signal(Shape(most.bit_length() + 1, signed=True), init=most)
        begun, sent = Signal(), Signal()  # registers, for the clock rate
        m.d.comb += self.ready.eq(left >= 0)
        m.d.sync += [
            begun.eq(self.start),
            sent.eq(group_sent),
            left.eq(left + silent + sent - Mux(begun, self.groups, 0)),
        ]
