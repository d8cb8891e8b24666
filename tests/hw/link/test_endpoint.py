"""Commands and tokens: what the endpoint does with what the reliable link gives it."""

import random
from typing import Any

import pytest
from amaranth import Elaboratable, Module, ResetInserter, Signal
from amaranth.lib.fifo import SyncFIFOBuffered
from spikeloom.firmware.host.frames import Frame
from spikeloom.hw.link.endpoint import LinkEndpoint
from spikeloom.hw.link.params import HostLinkParams, bit_cycles_for
from spikeloom.hw.link.protocol import COUNTERS, MAX_WINDOW, FrameType, Op
from spikeloom.hw.link.words import BytesToWords, WordsToBytes

from ..drivers import Bench, coin
from .lines import LineBench

PARAMS = HostLinkParams(bit_cycles=4, window=2, clock_hz=12_000_000, build_id=bytes(range(16)))


class Echo(Elaboratable):
    """An endpoint whose accelerator sends back what it gets, with the widths of both made the same."""

    def __init__(self, bits):
        self.endpoint = LinkEndpoint(PARAMS, event_bits=bits, out_bits=bits)
        self.line_i, self.line_o = self.endpoint.line_i, self.endpoint.line_o
        self.resets = Signal(8)

    def elaborate(self, platform):
        m = Module()
        m.submodules.endpoint = endpoint = self.endpoint
        fifo = SyncFIFOBuffered(width=endpoint.event_bits, depth=4)
        m.submodules.fifo = ResetInserter(endpoint.reset)(fifo)
        m.d.comb += [
            fifo.w_data.eq(endpoint.events.payload),
            fifo.w_en.eq(endpoint.events.valid),
            endpoint.events.ready.eq(fifo.w_rdy),
            endpoint.out.payload.eq(fifo.r_data),
            endpoint.out.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(endpoint.out.ready),
        ]
        m.d.sync += self.resets.eq(self.resets + endpoint.reset)
        return m


class Talk:
    """Frames of one session with an `Echo`."""

    def __init__(self, bits):
        self.echo = Echo(bits)
        self.bench = LineBench(self.echo)
        self.seq = self.ack = 0
        self.ctx: Any = None

    def run(self, script):
        async def session(ctx):
            self.ctx = ctx
            await self.bench.talk(ctx, Frame(type=FrameType.OPEN, seq=1, ack=2, limit=MAX_WINDOW))
            await script()

        self.bench.run(session, background=[self.bench.listen], limit_cycles=200_000)

    async def send(self, kind, payload):
        """Payloads that come back, by kind."""
        limit = (self.ack + MAX_WINDOW) % 256
        line = Frame(type=kind, seq=self.seq, ack=self.ack, limit=limit, payload=payload)
        self.seq = (self.seq + 1) % 256
        answers = found = await self.answers(line)
        while kind is FrameType.TOKENS and found:
            found = await self.fetch()
            answers = answers + found
        return answers

    async def fetch(self):
        """What waited for the slots of what is acknowledged by this."""
        limit = (self.ack + MAX_WINDOW) % 256
        return await self.answers(Frame(type=FrameType.STATUS, seq=self.seq, ack=self.ack, limit=limit))

    async def answers(self, line):
        answers = [f for f in await self.bench.talk(self.ctx, line) if f.payload]
        self.ack = (self.ack + len(answers)) % 256
        return [(f.type, f.payload) for f in answers]

    async def ask(self, *command):
        ((kind, reply),) = await self.send(FrameType.COMMAND, bytes(command))
        assert kind is FrameType.COMMAND
        return reply


def test_commands():
    talk = Talk(10)

    async def script():
        identity = bytes([1, 2, 10, 10]) + (12_000_000).to_bytes(4, "little") + bytes(range(16))
        assert await talk.ask(Op.IDENTIFY) == b"\x81" + identity
        assert await talk.ask(Op.IDENTIFY, 1, 2, 3) == b"\x81" + identity  # a body nobody asked for
        assert await talk.ask(Op.ECHO) == b"\x84"
        assert await talk.ask(Op.ECHO, 0, 0, 5) == b"\x84\0\0\5"
        for unknown in (0, 5, 6, 0x55, 0xFF):
            assert await talk.ask(unknown, 1) == bytes([Op.UNKNOWN, unknown])
        before = talk.ctx.get(talk.echo.resets)
        assert await talk.ask(Op.RESET) == b"\x82"
        assert talk.ctx.get(talk.echo.resets) == before + 1
        reply = await talk.ask(Op.COUNTERS)
        assert (reply[:1], len(reply)) == (b"\x83", 1 + 4 * len(COUNTERS))

    talk.run(script)


def test_output_of_a_session_does_not_reach_the_next():
    """Every slot and word on the way to the host is full when another session opens."""
    bench = LineBench(Echo(16))

    async def session(ctx):
        await bench.talk(ctx, Frame(type=FrameType.OPEN, seq=1, ack=2, limit=0))
        for seq in range(3):
            payload = bytes([seq + 1]) * 246
            frame = Frame(type=FrameType.TOKENS, seq=seq, ack=0, limit=0, payload=payload)
            assert not any(f.payload for f in await bench.talk(ctx, frame))
        answers = await bench.talk(ctx, Frame(type=FrameType.OPEN, seq=3, ack=4, limit=MAX_WINDOW))
        assert not any(f.payload for f in answers)
        token = Frame(type=FrameType.TOKENS, seq=0, ack=0, limit=MAX_WINDOW, payload=b"\7\0")
        assert [f.payload for f in await bench.talk(ctx, token) if f.payload] == [b"\7\0"]

    bench.run(session, background=[bench.listen], limit_cycles=200_000)


@pytest.mark.parametrize("bits", [3, 8, 9, 16, 17, 70])
def test_tokens_pass(bits):
    talk = Talk(bits)
    size = -(-bits // 8)
    rng = random.Random(bits)
    words = [rng.getrandbits(bits) for _ in range(24)]
    data = b"".join(word.to_bytes(size, "little") for word in words)

    async def script():
        got = b""
        cuts = sorted(rng.randrange(len(data)) for _ in range(5))
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            for kind, payload in await talk.send(FrameType.TOKENS, data[start:end]):
                assert kind is FrameType.TOKENS
                got += payload
        assert got == data
        counters = await talk.ask(Op.COUNTERS)
        values = [int.from_bytes(counters[k : k + 4], "little") for k in range(1, len(counters), 4)]
        named = dict(zip(COUNTERS, values, strict=True))
        assert named["event_words"] == named["out_words"] == len(words)
        assert named["event_ticks"] == sum(word >> bits - 2 & 1 for word in words)
        assert named["bad_frames"] == named["stray_frames"] == named["line_errors"] == 0

    talk.run(script)


def test_what_came_before_a_reset_goes_before_its_reply():
    """The host forgets what it got up to the reply, so nothing old may follow it."""
    talk = Talk(16)

    async def script():
        for count in range(1, 9):
            lines = []
            for kind, payload in ((FrameType.TOKENS, bytes(2 * count)), (FrameType.COMMAND, b"\2")):
                line = Frame(type=kind, seq=talk.seq, ack=talk.ack, limit=talk.ack + 64, payload=payload)
                lines.append(line)
                talk.seq += 1
            answers = []
            while lines:
                answers += [f for f in await talk.bench.talk(talk.ctx, *lines) if f.payload]
                talk.ack = answers[-1].seq + 1
                lines = []
                if answers[-1].type is not FrameType.COMMAND:  # the window is full of words
                    lines = [Frame(type=FrameType.STATUS, seq=talk.seq, ack=talk.ack, limit=talk.ack + 64)]
            assert answers[-1].payload == b"\x82"
            assert all(f.type is FrameType.TOKENS for f in answers[:-1])
            assert await talk.send(FrameType.TOKENS, b"\4\5") == [(FrameType.TOKENS, b"\4\5")]

    talk.run(script)


def test_a_reset_ends_a_token_that_is_not_whole():
    talk = Talk(16)

    async def script():
        assert await talk.send(FrameType.TOKENS, b"\1\2\3") == [(FrameType.TOKENS, b"\1\2")]
        await talk.ask(Op.RESET)
        assert await talk.send(FrameType.TOKENS, b"\4\5") == [(FrameType.TOKENS, b"\4\5")]

    talk.run(script)


@pytest.mark.parametrize("bits", [1, 8, 12, 40])
def test_words(bits):
    """Both converters, one behind the other, with gaps and stalls."""

    class Both(Elaboratable):
        def __init__(self):
            self.down, self.up = WordsToBytes(width=bits), BytesToWords(width=bits)

        def elaborate(self, platform):
            m = Module()
            m.submodules.down, m.submodules.up = self.down, self.up
            m.d.comb += [
                self.up.i.payload.eq(self.down.o.payload.data),
                self.up.i.valid.eq(self.down.o.valid),
                self.down.o.ready.eq(self.up.i.ready),
            ]
            return m

    both = Both()
    bench = Bench(both)
    words = [random.Random(bits * 100 + k).getrandbits(bits) for k in range(30)]
    got = []

    async def send(ctx):
        await bench.put(ctx, both.down.i, words, gap=coin(0.3, 1))

    async def take(ctx):
        count = iter(range(1, 31))
        got.extend(await bench.get(ctx, both.up.o, done=lambda _: next(count) == 30, stall=coin(0.5, 2)))

    bench.run(send, take)
    assert got == words


def test_params():
    assert bit_cycles_for(25e6, 1_000_000) == 25
    assert bit_cycles_for(12e6, 115_200) == 104
    text = "A clock of 12 MHz makes 3000000 baud, not 4000000; at most 3000000"
    with pytest.raises(ValueError, match=text):
        bit_cycles_for(12e6, 4_000_000)
    for field, value, text in (
        ("bit_cycles", 3, "Cycles of a UART bit must be between 4 and 65536, not 3"),
        ("window", 3, "Window must be a power of two between 1 and 64 frames, not 3"),
        ("clock_hz", 0, "Clock must be between 1 and 4294967295 Hz, not 0"),
        ("build_id", b"", "Build identity must have 16 bytes, not 0"),
    ):
        given = {"bit_cycles": 4, "clock_hz": 1, "build_id": bytes(16), field: value}
        with pytest.raises(ValueError, match=text):
            HostLinkParams(**given)
