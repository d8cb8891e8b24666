"""Accumulators of a synaptic array: what the events of a step add up to, handed to the neurons in a sweep.

Two kinds behind one interface. `RegisterAccumulators` (an event is one group): a register a target and a
shadow that shifts out. `MemoryAccumulators` (an event is several groups): two banks of a memory, one adding
while the other is swept. Both add the events of step t + 1 while step t is swept.
"""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .addends import addend_row_bits, addends, product_cycles
from .params import ArrayParams, bits_for_unsigned
from .signatures import sweep_signature

__all__ = [
    "LEAD_CYCLES",
    "MemoryAccumulators",
    "RegisterAccumulators",
    "accumulators",
    "early_free_cycles",
    "lead_cycles",
    "sweep_cycles",
    "sweep_position",
]

LEAD_CYCLES = 3  # cycles from taking a tick off the stream to its `swap` here, where nothing is multiplied


def lead_cycles(params: ArrayParams) -> int:
    """Cycles from taking a tick off the stream to its `swap` here."""
    return LEAD_CYCLES + product_cycles(params)


def early_free_cycles(params: ArrayParams, sweep_groups: int) -> int:
    """Number of the group at which a sweep gives `free`: the next swap then comes behind the last group."""
    return max(0, sweep_groups - 2 - lead_cycles(params))


def sweep_cycles(params: ArrayParams) -> int:
    """Cycles from the swap to the first group of the sweep, at the earliest."""
    return 2 if params.groups == 1 else 3


def accumulators(params: ArrayParams, *, update_lanes: int) -> RegisterAccumulators | MemoryAccumulators:
    """The accumulators that fit the array."""
    kind = RegisterAccumulators if params.groups == 1 else MemoryAccumulators
    return kind(params, update_lanes=update_lanes)


class _Accumulators(wiring.Component):
    """Interface and sweep control of both kinds.

    Ports
    -----
    ahead_group : in
        Group of the row that comes with `add` in the next cycle.
    add, group, row, first : in
        Add `row`, weights or with `params.value_bits` products (hw/addends.py), to group `group`; `first`: it
        is the first event of the step, so overwrite.
    swap, swap_zero, swap_last : in
        The step is complete (it had no event; it was the sample's last): sweep it.
    sweep : out
        To the neurons; starts when `sweep_ready` is high.
    start : out
        Pulse: a sweep begins.
    free : out
        Pulse: a tick may be taken off the stream again.
    """

    ahead_group: Signal
    add: Signal
    group: Signal
    row: Signal
    first: Signal
    swap: Signal
    swap_zero: Signal
    swap_last: Signal
    sweep: Any
    sweep_ready: Signal
    start: Signal
    free: Signal

    def __init__(self, params: ArrayParams, *, update_lanes: int, row_bits: int | None = None):
        self.params = params
        self.row_bits = addend_row_bits(params) if row_bits is None else row_bits
        self.update_lanes = update_lanes
        self.parts = params.lanes // update_lanes  # cycles a word of lanes takes to the neurons
        # a trailing part that is all padding is not swept
        self.sweep_groups = -(-params.targets // update_lanes)
        group = bits_for_unsigned(params.groups - 1)
        super().__init__(
            {
                "ahead_group": In(group),
                "add": In(1),
                "group": In(group),
                "row": In(self.row_bits),
                "first": In(1),
                "swap": In(1),
                "swap_zero": In(1),
                "swap_last": In(1),
                "sweep": Out(sweep_signature(update_lanes, self.sweep_groups, params.acc_bits)),
                "sweep_ready": In(1),
                "start": Out(1),
                "free": Out(1),
            }
        )

    @property
    def _early_free(self) -> int:
        return early_free_cycles(self.params, self.sweep_groups)

    def _addends(self) -> list[Value]:
        return addends(self.row, self.params)

    def _control(self, m: Module) -> tuple[Signal, Signal, Signal, Signal]:
        """Sweep counter: running, number of the group, zero and last of the step that is swept."""
        waiting, running = Signal(), Signal()
        number = Signal(range(max(2, self.sweep_groups)))
        zero, last = Signal(), Signal()
        final = number == self.sweep_groups - 1
        m.d.comb += [
            self.start.eq(waiting & self.sweep_ready & ~running),
            self.free.eq(running & (number == self._early_free)),
        ]
        with m.If(running):
            m.d.sync += [running.eq(~final), number.eq(Mux(final, 0, number + 1))]
        with m.If(self.start):
            m.d.sync += [waiting.eq(0), running.eq(1)]
        with m.If(self.swap):
            m.d.sync += [waiting.eq(1), zero.eq(self.swap_zero), last.eq(self.swap_last)]
        return running, number, zero, last


class RegisterAccumulators(_Accumulators):
    """One group: an accumulator register a target, and a shadow that shifts `update_lanes` a cycle."""

    def elaborate(self, platform):
        m = Module()
        accs = Signal(data.ArrayLayout(signed(self.params.acc_bits), self.params.lanes))
        with m.If(self.swap):
            m.d.sync += accs.eq(0)
        with m.Elif(self.add):
            m.d.sync += [accs[k].eq(accs[k] + addend) for k, addend in enumerate(self._addends())]
        self._shift_out(m, accs.as_value())
        return m

    def _shift_out(self, m: Module, accs: Value) -> None:
        """Copy the accumulators of a step into the shadow, and sweep it."""
        running, number, _, last = self._control(m)
        shadow = Signal(len(accs), reset_less=True)
        with m.If(self.swap):
            m.d.sync += shadow.eq(accs)
        with m.Elif(running):
            m.d.sync += shadow.eq(shadow[self.update_lanes * self.params.acc_bits :])
        m.d.comb += [
            self.sweep.strobe.eq(running),
            self.sweep.group.eq(number),
            self.sweep.accs.eq(shadow[: self.sweep.accs.as_value().shape().width]),
            self.sweep.final.eq(number == self.sweep_groups - 1),
            self.sweep.last.eq(last),
        ]


class MemoryAccumulators(_Accumulators):
    """Several groups: a memory of two banks of `params.groups` words of `lanes` accumulators.

    The read-modify-write of a group takes two cycles and the next event reaches the group after
    `params.groups` >= 2 cycles, so there is no hazard. The first event of a step overwrites: nothing is
    cleared.
    """

    def elaborate(self, platform):
        m = Module()
        bits = self.params.acc_bits
        m.submodules.memory = memory = Memory(
            shape=data.ArrayLayout(signed(bits), self.params.lanes), depth=2 * self._stride, init=[]
        )
        bank = Signal()
        with m.If(self.swap):
            m.d.sync += bank.eq(~bank)
        self._add(m, memory, bank)
        self._sweep(m, memory, bank)
        return m

    @property
    def _stride(self) -> int:
        return 1 << bits_for_unsigned(self.params.groups - 1)

    def _add(self, m: Module, memory: Memory, bank: Signal) -> None:
        read = memory.read_port()
        write = memory.write_port()
        # the bank cannot flip between read and add, but for the first event of a step, which overwrites
        m.d.comb += [
            read.addr.eq(Cat(self.ahead_group, bank)),
            write.addr.eq(Cat(self.group, bank)),
            write.en.eq(self.add),
        ]
        for k, addend in enumerate(self._addends()):
            m.d.comb += write.data[k].eq(Mux(self.first, 0, read.data[k]) + addend)

    def _sweep(self, m: Module, memory: Memory, bank: Signal) -> None:
        running, number, zero, last = self._control(m)
        part, word = sweep_position(m, self, running, number)
        read = memory.read_port()
        m.d.comb += read.addr.eq(Cat(word, ~bank))
        first_part = Signal()
        m.d.sync += [
            self.sweep.strobe.eq(running),
            self.sweep.group.eq(number),
            self.sweep.zero.eq(zero),
            self.sweep.final.eq(number == self.sweep_groups - 1),
            self.sweep.last.eq(last),
            first_part.eq(part == 0),
        ]
        width = self.update_lanes * self.params.acc_bits
        rest = Signal(self.params.lanes * self.params.acc_bits, reset_less=True)
        current = Mux(first_part, read.data.as_value(), rest)
        m.d.sync += rest.eq(current[width:])
        m.d.comb += self.sweep.accs.eq(current[:width])


def sweep_position(m: Module, accumulators: Any, running: Signal, number: Signal) -> tuple[Signal, Signal]:
    """Part within the memory word, and the word, of the group that a sweep reads."""
    part = Signal(range(max(2, accumulators.parts)))
    word = Signal(bits_for_unsigned(accumulators.params.groups - 1))
    with m.If(running):
        m.d.sync += part.eq(part + 1)
        with m.If(part == accumulators.parts - 1):
            m.d.sync += [part.eq(0), word.eq(word + 1)]
        with m.If(number == accumulators.sweep_groups - 1):
            m.d.sync += [part.eq(0), word.eq(0)]
    return part, word
