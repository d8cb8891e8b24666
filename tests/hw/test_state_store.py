"""The state store: two cycles to read, cleared by a flag, a write seen by the reads after it."""

import random

import pytest
from spikeloom.gen.rtl import convert
from spikeloom.hw.state_store import StateStore

from .drivers import Bench


@pytest.mark.parametrize(("groups", "width"), [(1, 1), (1, 40), (2, 7), (3, 16), (5, 100), (33, 9)])
def test_reads_what_was_written(groups, width):
    rng = random.Random(f"{groups} {width}")
    store = StateStore(width=width, groups=groups)
    bench = Bench(store)
    cycles = store.read_cycles(groups)
    kept = {}

    async def traffic(ctx):
        due = []
        for _ in range(30 * groups + 100):
            written, read = rng.randrange(groups), rng.randrange(groups)
            writes, zero = rng.random() < 0.5, rng.random() < 0.2
            data = rng.getrandbits(width)
            ctx.set(store.w_en, writes)
            ctx.set(store.w_group, written)
            ctx.set(store.w_data, data)
            ctx.set(store.r_group, read)
            ctx.set(store.r_zero, zero)
            meets = writes and written == read  # not defined: the core never does it
            due.append(0 if zero else None if meets else kept.get(read))
            if writes:
                kept[written] = data
            await ctx.tick()
            if len(due) >= cycles:
                expected = due[-cycles]
                assert expected is None or ctx.get(store.r_data) == expected

    bench.run(traffic)
    assert len(kept) == groups


def test_a_group_is_read_right_after_its_write():
    store = StateStore(width=8, groups=1)
    bench = Bench(store)

    async def traffic(ctx):
        ctx.set(store.w_en, 1)
        ctx.set(store.w_data, 0x5A)
        await ctx.tick()
        ctx.set(store.w_data, 0x33)
        for _ in range(StateStore.READ_CYCLES):
            await ctx.tick()
            ctx.set(store.w_en, 0)
        assert ctx.get(store.r_data) == 0x5A
        await ctx.tick()
        assert ctx.get(store.r_data) == 0x33

    bench.run(traffic)


def test_neurons_without_state_have_no_memory():
    """Yosys stops at a memory that is 0 bits wide."""
    assert "memory width" not in convert(StateStore(width=0, groups=3)).rtlil()
