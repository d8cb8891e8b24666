"""The weight memory: a row two cycles after its address."""

import random

import pytest
from spikeloom.hw.params import ArrayParams
from spikeloom.hw.weight_memory import WeightMemory

from .drivers import Bench


@pytest.mark.parametrize(("sources", "targets", "lanes"), [(1, 1, 1), (2, 3, 3), (3, 5, 2), (7, 4, 1)])
def test_rows_follow_their_addresses(sources, targets, lanes):
    rng = random.Random(sources)
    params = ArrayParams(sources=sources, targets=targets, lanes=lanes, weight_bits=5, acc_bits=8)
    rows = [rng.getrandbits(params.row_bits) for _ in range(params.rows)]
    memory = WeightMemory(rows, count=params.rows, row_bits=params.row_bits)
    addresses = [*range(params.rows), *(rng.randrange(params.rows) for _ in range(20))]
    found = []

    async def read(ctx):
        for address in [*addresses, 0]:
            ctx.set(memory.address, address)
            await ctx.tick()
            found.append(ctx.get(memory.row))

    Bench(memory).run(read)
    late = WeightMemory.READ_CYCLES - 1
    assert found[late:] == [rows[address] for address in addresses]


def test_wrong_number_of_rows():
    with pytest.raises(ValueError, match=r"^Weight memory takes 6 rows, not 5$"):
        WeightMemory([0] * 5, count=6, row_bits=4)
