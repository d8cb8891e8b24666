"""Multicast: one stream to several consumers, each token to each of them exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .out_stage import OutStage

__all__ = ["Multicast"]


class Multicast(wiring.Component):
    """Fan-out of a stream to `ways` consumers, one or more.

    Streams
    -------
    i : in, `payload`
    o_0, o_1, ... : out, the same

    Each consumer has an output stage: it may be two tokens behind the fastest before that one waits for it.
    Nothing is dropped, doubled or reordered. A token leaves `LATENCY_CYCLES` after it came, at the earliest.

    Parameters
    ----------
    ways : int
    direct : sequence of int
        Consumers without a stage, whose `ready` must not depend on `valid`: memories that begin with
        registers of their own. To them a token goes in the cycle in which it goes to all others' stages.
    """

    LATENCY_CYCLES = OutStage.LATENCY_CYCLES

    i: Any

    def __init__(self, payload: data.Layout, *, ways: int, direct: Sequence[int] = ()):
        self.ways = ways
        self.direct = frozenset(direct)
        self.payload = payload
        signature = stream.Signature(payload)
        super().__init__({"i": In(signature), **{f"o_{k}": Out(signature) for k in range(ways)}})

    @property
    def outputs(self) -> list[Any]:
        """The out streams."""
        return [getattr(self, f"o_{k}") for k in range(self.ways)]

    def elaborate(self, platform):
        m = Module()
        room = Signal()
        starts = [self._start(m, k) for k in range(self.ways)]
        m.d.comb += [room.eq(Cat(*(start.ready for start in starts)).all()), self.i.ready.eq(room)]
        for start in starts:
            m.d.comb += [start.payload.eq(self.i.payload), start.valid.eq(self.i.valid & room)]
        return m

    def _start(self, m: Module, way: int) -> Any:
        """The stream that takes the tokens of a consumer."""
        out = self.outputs[way]
        if way in self.direct:
            return out
        m.submodules[f"stage_{way}"] = stage = OutStage(self.payload)
        wiring.connect(m, stage.o, wiring.flipped(out))
        return stage.i
