"""The weight memory: a row two cycles after its address."""

import random

import pytest
from spikeloom.hw.memory_banks import bank_starts, bank_words
from spikeloom.hw.params import ArrayParams, WeightStore
from spikeloom.hw.weight_memory import WeightMemory, rows_in_block_ram

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


@pytest.mark.parametrize(
    ("words", "bits", "banks"),
    [
        (1024, 500, (1024,)),
        (3000, 4, (3000,)),  # as many block RAMs in one piece
        (5000, 64, (4096, 904)),
        (6272, 64, (6272,)),
        (25088, 16, (16384, 8192, 512)),
        (100352, 4, (16384,) * 6 + (2048,)),
    ],
)
def test_banks(words, bits, banks):
    assert bank_words(words, bits) == banks


@pytest.mark.parametrize("store", [WeightStore.INITIALISED, WeightStore.LOADED, WeightStore.SPRAM])
@pytest.mark.parametrize(("words", "bits"), [(5000, 64), (18433, 3), (16384 * 9 + 5, 2)])
def test_banks_of_a_deep_memory(words, bits, store):
    """Addresses around where banks begin, and any others, back to back."""
    rng = random.Random(words)
    rows = [rng.getrandbits(bits) for _ in range(words)]
    late = WeightMemory.late_cycles(words, bits, store)
    assert late == (2 + (words > 16384 * 4) if store is WeightStore.INITIALISED else 0)
    memory = WeightMemory(rows, count=words, row_bits=bits, store=store, late=late)
    edges = [start + k for start in bank_starts(bank_words(words, bits)) for k in (-1, 0, 1)]
    addresses = [0, *(edge for edge in edges if 0 <= edge < words), words - 1]
    addresses += [rng.randrange(words) for _ in range(60)]
    found = []

    async def read(ctx):
        for address in [*addresses, *(0 for _ in range(late + 1))]:
            ctx.set(memory.address, address)
            await ctx.tick()
            found.append(ctx.get(memory.row))

    Bench(memory).run(read)
    assert found[WeightMemory.READ_CYCLES + late - 1 :] == [rows[address] for address in addresses]


@pytest.mark.parametrize(
    ("rows", "bits", "block_ram"), [(16, 4096, False), (17, 240, False), (17, 241, True), (40, 884, True)]
)
def test_wide_tables_are_block_ram(rows, bits, block_ram):
    assert rows_in_block_ram(rows, bits) == block_ram


def test_wrong_number_of_rows():
    with pytest.raises(ValueError, match=r"^Weight memory takes 6 rows, not 5$"):
        WeightMemory([0] * 5, count=6, row_bits=4)
