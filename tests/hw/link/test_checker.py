"""The frame checker: what was sent is told, and nothing else, however a frame is damaged."""

import random

import pytest
from spikeloom.firmware.host.frames import Frame, cobs_encode, decode_frame, encode_frame
from spikeloom.hw.link.checker import FrameChecker
from spikeloom.hw.link.protocol import PAYLOAD_BYTES, FrameType

from ..drivers import Bench, coin
from .lines import say


def check(line, gap=0.0):
    """(good, bad) of each end of a frame; a good one as what the ports said."""
    checker = FrameChecker()
    bench = Bench(checker)
    payload, seen = {}, []
    header = checker.header

    def end(row):
        _, good, bad, kind, poll, resend, seq, ack, limit, length = row
        assert not (good and bad)
        assert not good or sorted(payload) == list(range(length + 4))
        body = bytes(payload[k] for k in range(length)) if good else b""
        fields = {"seq": seq, "ack": ack, "limit": limit, "poll": bool(poll), "resend": bool(resend)}
        seen.append(Frame(type=FrameType(kind), payload=body, **fields) if good else bool(bad))
        payload.clear()

    def byte(row):
        payload[row[1]] = row[2]

    ports = [checker.good, checker.bad, header.type, header.poll, header.resend, header.seq, header.ack]
    watches = [
        bench.watch(checker.o.valid, [checker.offset, checker.o.data], byte),
        bench.watch(checker.good | checker.bad, [*ports, header.limit, checker.length], end),
    ]

    async def send(ctx):
        await say(ctx, checker.i, line, gap=coin(gap, 1))

    bench.run(send, background=watches, limit_cycles=40_000)
    return seen


def frames(seed, count):
    rng = random.Random(seed)
    sizes = [0, 1, PAYLOAD_BYTES, *(rng.randrange(40) for _ in range(count))]
    return [
        Frame(
            type=FrameType(rng.randrange(5)),
            seq=rng.randrange(256),
            ack=rng.choice([0, rng.randrange(256)]),
            limit=rng.randrange(256),
            poll=rng.random() < 0.5,
            resend=rng.random() < 0.5,
            payload=bytes(rng.choice([0, rng.randrange(256)]) for _ in range(size)),
        )
        for size in sizes
    ]


@pytest.mark.parametrize("gap", [0, 0.5])
def test_whole_frames(gap):
    sent = frames(gap, 8)
    assert check(b"\0\0".join(map(encode_frame, sent)), gap) == sent


def damages(line, rng):
    at = rng.randrange(len(line) - 1)
    yield line[:at] + bytes([line[at] ^ 1 << rng.randrange(8)]) + line[at + 1 :]
    yield line[:at] + line[at + 1 :]
    yield line[: at + 1] + line[at:]
    yield line[:at] + rng.randbytes(6) + line[at:]
    yield line[:at] + b"\0"
    yield rng.randbytes(30) + line


def test_damage_never_passes():
    """Every frame that the checker lets through is one that Python's reader lets through too."""
    rng = random.Random(9)
    good = encode_frame(frames(2, 0)[1])
    lines = [damaged for frame in frames(1, 12) for damaged in damages(encode_frame(frame), rng)]
    for number, seen in enumerate(check(b"".join(line + good for line in lines))):
        assert seen is not None, number
    kept = [seen for seen in check(b"".join(line + good for line in lines)) if isinstance(seen, Frame)]
    parts = b"".join(line + good for line in lines).split(b"\0")
    assert kept == [frame for part in parts if (frame := decode_frame(part))]


def test_frames_of_the_wrong_size_or_version():
    import zlib

    def raw(content):
        return cobs_encode(content + zlib.crc32(content).to_bytes(4, "little")) + b"\0"

    assert check(raw(b"\x20\0\0")) == [True]
    assert check(raw(b"\x22\0\0\0" + bytes(PAYLOAD_BYTES + 1))) == [True]
    assert check(raw(b"\x22\0\0\0" + bytes(300))) == [True]
    assert check(raw(b"\x40\0\0\0")) == [True]
    assert len(check(raw(b"\x22\0\0\0" + bytes(PAYLOAD_BYTES)))) == 1
