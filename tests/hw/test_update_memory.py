"""Update memory: a word takes an update every cycle, whatever is still on its way."""

import random

import pytest
from spikeloom.hw.update_memory import UpdateMemory

from .drivers import Bench


@pytest.mark.parametrize("depth", [1, 2, 3, 11])
@pytest.mark.parametrize("rate", [1.0, 0.5])
def test_every_distance_between_updates_of_a_word(depth, rate):
    rng = random.Random(f"{depth} {rate}")
    block = UpdateMemory(width=16, depth=depth, operand=16, update=lambda word, operand: word * 3 + operand)
    bench, found = Bench(block), []
    updates = [(rng.randrange(depth), rng.randrange(1 << 16)) for _ in range(300)]

    async def drive(ctx):
        for address, operand in updates:
            while rng.random() >= rate:
                await ctx.tick()
            ctx.set(block.address, address)
            ctx.set(block.operand, operand)
            ctx.set(block.strobe, 1)
            await ctx.tick()
            ctx.set(block.strobe, 0)
        for _ in range(4):
            await ctx.tick()

    bench.run(drive, background=[bench.watch(block.done, (block.old, block.current), found.append)])
    words, expected = [0] * depth, []
    for address, operand in updates:
        expected.append((words[address], operand))
        words[address] = (words[address] * 3 + operand) % (1 << 16)
    assert [row[1:] for row in found] == expected
