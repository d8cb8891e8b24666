"""SPI target: bytes both ways at any phase and rate, selections of any length, frames that never pause."""

import random

import pytest
from spikeloom.hw.link.spi import MIN_SCK_CYCLES, FrameStore, SpiTarget

from ..drivers import Bench, coin


class Controller:
    """Clocks bytes through a target, a mode 0 controller whose edges fall where they like."""

    def __init__(self, target, rng, *, period=MIN_SCK_CYCLES):
        self.target, self.rng, self.period = target, rng, period

    async def select(self, ctx, data, *, cut=None):
        """Bytes that came while `data` went; `cut` bits of another byte follow."""
        target, got = self.target, []
        ctx.set(target.cs_n, 0)
        await ctx.tick().repeat(self.rng.randint(6, 12))
        for byte in data:
            got.append(await self.byte(ctx, byte, 8))
        if cut:
            await self.byte(ctx, self.rng.getrandbits(8), cut)
        await ctx.tick().repeat(self.rng.randint(2, 9))
        ctx.set(target.cs_n, 1)
        await ctx.tick().repeat(self.rng.randint(6, 12))
        return got

    async def byte(self, ctx, byte, bits):
        value = 0
        for bit in range(bits):
            ctx.set(self.target.mosi, byte >> (7 - bit) & 1)
            await ctx.tick().repeat(self.period - self.period // 2 + self.rng.randint(0, 2))
            value = value << 1 | ctx.get(self.target.miso)
            ctx.set(self.target.sck, 1)
            await ctx.tick().repeat(self.period // 2)
            ctx.set(self.target.sck, 0)
        return value


@pytest.mark.parametrize("seed", range(3))
def test_bytes_both_ways(seed):
    rng = random.Random(f"spi {seed}")
    target = SpiTarget()
    bench = Bench(target)
    sent = [rng.randrange(1, 256) for _ in range(60)]
    given = [rng.randrange(1, 256) for _ in range(40)]
    came, back, cuts, seen = [], [], 0, 0

    async def watch(ctx):
        nonlocal seen
        async for _, _, valid, data, cut in ctx.tick().sample(target.o.valid, target.o.data, target.cut):
            if valid:
                came.append(data)
            seen += cut

    async def drive(ctx):
        nonlocal cuts
        controller = Controller(target, rng)
        left = list(sent)
        while left:
            count = rng.randint(1, 9)
            cut = rng.choice([None, None, rng.randint(1, 7)])
            cuts += cut is not None
            back.extend(await controller.select(ctx, left[:count], cut=cut))
            del left[:count]
        while ctx.get(target.waiting):
            back.extend(await controller.select(ctx, [0] * 4))

    async def feed(ctx):
        await bench.put(ctx, target.i, given, gap=coin(0.9, rng.random()))

    bench.run(drive, background=[watch, feed], limit_cycles=100_000)
    assert [byte for byte in came if byte] == sent
    assert [byte for byte in back if byte] == given
    assert seen == cuts


def test_frames_do_not_pause():
    rng = random.Random("frames")
    store = FrameStore()
    bench = Bench(store)
    frames = [[rng.randrange(1, 256) for _ in range(rng.choice([1, 5, 255]))] + [0] for _ in range(9)]
    data = [byte for frame in frames for byte in frame]
    inside = False
    got = []

    async def feed(ctx):
        await bench.put(ctx, store.i, data, gap=coin(0.5, 1))

    async def take(ctx):
        nonlocal inside
        while len(got) < len(data):
            ready = rng.random() < 0.3
            ctx.set(store.o.ready, ready)
            _, _, valid, byte = await ctx.tick().sample(store.o.valid, store.o.payload)
            assert valid or not inside, "a pause within a frame"
            if valid and ready:
                got.append(byte)
                inside = byte != 0

    bench.run(take, background=[feed], limit_cycles=20_000)
    assert got == data
