"""The event queue: order, depth, latency, and a token every cycle."""

import random

import pytest
from amaranth.lib import data
from spikeloom.hw.event_queue import EventQueue
from spikeloom.hw.signatures import event_layout

from .drivers import Bench, coin, token


def carry(queue, tokens, *, gap=None, stall=None):
    bench = Bench(queue)
    taken, sent, payloads = [], [], []

    async def send(ctx):
        await bench.put(ctx, queue.i, tokens, gap=gap, taken=taken)

    async def read(ctx):
        count = iter(range(1, len(tokens) + 1))
        done = lambda payload: next(count) == len(tokens)  # noqa: E731
        payloads.extend(await bench.get(ctx, queue.o, done=done, stall=stall, taken=sent))

    bench.run(send, read)
    return [{name: getattr(p, name) for name in ("index", "tick", "last")} for p in payloads], taken, sent


def random_tokens(rng, channels, count):
    return [
        token(rng.randrange(channels), tick=rng.getrandbits(1), last=rng.getrandbits(1)) for _ in range(count)
    ]


@pytest.mark.parametrize("channels", [1, 2, 5, 300])
@pytest.mark.parametrize(("gap", "stall"), [(0, 0), (0.6, 0), (0, 0.6), (0.4, 0.4)])
@pytest.mark.parametrize("depth", [4, 16])
def test_order_is_kept(channels, gap, stall, depth):
    tokens = random_tokens(random.Random(channels), channels, 60)
    queue = EventQueue(event_layout(channels), depth=depth)
    assert isinstance(queue.payload, data.StructLayout)
    assert carry(queue, tokens, gap=coin(gap, 1), stall=coin(stall, 2))[0] == tokens


@pytest.mark.parametrize("depth", [4, 16])
def test_latency_and_rate(depth):
    queue = EventQueue(event_layout(8), depth=depth)
    _, taken, sent = carry(queue, random_tokens(random.Random(0), 8, 40))
    assert taken == list(range(taken[0], taken[0] + 40))
    assert sent == [cycle + EventQueue.LATENCY_CYCLES for cycle in taken]


@pytest.mark.parametrize("depth", [4, 16])
def test_holds_its_depth(depth):
    queue = EventQueue(event_layout(8), depth=depth)
    bench = Bench(queue)
    taken = []

    async def send(ctx):
        await bench.put(ctx, queue.i, [token(k % 8) for k in range(depth)], taken=taken)
        ctx.set(queue.i.valid, 1)
        for _ in range(4):
            await ctx.tick()
        assert not ctx.get(queue.i.ready)

    bench.run(send)
    assert len(taken) == depth
