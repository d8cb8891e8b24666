"""The reliable link: each byte once and in order, whatever becomes of the frames."""

import random

import pytest
from amaranth import Elaboratable, Module
from amaranth.lib.fifo import SyncFIFOBuffered
from spikeloom.firmware.host.frames import Frame, encode_frame
from spikeloom.hw.link.protocol import MAX_WINDOW, FrameType
from spikeloom.hw.link.reliable import ReliableLink

from .lines import LineBench

STATUS, COMMAND, TOKENS, OPEN, CLOSED = FrameType


class Mirror(Elaboratable):
    """A link that sends back what it gets, through a queue."""

    def __init__(self, window):
        self.link = ReliableLink(window=window)
        self.line_i, self.line_o = self.link.line_i, self.link.line_o

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = self.link
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=10, depth=1024)
        m.d.comb += [
            fifo.w_data.eq(link.o.payload),
            fifo.w_en.eq(link.o.valid),
            link.o.ready.eq(fifo.w_rdy),
            link.i.payload.eq(fifo.r_data),
            link.i.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(link.i.ready),
        ]
        return m


def frame(kind, seq, ack=0, payload=b"", limit=MAX_WINDOW, **flags):
    return Frame(type=kind, seq=seq, ack=ack, limit=limit, payload=payload, **flags)


def play(script, window=4, seed=0):
    bench = LineBench(Mirror(window), seed=seed)

    async def run(ctx):
        await script(lambda *lines, **options: bench.talk(ctx, *lines, **options))

    bench.run(run, background=[bench.listen], limit_cycles=400_000)


def payloads(frames):
    return [f.payload for f in frames if f.type in (COMMAND, TOKENS)]


def test_closed_until_opened():
    async def script(talk):
        assert [f.type for f in await talk(frame(COMMAND, 0, payload=b"x"))] == [CLOSED]
        (answer,) = await talk(frame(OPEN, 7, 9))
        assert (answer.type, answer.seq, answer.ack, answer.limit) == (OPEN, 7, 9, 4)

    play(script)


def test_a_repetition_is_acknowledged_but_not_executed():
    async def script(talk):
        await talk(frame(OPEN, 1, 1))
        first = await talk(frame(COMMAND, 0, payload=b"one"))
        assert payloads(first) == [b"one"]
        again = await talk(frame(COMMAND, 0, ack=1, payload=b"one"), frame(COMMAND, 0, ack=1, payload=b"one"))
        assert payloads(again) == []
        assert {f.ack for f in again} == {1}
        assert payloads(await talk(frame(OPEN, 1, 1), frame(COMMAND, 1, ack=1, payload=b"two"))) == [b"two"]

    play(script)


def test_a_lost_answer_is_sent_again_when_asked_for():
    async def script(talk):
        await talk(frame(OPEN, 1, 1))
        (answer,) = [f for f in await talk(frame(COMMAND, 0, payload=b"one")) if f.payload]
        again = await talk(frame(STATUS, 1, ack=0, poll=True, resend=True))
        assert [f.seq for f in again if f.payload] == [answer.seq]
        assert payloads(again) == [b"one"]
        assert [f.poll for f in again].count(True) == 1
        assert payloads(await talk(frame(STATUS, 1, ack=1, poll=True, resend=True))) == []

    play(script)


@pytest.mark.parametrize("damage", ["lost", "flipped", "cut"])
def test_a_loss_is_told_once_and_made_good(damage):
    async def script(talk):
        await talk(frame(OPEN, 1, 1))
        lines = [encode_frame(frame(COMMAND, k, payload=b"abc" + bytes([k]))) for k in range(4)]
        hurt = {"lost": b"", "flipped": lines[1][:4] + b"\x01" + lines[1][5:], "cut": lines[1][:5] + b"\0"}
        answers = await talk(lines[0], hurt[damage], lines[2], lines[3])
        assert payloads(answers) == [b"abc\0"]
        assert [f.ack for f in answers if f.resend] == [1]
        rest = await talk(*lines[1:])
        assert payloads(rest) == [b"abc" + bytes([k]) for k in (1, 2, 3)]
        assert not any(f.resend for f in rest)
        assert rest[-1].ack == 4

    play(script)


def test_the_window_holds_back_what_the_host_has_not_acknowledged():
    async def script(talk):
        await talk(frame(OPEN, 1, 1, limit=2))
        seen = []
        for k in range(4):
            seen += payloads(await talk(frame(COMMAND, k, limit=2, payload=bytes([k]))))
        assert seen == [b"\0", b"\1"]  # the host's limit
        more = payloads(await talk(frame(STATUS, 4, ack=2, limit=64)))
        assert more == [b"\2", b"\3"]

    play(script, window=2)


def test_an_old_acknowledgement_does_no_harm():
    async def script(talk):
        await talk(frame(OPEN, 1, 1))
        for k in range(3):
            await talk(frame(COMMAND, k, ack=k, payload=bytes([k])))
        old = await talk(frame(STATUS, 0, ack=0, limit=1, resend=True), frame(STATUS, 3, ack=200))
        assert payloads(old) in ([], [b"\2"])
        assert payloads(await talk(frame(COMMAND, 3, ack=3, limit=67, payload=b"new"))) == [b"new"]

    play(script)


def test_a_new_session_forgets_the_old_one():
    async def script(talk):
        await talk(frame(OPEN, 1, 1))
        await talk(*(frame(COMMAND, k, ack=k, payload=bytes([k])) for k in range(3)))
        assert [f.type for f in await talk(frame(OPEN, 1, 2))] == [OPEN]
        answers = await talk(frame(COMMAND, 0, payload=b"new"))
        assert [(f.seq, f.payload) for f in answers if f.payload] == [(0, b"new")]

    play(script)


def test_numbers_wrap_and_kinds_stay_apart():
    async def script(talk):
        await talk(frame(OPEN, 1, 1))
        rng, ack, tokens = random.Random(3), 0, {True: b"", False: b""}
        sent = {True: b"", False: b""}
        for k in range(300):
            kind = rng.choice([COMMAND, TOKENS])
            body = rng.randbytes(rng.randrange(1, 4))
            sent[kind is TOKENS] += body
            limit = (ack + MAX_WINDOW) % 256
            for f in await talk(frame(kind, k % 256, ack=ack, payload=body, limit=limit), wait=60):
                if f.payload:
                    assert f.seq == ack
                    ack = (ack + 1) % 256
                    tokens[f.type is TOKENS] += f.payload
        assert tokens == sent

    play(script)
