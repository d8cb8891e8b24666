"""Synaptic array with a delay beside each weight: a ring of future accumulators.

An event adds each of its weights to the accumulator of the step in which it is to arrive. Each lane has a
memory of its own, so its weight can go to any step; a tick takes out the accumulators of the step that is
due.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .accumulators import sweep_cycles
from .addends import PRODUCT_CYCLES, signed_weight
from .delay_bank import DELAYED_LEAD_CYCLES, delay_bank
from .params import ArrayParams, bits_for_unsigned
from .signatures import event_stream, sweep_signature
from .update_memory import UpdateMemory
from .weight_memory import WeightMemory, rows_in_block_ram

__all__ = ["DelayedArray"]

_ROW_CYCLES = 1 + WeightMemory.READ_CYCLES  # from an event to its row
_SLOT_CYCLES = 3  # from a row to the slots that its delays lead to: on the way to its lane, sum, behind it


class DelayedArray(wiring.Component):
    """Synaptic array whose synapses delay by 0 .. `params.max_delay` time steps.

    Streams
    -------
    events : in, `event_stream(params.sources, params.value_bits)`
    sweep : out, `sweep_signature(update_lanes, groups, acc_bits)`; begins with `start` when `sweep_ready`

    An event and a tick take `params.groups` cycles each; a sample's last tick is followed by
    ``max_delay * groups`` cycles in which nothing is taken: what is due later is cleared. The ring has a
    power of two of slots, so that a slot is the low bits of a sum.

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
        self.slots = params.delay_slots
        self.memory = WeightMemory(
            rows,
            count=params.rows,
            row_bits=params.row_bits,
            store=params.store,
            block_ram=rows_in_block_ram(params.rows, params.row_bits),
        )
        self.accumulators = delay_bank(params, update_lanes=update_lanes, accs_late=accs_late)
        group, slot = bits_for_unsigned(params.groups - 1), params.delay_bits
        # an event's group is added; a tick's is taken out; else, with `clear`, it is just emptied
        value = {"value": params.value_bits} if params.value_bits else {}
        self._access = data.StructLayout(
            {"add": 1, "tick": 1, "clear": 1, "final": 1, "last": 1, "group": group, "slot": slot, **value}
        )
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
        bank = self.accumulators
        return DELAYED_LEAD_CYCLES + sweep_cycles(self.params, bank.sweep_groups) - bank.accs_late

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = self.memory
        m.submodules.accumulators = bank = self.accumulators
        wiring.connect(m, wiring.flipped(self.sweep), bank.sweep)
        m.d.comb += [bank.sweep_ready.eq(self.sweep_ready), self.start.eq(bank.start)]
        access = Signal(self._access)
        self._take(m, access)
        self._fetch(m, access)
        stages = [access]
        for age in range(DELAYED_LEAD_CYCLES):
            held = Signal(self._access, name=f"access_{age + 1}")
            m.d.sync += held.eq(stages[-1])
            stages.append(held)
        lanes = self._lanes(m, *stages[_ROW_CYCLES : _ROW_CYCLES + _SLOT_CYCLES + 1])
        self._take_out(m, stages[-1], stages[-1 - bank.early], lanes)
        return m

    def _take(self, m: Module, access: Any) -> None:
        """Take tokens group by group; after a sample and a reset, clear."""
        token, groups = self.events.payload, self.params.groups
        group, slot = Signal(bits_for_unsigned(groups - 1)), Signal(range(self.slots))
        left = Signal(range(self.slots + 1), init=self.slots)  # slots to clear
        clearing = Signal(init=1)  # some are left; a register, for the clock rate
        blocked = Signal()  # a tick is on its way or its sweep still reads
        taking = Signal()
        final = Signal(init=groups == 1)  # `group` is the last; a register, as the stream waits for it
        m.d.comb += [
            taking.eq(self.events.valid & ~clearing & ~(token.tick & blocked)),
            access.add.eq(taking & ~token.tick),
            access.tick.eq(taking & token.tick),
            access.clear.eq(clearing),
            access.final.eq(final),
            access.last.eq(token.last),
            access.group.eq(group),
            access.slot.eq(slot),
            self.events.ready.eq(~clearing & ~(token.tick & blocked) & final),
        ]
        if self.params.value_bits:
            m.d.comb += access.value.eq(token.value)
        with m.If(taking | access.clear):
            m.d.sync += group.eq(Mux(final, 0, group + 1))
            if groups > 1:
                m.d.sync += final.eq(group == groups - 2)
        with m.If(self.accumulators.free):
            m.d.sync += blocked.eq(0)
        with m.If((access.tick | access.clear) & access.final):
            m.d.sync += slot.eq(slot + 1)
            with m.If(access.tick):
                m.d.sync += [blocked.eq(1), left.eq(self.params.max_delay)]
                m.d.sync += clearing.eq(token.last)
            with m.Else():
                m.d.sync += [left.eq(left - 1), clearing.eq(left != 1)]

    def _fetch(self, m: Module, access: Any) -> None:
        """Row address: group-major, one addition."""
        base = Signal(range(max(2, self.params.rows)))
        address = Signal.like(self.memory.address, reset_less=True)
        if self.params.groups > 1:
            with m.If(access.add):
                m.d.sync += base.eq(Mux(access.final, 0, base + self.params.sources))
        m.d.sync += address.eq(self.events.payload.index + base)
        m.d.comb += self.memory.address.eq(address)

    def _lanes(self, m: Module, row: Any, now: Any, after: Any, issue: Any) -> list[UpdateMemory]:
        """A memory a lane; `row` is the access of the row, `issue` the same when its slots are known.

        `now` and `after` are between the two, a cycle each.
        """
        params = self.params
        group_bits = (params.groups - 1).bit_length()
        strobe = Signal()  # with `issue`
        m.d.sync += strobe.eq(after.add | after.tick | after.clear)
        operand = data.StructLayout({"weight": signed(params.addend_bits), "add": 1})
        lanes = []
        for lane in range(params.lanes):
            ring = UpdateMemory(
                width=params.acc_bits,
                depth=self.slots << group_bits,
                operand=operand,
                update=self._update,
                shared_bits=group_bits,
            )
            m.submodules[f"lane_{lane}"] = ring
            lanes.append(ring)
            raw = Signal(params.lane_bits, name=f"raw_{lane}", reset_less=True)
            stored = self.memory.row[lane * params.lane_bits : (lane + 1) * params.lane_bits]
            delayed = row.add.replicate(params.lane_bits - params.weight_bits)
            gated, weight = (
                Signal(operand["weight"].shape, name=f"{name}_{lane}", reset_less=True)
                for name in ("gated", "weight")
            )
            due, slot = (
                Signal(range(self.slots), name=f"{name}_{lane}", reset_less=True) for name in ("due", "slot")
            )
            m.d.sync += [
                raw.eq(Cat(stored[: params.weight_bits], stored[params.weight_bits :] & delayed)),
                due.eq(now.slot + raw[params.weight_bits :]),
                gated.eq(signed_weight(raw, params) & now.add.replicate(len(gated))),
                weight.eq(gated * after.value if params.value_bits else gated),
                slot.eq(due),
            ]
            m.d.comb += [
                ring.strobe.eq(strobe),
                ring.address.eq(Cat(issue.group[:group_bits], slot)),
                ring.operand.weight.eq(weight),
                ring.operand.add.eq(issue.add),
            ]
        return lanes

    def _update(self, word: Value, operand: Any) -> Value:
        """Add; what is taken out or cleared, whose weight is 0, becomes 0."""
        return (word & operand.add.replicate(len(word))).as_signed() + operand.weight

    def _take_out(self, m: Module, now: Any, early: Any, lanes: list[UpdateMemory]) -> None:
        """The accumulators of a tick go to the bank, whose sweep may begin before."""
        bank = self.accumulators
        m.d.comb += [
            bank.add.eq(now.tick),
            bank.group.eq(now.group),
            bank.row.eq(Cat(lane.old for lane in lanes)),
            bank.swap.eq(now.tick & now.final),
            bank.swap_ahead.eq(early.tick & early.final),
            bank.swap_last.eq(early.last),
        ]


assert DELAYED_LEAD_CYCLES == _ROW_CYCLES + _SLOT_CYCLES + UpdateMemory.READ_CYCLES
assert PRODUCT_CYCLES == _SLOT_CYCLES - 1  # behind `raw`, the weight's registers are those of the product
