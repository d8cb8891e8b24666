"""Memories over the link: written, read back, named; nothing runs before that."""

import random
from functools import partial
from itertools import chain
from typing import Any

import pytest
from amaranth import Elaboratable, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out
from spikeloom.firmware.host.frames import Frame
from spikeloom.hw.clocked_accelerator import ACCELERATOR_DOMAIN, ClockedAccelerator
from spikeloom.hw.link.endpoint import LinkEndpoint
from spikeloom.hw.link.params import HostLinkParams
from spikeloom.hw.link.protocol import CONTENTS_BYTES, MAX_WINDOW, READ_SLICES, FrameType, Op
from spikeloom.hw.load_bus import LoadBus, load_signature
from spikeloom.hw.loaded_memory import LoadedMemory, LoadedShape

from . import test_endpoint
from .lines import LineBench

SHAPES = (
    LoadedShape(name="a", rows=5, bits=40),
    LoadedShape(name="b", rows=1, bits=3),
    LoadedShape(name="c", rows=20, bits=16),
)
PARAMS = HostLinkParams(
    bit_cycles=4, window=4, clock_hz=12_000_000, build_id=bytes(range(16)), memories=SHAPES
)


class Board(Elaboratable):
    """An endpoint with three memories, and an accelerator that sends back what it gets."""

    def __init__(self, bits):
        self.endpoint = LinkEndpoint(PARAMS, event_bits=bits, out_bits=bits)
        self.line_i, self.line_o = self.endpoint.line_i, self.endpoint.line_o
        self.memories = [LoadedMemory([0] * shape.rows, shape) for shape in SHAPES]
        self.unreset = Signal(8)

    def elaborate(self, platform):
        m = Module()
        m.submodules.endpoint = endpoint = self.endpoint
        m.submodules += self.memories
        m.submodules.bus = bus = ResetInserter(endpoint.reset)(LoadBus(self.memories))
        m.submodules.fifo = fifo = ResetInserter(endpoint.reset)(SyncFIFOBuffered(width=10, depth=4))
        for name in ("active", "write", "memory", "row", "slice", "data"):
            m.d.comb += getattr(bus.bus, name).eq(getattr(endpoint.load, name))
        m.d.comb += [
            endpoint.load.q.eq(bus.bus.q),
            fifo.w_data.eq(endpoint.events.payload),
            fifo.w_en.eq(endpoint.events.valid),
            endpoint.events.ready.eq(fifo.w_rdy),
            endpoint.out.payload.eq(fifo.r_data),
            endpoint.out.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(endpoint.out.ready),
        ]
        was = Signal()
        m.d.sync += [was.eq(endpoint.load.active), self.unreset.eq(self.unreset + (was & ~endpoint.reset))]
        return m


class Accelerator(wiring.Component):
    """Sends back what it gets; has three memories, and counts cycles in which they are in use unreset."""

    events: Any
    out: Any
    reset: Signal
    load: Any

    def __init__(self):
        self.memories = [LoadedMemory([0] * shape.rows, shape) for shape in SHAPES]
        self.unreset = Signal(8)
        words = stream.Signature(10)
        super().__init__(
            {"events": In(words), "out": Out(words), "reset": In(1), "load": In(load_signature(SHAPES))}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules += self.memories
        m.submodules.bus = bus = ResetInserter(self.reset)(LoadBus(self.memories))
        m.submodules.fifo = fifo = ResetInserter(self.reset)(SyncFIFOBuffered(width=10, depth=4))
        wiring.connect(m, wiring.flipped(self.load), bus.bus)
        m.d.comb += [
            fifo.w_data.eq(self.events.payload),
            fifo.w_en.eq(self.events.valid),
            self.events.ready.eq(fifo.w_rdy),
            self.out.payload.eq(fifo.r_data),
            self.out.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.out.ready),
        ]
        was = Signal()
        m.d.sync += [was.eq(self.load.active), self.unreset.eq(self.unreset + (was & ~self.reset))]
        return m


class CrossedBoard(Elaboratable):
    """The endpoint and the accelerator have clocks of their own."""

    def __init__(self):
        self.accelerator = Accelerator()
        self.endpoint = LinkEndpoint(PARAMS, event_bits=10, out_bits=10, crossed=True)
        self.line_i, self.line_o = self.endpoint.line_i, self.endpoint.line_o
        self.unreset = self.accelerator.unreset

    def elaborate(self, platform):
        m = Module()
        m.submodules.endpoint = endpoint = self.endpoint
        m.submodules.clocked = clocked = ClockedAccelerator(self.accelerator, memories=SHAPES)
        wiring.connect(m, endpoint.events, clocked.events)
        wiring.connect(m, clocked.out, endpoint.out)
        wiring.connect(m, endpoint.load, clocked.load)
        m.d.comb += [
            clocked.reset.eq(endpoint.reset),
            clocked.fetch.eq(endpoint.fetch),
            endpoint.finished.eq(clocked.done),
            endpoint.cycles.eq(clocked.cycles),
        ]
        return m


class Talk(test_endpoint.Talk):
    def __init__(self, board=None, clocks=None):
        self.echo = Board(10) if board is None else board
        self.bench = LineBench(self.echo, clocks=clocks)
        self.bench.talk = partial(self.bench.talk, wait=600)
        self.seq = self.ack = 0
        self.ctx = None

    async def memory(self, op, memory, row=0, at=0, body=b""):
        place = bytes([memory]) + at.to_bytes(2, "little") + row.to_bytes(3, "little")
        reply = await self.ask(op, *place, *body)
        assert reply[0] == op | Op.REPLY
        return reply[1:]

    async def write(self, memory, row, at, *slices):
        body = b"".join(value.to_bytes(2, "little") for value in slices)
        (count,) = await self.memory(Op.MEMORY_WRITE, memory, row, at, body)
        return count

    async def read(self, memory, row, at, count):
        reply = await self.memory(Op.MEMORY_READ, memory, row, at, bytes([count]))
        assert len(reply) == 1 + 2 * reply[0]
        return [int.from_bytes(reply[k : k + 2], "little") for k in range(1, len(reply), 2)]


@pytest.mark.parametrize("period", [None, 0.37, 0.997, 4.7])
def test_written_and_read_back(period):
    """Any place, across rows; what lies outside is not written, reads as 0, and touches nothing else.

    Also where the accelerator has a clock of its own, of so many periods of the link's.
    """
    talk, rng = Talk() if period is None else crossed(period), random.Random("memories")
    kept = {0: [[0] * 3 for _ in range(5)], 1: [[0]], 2: [[0] for _ in range(20)]}

    async def script():
        for _ in range(12):
            memory = rng.randrange(3)
            rows, slices = len(kept[memory]), len(kept[memory][0])
            row, at = rng.randrange(rows + 1), rng.randrange(slices)
            values = [rng.getrandbits(16) for _ in range(rng.randrange(9))]
            room = max(0, (rows - row) * slices - at)
            assert await talk.write(memory, row, at, *values) == min(room, len(values))
            for k, value in enumerate(values[:room], start=row * slices + at):
                kept[memory][k // slices][k % slices] = value
        for memory, words in kept.items():
            flat = list(chain(*words))
            assert await talk.read(memory, 0, 0, min(READ_SLICES, len(flat) + 2)) == [*flat, 0, 0]
        assert await talk.read(0, 2, 1, 4) == list(chain(*kept[0]))[7:11]
        assert await talk.read(0, 0, 3, 1) == [0]  # a row has 3 slices
        assert await talk.write(0, 0, 3, 1) == await talk.write(3, 0, 0, 1) == 0
        assert await talk.read(3, 0, 0, 2) == [0, 0]
        assert await talk.read(0, 0, 0, READ_SLICES + 1) == []
        assert talk.ctx.get(talk.echo.unreset) == 0

    talk.run(script)


def crossed(period):
    """A conversation with an accelerator behind `ClockedAccelerator`."""
    return Talk(CrossedBoard(), clocks={ACCELERATOR_DOMAIN: period})


@pytest.mark.parametrize("period", [0.37, 4.7])
def test_a_session_that_opens_during_an_access(period):
    """What was under way is not taken for what is asked next, and nothing is written unasked."""
    talk, rng = crossed(period), random.Random(f"cut {period}")

    async def script():
        rows = [[rng.getrandbits(16) for _ in range(3)] for _ in range(5)]
        for row, values in enumerate(rows):
            assert await talk.write(0, row, 0, *values) == 3
        for nonce in range(2, 7):
            place = bytes([0, 0, 0, rng.randrange(5), 0, 0])
            read = Frame(
                type=FrameType.COMMAND,
                seq=talk.seq,
                ack=talk.ack,
                limit=talk.ack,
                payload=b"\6" + place + b"\x0f",
            )
            again = Frame(type=FrameType.OPEN, seq=nonce, ack=0, limit=MAX_WINDOW)
            await talk.bench.talk(talk.ctx, read, bytes(rng.randrange(20)), again)
            talk.seq = talk.ack = 0
            row = rng.randrange(5)
            assert await talk.read(0, row, 0, 3) == rows[row]
        assert talk.ctx.get(talk.echo.unreset) == 0

    talk.run(script)


def test_short_and_long_bodies():
    talk = Talk()

    async def script():
        assert await talk.ask(Op.MEMORY_WRITE) == bytes([0x85, 0])
        assert await talk.ask(Op.MEMORY_WRITE, 0, 0) == bytes([0x85, 0])
        assert await talk.memory(Op.MEMORY_WRITE, 0, body=bytes([1, 2, 3])) == b"\1"
        assert await talk.ask(Op.MEMORY_READ) == bytes([0x86, 0])
        assert await talk.ask(Op.MEMORY_COMMIT, 1, 2) == bytes([0x88, 0])
        assert await talk.memory(Op.MEMORY_READ, 0, body=bytes([1, 9, 9])) == bytes([1, 1, 2])
        assert await talk.ask(Op.ECHO, 5) == bytes([0x84, 5])

    talk.run(script)


def test_state_and_names():
    talk = Talk()
    name = bytes(range(1, 1 + CONTENTS_BYTES))

    async def state(memory):
        return (await talk.ask(Op.MEMORY_STATE, memory))[1:]

    async def script():
        nothing = bytes(CONTENTS_BYTES)
        assert await state(0) == nothing + bytes([3, 5, 0, 0, 0, 40, 0])
        assert await state(2) == nothing + bytes([3, 20, 0, 0, 0, 16, 0])
        assert await state(3) == nothing + bytes([3, 0, 0, 0, 0, 0, 0])
        assert await talk.ask(Op.MEMORY_COMMIT, *nothing) == bytes([0x88, 0])
        assert await talk.ask(Op.MEMORY_COMMIT, *name) == bytes([0x88, 1])
        assert (await state(1))[:CONTENTS_BYTES] == name
        assert (await state(1))[:CONTENTS_BYTES] == name
        assert await talk.write(3, 0, 0, 1) == 0
        assert (await state(1))[:CONTENTS_BYTES] == nothing

    talk.run(script)


@pytest.mark.parametrize("period", [None, 0.37])
@pytest.mark.parametrize("tokens", [b"\1\2", bytes(40)])
def test_tokens_are_refused_until_the_memories_have_a_name(tokens, period):
    talk = Talk() if period is None else crossed(period)

    async def script():
        refused = [(FrameType.COMMAND, bytes([Op.NOT_LOADED]))]
        assert await talk.send(FrameType.TOKENS, tokens) == refused
        assert await talk.ask(Op.ECHO, 1) == bytes([0x84, 1])
        assert await talk.ask(Op.MEMORY_COMMIT, *range(8)) == bytes([0x88, 1])
        answers = await talk.send(FrameType.TOKENS, tokens)
        assert b"".join(payload for _, payload in answers) == tokens
        assert {kind for kind, _ in answers} == {FrameType.TOKENS}
        await talk.write(1, 0, 0, 1)
        assert await talk.send(FrameType.TOKENS, tokens) == refused

    talk.run(script)
