"""Argmax: the largest value wins, the lowest index among equals."""

import random

import pytest
from amaranth import signed, unsigned
from spikeloom.hw.argmax import Argmax

from .drivers import Bench, coin, token


def winners(block, samples, *, gap=None, stall=None):
    """Winner of each list of values, and the cycles of the tokens taken and sent."""
    bench = Bench(block)
    tokens = []
    for values in samples:
        tokens += [token(k, value) for k, value in enumerate(values)] + [token(0, 0, tick=1, last=1)]
    taken, sent, payloads = [], [], []

    async def send(ctx):
        await bench.put(ctx, block.values, tokens, gap=gap, taken=taken)

    async def read(ctx):
        for _ in samples:
            payloads.extend(await bench.get(ctx, block.out, done=lambda p: p.tick, stall=stall, taken=sent))

    bench.run(send, read)
    assert [(p.tick, p.last) for p in payloads] == [(0, 0), (1, 1)] * len(samples)
    return [p.index for p in payloads[::2]], taken, sent


@pytest.mark.parametrize("stall", [0, 0.5], ids=["open", "stalled"])
@pytest.mark.parametrize("shape", [signed(2), signed(9), unsigned(1), unsigned(4)], ids=repr)
@pytest.mark.parametrize("neurons", [1, 2, 3, 10])
def test_random_values(neurons, shape, stall):
    rng = random.Random(f"{neurons} {shape} {stall}")
    low = -(1 << (shape.width - 1)) if shape.signed else 0
    samples = [[low + rng.getrandbits(shape.width) for _ in range(neurons)] for _ in range(12)]
    found, *_ = winners(
        Argmax(neurons=neurons, value=shape), samples, gap=coin(stall, 1), stall=coin(stall, 2)
    )
    assert found == [values.index(max(values)) for values in samples]


def test_ties_go_to_the_lowest_index():
    samples = [[0, 0, 0], [-4, -4, -4], [-4, 3, 3], [3, -4, 3], [-2, -1, -1]]
    assert winners(Argmax(neurons=3, value=signed(3)), samples)[0] == [0, 0, 1, 0, 1]


def test_latency():
    block = Argmax(neurons=4, value=unsigned(3))
    _, taken, sent = winners(block, [[1, 2, 3, 4]])
    assert sent == [taken[-1] + Argmax.latency, taken[-1] + Argmax.latency + 1]
