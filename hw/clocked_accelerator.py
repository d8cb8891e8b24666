"""An accelerator with a clock of its own, behind the ports of one that has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import DomainRenamer, Module, ResetInserter, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .load_crossing import LoadCrossing
from .loaded_memory import LoadedShape
from .reset_crossing import ResetCrossing
from .stream_crossing import StreamCrossing

__all__ = ["ACCELERATOR_DOMAIN", "COUNT_BITS", "ClockedAccelerator"]

ACCELERATOR_DOMAIN = "accelerator"
COUNT_BITS = 32


class ClockedAccelerator(wiring.Component):
    """An accelerator in clock domain `ACCELERATOR_DOMAIN`; all ports are in `sync`.

    Nothing has to be known of the two clocks. The accelerator's domain needs no reset: what is in it is reset
    from here, also after a reset of `sync`, which has to be on until both clocks run.

    Parameters
    ----------
    accelerator : Component
        Has `events`, `out` and `reset` (`emitted.EmittedAccelerator`), and `load` where memories are loaded.
    memories : sequence of LoadedShape
        The memories behind `load`.

    Ports
    -----
    events, out : those of `accelerator`
    reset : in, as its own; until it has come through, no event is taken and none comes out
    cycles, saturations : out, clock cycles of the accelerator, and what its `saturations` add up to (0 where
        it has none), as of some cycles ago; they wrap
    load, fetch, done : with loaded memories, as `i`, `fetch` and `done` of `load_crossing.LoadCrossing`;
        `load.active` goes with `reset`
    """

    events: Any
    out: Any
    reset: Signal
    cycles: Signal
    saturations: Signal
    load: Any
    fetch: Signal
    done: Signal

    def __init__(self, accelerator: Any, *, memories: Sequence[LoadedShape] = ()):
        self.accelerator = accelerator
        self.memories = tuple(memories)
        members = accelerator.signature.members
        load = {"load": members["load"], "fetch": In(1), "done": Out(1)} if memories else {}
        super().__init__(
            {
                "events": members["events"],
                "out": members["out"],
                "reset": In(1),
                "cycles": Out(COUNT_BITS),
                "saturations": Out(COUNT_BITS),
                **load,
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.accelerator = DomainRenamer(ACCELERATOR_DOMAIN)(self.accelerator)
        m.submodules.reset_crossing = crossing = ResetCrossing(domain=ACCELERATOR_DOMAIN)
        m.d.comb += [crossing.reset.eq(self.reset), self.accelerator.reset.eq(crossing.fresh)]
        self._streams(m, crossing)
        self._count(m)
        if self.memories:
            m.submodules.load_crossing = load = LoadCrossing(self.memories, domain=ACCELERATOR_DOMAIN)
            wiring.connect(m, wiring.flipped(self.load), load.i)
            wiring.connect(m, load.o, self.accelerator.load)
            m.d.comb += [
                load.fetch.eq(self.fetch),
                self.done.eq(load.done),
                load.there.eq(crossing.there),
                load.seen.eq(crossing.seen),
            ]
        return m

    def _streams(self, m: Module, crossing: ResetCrossing) -> None:
        inner, held = self.accelerator, crossing.held
        forget = ResetInserter({"sync": held | self.reset, ACCELERATOR_DOMAIN: crossing.fresh})
        there = StreamCrossing(inner.events.payload.shape(), i_domain="sync", o_domain=ACCELERATOR_DOMAIN)
        back = StreamCrossing(inner.out.payload.shape(), i_domain=ACCELERATOR_DOMAIN, o_domain="sync")
        m.submodules.events, m.submodules.out = forget(there), forget(back)
        wiring.connect(m, there.o, inner.events)
        wiring.connect(m, inner.out, back.i)
        m.d.comb += [
            there.i.payload.eq(self.events.payload),
            there.i.valid.eq(self.events.valid & ~held),
            self.events.ready.eq(there.i.ready & ~held),
            self.out.payload.eq(back.o.payload),
            self.out.valid.eq(back.o.valid & ~held),
            back.o.ready.eq(self.out.ready),
        ]

    def _count(self, m: Module) -> None:
        """The numbers cross as a payload: else they would be read while some of their bits change."""
        steps: dict[str, Any] = {"cycles": 1}
        if "saturations" in self.accelerator.signature.members:
            steps["saturations"] = self.accelerator.saturations
        layout = data.StructLayout(dict.fromkeys(steps, COUNT_BITS))
        m.submodules.counters = crossing = StreamCrossing(
            layout, i_domain=ACCELERATOR_DOMAIN, o_domain="sync"
        )
        m.d.comb += [crossing.i.valid.eq(1), crossing.o.ready.eq(1)]
        for name, step in steps.items():
            count = Signal(COUNT_BITS, name=f"{name}_counted", reset_less=True)
            m.d[ACCELERATOR_DOMAIN] += count.eq(count + step)
            m.d.comb += [
                getattr(crossing.i.payload, name).eq(count),
                getattr(self, name).eq(getattr(crossing.o.payload, name)),
            ]
