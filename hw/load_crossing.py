"""The load bus from one clock domain into another, one access at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from .load_bus import LOAD_READ_CYCLES, load_signature
from .loaded_memory import SLICE_BITS, LoadedShape

__all__ = ["LoadCrossing"]


class LoadCrossing(wiring.Component):
    """An access is a toggle there and one back; what is on the bus stays meanwhile, and needs no registers.

    Ports
    -----
    i : in, load bus in `sync`
    fetch : in, the slice at the address on `i` is wanted in `i.q`
    done : out, for a cycle: it is there, or what `i.write` wants is written. Until then `fetch` or `i.write`,
        and the address, stay
    there : in, in `sync`, the accelerator is in reset (`reset_crossing.ResetCrossing`)
    seen : in, in `domain`, and will be in the next cycle
    o : out, load bus in `domain`
    """

    i: Any
    fetch: Signal
    done: Signal
    there: Signal
    seen: Signal
    o: Any

    def __init__(self, shapes: Sequence[LoadedShape], *, domain: str):
        self.domain = domain
        bus = load_signature(shapes)
        flags = {"fetch": In(1), "done": Out(1), "there": In(1), "seen": In(1)}
        super().__init__({"i": In(bus), "o": Out(bus), **flags})

    def elaborate(self, platform):
        m = Module()
        asked, writing, returned = Signal(), Signal(), Signal()
        arrived, active, taken = Signal(), Signal(), Signal()
        m.submodules.there_cross = FFSynchronizer(asked, arrived, o_domain=self.domain)
        m.submodules.active_cross = FFSynchronizer(self.i.active, active, o_domain=self.domain)
        m.submodules.back_cross = FFSynchronizer(taken, returned)
        self._ask(m, asked, writing, returned)
        for name in ("memory", "row", "slice", "data"):
            m.d.comb += getattr(self.o, name).eq(getattr(self.i, name))
        count, pending = Signal(range(LOAD_READ_CYCLES + 2)), arrived != taken
        m.d.comb += [
            self.o.active.eq(active & self.seen),
            self.o.write.eq((count == 0) & pending & writing),
        ]
        there, q = m.d[self.domain], Signal(SLICE_BITS)
        m.d.comb += self.i.q.eq(q)
        with m.If(pending):
            there += count.eq(count + 1)
            with m.If(count == LOAD_READ_CYCLES + 1):
                there += [count.eq(0), taken.eq(arrived), q.eq(self.o.q)]
        return m

    def _ask(self, m: Module, asked: Signal, writing: Signal, returned: Signal) -> None:
        under_way, stale = Signal(), Signal()
        wanted = self.i.active & (self.i.write | self.fetch)
        with m.If(under_way):
            # whoever wanted it may be gone: then it is not what is wanted next
            m.d.sync += [stale.eq(stale | ~wanted), under_way.eq(asked != returned)]
            m.d.comb += self.done.eq(wanted & ~stale & (asked == returned))
        with m.Elif(wanted & self.there):
            m.d.sync += [asked.eq(~asked), writing.eq(self.i.write), under_way.eq(1), stale.eq(0)]
