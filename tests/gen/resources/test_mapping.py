"""What memories are made of."""

import pytest
from spikeloom.gen.resources.mapping import MemoryKind, map_memory
from spikeloom.gen.resources.memories import MemoryShape
from spikeloom.hw.boards.devices import GW1NR_9C, ICE40UP5K, LFE5U_85F

LOGIC, LUT_RAM, BLOCK_RAM = MemoryKind.LOGIC, MemoryKind.LUT_RAM, MemoryKind.BLOCK_RAM


@pytest.mark.parametrize(
    ("shape", "device", "kind", "block_rams", "lut_rams"),
    [
        # 2080 bits of constants cost as much in LUTs as in a block RAM
        ({"depth": 65, "width": 32}, LFE5U_85F, LOGIC, 0, 0),
        ({"depth": 66, "width": 32}, LFE5U_85F, BLOCK_RAM, 1, 0),
        # 784 rows of 36 bits: two block RAMs of 512 x 36, or of 1024 x 18
        ({"depth": 784, "width": 36}, LFE5U_85F, BLOCK_RAM, 2, 0),
        # an accumulator word of 13 bits is 4 LUT RAMs wide, and its two read ports double it
        ({"depth": 16, "width": 13, "reads": 2, "written": True, "old_word": True}, LFE5U_85F, LUT_RAM, 0, 8),
        ({"depth": 16, "width": 13, "written": True, "copies": 3}, LFE5U_85F, LUT_RAM, 0, 12),
        ({"depth": 1, "width": 13, "written": True}, LFE5U_85F, LOGIC, 0, 0),
        ({"depth": 300, "width": 64, "written": True}, LFE5U_85F, BLOCK_RAM, 2, 0),
        ({"depth": 16, "width": 64, "written": True}, ICE40UP5K, BLOCK_RAM, 4, 0),
        ({"depth": 512, "width": 36}, GW1NR_9C, BLOCK_RAM, 1, 0),
    ],
)
def test_the_cheapest_is_taken(shape, device, kind, block_rams, lut_rams):
    found = map_memory(MemoryShape(block="memory", **shape), device)
    assert (found.kind, found.block_rams, found.lut_rams) == (kind, block_rams, lut_rams)
