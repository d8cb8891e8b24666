"""Registers on a bus against a model in Python: any access, in any order, at any time."""

import random
from collections import deque

import pytest
from amaranth import Elaboratable, Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from spikeloom.hw.link.axi_lite import OKAY, SLVERR, AxiLiteTarget
from spikeloom.hw.link.bus_endpoint import BusEndpoint
from spikeloom.hw.link.bus_link import stream_bytes
from spikeloom.hw.link.params import HostLinkParams
from spikeloom.hw.link.register_map import (
    ACCELERATOR_COUNTERS,
    ADDRESS_BITS,
    BUILD_ID_WORDS,
    EVENT_TOKENS,
    MAGIC,
    MAP_VERSION,
    OUT_VALID,
    Reg,
    out_words,
)
from spikeloom.hw.link.registers import Registers
from spikeloom.hw.link.stream_buffer import StreamBuffer
from spikeloom.hw.link.wishbone import WishboneTarget
from spikeloom.hw.load_bus import LoadBus
from spikeloom.hw.loaded_memory import LoadedMemory, LoadedShape

from ..drivers import Bench, coin

SHAPES = (
    LoadedShape(name="a", rows=5, bits=40),
    LoadedShape(name="b", rows=1, bits=3),
    LoadedShape(name="c", rows=20, bits=16),
)
PARAMS = {"clock_hz": 12_000_000, "build_id": bytes(range(16))}
STREAM_COUNTERS = ("event_words", "event_ticks", "out_words", "out_ticks")
HELD, ANSWERS = 4, 16  # tokens in the accelerator, and behind it
SETTLE_CYCLES = 60
SATURATIONS = 0x89ABCDEF


class Board(Elaboratable):
    """Wishbone, an endpoint with three memories, and an accelerator that sends back what it gets."""

    def __init__(self, bits, shapes):
        params = HostLinkParams(**PARAMS, memories=shapes)
        self.target = WishboneTarget()
        self.endpoint = BusEndpoint(params, event_bits=bits, out_bits=bits, streams=False)
        self.memories = [LoadedMemory([0] * shape.rows, shape) for shape in shapes]
        self.unreset = Signal(8)

    def elaborate(self, platform):
        m = Module()
        m.submodules.target, m.submodules.endpoint = self.target, self.endpoint
        endpoint = self.endpoint
        m.d.comb += endpoint.saturations.eq(SATURATIONS)
        wiring.connect(m, self.target.bus, endpoint.bus)
        fresh = ResetInserter(endpoint.reset)
        m.submodules.fifo = fifo = fresh(SyncFIFOBuffered(width=len(endpoint.out.payload), depth=HELD))
        m.d.comb += [
            fifo.w_data.eq(endpoint.events.payload),
            fifo.w_en.eq(endpoint.events.valid),
            endpoint.events.ready.eq(fifo.w_rdy),
            endpoint.out.payload.eq(fifo.r_data),
            endpoint.out.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(endpoint.out.ready),
        ]
        if self.memories:
            bus = LoadBus(self.memories)
            m.submodules += self.memories
            m.submodules.bus = fresh(bus)
            for name in ("active", "write", "memory", "row", "slice", "data"):
                m.d.comb += getattr(bus.bus, name).eq(getattr(endpoint.load, name))
            was = Signal()
            m.d.comb += endpoint.load.q.eq(bus.bus.q)
            m.d.sync += [
                was.eq(endpoint.load.active),
                self.unreset.eq(self.unreset + (was & ~endpoint.reset)),
            ]
        return m


class Model:
    """What every access gives: whether it is carried out, and the word that is read."""

    def __init__(self, bits, shapes):
        self.bits, self.shapes = bits, shapes
        self.memory = self.at = self.row = self.high = self.scratch = 0
        self.kept = [[[0] * shape.slices for _ in range(shape.rows)] for shape in shapes]
        self.loaded, self.contents = not shapes, [0, 0]
        self.waiting, self.inside, self.answers = deque(), deque(), deque()
        self.counters: dict[str, int] = dict.fromkeys(STREAM_COUNTERS, 0)
        self.taken = [0] * out_words(bits)
        self.reset()

    def reset(self):
        for tokens in (self.waiting, self.inside, self.answers):
            tokens.clear()

    def settle(self):
        """Tokens go as far as they can."""
        for source, sink, room, what in (
            (self.inside, self.answers, ANSWERS, "out"),
            (self.waiting, self.inside, HELD, "event"),
            (self.inside, self.answers, ANSWERS, "out"),
        ) * EVENT_TOKENS:
            if source and len(sink) < room:
                sink.append(source.popleft())
                self.counters[f"{what}_words"] += 1
                self.counters[f"{what}_ticks"] += sink[-1] >> (self.bits - 2) & 1

    @property
    def there(self):
        shape = self.shapes[self.memory] if self.memory < len(self.shapes) else None
        return shape is not None and self.row < shape.rows and self.at < shape.slices

    def advance(self):
        last = self.at == self.shapes[self.memory].slices - 1
        self.at, self.row = (0, self.row + 1) if last else (self.at + 1, self.row)

    def fact(self, offset):
        """Word of a register that reading does not change; None: there is no such register."""
        room = EVENT_TOKENS - len(self.waiting) if self.loaded else 0
        words: dict[int, int] = {
            Reg.MAGIC: MAGIC,
            Reg.VERSION: MAP_VERSION,
            Reg.CLOCK_HZ: PARAMS["clock_hz"],
            Reg.WIDTHS: self.bits | self.bits << 8 | len(self.shapes) << 16,
            Reg.SCRATCH: self.scratch,
            Reg.STATUS: bool(self.answers) | self.loaded << 1 | room << 8,
        }
        for at in range(BUILD_ID_WORDS):
            words[Reg.BUILD_ID + 4 * at] = int.from_bytes(PARAMS["build_id"][4 * at : 4 * at + 4], "little")
        for at, name in enumerate(ACCELERATOR_COUNTERS[1:], start=1):
            words[Reg.COUNTERS + 4 * at] = self.counters.get(name, SATURATIONS)
        for at in range(1, len(self.taken)):
            words[Reg.OUT + 4 * at] = self.taken[at]
        if self.shapes:
            shape = self.shapes[self.memory] if self.memory < len(self.shapes) else None
            name = self.contents if self.loaded else [0, 0]
            words |= {
                Reg.MEMORY_PLACE: self.memory | self.at << 16,
                Reg.MEMORY_ROW: self.row,
                Reg.MEMORY_ROWS: shape.rows if shape else 0,
                Reg.MEMORY_BITS: shape.bits if shape else 0,
                Reg.CONTENTS: name[0],
                Reg.CONTENTS_HIGH: name[1],
            }
        return words.get(offset)

    def read(self, offset):
        if offset == Reg.OUT:
            count = len(self.taken)
            whole = self.answers.popleft() | OUT_VALID << 32 * (count - 1) if self.answers else 0
            self.taken = [whole >> 32 * at & 0xFFFFFFFF for at in range(count)]
            return True, self.taken[0]
        if offset == Reg.MEMORY_DATA and self.shapes:
            self.reset()
            if not self.there:
                return False, 0
            word = self.kept[self.memory][self.row][self.at]
            self.advance()
            return True, word
        word = self.fact(offset)
        return word is not None, word or 0

    def write(self, offset, data):
        if offset == Reg.CONTROL:
            if data & 1:
                self.reset()
        elif offset == Reg.EVENT:
            if not self.loaded or len(self.waiting) == EVENT_TOKENS:
                return False
            self.waiting.append((data | self.high << 32) & ((1 << self.bits) - 1))
        elif offset == Reg.SCRATCH:
            self.scratch = data
        elif offset == Reg.EVENT_HIGH and self.bits > 32:
            self.high = data
        elif self.shapes:
            return self.write_memories(offset, data)
        else:
            return False
        return True

    def write_memories(self, offset, data):
        if offset == Reg.MEMORY_PLACE:
            self.memory, self.at = data & 0xFF, data >> 16
        elif offset == Reg.MEMORY_ROW:
            self.row = data & 0xFFFFFF
        elif offset == Reg.MEMORY_DATA:
            self.reset()
            if not self.there:
                return False
            self.kept[self.memory][self.row][self.at] = data & 0xFFFF
            self.loaded = False
            self.advance()
        elif offset == Reg.CONTENTS:
            self.contents[0], self.loaded = data, False
            self.reset()
        elif offset == Reg.CONTENTS_HIGH:
            if not data | self.contents[0]:
                return False
            self.contents[1], self.loaded = data, True
        else:
            return False
        return True


class Bus:
    """A classic master, one request right behind the other."""

    LIMIT_CYCLES = 20

    def __init__(self, ctx, wb):
        self.ctx, self.wb = ctx, wb
        ctx.set(wb.cyc, 1)

    async def access(self, offset, *, write, data=0, sel=0xF):
        ctx, wb = self.ctx, self.wb
        for port, value in ((wb.stb, 1), (wb.adr, offset), (wb.we, write), (wb.dat_w, data), (wb.sel, sel)):
            ctx.set(port, value)
        for _ in range(self.LIMIT_CYCLES):
            *_, ack, err, word = await ctx.tick().sample(wb.ack, wb.err, wb.dat_r)
            assert not (ack and err)
            if ack or err:
                ctx.set(wb.stb, 0)
                return bool(ack), word
        raise AssertionError(f"{offset:#x} was never answered")


def random_access(rng, *, tokens):
    """An access that is likely to do something: with tokens, or with memories."""
    offset = rng.choice([*Reg, *range(0, 1 << ADDRESS_BITS, 4)])
    if rng.random() < 0.7:
        offset = rng.choice([Reg.EVENT, Reg.EVENT, Reg.OUT] if tokens else [Reg.MEMORY_DATA, Reg.MEMORY_ROW])
    if tokens and offset in (Reg.MEMORY_DATA, Reg.CONTENTS, Reg.CONTENTS_HIGH):
        offset = Reg.STATUS
    data = rng.getrandbits(32)
    if offset == Reg.MEMORY_PLACE:
        data = rng.randrange(4) | rng.randrange(4) << 16 | rng.getrandbits(8) << 8
    if offset == Reg.MEMORY_ROW:
        data = rng.randrange(21)
    if offset in (Reg.CONTENTS, Reg.CONTENTS_HIGH):
        data *= rng.randrange(2)
    if offset == Reg.CONTROL:
        data &= ~(rng.random() < 0.8)
    return offset, data


@pytest.mark.parametrize(("bits", "shapes"), [(10, ()), (10, SHAPES), (31, ()), (32, ()), (40, SHAPES)])
def test_any_access(bits, shapes):
    rng = random.Random(f"registers {bits} {len(shapes)}")
    board, model = Board(bits, shapes), Model(bits, shapes)
    bench = Bench(board)

    async def script(ctx):
        bus, refused = Bus(ctx, board.target.wb), 0
        for number in range(1200):
            tokens = number // 100 % 2 == 1
            offset, data = random_access(rng, tokens=tokens)
            if offset == Reg.COUNTERS:
                continue
            if shapes and tokens and not model.loaded:
                offset, data = Reg.CONTENTS_HIGH, 0x1234
            likely = {Reg.EVENT: 0.9, Reg.OUT: 0.1}.get(offset, 0.5)
            write, sel = rng.random() < likely, rng.choice([0xF] * 12 + [0, 3, 8, 7])
            found = await bus.access(offset, write=write, data=data, sel=sel)
            if not write:
                expected = model.read(offset)
            else:
                expected = not sel or (sel == 0xF and model.write(offset, data)), found[1]
            assert found == expected, (
                f"access {number}: {'write' if write else 'read'} {offset:#x}, sel {sel}"
            )
            refused += offset == Reg.EVENT and sel == 0xF and write and model.loaded and not found[0]
            if (write and offset in (Reg.EVENT, Reg.CONTENTS_HIGH)) or offset == Reg.OUT:
                await ctx.tick().repeat(SETTLE_CYCLES)
            model.settle()
        if shapes:
            assert ctx.get(board.unreset) == 0
        assert min(model.counters.values()) > 20
        assert refused or shapes, "it never was full"

    bench.run(script, limit_cycles=200_000)


def test_cycles_of_an_access():
    """What docs/blocks/wishbone-link.md says."""
    board = Board(10, SHAPES)
    bench = Bench(board)

    async def script(ctx):
        bus = Bus(ctx, board.target.wb)
        for offset, write, cycles in (
            (Reg.MAGIC, 0, 1),
            (Reg.CONTROL, 1, 1),
            (Reg.MEMORY_DATA, 1, 2),
            (Reg.MEMORY_DATA, 0, 7),
            (Reg.MAGIC, 1, 1),
        ):
            before = ctx.get(bench.cycle)
            await bus.access(offset, write=write)
            assert ctx.get(bench.cycle) - before == cycles + 1, f"{offset:#x}"

    bench.run(script)


class AxiBoard(Elaboratable):
    def __init__(self):
        self.target, self.board = AxiLiteTarget(), Board(10, SHAPES)

    def elaborate(self, platform):
        m = Module()
        m.submodules.target, m.submodules.board = self.target, self.board
        wb, bus = self.board.target.wb, self.target.bus
        m.d.comb += [
            wb.cyc.eq(1),
            wb.stb.eq(bus.valid),
            wb.we.eq(bus.write),
            wb.adr.eq(bus.address << 2),
            wb.dat_w.eq(bus.data),
            wb.sel.eq(bus.strobe),
            bus.done.eq(wb.ack | wb.err),
            bus.error.eq(wb.err),
            bus.q.eq(wb.dat_r),
        ]
        return m


def test_cycles_of_axi_lite():
    """What docs/blocks/axi-link.md says; the answer is that of the register."""
    board = AxiBoard()
    bench, axi = Bench(board), board.target.axi

    async def script(ctx):
        for offset, cycles, answer in ((Reg.MAGIC, 4, OKAY), (Reg.MEMORY_DATA, 10, OKAY), (0xFC, 4, SLVERR)):
            for port, value in ((axi.araddr, offset), (axi.arvalid, 1), (axi.rready, 1)):
                ctx.set(port, value)
            assert ctx.get(axi.arready)
            await ctx.tick()
            ctx.set(axi.arvalid, 0)
            for _ in range(cycles - 1):
                assert not ctx.get(axi.rvalid)
                await ctx.tick()
            assert ctx.get(axi.rvalid)
            assert ctx.get(axi.rresp) == answer
            await ctx.tick()

    bench.run(script)


def test_a_request_that_is_withdrawn():
    """A bus that gives up in the middle of a slice changes nothing, and what follows is right."""
    board = Board(10, SHAPES)
    bench = Bench(board)

    async def script(ctx):
        bus, wb = Bus(ctx, board.target.wb), board.target.wb
        for row in range(5):
            assert (await bus.access(Reg.MEMORY_DATA, write=1, data=100 + row))[0]
        await bus.access(Reg.MEMORY_PLACE, write=1, data=0)
        await bus.access(Reg.MEMORY_ROW, write=1, data=0)
        for cycles in range(1, 6):
            for port, value in ((wb.stb, 1), (wb.we, 0), (wb.adr, Reg.MEMORY_DATA)):
                ctx.set(port, value)
            await ctx.tick().repeat(cycles)
            ctx.set(wb.stb, 0)
            await ctx.tick().repeat(cycles % 2 + 1)
            assert await bus.access(Reg.MAGIC, write=0) == (True, MAGIC)
        for row in range(5):
            assert await bus.access(Reg.MEMORY_DATA, write=0) == (True, 100 + row)

    bench.run(script)


def test_stream_buffer():
    """Every word once and in order, one in each cycle where both sides allow it."""
    bench = Bench(StreamBuffer(width=12))
    block, words = bench.component, list(range(300))
    came, taken = [], []

    async def send(ctx):
        await bench.put(ctx, block.i, words, gap=coin(0.3, 1))
        await bench.put(ctx, block.i, words)

    async def take(ctx):
        came.extend(await bench.get(ctx, block.o, done=lambda word: word == 299, stall=coin(0.4, 2)))
        came.extend(await bench.get(ctx, block.o, done=lambda word: word == 299, taken=taken))

    bench.run(send, take)
    assert came == words * 2
    assert taken[-1] - taken[0] == len(words) - 1


def test_stream_buffer_keeps_what_is_on_offer():
    bench = Bench(StreamBuffer(width=12))
    block = bench.component

    async def script(ctx):
        await bench.put(ctx, block.i, [1, 2])
        ctx.set(block.forget, 1)
        await ctx.tick()
        ctx.set(block.forget, 0)
        assert ctx.get(block.o.valid)
        await bench.put(ctx, block.i, [3])
        assert await bench.get(ctx, block.o, done=lambda word: word == 3) == [1, 3]

    bench.run(script)


@pytest.mark.parametrize(("bits", "size"), [(2, 1), (8, 1), (9, 2), (17, 4), (24, 4), (33, 8), (70, 16)])
def test_bytes_of_a_stream(bits, size):
    assert stream_bytes(bits) == size


def test_tokens_that_do_not_fit():
    with pytest.raises(ValueError, match="Tokens of 65 and 10 bits do not fit into the registers"):
        Registers(HostLinkParams(**PARAMS), event_bits=65, out_bits=10, streams=False)
