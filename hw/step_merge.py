"""Step merge: several streams become one, step by step, in a fixed order.

Of each step it takes the first stream's events, then the second's, and so on, and sends one tick when all
have ticked. A fixed order keeps the events of a source in order and makes the timing a function of the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from amaranth import Array, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .out_stage import OutStage

__all__ = ["StepMerge"]


class StepMerge(wiring.Component):
    """Merge of streams of events or values.

    Streams
    -------
    i_0, i_1, ... : in, of the layouts `payloads` (hw/signatures.py); without a value where `payload` has one:
        events of value 1
    o : out, `payload`; the index of stream k is offset by the channels of the streams before it

    Events keep their order within a source; nothing is dropped. A token leaves one cycle after it was taken.
    Every stream's tick takes a cycle. `last` is set with the tick if any stream set it.
    """

    LATENCY_CYCLES = OutStage.LATENCY_CYCLES

    o: Any

    def __init__(
        self, payloads: Sequence[data.StructLayout], payload: data.StructLayout, channels: Sequence[int]
    ):
        self.ways = len(payloads)
        self.payload = payload
        self.offsets = [0, *accumulate(channels)][: self.ways]
        inputs = {f"i_{k}": In(stream.Signature(layout)) for k, layout in enumerate(payloads)}
        super().__init__({**inputs, "o": Out(stream.Signature(payload))})

    @property
    def inputs(self) -> list[Any]:
        """The in streams."""
        return [getattr(self, f"i_{k}") for k in range(self.ways)]

    def elaborate(self, platform):
        m = Module()
        turn = Signal(range(max(2, self.ways)))
        m.submodules.stage = stage = OutStage(self.payload)
        wiring.connect(m, stage.o, wiring.flipped(self.o))
        room = stage.i.ready
        tokens = [self._offset(m, k) for k in range(self.ways)]
        token: Any = data.View(self.payload, Array(t.as_value() for t in tokens)[turn])
        valid = Array(i.valid for i in self.inputs)[turn]
        final = turn == self.ways - 1
        last = Signal()  # a stream whose turn is over set it
        m.d.comb += [
            stage.i.payload.eq(token),
            stage.i.payload.last.eq(token.tick & (token.last | last)),
            stage.i.valid.eq(valid & (~token.tick | final)),
        ]
        m.d.comb += [i.ready.eq(room & (turn == k)) for k, i in enumerate(self.inputs)]
        with m.If(room & valid & token.tick):
            m.d.sync += [turn.eq(turn + 1), last.eq(last | token.last)]
            with m.If(final):
                m.d.sync += [turn.eq(0), last.eq(0)]
        return m

    def _offset(self, m: Module, k: int) -> Any:
        token = Signal(self.payload, name=f"token_{k}")
        came = self.inputs[k].payload
        fields = came.shape().members
        # an event without a value, among others that carry one, counts once
        m.d.comb += [token[name].eq(came[name] if name in fields else 1) for name in self.payload.members]
        m.d.comb += token.index.eq(came.index + self.offsets[k])
        return token
