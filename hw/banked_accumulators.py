"""Accumulators for rows in any order: two banks, one adding while the other is swept.

Each bank is a memory with one read and one write port. A row is read, added and written in a pipeline; what
is still on its way to the memory is forwarded, so a row may follow another to the same word at once. Nothing
is cleared but a flag a word: a word that no row has touched in this step reads as zero.
"""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .accumulators import memory_attributes, sweep_position
from .addends import addend_row_bits, addends
from .params import ArrayParams, bits_for_unsigned
from .signatures import sweep_signature

__all__ = ["BankedAccumulators", "touched_shape"]

READ_CYCLES = 3  # to a word: a register of its address, the memory's own and one behind it
ROW_CYCLES = (
    READ_CYCLES + 2
)  # from `add` to its weights: the word is read, its bank chosen, sums on their way chosen
WRITE_CYCLES = ROW_CYCLES + 1  # from `add` to the write of its sums
TOUCHED_DEPTH = 16  # words of a memory of LUTs
TOUCHED_MOST = 256  # words whose flags are in such memories
AGES = WRITE_CYCLES - 1  # rows before whose sums a row's word does not have yet


def touched_shape(groups: int) -> tuple[int, int]:
    """Memories of flags of a bank, and their words: columns of LUT RAM, or one block RAM."""
    if groups > TOUCHED_MOST:
        return 1, groups
    return -(-groups // TOUCHED_DEPTH), max(2, min(groups, TOUCHED_DEPTH))


class BankedAccumulators(wiring.Component):
    """Two banks of `params.groups` words of `params.lanes` accumulators.

    Ports
    -----
    add, group : in
        Add a row to word `group`; its weights, or products (hw/addends.py), come as `row`
        `ROW_CYCLES` later.
    swap, swap_last : in
        The step is complete (it was the sample's last): sweep it. Not in a cycle with `add`.
    sweep : out
        To the neurons; starts when `sweep_ready` is high.
    start : out
        Pulse: a sweep begins.
    free : out
        Pulse: `swap` may come again, from the next cycle on.
    clearing : out
        After a reset, for `clear_cycles`: neither `add` nor `swap` may come.
    """

    SWAP_CYCLES = 4  # from a swap to the start of its sweep, at the earliest
    SWEEP_CYCLES = READ_CYCLES + 2  # from the start of a sweep to its first group

    add: Signal
    group: Signal
    row: Signal
    swap: Signal
    swap_last: Signal
    sweep: Any
    sweep_ready: Signal
    start: Signal
    free: Signal
    clearing: Signal

    def __init__(self, params: ArrayParams, *, update_lanes: int):
        self.params = params
        self.update_lanes = update_lanes
        self.parts = params.lanes // update_lanes  # cycles a word of lanes takes to the neurons
        self.sweep_groups = -(-params.targets // update_lanes)
        super().__init__(
            {
                "add": In(1),
                "group": In(bits_for_unsigned(params.groups - 1)),
                "row": In(addend_row_bits(params)),
                "swap": In(1),
                "swap_last": In(1),
                "sweep": Out(sweep_signature(update_lanes, self.sweep_groups, params.acc_bits)),
                "sweep_ready": In(1),
                "start": Out(1),
                "free": Out(1),
                "clearing": Out(1),
            }
        )

    @property
    def clear_cycles(self) -> int:
        """Cycles after a reset before anything is taken."""
        return self.params.groups

    @staticmethod
    def free_cycles(sweep_groups: int) -> int:
        """Cycles from the start of a sweep to the first that a swap may come in."""
        return max(sweep_groups, 2)

    def elaborate(self, platform):
        m = Module()
        bank = Signal()  # the one that adds
        with m.If(self.swap):
            m.d.sync += bank.eq(~bank)
        running, number, final, last = self._control(m)
        part, word = sweep_position(m, self, running, final)
        addresses = [Signal.like(self.group, name=f"address_{k}") for k in range(2)]
        m.d.sync += [address.eq(Mux(bank == k, self.group, word)) for k, address in enumerate(addresses)]
        reads, writes = self._banks(m, addresses)
        touched = self._touched(m, bank, addresses, running & (part == 0))
        self._add(m, bank, reads, writes, touched)
        self._sweep(m, bank, reads, touched, Cat(running, last, bank, part == 0, final, number))
        return m

    def _control(self, m: Module) -> tuple[Signal, Signal, Signal, Signal]:
        """Sweep counter: running, number of the group, whether it is the final one, last of the step."""
        waiting, running = Signal(), Signal()
        swapped = _delayed(m, self.swap, self.SWAP_CYCLES - 1, "swapped")[-1]
        number = Signal(range(max(2, self.sweep_groups)))
        # known ahead, for the clock rate
        final, last = Signal(init=self.sweep_groups == 1), Signal()
        m.d.comb += self.start.eq(waiting & self.sweep_ready & ~running)
        m.d.sync += self.free.eq(self._free(running, number))
        with m.If(running):
            m.d.sync += [running.eq(~final), number.eq(Mux(final, 0, number + 1))]
            if self.sweep_groups > 1:
                m.d.sync += final.eq(number == self.sweep_groups - 2)
        with m.If(self.start):
            m.d.sync += [waiting.eq(0), running.eq(1)]
        with m.If(swapped):
            m.d.sync += waiting.eq(1)
        with m.If(self.swap):
            m.d.sync += last.eq(self.swap_last)
        return running, number, final, last

    def _free(self, running: Signal, number: Signal) -> Value:
        """Whether in the next cycle a swap is one cycle away."""
        place = self.free_cycles(self.sweep_groups) - 3
        return self.start if place < 0 else running & (number == place)

    def _banks(self, m: Module, addresses: list[Signal]) -> tuple[list[Signal], list]:
        """Words read from each bank, two cycles after their address, and the write ports."""
        width = self.params.lanes * self.params.acc_bits
        reads, writes = [], []
        for k in range(2):
            memory = Memory(
                shape=width, depth=max(2, self.params.groups), init=[], attrs=memory_attributes(self.params)
            )
            m.submodules[f"bank_{k}"] = memory
            read, write = memory.read_port(), memory.write_port()
            m.d.comb += read.addr.eq(addresses[k])
            # nothing between the memory and this register: it can be the RAM's own
            held = Signal(width, name=f"read_{k}", reset_less=True)
            m.d.sync += held.eq(read.data)
            reads.append(held)
            writes.append(write)
        return reads, writes

    def _touched(self, m: Module, bank: Signal, addresses: list[Signal], swept: Value) -> list[Value]:
        """For each bank, whether the word that is read was touched in its step; a cycle after its address."""
        clear = Signal.like(self.group, name="clear")
        clearing = Signal(init=1)
        m.d.comb += self.clearing.eq(clearing)
        with m.If(clearing):
            m.d.sync += [clear.eq(clear + 1), clearing.eq(clear != self.params.groups - 1)]
        return [self._flags(m, k, bank, address, swept, clear) for k, address in enumerate(addresses)]

    def _flags(self, m: Module, k: int, bank: Signal, address: Signal, swept: Value, clear: Signal) -> Value:
        """Flags of a bank, in columns of LUT RAM; which column it is, is chosen behind them."""
        columns, depth = touched_shape(self.params.groups)
        low = (depth - 1).bit_length()
        enable, touch = Signal(name=f"touch_enable_{k}"), Signal(name=f"touch_{k}")
        cleared, clears = Signal.like(clear, name=f"cleared_{k}", reset_less=True), Signal(name=f"clears_{k}")
        column = Signal(bits_for_unsigned(columns - 1), name=f"column_{k}", reset_less=True)
        place = Mux(clears, cleared, address)
        m.d.sync += [
            cleared.eq(clear),
            clears.eq(self.clearing),
            enable.eq(self.clearing | Mux(bank == k, self.add, swept)),
            touch.eq((bank == k) & ~self.clearing),
            column.eq(address[low:]),
        ]
        found = []
        for number in range(columns):
            memory = Memory(shape=1, depth=depth, init=[])
            m.submodules[f"touched_{k}_{number}"] = memory
            read, write = memory.read_port(), memory.write_port()
            m.d.comb += [
                read.addr.eq(address),
                write.addr.eq(place),
                write.data.eq(touch),
                write.en.eq(enable & (place[low:] == number)),
            ]
            found.append(read.data)
        return Cat(*found).bit_select(column, 1)

    def _add(self, m: Module, bank: Signal, reads: list, writes: list, touched: list) -> None:
        """Read, add, write: a row a cycle."""
        rows = _delayed(m, Cat(self.add, bank, self.group), WRITE_CYCLES, "add")
        layout = data.ArrayLayout(signed(self.params.acc_bits), self.params.lanes)
        sums, before, earlier, forwarded, raw, kept = (
            Signal(layout, name=name, reset_less=True)
            for name in ("sums", "before", "earlier", "forwarded", "raw", "kept")
        )
        known = Signal()
        near, second, third, fourth, on_its_way = self._on_their_way(m, rows)
        m.d.sync += [
            known.eq(Mux(rows[READ_CYCLES - 2][1], touched[1], touched[0])),
            before.eq(sums),
            earlier.eq(before),
        ]
        chosen = rows[READ_CYCLES - 1][1]
        read = [data.View(layout, word) for word in reads]
        for k, addend in enumerate(addends(self.row, self.params)):
            m.d.sync += [
                raw[k].eq(Mux(known, Mux(chosen, read[1][k], read[0][k]), 0)),
                forwarded[k].eq(Mux(third, sums[k], Mux(fourth, before[k], earlier[k]))),
                kept[k].eq(Mux(second, sums[k], Mux(on_its_way, forwarded[k], raw[k]))),
                sums[k].eq(Mux(near, sums[k], kept[k]) + addend),
            ]
        done, ahead = rows[WRITE_CYCLES - 1], rows[WRITE_CYCLES - 2]
        for k, write in enumerate(writes):
            enable = Signal(name=f"write_enable_{k}")
            m.d.sync += enable.eq(ahead[0] & (ahead[1] == k))
            m.d.comb += [write.addr.eq(done[2:]), write.data.eq(sums), write.en.eq(enable)]

    def _on_their_way(self, m: Module, rows: list[Signal]) -> tuple[Signal, ...]:
        """Whether a row was to the word of the one 1, 2, 3 or 4 before it, or of any from 3 on: when needed.

        The comparison takes two cycles: so the last register has little before it, and its copies, one for
        some lanes each, may stand far away.
        """
        same = []
        for age in range(1, AGES + 1):
            row, parts = rows[age], []
            half = max(2, len(row) // 2)
            for part in (slice(1, half), slice(half, None)):
                equal = Signal(name=f"equal_{age}_{len(parts)}")
                m.d.sync += equal.eq(row[0] & (row[part] == rows[0][part]))
                parts.append(equal)
            flag = Signal(name=f"same_{age}")
            m.d.sync += flag.eq(Cat(*parts).all())
            same.append(flag)
        near, second = _delayed(m, same[0], 2, "near")[-1], _delayed(m, same[1], 1, "second")[-1]
        on_its_way = Signal()
        m.d.sync += on_its_way.eq(Cat(*same[2:]).any())
        return near, second, same[2], same[3], on_its_way

    def _sweep(
        self,
        m: Module,
        bank: Signal,
        reads: list,
        touched: list,
        now: Value,
    ) -> None:
        """Words of the other bank, part by part, with what travels beside them."""
        *_, asked, read, here = _delayed(m, now, READ_CYCLES + 1, "swept")
        known, clean, kept = Signal(), Signal(), Signal()
        m.d.sync += [known.eq(Mux(asked[2], touched[0], touched[1])), clean.eq(~known)]
        first_part = here[3]
        zero = Mux(first_part, clean, kept)
        m.d.sync += kept.eq(zero)
        # a register between the banks, which lie far apart, and the parts
        word, rest = (Signal(len(reads[0]), name=name, reset_less=True) for name in ("swept_word", "rest"))
        m.d.sync += word.eq(Mux(read[2], reads[0], reads[1]))
        current = Mux(first_part, word, rest)
        width = self.update_lanes * self.params.acc_bits
        m.d.sync += rest.eq(current[width:])
        m.d.comb += [
            self.sweep.strobe.eq(here[0]),
            self.sweep.last.eq(here[1]),
            self.sweep.final.eq(here[4]),
            self.sweep.group.eq(here[5:]),
            self.sweep.zero.eq(zero),
            self.sweep.accs.eq(current[:width]),
        ]


def _delayed(m: Module, value: Value, cycles: int, name: str) -> list[Signal]:
    """`value` 1, 2, ... `cycles` cycles ago."""
    held = []
    for cycle in range(1, cycles + 1):
        signal = Signal(len(value), name=f"{name}_{cycle}")
        m.d.sync += signal.eq(held[-1] if held else value)
        held.append(signal)
    return held
