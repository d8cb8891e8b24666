"""COBS in the fabric against COBS in Python."""

import random

import pytest
from spikeloom.firmware.host.frames import cobs_decode, cobs_encode
from spikeloom.hw.link.cobs import CobsDecoder, CobsEncoder

from ..drivers import Bench, coin
from .lines import say


def blocks():
    """Frames around every limit of the code."""
    rng = random.Random(5)
    ones = lambda count: bytes(rng.randrange(1, 256) for _ in range(count))  # noqa: E731
    yield from (b"\0", b"\0\0", b"\1", b"\1\0", b"\0\1", ones(30), ones(30) + b"\0")
    for size in (253, 254, 255, 508, 509):
        yield from (ones(size), ones(size) + b"\0", b"\0" + ones(size), ones(size) + b"\0" + ones(3))
    yield from (bytes(rng.choice([0, 0, 1, 255]) for _ in range(60)) for _ in range(4))


@pytest.mark.parametrize(("gap", "stall"), [(0, 0), (0.4, 0.4), (0, 0.8)])
def test_encoder(gap, stall):
    frames = list(blocks()) if not gap else list(blocks())[::3]
    encoder = CobsEncoder()
    bench = Bench(encoder)
    expected = b"".join(cobs_encode(frame) + b"\0" for frame in frames)
    got = []

    async def send(ctx):
        for frame in frames:
            payloads = [{"data": byte, "last": k == len(frame) - 1} for k, byte in enumerate(frame)]
            await bench.put(ctx, encoder.i, payloads, gap=coin(gap, 1))

    async def take(ctx):
        count = iter(range(1, len(expected) + 1))
        got.extend(
            await bench.get(ctx, encoder.o, done=lambda _: next(count) == len(expected), stall=coin(stall, 2))
        )
        await ctx.tick().repeat(3)
        assert ctx.get(encoder.draining)
        assert not ctx.get(encoder.o.valid)

    bench.run(send, take, limit_cycles=60_000)
    assert bytes(got) == expected


@pytest.mark.parametrize("gap", [0, 0.5])
def test_decoder(gap):
    good = [cobs_encode(frame) for frame in blocks()][:: 1 if not gap else 4]
    lines = [*good, b"", b"\5\1", b"\3\1", b"\2", good[3]]  # and some that end within a block
    decoder = CobsDecoder()
    bench = Bench(decoder)
    frames, now = [], bytearray()

    def byte(row):
        now.append(row[1])

    def end(row):
        frames.append((bytes(now), row[1]))
        now.clear()

    async def send(ctx):
        await say(ctx, decoder.i, b"\0".join(lines) + b"\0", gap=coin(gap, 3))

    watches = [
        bench.watch(decoder.o.valid, [decoder.o.data], byte),
        bench.watch(decoder.end, [decoder.whole], end),
    ]
    bench.run(send, background=watches, limit_cycles=60_000)
    assert len(frames) == len(lines)
    for line, (frame, whole) in zip(lines, frames, strict=True):
        assert (frame if whole else None) == cobs_decode(line)
