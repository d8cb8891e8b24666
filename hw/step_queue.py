"""Step queue: a link that holds a whole time step, so its source never waits inside one.

With `recurrent` it is also the one-step delay of a cycle: it starts with a tick, the empty step before the
first, and the spikes of a sample's last step go nowhere. docs/blocks/router.md argues why no finite network
can deadlock.
"""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .banked_fifo import BankedFifo
from .fifo import Fifo

__all__ = ["StepQueue", "queue_depth", "queue_kind"]


def queue_depth(events: int, steps: int) -> int:
    """Tokens a step queue holds: all `events` of a step, and its tick, of each of `steps`.

    At least 4: a shorter FIFO does not take a token every cycle.
    """
    return max(4, steps * (events + 1))


def queue_kind(depth: int) -> type[Fifo]:
    """FIFO that a step queue of `depth` tokens is made of."""
    return BankedFifo if BankedFifo.fits(depth) else Fifo


class StepQueue(wiring.Component):
    """FIFO of all that a population can send in `steps` time steps, ticks included.

    Streams
    -------
    i : in, events or values, `layout`; in the last step of a sample all its tokens are marked `last`
    o : out, the same

    A token leaves `latency` cycles after it came, at the earliest: 2, or with 18 to 129 tokens 3.

    Parameters
    ----------
    events : int
        Most events, or values, of a step.
    never_full : bool
        All tokens of a step are taken before its source sends the next step's: `i.ready` is always high.
    """

    i: Any
    o: Any

    def __init__(
        self,
        layout: data.StructLayout,
        *,
        events: int,
        recurrent: bool = False,
        steps: int = 1,
        never_full: bool = False,
    ):
        self.layout = layout
        self.never_full = never_full
        self.events = events
        self.recurrent = recurrent
        self.depth = queue_depth(events, steps)
        super().__init__({"i": In(stream.Signature(layout)), "o": Out(stream.Signature(layout))})

    @property
    def latency(self) -> int:
        """Cycles from a token to the same at `o`, when nothing waits."""
        return queue_kind(self.depth).LATENCY_CYCLES

    def elaborate(self, platform):
        m = Module()
        kind = queue_kind(self.depth)
        m.submodules.fifo = fifo = kind(width=self.layout.size, depth=self.depth, never_full=self.never_full)
        token = self.i.payload
        stored = Signal(self.layout)
        drop = self.recurrent & token.last & ~token.tick
        m.d.comb += [
            stored.eq(token),
            fifo.w_data.eq(stored),
            fifo.w_en.eq(self.i.valid & ~drop),
            self.i.ready.eq(fifo.w_rdy),  # also of what it drops: so `ready` does not depend on the token
        ]
        if self.recurrent:
            m.d.comb += stored.last.eq(0)
        self._read(m, data.View(self.layout, fifo.r_data), fifo)
        return m

    def _read(self, m: Module, oldest: Any, fifo: Fifo) -> None:
        first = Signal(init=self.recurrent)  # the tick that it starts with
        m.d.comb += [
            self.o.payload.eq(oldest),
            self.o.payload.tick.eq(first | oldest.tick),
            self.o.payload.last.eq(oldest.last & ~first),
            self.o.valid.eq(first | fifo.r_rdy),
            fifo.r_en.eq(Mux(first, 0, self.o.ready)),
        ]
        with m.If(self.o.ready):
            m.d.sync += first.eq(0)
