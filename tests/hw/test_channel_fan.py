"""The channel fan: every event once for each range that has its channel, in order; ticks once."""

import random
from itertools import pairwise

import pytest
from spikeloom.hw.channel_fan import ChannelFan

from .drivers import Bench, coin, token


def run(fan, tokens, *, gap=None, stall=None):
    bench, found, taken, given = Bench(fan), [], [], []

    async def send(ctx):
        await bench.put(ctx, fan.i, tokens, gap=gap, taken=taken)

    async def take(ctx):
        found.extend(await bench.get(ctx, fan.o, done=lambda p: p.tick and p.last, stall=stall, taken=given))

    bench.run(send, take, limit_cycles=20_000)
    return [(None if p.tick else p.index, p.tick, p.last) for p in found], taken, given


@pytest.mark.parametrize("seed", range(12))
def test_copies(seed):
    """Ranges that overlap, lie apart and leave channels out; even seeds: nothing waits, a copy a cycle."""
    rng = random.Random(f"fan {seed}")
    of = rng.randint(1, 20)
    ranges = []
    for _ in range(rng.randint(1, 4)):
        first = rng.randrange(of)
        ranges.append((first, rng.randint(1, of - first)))
    fan = ChannelFan(of=of, ranges=ranges)
    tokens = [token(rng.randrange(of)) for _ in range(60)]
    tokens[30] = token(rng.randrange(of), tick=1)
    tokens.append(token(tick=1, last=1))
    expected, cycles = [], []
    for sent in tokens:
        base, copies = 0, 0
        for first, channels in ranges:
            if not sent["tick"] and first <= sent["index"] < first + channels:
                expected.append((sent["index"] - first + base, 0, 0))
                copies += 1
            base += channels
        if sent["tick"]:
            expected.append((None, 1, sent["last"]))
        cycles.append(max(1, copies))
    waits = {"gap": coin(0.3, seed), "stall": coin(0.4, -seed)} if seed % 2 else {}
    found, taken, _ = run(fan, tokens, **waits)
    assert found == expected
    if not waits:
        assert [b - a for a, b in pairwise(taken)] == cycles[1:]
