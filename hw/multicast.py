"""Multicast: one stream to several consumers, each token to each of them exactly once."""

from __future__ import annotations

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
    """

    LATENCY_CYCLES = OutStage.LATENCY_CYCLES

    i: Any

    def __init__(self, payload: data.Layout, *, ways: int):
        self.ways = ways
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
        stages = [OutStage(self.payload) for _ in range(self.ways)]
        m.d.comb += [room.eq(Cat(*(stage.i.ready for stage in stages)).all()), self.i.ready.eq(room)]
        for k, (stage, out) in enumerate(zip(stages, self.outputs, strict=True)):
            m.submodules[f"stage_{k}"] = stage
            m.d.comb += [stage.i.payload.eq(self.i.payload), stage.i.valid.eq(self.i.valid & room)]
            wiring.connect(m, stage.o, wiring.flipped(out))
        return m
