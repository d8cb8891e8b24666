"""Dense synaptic array: an event adds its row of weights to all targets, `lanes` a cycle.

Accumulate-only: a spike is a bit, so a synapse is one adder and no multiplier; only where events carry values
(analog inputs) there is one a lane. Events are taken back to back; an event takes `params.groups` cycles, a
tick one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .accumulators import LEAD_CYCLES, accumulators, lead_cycles, sweep_cycles
from .addends import multiply_row
from .params import ArrayParams, bits_for_unsigned
from .signatures import event_stream, sweep_signature
from .weight_memory import WeightMemory

__all__ = ["DenseArray"]

_FETCH_CYCLES = 1 + WeightMemory.READ_CYCLES  # from taking an event to its row


class DenseArray(wiring.Component):
    """Synaptic array with its weight memory and accumulators.

    Streams
    -------
    events : in, `event_stream(params.sources, params.value_bits)`
    sweep : out, `sweep_signature(update_lanes, groups, acc_bits)`; begins with `start` when `sweep_ready`

    Timing: the sweep of a step begins `latency` cycles after its tick was taken, or when `sweep_ready`
    comes, if that is later. The next step's events are taken meanwhile; its tick waits until the sweep has
    read what the swap would overwrite.

    Parameters
    ----------
    accs_late : int
        Cycles that a sweep's `accs` and `zero` come after its other fields (hw/accumulators.py).
    """

    events: Any
    sweep: Any
    sweep_ready: Signal
    start: Signal

    def __init__(self, params: ArrayParams, rows: Sequence[int], *, update_lanes: int, accs_late: int = 0):
        self.params = params
        shape = {"count": params.rows, "row_bits": params.row_bits, "store": params.store}
        late = WeightMemory.late_cycles(params.rows, params.row_bits, params.store)
        self.memory = WeightMemory(rows, late=late, **shape)
        self.accumulators = accumulators(params, update_lanes=update_lanes, accs_late=accs_late)
        super().__init__(
            {
                "events": In(event_stream(params.sources, params.value_bits)),
                "sweep": Out(sweep_signature(update_lanes, self.accumulators.sweep_groups, params.acc_bits)),
                "sweep_ready": In(1),
                "start": Out(1),
            }
        )

    @property
    def memories(self) -> list[WeightMemory]:
        """What holds weights."""
        return [self.memory]

    @property
    def latency(self) -> int:
        """Cycles from taking a tick to the first strobe of its sweep, when nothing waits."""
        acc = self.accumulators
        return lead_cycles(self.params) + sweep_cycles(self.params, acc.sweep_groups) - acc.accs_late

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = self.memory
        m.submodules.accumulators = acc = self.accumulators
        wiring.connect(m, wiring.flipped(self.sweep), acc.sweep)
        m.d.comb += [acc.sweep_ready.eq(self.sweep_ready), self.start.eq(acc.start)]
        event, tick, group, first = self._take(m)
        self._fetch(m, group)
        self._control(m, event, tick, group, first)
        return m

    def _take(self, m: Module) -> tuple[Signal, Signal, Signal, Signal]:
        """Take tokens: `event` (a group of it) or `tick` happens in this cycle."""
        token = self.events.payload
        group = Signal(bits_for_unsigned(self.params.groups - 1))
        first = Signal(init=1)
        blocked = Signal()  # a tick is on its way or its sweep still reads
        event, tick = Signal(), Signal()
        done = Signal(init=self.params.groups == 1)  # it is the event's final group; a register, as all wait
        m.d.comb += [
            event.eq(self.events.valid & ~token.tick),
            tick.eq(self.events.valid & token.tick & ~blocked),
            self.events.ready.eq(Mux(token.tick, ~blocked, done)),
        ]
        with m.If(event):
            if self.params.groups > 1:
                following = Mux(done, 0, group + 1)
                m.d.sync += [group.eq(following), done.eq(group == self.params.groups - 2)]
            with m.If(done):
                m.d.sync += first.eq(0)
        with m.If(self.accumulators.free):
            m.d.sync += blocked.eq(0)
        with m.If(tick):
            m.d.sync += [blocked.eq(1), first.eq(1)]
        return event, tick, group, first

    def _fetch(self, m: Module, group: Signal) -> None:
        """Row address: group-major, one addition."""
        base = Signal(range(max(2, self.params.rows)))
        address = Signal.like(self.memory.address, reset_less=True)
        index = self.events.payload.index
        if self.params.groups > 1:
            with m.If(self.events.valid & ~self.events.payload.tick):
                last_group = group == self.params.groups - 1
                m.d.sync += base.eq(Mux(last_group, 0, base + self.params.sources))
        m.d.sync += address.eq(index + base)
        m.d.comb += self.memory.address.eq(address)

    def _control(self, m: Module, event: Signal, tick: Signal, group: Signal, first: Signal) -> None:
        """Control that travels beside the row."""
        acc = self.accumulators
        now = Cat(event, tick, self.events.payload.last, first, group)
        stages: list[Value] = [now]
        for cycle in range(lead_cycles(self.params)):
            # only event and tick need a reset: they alone act
            held = Signal(len(now), name=f"control_{cycle}")
            m.d.sync += held.eq(stages[-1])
            stages.append(held)
        sooner, _, ahead, here = stages[-4:]
        early = stages[-1 - acc.early]
        m.d.comb += [
            acc.ahead_group.eq(sooner[4:]),
            acc.ahead_first.eq(ahead[3]),
            acc.add.eq(here[0]),
            acc.swap.eq(here[1]),
            acc.swap_ahead.eq(early[1]),
            acc.swap_last.eq(early[2]),
            acc.swap_zero.eq(early[3]),
            acc.group.eq(here[4:]),
            acc.row.eq(self._addends(m)),
        ]

    def _addends(self, m: Module) -> Value:
        """The row, or its product with the event's value; a register halves the way from block RAM."""
        if not self.params.value_bits:
            row = Signal.like(self.memory.row, reset_less=True)
            m.d.sync += row.eq(self.memory.row)
            return row
        value = self.events.payload.value
        for cycle in range(_FETCH_CYCLES + self.memory.late):
            held = Signal(self.params.value_bits, name=f"value_{cycle}", reset_less=True)
            m.d.sync += held.eq(value)
            value = held
        return multiply_row(m, self.memory.row, value, self.params)


# the row meets its control at the accumulators
assert LEAD_CYCLES == _FETCH_CYCLES + 1
