"""FIFOs made for the clock rate: power-of-two memory, registered state, no level counter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["DeepFifo", "Fifo"]


class Fifo(wiring.Component):
    """FIFO of at least `depth` words; a word can be read `LATENCY_CYCLES` after it was written.

    Ports
    -----
    w_data, w_en, w_rdy : write `w_data` in a cycle with `w_en` and `w_rdy`, which knows of words that were
        taken a cycle late
    r_data, r_en, r_rdy : `r_data` is the oldest word while `r_rdy`; `r_en` takes it

    Parameters
    ----------
    never_full : bool
        Whoever writes knows that there is room: `w_rdy` is always high, and nothing waits for it.
    """

    LATENCY_CYCLES = 2

    w_data: Signal
    w_en: Signal
    w_rdy: Signal
    r_data: Signal
    r_en: Signal
    r_rdy: Signal

    def __init__(self, *, width: int, depth: int, never_full: bool = False):
        self.width = width
        self.never_full = never_full
        self.address_bits = self.places(depth).bit_length() - 1
        super().__init__(
            {
                "w_data": In(width),
                "w_en": In(1),
                "w_rdy": Out(1),
                "r_data": Out(width),
                "r_en": In(1),
                "r_rdy": Out(1),
            }
        )

    @staticmethod
    def places(depth: int) -> int:
        """Words of its memory; one more is in `r_data`."""
        return 1 << max(1, (depth - 2).bit_length() if depth > 2 else 1)

    @property
    def depth(self) -> int:
        """Words that it holds."""
        return (1 << self.address_bits) + 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.storage = storage = Memory(
            shape=unsigned(self.width), depth=1 << self.address_bits, init=[]
        )
        write, read = storage.write_port(), storage.read_port()
        there, take = Signal(), Signal()
        m.d.comb += take.eq(there & (~self.r_rdy | self.r_en))
        self._one_memory(m, write, read, there, take)
        m.d.comb += [read.en.eq(take), self.r_data.eq(read.data)]
        m.d.sync += self.r_rdy.eq(there | (self.r_rdy & ~self.r_en))
        return m

    def _one_memory(self, m: Module, write: Any, read: Any, there: Signal, take: Value) -> None:
        """`_control` of the ports of a memory that holds all words."""
        put, write_place, read_place = self._control(m, there, take)
        m.d.comb += [
            write.addr.eq(write_place),
            write.data.eq(self.w_data),
            write.en.eq(put),
            read.addr.eq(read_place),
        ]

    def _control(self, m: Module, there: Signal, take: Value) -> tuple[Signal, Value, Value]:
        """Places of the memory: `there` says whether there is a word, `take` takes it.

        Returns whether a word is written, where to, and the place of the oldest.
        """
        bits = self.address_bits
        # places, with a bit that tells a full memory from an empty one
        produce, consume = Signal(bits + 1), Signal(bits + 1)
        full, put = Signal(), Signal()  # full: as far as was known a cycle ago
        m.d.comb += [
            self.w_rdy.eq(Const(1) if self.never_full else ~full),
            put.eq(self.w_en & self.w_rdy),
        ]
        one, above = self._words(m, (produce - consume)[: bits + 1], put, take)
        m.d.sync += [
            there.eq(put | (there & ~(one & take))),
            full.eq(Mux(put, above(-1), above(0))),
        ]
        with m.If(put):
            m.d.sync += produce.eq(produce + 1)
        with m.If(take):
            m.d.sync += consume.eq(consume + 1)
        return put, produce[:bits], consume[:bits]

    def _words(
        self, m: Module, words: Value, put: Signal, take: Value
    ) -> tuple[Value, Callable[[int], Value]]:
        """Whether the memory holds one word, and whether it holds so many more than it has room for.

        The number of words modulo 8 is counted; what it is beyond that is known two cycles late, which is
        enough since no two numbers with the same remainder are within four cycles of another. So `put` and
        `take`, which are known late, meet few gates.
        """
        room = 1 << self.address_bits
        low, late = Signal(3), Signal.like(words)
        m.d.sync += [low.eq(_counted(low, put, take)), late.eq(words)]
        if room < 8:
            return low == 1, lambda more: low == room + more
        high, near = Signal(), Signal()
        m.d.sync += [high.eq(late[2:].any()), near.eq(late[-1] | late[2:-1].all())]
        return (low == 1) & ~high, lambda more: near & (low == more % 8)


def _counted(low: Signal, put: Value, take: Value) -> Value:
    """``low + put - take`` modulo 8, without a chain of carries behind `put` and `take`."""
    one, two, four = low
    more = Cat(~one, two ^ one, four ^ (one & two))
    less = Cat(~one, ~(two ^ one), ~(four ^ (one | two)))
    return Mux(take, Mux(put, low, less), Mux(put, more, low))


class DeepFifo(Fifo):
    """FIFO in block RAM, interface as of `Fifo`: nothing waits for the RAM's slow outputs.

    The RAM is read every cycle, with a plain register behind it that can be its own. What it gives goes into
    a short FIFO, ahead of what is taken, as long as that has room for all that is on its way.
    """

    _AHEAD_BITS = 3  # 8 words read ahead, or 9: more than the cycles from a word taken to its successor's
    FRONT_DEPTH = 2 << _AHEAD_BITS
    _READ_CYCLES = 2
    LATENCY_CYCLES = 1 + _READ_CYCLES + Fifo.LATENCY_CYCLES

    @property
    def depth(self) -> int:
        """Words that it holds."""
        return (1 << self.address_bits) + (1 << self._AHEAD_BITS) + 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.storage = storage = Memory(
            shape=unsigned(self.width),
            depth=1 << self.address_bits,
            init=[],
            # what is read while it is written is not taken
            attrs={"no_rw_check": "1", "ram_style": "block"},
        )
        m.submodules.front = front = Fifo(width=self.width, depth=self.FRONT_DEPTH)
        write, read = storage.write_port(), storage.read_port()
        there, take, room = Signal(), Signal(), Signal()
        m.d.comb += take.eq(there & room)
        self._one_memory(m, write, read, there, take)
        word = Signal(self.width, reset_less=True)  # nothing before it: it can be the RAM's own register
        taken: Value = take
        for cycle in range(1, self._READ_CYCLES + 1):
            held = Signal(name=f"taken_{cycle}")
            m.d.sync += held.eq(taken)
            taken = held
        m.d.sync += word.eq(read.data)
        m.d.comb += [
            front.w_data.eq(word),
            front.w_en.eq(taken),
            front.r_en.eq(self.r_en),
            self.r_data.eq(front.r_data),
            self.r_rdy.eq(front.r_rdy),
        ]
        ahead, left = Signal(self._AHEAD_BITS + 1), Signal()
        m.d.sync += [
            left.eq(self.r_en & self.r_rdy),
            ahead.eq(ahead + take - left),
            room.eq(~ahead[-1]),
        ]
        return m
