"""Memories by their parameters against those that are elaborated."""

import random
from collections import Counter

import pytest
from amaranth.hdl import Fragment, Shape
from spikeloom.gen.resources.memories import accelerator_memories
from spikeloom.hw.accelerator import Accelerator
from spikeloom.hw.params import ReadoutKind

from ...hw.randoms import random_chain, random_graph
from .stored import stored_params

BUILDS = ["chain_03", "chain_07", "recurrent_01", "branches_01", "maps_02", "maps_05", "sparse_02"]
BUILDS += ["delays_02", "delays_04", "values_00", "loaded_00"]


class Watch:
    """Stands for a platform, and notes every memory that is elaborated."""

    def __init__(self):
        self.found = Counter()

    def get_memory(self, memory):
        written = bool(memory.write_ports)
        loaded = "loaded" in memory.attrs  # it does not read while it writes
        old_word = written and not loaded and "no_rw_check" not in memory.attrs
        width = Shape.cast(memory.shape).width
        block_ram = memory.attrs.get("ram_style") == "block"
        self.found[memory.depth, width, len(memory.read_ports), written, old_word, block_ram] += 1
        return memory.elaborate(None)


def check(params):
    watch = Watch()
    weights = [[0] * core.rows for core in params.cores]
    Fragment.get(Accelerator(params, weights=weights), watch)
    expected = Counter()
    for memory in accelerator_memories(params):
        shape = (memory.depth, memory.word_bits)
        kind = (memory.reads, memory.written, memory.old_word, memory.block_ram)
        expected[*shape, *kind] += memory.copies
    assert expected == watch.found


@pytest.mark.parametrize("name", BUILDS)
def test_memories_are_those_of_the_rtl(name):
    check(stored_params(name))


@pytest.mark.parametrize("seed", range(12))
def test_memories_of_random_accelerators(seed):
    rng = random.Random(seed)
    readout = list(ReadoutKind)[seed % 4]
    if seed % 3:
        check(random_graph(rng, readout=readout, delays=True, spike_bits=3).params)
    else:
        check(random_chain(rng, sizes=[5, 40, 11, 7], readout=readout, input_values=seed % 2 > 0).params)
