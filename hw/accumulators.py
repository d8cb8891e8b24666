"""Accumulators of a synaptic array: what the events of a step add up to, handed to the neurons in a sweep.

Two kinds behind one interface. `RegisterAccumulators` (an event is a few groups): a register a target and a
copy that is drained. `MemoryAccumulators` (an event is many groups): two banks of a memory, one adding while
the other is swept. Both add the events of step t + 1 while step t is swept.
"""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .addends import addend_row_bits, addends, product_cycles
from .drain import drain, drain_cycles
from .params import ArrayParams, bits_for_unsigned
from .signatures import sweep_signature
from .weight_memory import WeightMemory

__all__ = [
    "BLOCK_GROUPS",
    "LEAD_CYCLES",
    "MemoryAccumulators",
    "RegisterAccumulators",
    "accumulators",
    "early_cycles",
    "early_free_cycles",
    "fetch_cycles",
    "in_registers",
    "lead_cycles",
    "memory_attributes",
    "most_late_cycles",
    "swap_delay_cycles",
    "sweep_cycles",
    "sweep_position",
]

_FETCH_CYCLES = 3  # cycles from taking an event off the stream to the row that its memory gives
_ROW_CYCLES = 1  # from there to the accumulators, where nothing is multiplied on the way
_READ_CYCLES = 2  # from the address of an accumulator word to the word
BLOCK_GROUPS = 8
"""From so many groups on, accumulators are block RAM; fewer are registers, two a bit and a third of a LUT."""
_MOST_EARLY_CYCLES = 3  # of a start before its swap: the tick is in a register then, in every array
LEAD_CYCLES = _FETCH_CYCLES + _ROW_CYCLES  # cycles from taking a tick to its `swap` here, the same


def lead_cycles(params: ArrayParams) -> int:
    """Cycles from taking a tick off the stream to its `swap` here."""
    late = WeightMemory.late_cycles(params.rows, params.row_bits, params.store)
    return _FETCH_CYCLES + late + (product_cycles(params) or _ROW_CYCLES)


def early_free_cycles(params: ArrayParams, sweep_groups: int, *, accs_late: int = 0) -> int:
    """Number of the group at which a sweep gives `free`: the next swap then comes behind the last group."""
    behind = swap_delay_cycles(params, sweep_groups) + early_cycles(params, sweep_groups, accs_late)
    return max(0, sweep_groups - 2 - lead_cycles(params) + behind)


def swap_delay_cycles(params: ArrayParams, sweep_groups: int) -> int:
    """Cycles from a sweep's last group to the earliest next swap."""
    return int(in_registers(params) and drain_cycles(sweep_groups) > 0)


def fetch_cycles(params: ArrayParams, sweep_groups: int) -> int:
    """Cycles from a group's turn in a sweep to its accumulators."""
    return drain_cycles(sweep_groups) if in_registers(params) else _READ_CYCLES


def sweep_cycles(params: ArrayParams, sweep_groups: int) -> int:
    """Cycles from the swap to the first accumulators of the sweep, at the earliest."""
    return 2 + fetch_cycles(params, sweep_groups)


def early_cycles(params: ArrayParams, sweep_groups: int, accs_late: int) -> int:
    """Cycles that a sweep starts before its first group's turn, and at the earliest before its swap."""
    return max(0, accs_late - fetch_cycles(params, sweep_groups))


def most_late_cycles(params: ArrayParams, sweep_groups: int) -> int:
    """Most cycles that accumulators may come behind the strobe of their group."""
    return fetch_cycles(params, sweep_groups) + _MOST_EARLY_CYCLES


def in_registers(params: ArrayParams) -> bool:
    """Whether the accumulators of a dense array, or the sums of a delayed one, are registers."""
    return params.groups < (2 if params.max_delay else BLOCK_GROUPS)


def accumulators(
    params: ArrayParams, *, update_lanes: int, accs_late: int = 0
) -> RegisterAccumulators | MemoryAccumulators:
    """The accumulators that fit the array."""
    kind = RegisterAccumulators if in_registers(params) else MemoryAccumulators
    return kind(params, update_lanes=update_lanes, accs_late=accs_late)


class _Accumulators(wiring.Component):
    """Interface and sweep control of both kinds.

    Ports
    -----
    ahead_group, ahead_first : in
        `group` of the row that comes three cycles later, and `first` of the one that comes in the next.
    add, group, row : in
        Add `row`, weights or with `params.value_bits` products (hw/addends.py), to group `group`; if it is of
        the first event of the step (`first`), overwrite.
    swap : in
        The step is complete: what was added is to be swept.
    swap_ahead, swap_zero, swap_last : in
        `early` cycles before (the step had no event; it was the sample's last): begin the sweep.
    sweep : out
        To the neurons; starts when `sweep_ready` is high. `accs` and `zero` come `accs_late` cycles after
        the other fields.
    start : out
        Pulse: a sweep begins.
    free : out
        Pulse: a tick may be taken off the stream again.

    Parameters
    ----------
    accs_late : int
        0 .. `most_late_cycles`: so the neurons can read and decay their state while the array is still busy.
    """

    ahead_group: Signal
    ahead_first: Signal
    add: Signal
    group: Signal
    row: Signal
    swap: Signal
    swap_ahead: Signal
    swap_zero: Signal
    swap_last: Signal
    sweep: Any
    sweep_ready: Signal
    start: Signal
    free: Signal

    def __init__(
        self, params: ArrayParams, *, update_lanes: int, row_bits: int | None = None, accs_late: int = 0
    ):
        self.params = params
        self.accs_late = accs_late
        self.row_bits = addend_row_bits(params) if row_bits is None else row_bits
        self.update_lanes = update_lanes
        self.parts = params.lanes // update_lanes  # cycles a word of lanes takes to the neurons
        # a trailing part that is all padding is not swept
        self.sweep_groups = -(-params.targets // update_lanes)
        self.early = early_cycles(params, self.sweep_groups, accs_late)
        self.late_strobe = fetch_cycles(params, self.sweep_groups) + self.early - accs_late
        group = bits_for_unsigned(params.groups - 1)
        super().__init__(
            {
                "ahead_group": In(group),
                "ahead_first": In(1),
                "add": In(1),
                "group": In(group),
                "row": In(self.row_bits),
                "swap": In(1),
                "swap_ahead": In(1),
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
        return early_free_cycles(self.params, self.sweep_groups, accs_late=self.accs_late)

    def _addends(self) -> list[Value]:
        return addends(self.row, self.params)

    def _control(self, m: Module) -> tuple[Signal, Signal, Signal, Signal, Signal]:
        """Sweep counter: running, number of the group, whether it is final, zero and last of the step."""
        waiting, running = Signal(), Signal()
        number = Signal(range(max(2, self.sweep_groups)))
        zero, last = Signal(), Signal()
        final = Signal(init=self.sweep_groups == 1)  # a register, for the clock rate
        m.d.comb += [
            self.start.eq(waiting & self.sweep_ready & ~running),
            self.free.eq(running & (number == self._early_free)),
        ]
        with m.If(running):
            m.d.sync += [running.eq(~final), number.eq(Mux(final, 0, number + 1))]
            if self.sweep_groups > 1:
                m.d.sync += final.eq(number == self.sweep_groups - 2)
        with m.If(self.start):
            m.d.sync += [waiting.eq(0), running.eq(1)]
        with m.If(self.swap_ahead):
            m.d.sync += [waiting.eq(1), zero.eq(self.swap_zero), last.eq(self.swap_last)]
        self._strobe(m, Cat(running, final, last, number))
        return running, number, final, zero, last

    def _strobe(self, m: Module, control: Value) -> None:
        """All of the sweep but what comes with the accumulators."""
        held = self._held(m, control, self.late_strobe, "swept")
        m.d.comb += [
            self.sweep.strobe.eq(held[0]),
            self.sweep.final.eq(held[1]),
            self.sweep.last.eq(held[2]),
            self.sweep.group.eq(held[3:]),
        ]

    @staticmethod
    def _held(m: Module, value: Value, cycles: int, name: str) -> Value:
        """`value` so many cycles later; nothing at first."""
        for cycle in range(cycles):
            held = Signal(len(value), name=f"{name}_{cycle}")
            m.d.sync += held.eq(value)
            value = held
        return value


class RegisterAccumulators(_Accumulators):
    """Few groups: an accumulator register a target, and a copy that is drained `update_lanes` a cycle.

    Events add to group 0, 1 and so on, so each lane's registers are a ring that turns with every addition:
    one adder a lane and no multiplexer. Behind an event's last group all are where they began.
    """

    def elaborate(self, platform):
        m = Module()
        groups = range(self.params.groups)
        # lane by lane, as each lane's are placed together: copies of `swap` and `add` follow their order
        layout = data.ArrayLayout(signed(self.params.acc_bits), len(groups))
        rings = [Signal(layout, name=f"ring_{lane}") for lane in range(self.params.lanes)]
        for ring, addend in zip(rings, self._addends(), strict=True):
            turned = [*(ring[group + 1] for group in groups[:-1]), ring[0] + addend]
            with m.If(self.swap):
                m.d.sync += ring.eq(0)
            with m.Elif(self.add):
                m.d.sync += [ring[group].eq(turned[group]) for group in groups]
        self._drain(m, Cat(ring[group] for group in groups for ring in rings))
        return m

    def _drain(self, m: Module, accs: Value) -> None:
        """Copy the accumulators of a step with `swap`, and sweep them."""
        self._control(m)
        drained = drain(
            m,
            load=self.swap,
            word=accs,
            first=self._held(m, self.start, self.early, "first"),
            groups=self.sweep_groups,
            width=self.update_lanes * self.params.acc_bits,
        )
        m.d.comb += self.sweep.accs.eq(drained)


class MemoryAccumulators(_Accumulators):
    """Many groups: a memory of two banks of `params.groups` words of `lanes` accumulators.

    The read-modify-write of a group takes five cycles, and the next event reaches the group after
    `params.groups`, which are more: nothing is forwarded. The first event of a step overwrites: nothing is
    cleared.
    """

    def elaborate(self, platform):
        m = Module()
        bits = self.params.acc_bits
        m.submodules.memory = memory = Memory(
            shape=data.ArrayLayout(signed(bits), self.params.lanes),
            depth=2 * self._stride,
            init=[],
            attrs=memory_attributes(self.params),
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
        raw, kept, sums = (
            Signal(memory.shape, name=name, reset_less=True) for name in ("raw", "kept", "sums")
        )
        write_en, write_group = Signal(), Signal.like(self.group)
        # the bank cannot flip between read and add, but for the first event of a step, which overwrites
        m.d.comb += [
            read.addr.eq(Cat(self.ahead_group, bank)),
            write.addr.eq(Cat(write_group, bank)),
            write.data.eq(sums),
            write.en.eq(write_en),
        ]
        m.d.sync += [
            write_en.eq(self.add),
            write_group.eq(self.group),
            raw.eq(read.data),  # nothing between: it can be the RAM's own register
            kept.eq(raw),
        ]
        with m.If(self.ahead_first):
            m.d.sync += kept.eq(0)
        m.d.sync += [sums[k].eq(kept[k] + addend) for k, addend in enumerate(self._addends())]

    def _sweep(self, m: Module, memory: Memory, bank: Signal) -> None:
        running, _, final, zero, _ = self._control(m)
        turn = self._held(m, Cat(running, final, zero), self.early, "turn")
        part, word = sweep_position(m, self, turn[0], turn[1])
        read = memory.read_port()
        m.d.comb += read.addr.eq(Cat(word, ~bank))
        word_bits = self.params.lanes * self.params.acc_bits
        raw = Signal(word_bits, reset_less=True)  # nothing before it: it can be the RAM's own register
        m.d.sync += raw.eq(read.data)
        control = self._held(m, Cat(part == 0, turn[2]), _READ_CYCLES, "read")
        first_part = control[0]
        m.d.comb += self.sweep.zero.eq(control[1])
        width = self.update_lanes * self.params.acc_bits
        rest = Signal(word_bits, reset_less=True)
        current = Mux(first_part, raw, rest)
        m.d.sync += rest.eq(current[width:])
        m.d.comb += self.sweep.accs.eq(current[:width])


def memory_attributes(params: ArrayParams) -> dict[str, str]:
    """What synthesis is told of a memory of accumulators."""
    # what is read while it is written is forwarded, or not used
    attributes = {"no_rw_check": "1"}
    return attributes | {"ram_style": "block"} if params.groups >= BLOCK_GROUPS else attributes


def sweep_position(m: Module, accumulators: Any, running: Value, final: Value) -> tuple[Signal, Signal]:
    """Part within the memory word, and the word, of the group that a sweep reads; `final`: it is the last."""
    part = Signal(range(max(2, accumulators.parts)))
    word = Signal(bits_for_unsigned(accumulators.params.groups - 1))
    with m.If(running):
        m.d.sync += part.eq(part + 1)
        with m.If(part == accumulators.parts - 1):
            m.d.sync += [part.eq(0), word.eq(word + 1)]
        with m.If(final):
            m.d.sync += [part.eq(0), word.eq(0)]
    return part, word
