"""Accumulators for rows in any order: two banks, one adding while the other is swept.

Each bank is a memory with one read and one write port. A row is read, added and written in a pipeline; what
is still on its way to the memory is forwarded, so a row may follow another to the same word at once. Nothing
is cleared but a flag a word: a word that no row has touched in this step reads as zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .accumulators import memory_attributes
from .addends import addend_row_bits, addends
from .params import ArrayParams, bits_for_unsigned
from .signatures import sweep_signature

__all__ = ["BankedAccumulators", "touched_shape"]

READ_CYCLES = 7  # to a word: its flag's address, two of its own, the memory's register and three behind it
ROW_CYCLES = READ_CYCLES + 1  # from `add` to its weights: the word is read, sums on their way chosen
WRITE_CYCLES = ROW_CYCLES + 2  # from `add` to the write of its sums, which have a register before the memory
TOUCHED_DEPTH = 16  # words of a memory of LUTs
TOUCHED_MOST = 256  # words whose flags are in such memories
COLUMNS = 4  # of flags, chosen in a cycle
AGES = WRITE_CYCLES - 3  # rows before whose sums a word does not have yet as it is read, 3 cycles after `add`


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
        Pulse: `swap` may come again, from the second cycle on.
    clearing : out
        After a reset, for `clear_cycles`: neither `add` nor `swap` may come.
    """

    SWAP_CYCLES = 5  # from a swap to the start of its sweep, at the earliest
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
        return sweep_groups + 2  # its last flag is cleared by then

    def elaborate(self, platform):
        m = Module()
        bank = Signal()  # the one that adds
        with m.If(self.swap):
            m.d.sync += bank.eq(~bank)
        # a register: the counter of a sweep stands with the neurons, the addresses stand with the rows
        control = _delayed(m, Cat(*self._control(m)), 1, "control")[-1]
        running, final, last, number = control[0], control[1], control[2], control[3:]
        first, word = self._position(m, running, final)
        addresses = [Signal.like(self.group, name=f"address_{k}") for k in range(2)]
        m.d.sync += [address.eq(Mux(bank == k, self.group, word)) for k, address in enumerate(addresses)]
        reads, writes = self._banks(m, addresses)
        touched = self._touched(m, bank, addresses, running & first)
        banks = _delayed(m, bank, READ_CYCLES - 3, "adds")[-1]  # of the words whose flags are there
        self._add(m, bank, banks, reads, writes, touched)
        self._sweep(m, banks, reads, touched, Cat(running, last, first, final, number))
        return m

    def _control(self, m: Module) -> tuple[Signal, Signal, Signal, Signal]:
        """Sweep counter: running, whether the group is the final one, last of the step, number."""
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
        return running, final, last, number

    def _position(self, m: Module, running: Value, final: Value) -> tuple[Signal, Signal]:
        """Whether the group that a sweep reads is the first of its word, and the word.

        From registers alone: where the word moves on is known a cycle ahead, and only a sweep gets there.
        """
        word = Signal.like(self.group, name="word")
        first, turn = Signal(init=1), Signal(init=self.parts == 1)  # of a word's groups, the last
        if self.parts > 1:
            part = Signal(range(self.parts))
            follows = Mux(final | turn, 0, part + 1)
            with m.If(running):
                m.d.sync += [
                    part.eq(follows),
                    first.eq(final | turn),
                    turn.eq(~(final | turn) & (part == self.parts - 2)),
                ]
        with m.If(final):
            m.d.sync += word.eq(0)
        with m.Elif(turn & (running if self.parts == 1 else 1)):
            m.d.sync += word.eq(word + 1)
        return first, word

    def _free(self, running: Signal, number: Signal) -> Value:
        """Whether in the next cycle a swap is two cycles away."""
        place = self.free_cycles(self.sweep_groups) - 4
        return self.start if place < 0 else running & (number == place)

    def _banks(self, m: Module, addresses: list[Signal]) -> tuple[list[Signal], list]:
        """Words read from each bank, five cycles after `addresses`, and the write ports."""
        width = self.params.lanes * self.params.acc_bits
        reads, writes = [], []
        for k in range(2):
            memory = Memory(
                shape=width, depth=max(2, self.params.groups), init=[], attrs=memory_attributes(self.params)
            )
            m.submodules[f"bank_{k}"] = memory
            read, write = memory.read_port(), memory.write_port()
            # copies of the second stand beside the block RAMs
            ahead, address = (
                Signal.like(self.group, name=f"bank_{name}_{k}", reset_less=True)
                for name in ("ahead", "address")
            )
            m.d.sync += [ahead.eq(addresses[k]), address.eq(ahead)]
            m.d.comb += read.addr.eq(address)
            # nothing between the memory and this register: it can be the RAM's own
            held = Signal(width, name=f"read_{k}", reset_less=True)
            # block RAMs stand in few columns of the device: a register on the way from them
            near = Signal(width, name=f"near_{k}", reset_less=True)
            m.d.sync += [held.eq(read.data), near.eq(held)]
            reads.append(near)
            writes.append(write)
        return reads, writes

    def _touched(self, m: Module, bank: Signal, addresses: list[Signal], swept: Value) -> list[Value]:
        """For each bank, whether the word of `addresses` was touched in its step, three cycles later."""
        clear = Signal.like(self.group, name="clear")
        clearing = Signal(init=1)
        m.d.comb += self.clearing.eq(clearing)
        with m.If(clearing):
            m.d.sync += [clear.eq(clear + 1), clearing.eq(clear != self.params.groups - 1)]
        return [self._flags(m, k, bank, address, swept, clear) for k, address in enumerate(addresses)]

    def _flags(self, m: Module, k: int, bank: Signal, address: Signal, swept: Value, clear: Signal) -> Value:
        """Flags of a bank, in columns of LUT RAM; which column it is, is chosen behind them in two cycles."""
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
        # written a cycle later, so that each column's enable is a register: rows that close need no flag
        written, data_in = Signal(low, name=f"touched_address_{k}"), Signal(name=f"touched_data_{k}")
        m.d.sync += [written.eq(place[:low]), data_in.eq(touch)]
        found = []
        for number in range(columns):
            memory = Memory(shape=1, depth=depth, init=[])
            m.submodules[f"touched_{k}_{number}"] = memory
            read, write = memory.read_port(), memory.write_port()
            here = Signal(name=f"touched_enable_{k}_{number}")
            m.d.sync += here.eq(enable & (place[low:] == number))
            m.d.comb += [
                read.addr.eq(address[:low]),
                write.addr.eq(written),
                write.data.eq(data_in),
                write.en.eq(here),
            ]
            found.append(read.data)
        low, high = column[: (COLUMNS - 1).bit_length()], column[(COLUMNS - 1).bit_length() :]
        chosen, block = Signal(-(-columns // COLUMNS), name=f"found_{k}"), Signal(max(1, len(high)))
        m.d.sync += block.eq(high)
        for number in range(len(chosen)):
            some = Cat(*found[number * COLUMNS : (number + 1) * COLUMNS])
            m.d.sync += chosen[number].eq(some.bit_select(low, 1))
        touched = Signal(name=f"was_touched_{k}")
        m.d.sync += touched.eq(chosen.bit_select(block, 1))
        return touched

    def _add(self, m: Module, bank: Signal, banks: Signal, reads: list, writes: list, touched: list) -> None:
        """Read, add, write: a row a cycle."""
        rows = _delayed(m, Cat(self.add, bank, self.group), WRITE_CYCLES, "add")
        bits = self.params.acc_bits
        layout = data.ArrayLayout(signed(bits), self.params.lanes)
        sums, before, earlier, oldest, older, kept = (
            Signal(layout, name=name, reset_less=True)
            for name in ("sums", "before", "earlier", "oldest", "older", "kept")
        )
        same, oldest_same, on_its_way = self._on_their_way(m, [Cat(self.add, bank, self.group), *rows])
        # `same[k]` is of the row k + 1 before; a choice between two sums is made when the later one is there
        first, second, third, fourth, fifth, sixth = (
            _delayed(m, same[k], cycles, f"same_{k}")[-1] for k, cycles in enumerate((6, 5, 4, 4, 3, 2))
        )
        seventh = _delayed(m, oldest_same, 1, "oldest_same")[-1]
        forwarded = Signal(layout, name="forwarded", reset_less=True)
        m.d.sync += [before.eq(sums), earlier.eq(before)]
        takes = [touched[k] & (banks == k) & ~on_its_way for k in range(2)]
        word = data.View(layout, self._chosen(m, reads, takes, "added"))
        for k, addend in enumerate(addends(self.row, self.params)):
            m.d.sync += [
                # gates alone: of a choice, synthesis would share a part among all lanes
                oldest[k].eq((before[k] & sixth.replicate(bits)) | (earlier[k] & seventh.replicate(bits))),
                older[k].eq(Mux(fifth, before[k], oldest[k])),
                forwarded[k].eq(Mux(third, sums[k], Mux(fourth, before[k], older[k]))),
                # one of the two is 0
                kept[k].eq(Mux(second, sums[k], word[k] | forwarded[k])),
                sums[k].eq(Mux(first, sums[k], kept[k]) + addend),
            ]
        done, ahead = rows[WRITE_CYCLES - 1], rows[WRITE_CYCLES - 3]
        for k, write in enumerate(writes):
            # copies of the second stand beside the block RAMs
            enables, enable = Signal(name=f"write_next_{k}"), Signal(name=f"write_enable_{k}")
            m.d.sync += [enables.eq(ahead[0] & (ahead[1] == k)), enable.eq(enables)]
            m.d.comb += [write.addr.eq(done[2:]), write.data.eq(before), write.en.eq(enable)]

    @staticmethod
    def _chosen(m: Module, reads: list[Signal], takes: list[Value], name: str) -> Signal:
        """Word of the bank that is of use, a register; 0 where none is.

        `takes` says so of the words that are read two cycles later. Gates, not the register's reset: so many
        resets are hard to place together, and placing then takes minutes.
        """
        word = Signal(len(reads[0]), name=name, reset_less=True)
        words = []
        for k, (read, take) in enumerate(zip(reads, takes, strict=True)):
            # copies of the second, one for some lanes each, stand far away
            taken, use = Signal(name=f"{name}_taken_{k}"), Signal(name=f"{name}_use_{k}")
            m.d.sync += [taken.eq(take), use.eq(taken)]
            words.append(read & use.replicate(len(read)))
        m.d.sync += word.eq(words[0] | words[1])
        return word

    def _on_their_way(self, m: Module, rows: Sequence[Value]) -> tuple[list[Signal], Signal, Signal]:
        """Whether a row was to the word of the one 1, 2, ... before it.

        And, a cycle later, whether of the oldest of these but not of the next; two cycles later, of any from
        3 on.

        `rows`: what is added now, a cycle ago and so on. The comparison takes two cycles. What is made of it
        has a register more, so that copies, one for some lanes each, may stand far away.
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
        on_its_way, known = Signal(), Signal()
        m.d.sync += [known.eq(Cat(*same[2:]).any()), on_its_way.eq(known)]
        oldest = Signal(name="oldest_same")
        m.d.sync += oldest.eq(same[-1] & ~same[-2])
        return same, oldest, on_its_way

    def _sweep(self, m: Module, banks: Signal, reads: list, touched: list, now: Value) -> None:
        """Words of the other bank, part by part, with what travels beside them."""
        here = _delayed(m, now, READ_CYCLES, "swept")[-1]
        takes = [touched[k] & (banks != k) for k in range(2)]
        current: Value = self._chosen(m, reads, takes, "swept_word")
        width = self.update_lanes * self.params.acc_bits
        if self.parts > 1:
            rest = Signal(len(current) - width, name="rest", reset_less=True)
            # a word's first part, or its others; what follows the last of these is of no account
            current = Mux(here[2], current, Cat(rest, current[len(rest) :]))
            m.d.sync += rest.eq(current[width:])
        m.d.comb += [
            self.sweep.strobe.eq(here[0]),
            self.sweep.last.eq(here[1]),
            self.sweep.final.eq(here[3]),
            self.sweep.group.eq(here[4:]),
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
