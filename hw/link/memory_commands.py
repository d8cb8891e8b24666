"""Commands that write and read back the loaded memories of an accelerator, and say what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..load_bus import LOAD_READ_CYCLES, load_signature
from ..loaded_memory import LoadedShape
from .load_place import LoadPlace
from .protocol import CONTENTS_BYTES, MEMORY_PLACE_BYTES, MEMORY_STATE, READ_SLICES, Op
from .signatures import byte_stream

__all__ = ["MEMORY_OPS", "MemoryCommands"]

MEMORY_OPS = (Op.MEMORY_WRITE, Op.MEMORY_READ, Op.MEMORY_STATE, Op.MEMORY_COMMIT)


class MemoryCommands(wiring.Component):
    """Bodies of `MEMORY_OPS` to bodies of their replies, and to the load bus.

    A write makes what the memories hold unknown, until a commit names it. Neither the name nor `loaded` has a
    reset, as the memories have none.

    Ports
    -----
    start : in, for a cycle, a command begins; `op` is its first byte, and with `only` it has no other
    i : in, `byte_stream`: its body
    o : out, `byte_stream`: the body of its reply
    done : out, for a cycle: the reply was sent; the body may not have ended
    ended : out, with `done`: it has
    bus : out, the load bus
    fetch, finished : with `crossed`, `fetch` and `done` of `hw.load_crossing.LoadCrossing`
    loaded : out, what the memories hold has a name
    """

    start: Signal
    op: Signal
    only: Signal
    i: Any
    o: Any
    done: Signal
    ended: Signal
    bus: Any
    fetch: Signal
    finished: Signal
    loaded: Signal

    def __init__(self, shapes: Sequence[LoadedShape], *, crossed: bool = False):
        self.shapes = tuple(shapes)
        self.crossed = crossed
        super().__init__(
            {
                "start": In(1),
                "op": In(8),
                "only": In(1),
                "i": In(byte_stream()),
                "o": Out(byte_stream()),
                "done": Out(1),
                "ended": Out(1),
                "bus": Out(load_signature(shapes)),
                **({"fetch": Out(1), "finished": In(1)} if crossed else {}),
                "loaded": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bus, out, body = self.bus, self.o.payload, self.i.payload
        ended, count = Signal(), Signal(8)
        at = LoadPlace(m, self.shapes, bus)
        loaded = Signal(reset_less=True)
        contents = Signal(8 * CONTENTS_BYTES, reset_less=True)
        data, asked = Signal(16), Signal(8)
        finished = self.finished if self.crossed else Const(1)
        m.d.comb += [
            bus.data.eq(data),
            self.ended.eq(ended),
            self.loaded.eq(loaded),
        ]

        def took() -> Any:
            return self.i.valid & self.i.ready

        with m.If(took() & body.last):
            m.d.sync += ended.eq(1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [ended.eq(self.only), count.eq(0), asked.eq(0)]
                with m.If(self.start):
                    m.next = "PLACE"
                    with m.If(self.op == Op.MEMORY_COMMIT):
                        m.d.sync += loaded.eq(0)
                        m.next = "NAME"
            with m.State("PLACE"):
                self._gather(m, ended, count, Mux(self.op == Op.MEMORY_STATE, 1, MEMORY_PLACE_BYTES))
                with m.If(took()):
                    with m.If(count == 0):
                        m.d.sync += at.memory.eq(body.data)
                    with m.Else():
                        m.d.sync += at.place.eq(Cat(at.place, body.data)[8:])
                with m.If(~self.i.ready):
                    m.d.sync += count.eq(0)
                    with m.Switch(self.op):
                        with m.Case(Op.MEMORY_WRITE):
                            m.next = "LOW"
                        with m.Case(Op.MEMORY_READ):
                            m.next = "ASKED"
                        with m.Default():
                            m.next = "STATE"
            with m.State("LOW"):
                m.d.comb += [bus.active.eq(1), self.i.ready.eq(~ended)]
                m.d.sync += data[:8].eq(body.data)
                with m.If(took()):
                    m.next = "HIGH"
                with m.If(ended):
                    m.next = "COUNT"
            with m.State("HIGH"):
                m.d.comb += [bus.active.eq(1), self.i.ready.eq(~ended)]
                m.d.sync += data[8:].eq(body.data)
                with m.If(took()):
                    m.next = "WRITE"
                with m.If(ended):  # half a slice
                    m.next = "COUNT"
            with m.State("WRITE"):
                m.d.comb += [bus.active.eq(1), bus.write.eq(at.there)]
                m.d.sync += loaded.eq(0)
                with m.If(finished | ~at.there):
                    m.d.sync += count.eq(count + at.there)
                    at.advance()
                    m.next = "SETTLE"
            with m.State("SETTLE"):  # what is known of the place follows it
                m.d.comb += bus.active.eq(1)
                m.next = "LOW"
            with m.State("ASKED"):
                m.d.comb += [bus.active.eq(1), self.i.ready.eq(~ended)]
                with m.If(took()):
                    m.d.sync += asked.eq(Mux(body.data > READ_SLICES, 0, body.data))
                with m.If(took() | ended):
                    m.next = "COUNT"
            with m.State("COUNT"):
                told = Mux(self.op == Op.MEMORY_READ, asked, count)
                m.d.comb += [bus.active.eq(1), self.o.valid.eq(1), out.data.eq(told)]
                m.d.comb += out.last.eq((self.op == Op.MEMORY_WRITE) | (asked == 0))
                m.d.sync += count.eq(0)
                with m.If(self.o.ready):
                    m.next = "READ"
                    with m.If(out.last):
                        m.d.comb += self.done.eq(1)
                        m.next = "IDLE"
            with m.State("READ"):
                m.d.comb += bus.active.eq(1)
                m.d.sync += count.eq(count + 1)
                came = count == LOAD_READ_CYCLES
                if self.crossed:
                    # in the first cycle the address, and whether there is one, have only just changed
                    m.d.comb += self.fetch.eq(at.there & (count != 0))
                    m.d.sync += count.eq(1)
                    came = (count != 0) & (finished | ~at.there)
                with m.If(came):
                    m.d.sync += [data.eq(Mux(at.there, bus.q, 0)), count.eq(0), asked.eq(asked - 1)]
                    at.advance()
                    m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += [
                    bus.active.eq(1),
                    self.o.valid.eq(1),
                    out.data.eq(data[:8]),
                    out.last.eq((asked == 0) & count[0]),
                ]
                with m.If(self.o.ready):
                    m.d.sync += [data.eq(data[8:]), count.eq(count + 1)]
                    with m.If(count[0]):
                        m.d.sync += count.eq(0)
                        m.next = "READ"
                    with m.If(out.last):
                        m.d.comb += self.done.eq(1)
                        m.next = "IDLE"
            with m.State("NAME"):
                self._gather(m, ended, count, CONTENTS_BYTES)
                with m.If(took()):
                    m.d.sync += contents.eq(Cat(contents, body.data)[8:])
                with m.If(~self.i.ready):
                    whole = (count == CONTENTS_BYTES) & contents.any()
                    m.d.sync += [loaded.eq(whole), count.eq(whole)]
                    m.next = "NAMED"
            with m.State("NAMED"):
                m.d.comb += [self.o.valid.eq(1), out.data.eq(count), out.last.eq(1)]
                with m.If(self.o.ready):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
            with m.State("STATE"):
                head = CONTENTS_BYTES
                facts = Cat(Const(len(self.shapes), 8), _wide(at.rows, 32), _wide(at.bits, 16))
                fact = facts.word_select((count - head)[:3], 8)
                m.d.comb += [
                    self.o.valid.eq(1),
                    out.data.eq(Mux(count < head, Mux(loaded, contents[:8], 0), fact)),
                    out.last.eq(count == sum(MEMORY_STATE.values()) - 1),
                ]
                with m.If(self.o.ready):
                    m.d.sync += count.eq(count + 1)
                    with m.If(count < head):
                        m.d.sync += contents.eq(contents.rotate_right(8))
                    with m.If(out.last):
                        m.d.comb += self.done.eq(1)
                        m.next = "IDLE"
        return m

    def _gather(self, m: Module, ended: Signal, count: Signal, wanted: Any) -> None:
        """Take bytes of the body while there are any and `wanted` have not come."""
        m.d.comb += self.i.ready.eq(~ended & (count != wanted))
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += count.eq(count + 1)


def _wide(value: Any, bits: int) -> Any:
    return (value | Const(0, bits))[:bits]
