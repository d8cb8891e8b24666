"""A reset from one clock domain into another, which says when it is over."""

from __future__ import annotations

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["ResetCrossing"]


class ResetCrossing(wiring.Component):
    """A reset as a request that is answered, and taken back before the next.

    A reset that comes while one ends waits for it, so that no request is too short to be seen. One more comes
    by itself after a reset of `sync`. Of what crosses between the domains, the side in `sync` is in reset
    while `held`, and the other one while `fresh`, which is some time in the middle of that.

    Ports
    -----
    reset : in, in `sync`
    held : out, in `sync`, from the cycle after `reset` until it is over at the other side
    there : out, in `sync`, `fresh` has come, and stays as long as `reset`
    seen : out, in `domain`, `fresh` a cycle early
    fresh : out, in `domain`: the reset
    """

    reset: Signal
    held: Signal
    there: Signal
    seen: Signal
    fresh: Signal

    def __init__(self, *, domain: str):
        self.domain = domain
        ports = dict.fromkeys(("held", "there", "seen", "fresh"), Out(1))
        super().__init__({"reset": In(1), **ports})

    def elaborate(self, platform):
        m = Module()
        wanted, asked = Signal(init=1), Signal()
        answer, answered = Signal(), Signal()
        m.submodules.asked = FFSynchronizer(asked, self.seen, o_domain=self.domain)
        m.submodules.answered = FFSynchronizer(answer, answered)
        m.d[self.domain] += [self.fresh.eq(self.seen), answer.eq(self.fresh)]
        m.d.comb += [self.held.eq(wanted | asked | answered), self.there.eq(asked & answered)]
        with m.If(self.reset):
            m.d.sync += wanted.eq(1)
        with m.If(asked):
            m.d.sync += [wanted.eq(0), asked.eq(self.reset | ~answered)]
        with m.Elif(~answered):
            m.d.sync += asked.eq(wanted)
        return m
