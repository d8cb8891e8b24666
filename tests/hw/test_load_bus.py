"""Loaded memories: what the bus writes is read back, and what runs then is the golden model."""

import random

import numpy as np
import pytest
from spikeloom.gen import loading as loading_
from spikeloom.gen.cycles import predict_cycles
from spikeloom.gen.loading import with_loading
from spikeloom.hw import memory_banks
from spikeloom.hw.accelerator import Accelerator
from spikeloom.hw.boards.devices import ICE40UP5K
from spikeloom.hw.load_bus import LOAD_READ_CYCLES, loaded_shapes
from spikeloom.hw.loaded_memory import SLICE_BITS, LoadedShape
from spikeloom.hw.params import ReadoutKind, WeightStore
from spikeloom.sim.golden.model import run_golden

from .randoms import random_chain, random_graph
from .runs import expected_tokens, random_samples, run_samples


def loaded_accelerator(case, rng, device=None):
    """Accelerator whose memories start with noise; what is to be loaded."""
    params = with_loading(case.params, input_max=case.network.input_max, device=device)
    accelerator = Accelerator(params, weights=case.rows)
    assert accelerator.load_bus is not None
    memories, words = accelerator.load_bus.memories, []
    for memory, shape in zip(memories, loaded_shapes(params), strict=True):
        assert (memory.shape.rows, memory.shape.bits) == (shape.rows, shape.bits)
        words.append(memory.words)
        memory.words = [rng.getrandbits(shape.bits) for _ in memory.words]
    return accelerator, words


def loading(accelerator, words, rng):
    """Write all words in a random order of slices, then read all of them back, under reset."""
    bus, shapes = accelerator.load, loaded_shapes(accelerator.params)
    places = [
        (memory, row, place)
        for memory, shape in enumerate(shapes)
        for row in range(shape.rows)
        for place in range(shape.slices)
    ]

    def part(memory, row, place):
        return words[memory][row] >> (SLICE_BITS * place) & 0xFFFF

    async def aim(ctx, memory, row, place):
        ctx.set(bus.memory, memory)
        ctx.set(bus.row, row)
        ctx.set(bus.slice, place)
        await ctx.tick()

    async def prepare(ctx, bench):
        ctx.set(bench.rst, 1)
        ctx.set(bus.active, 1)
        ctx.set(bus.write, 1)
        for place in rng.sample(places, len(places)):
            ctx.set(bus.data, part(*place))
            await aim(ctx, *place)
        ctx.set(bus.write, 0)
        for place in rng.sample(places, len(places)):
            for _ in range(LOAD_READ_CYCLES):
                await aim(ctx, *place)
            assert ctx.get(bus.q) == part(*place), place
        ctx.set(bus.active, 0)
        ctx.set(bench.rst, 0)
        for _ in range(2):
            await ctx.tick()

    return prepare


def check(case, x, rng, *, prepare=True, device=None):
    accelerator, words = loaded_accelerator(case, rng, device)
    params = accelerator.params
    first = loading(accelerator, words, rng) if prepare else None
    run = run_samples(accelerator, x, shuffle=False, pause=2000, prepare=first)
    golden = run_golden(case.network, x, record=True)
    for sample in range(len(x)):
        assert run.tokens[sample] == list(expected_tokens(params, golden, sample)), f"sample {sample}"
    spikes = [golden.spikes.get(core.name) for core in params.cores]
    assert predict_cycles(params, x, spikes).tolist() == run.cycles


@pytest.mark.parametrize("readout", [ReadoutKind.SPIKES, ReadoutKind.COUNTS])
@pytest.mark.parametrize("seed", range(6))
def test_loaded_chains(seed, readout):
    rng = random.Random(f"loaded {seed} {readout}")
    sizes = [rng.randint(1, 9) for _ in range(rng.randint(2, 4))]
    case = random_chain(rng, sizes=sizes, readout=readout, input_max=rng.choice([1, 3]))
    check(case, random_samples(rng, case, samples=2, steps=5), rng)


@pytest.mark.parametrize("seed", range(8))
def test_loaded_graphs(seed):
    """Row lists and delays in the array among them."""
    rng = random.Random(f"loaded graph {seed}")
    case = random_graph(rng, readout=ReadoutKind.SPIKES, delays=seed % 2 == 1)
    check(case, random_samples(rng, case, samples=2, steps=5), rng)


@pytest.mark.parametrize("device", [None, ICE40UP5K])
@pytest.mark.parametrize("seed", range(3))
def test_loaded_banks(seed, device, monkeypatch):
    """Memories of several banks, as if block RAMs and SPRAMs had few words."""
    monkeypatch.setattr(memory_banks, "DEEPEST", 16)
    monkeypatch.setattr(loading_, "_LEAST_SPRAM_BITS", 100)
    rng = random.Random(f"banks {seed}")
    case = random_chain(rng, sizes=[40, 9, 7], shapes=[(3, 1), (4, 2)], readout=ReadoutKind.SPIKES)
    params = with_loading(case.params, input_max=case.network.input_max, device=device)
    shapes = [LoadedShape(name="", rows=core.rows, bits=core.array.row_bits) for core in params.cores]
    stores = [core.array.store for core in params.cores]
    assert (WeightStore.SPRAM in stores) == (device is not None)
    assert [len(shape.banks(store)) for shape, store in zip(shapes, stores, strict=True)] == [8, 2]
    check(case, random_samples(rng, case, samples=2, steps=5), rng, device=device)


def test_what_is_not_loaded_is_not_there():
    rng = random.Random("not loaded")
    case = random_chain(rng, sizes=[6, 9, 7], readout=ReadoutKind.MEMBRANE)
    x = np.ones((1, 3, 6), np.uint8)
    with pytest.raises(AssertionError):
        check(case, x, rng, prepare=False)


def test_the_largest_memories_go_to_spram():
    rng = random.Random("spram")
    case = random_chain(rng, sizes=[90, 100, 7], shapes=[(10, 1), (7, 1)], readout=ReadoutKind.SPIKES)
    params = with_loading(case.params, input_max=1, device=ICE40UP5K)
    bits = [core.weight_memory_bits for core in params.cores]
    stores = [core.array.store for core in params.cores]
    assert [store is WeightStore.SPRAM for store in stores] == [size >= 1 << 15 for size in bits]
    assert WeightStore.INITIALISED not in stores
