"""Delay line: the spikes of each channel of a link wait a number of time steps (axonal delays).

A ring of bitmaps, a slot for each step to come. An event sets its bit in the slot of the step it is for; when
the source's step is complete the slot that is due is scanned, emptied and sent in ascending order. So a
line holds any number of events in constant memory, and takes a whole step of its source without waiting
for its consumer. docs/blocks/delay-line.md has the argument that nothing leaks into the next sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .delay_shape import DelayShape
from .out_stage import OutStage
from .params import bits_for_unsigned
from .serialiser import Serialiser
from .signatures import event_stream
from .update_memory import UpdateMemory

__all__ = ["DelayLine"]


class DelayLine(wiring.Component):
    """Events of channel c arrive `delay_steps[c]` time steps later, one step more with `recurrent`.

    Streams
    -------
    i : in, `event_stream(channels)`, with `values` `event_stream(channels, count_bits)`; an event a cycle.
        From a tick to the end of its scan nothing is taken
    o : out, the same; the events of a step ascending, with `values` one a channel

    With `recurrent` the first step of a sample, which is empty, is there before any token comes. Spikes for
    steps beyond the sample's last go nowhere.

    Parameters
    ----------
    delay_steps : sequence of int
        One for each channel.
    recurrent : bool
    count_bits : int
        A channel has at most ``2**count_bits - 1`` events in a step.
    values : bool
        Events carry a value of `count_bits`, so that one stands for as many; the values of a channel in a
        step add up to at most ``2**count_bits - 1``.
    """

    SCAN_CYCLES = 7  # from the cycle of a scanned word to its strobe at the serialiser

    i: Any
    o: Any

    def __init__(
        self,
        delay_steps: Sequence[int],
        *,
        recurrent: bool = False,
        count_bits: int = 1,
        values: bool = False,
    ):
        self.values = values
        self.delay_steps = tuple(delay_steps)
        self.channels = len(self.delay_steps)
        self.recurrent = recurrent
        self.shape = shape = DelayShape(self.delay_steps, count_bits=count_bits)
        signature = event_stream(self.channels, count_bits if values else 0)
        super().__init__({"i": In(signature), "o": Out(signature)})
        # what happens to a slot in a cycle; of a scan, what the serialiser gets with its word
        members = {"event": 1, "scan": 1, "send": 1, "final": 1, "last": 1, "tag": shape.tag_bits}
        if values:
            members["value"] = count_bits
        place = {"index": len(self.i.payload.index), "slot": bits_for_unsigned(shape.slots - 1)}
        self._access = data.StructLayout({**members, **place})
        self._operand = data.StructLayout({**members, "set": shape.lanes, "word": max(1, shape.word_bits)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.serialiser = serialiser = Serialiser(
            neurons=self.channels,
            lanes=self.shape.lanes,
            value=unsigned(self.shape.count_bits) if self.values else None,
            spike_bits=1 if self.values else self.shape.count_bits,
        )
        m.submodules.ring = ring = UpdateMemory(
            width=self.shape.width, depth=self.shape.depth, operand=self._operand, update=self._update
        )
        m.submodules.stage = stage = OutStage(self.o.payload.shape())
        wiring.connect(m, serialiser.out, stage.i)
        wiring.connect(m, stage.o, wiring.flipped(self.o))
        access = Signal(self._access)
        self._take(m, access, serialiser)
        self._address(m, access, ring)
        self._send(m, ring, serialiser)
        return m

    def _take(self, m: Module, access: Any, serialiser: Serialiser) -> None:
        """Take tokens; after a tick, scan the slot that is due as soon as the serialiser has room."""
        token = self.i.payload
        waiting = Signal(init=self.recurrent)  # a step is complete
        scanning = Signal(init=1)
        take, start, ended = Signal(), Signal(), Signal()
        ending = Signal()  # the sample's last step was taken
        m.d.comb += [
            take.eq(~waiting & ~scanning),
            start.eq(waiting & ~scanning & serialiser.ready),
            serialiser.start.eq(start),
            self.i.ready.eq(take),
            access.event.eq(take & self.i.valid & ~token.tick),
            access.index.eq(token.index),
            *([access.value.eq(token.value)] if self.values else []),
            access.last.eq(ending & ~Const(self.recurrent)),
        ]
        with m.If(take & self.i.valid & token.tick):
            m.d.sync += [waiting.eq(1), ending.eq(token.last)]
        with m.If(start):
            m.d.sync += [waiting.eq(0), scanning.eq(1)]
        self._scan(m, access, scanning, ended)
        sample = Signal(self.shape.tag_bits)
        m.d.comb += access.tag.eq(sample)
        # with `recurrent` the step that is due after a sample's last is the next sample's first
        with m.If((start if self.recurrent else ended) & ending):
            m.d.sync += [sample.eq(sample + 1), ending.eq(0)]

    def _scan(self, m: Module, access: Any, scanning: Signal, ended: Signal) -> None:
        """Walk through the words of a slot; after a reset, of all slots."""
        shape = self.shape
        clearing = Signal(range(shape.slots + 1), init=shape.slots)  # slots that are not sent
        word, slot = Signal(range(max(2, shape.words))), Signal(range(max(2, shape.slots)))
        final = Signal()
        m.d.comb += [
            final.eq(word == shape.words - 1),
            ended.eq(scanning & final & (clearing == 0)),
            access.slot.eq(slot),
            access.scan.eq(scanning),
            access.send.eq(scanning & (clearing == 0)),
            access.final.eq(final),
        ]
        with m.If(scanning):
            m.d.comb += access.index.eq(word << self._lane_bits)
            m.d.sync += word.eq(Mux(final, 0, word + 1))
            with m.If(final):
                m.d.sync += [slot.eq(Mux(slot == shape.slots - 1, 0, slot + 1)), scanning.eq(clearing > 1)]
                with m.If(clearing != 0):
                    m.d.sync += clearing.eq(clearing - 1)

    @property
    def _lane_bits(self) -> int:
        return (self.shape.lanes - 1).bit_length()

    def _address(self, m: Module, access: Any, ring: UpdateMemory) -> None:
        """Three cycles: the channel's delay, the slot that many steps ahead."""
        stages = [access]
        for age in (1, 2, 3):
            held = Signal(self._access, name=f"access_{age}")
            m.d.sync += held.eq(stages[-1])
            stages.append(held)
        before, now = stages[2:]
        due = Signal(range(2 * self.shape.slots))
        m.d.comb += due.eq(before.slot + Mux(before.scan, 0, self._delay(m, access.index)))
        m.d.sync += now.slot.eq(Mux(due >= self.shape.slots, due - self.shape.slots, due))
        lane, word = now.index[: self._lane_bits], now.index[self._lane_bits :]
        m.d.comb += [
            ring.strobe.eq(now.event | now.scan),
            ring.address.eq(Cat(word[: self.shape.word_bits], now.slot)),
            ring.operand.word.eq(word),
            ring.operand.set.eq(Cat(now.event & (lane == k) for k in range(self.shape.lanes))),
        ]
        shared = [name for name in self._operand.members if name not in ("set", "word")]
        m.d.comb += [ring.operand[name].eq(now[name]) for name in shared]

    def _delay(self, m: Module, index: Value) -> Value:
        """Delay of a channel, two cycles after its index."""
        if len(set(self.delay_steps)) == 1:
            return Value.cast(self.delay_steps[0])
        shape = unsigned(bits_for_unsigned(self.shape.slots - 1))
        m.submodules.delays = memory = Memory(shape=shape, depth=self.channels, init=self.delay_steps)
        read, delay = memory.read_port(), Signal(shape, reset_less=True)
        m.d.comb += read.addr.eq(index)
        m.d.sync += delay.eq(read.data)
        return delay

    def _counts(self, word: Value, operand: Any) -> list[Value]:
        """Events of each channel of a word; what another sample left in it does not count."""
        shape, bits = self.shape, self.shape.count_bits
        mine = (word[shape.lanes * bits :] == operand.tag).replicate(bits)
        return [word[lane * bits : (lane + 1) * bits] & mine for lane in range(shape.lanes)]

    def _update(self, word: Value, operand: Any) -> Value:
        """Count an event; a scan empties the word."""
        kept = operand.event.replicate(self.shape.count_bits)
        counts = [
            self._counted(count, one, operand) & kept
            for count, one in zip(self._counts(word, operand), operand.set, strict=True)
        ]
        return Cat(*counts, operand.tag)

    def _counted(self, count: Value, one: Value, operand: Any) -> Value:
        bits = self.shape.count_bits
        if self.values:
            return (count + (operand.value & one.replicate(bits)))[:bits]
        return count | one if bits == 1 else (count + one)[:bits]

    def _send(self, m: Module, ring: UpdateMemory, serialiser: Serialiser) -> None:
        """Give the scanned words to the serialiser, a cycle after they were read."""
        found, counts = ring.current, self._counts(ring.old, ring.current)
        strobe = Signal()
        mask = Cat(*(count.any() for count in counts))
        taken = {"group": found.word, "mask": mask, "final": found.final, "last": found.last}
        m.d.sync += strobe.eq(ring.done & found.send)
        m.d.comb += serialiser.strobe.eq(strobe)
        for name, value in taken.items():
            held = Signal.like(getattr(serialiser, name), name=f"found_{name}", reset_less=True)
            m.d.sync += held.eq(value)
            m.d.comb += getattr(serialiser, name).eq(held)
        if self.values or self.shape.count_bits > 1:
            held = Signal(len(Cat(*counts)), name="found_counts", reset_less=True)
            m.d.sync += held.eq(Cat(*counts))
            target = serialiser.values if self.values else serialiser.counts
            m.d.comb += target.as_value().eq(held)
