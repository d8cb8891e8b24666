"""The FIFO beside a list: order, room, latency, whatever the traffic."""

import random

import pytest
from amaranth.sim import Simulator
from spikeloom.hw.banked_fifo import BankedFifo
from spikeloom.hw.fifo import DeepFifo, Fifo


@pytest.mark.parametrize(
    ("kind", "depth"),
    [(kind, depth) for kind in (Fifo, DeepFifo) for depth in (1, 2, 3, 4, 16, 17, 64)]
    + [(BankedFifo, depth) for depth in (18, 34, 65, 129)],
)
@pytest.mark.parametrize(("writing", "reading"), [(1.0, 1.0), (0.5, 0.5), (0.9, 0.2), (0.2, 0.9)])
def test_equals_a_list(kind, depth, writing, reading):
    rng = random.Random(f"{depth} {writing}")
    fifo = kind(width=8, depth=depth)
    # a full memory, whatever is on its way out
    least = (1 << fifo.address_bits) - 2
    assert fifo.depth >= depth
    held, most, done = [], 0, 0

    async def bench(ctx):
        nonlocal most, done
        for cycle in range(600):
            put, take, word = rng.random() < writing, rng.random() < reading, rng.randrange(256)
            ctx.set(fifo.w_en, put)
            ctx.set(fifo.w_data, word)
            ctx.set(fifo.r_en, take)
            room, there, oldest = (ctx.get(port) for port in (fifo.w_rdy, fifo.r_rdy, fifo.r_data))
            if there:
                assert oldest == held[0][0]
            assert there == (bool(held) and held[0][1] + fifo.LATENCY_CYCLES <= cycle)
            await ctx.tick()
            if take and there:
                held.pop(0)
                done += 1
            if put and room:
                held.append((word, cycle))
            most = max(most, len(held))
            assert len(held) <= fifo.depth
            assert room or len(held) >= least

    simulator = Simulator(fifo)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert done > 80
    if writing > reading:
        assert most >= depth
