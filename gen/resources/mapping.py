"""What synthesis makes of a memory: block RAMs, LUT RAMs, or LUTs that hold its words.

Yosys compares the costs of all ways (its pass memory_libmap, with the costs of the device's library): a block
RAM 128, a LUT RAM of 16 words of 4 bits 4, a bit in LUTs 1/16 or, where it is written, 1; half a point for
each bit of a multiplexer behind several of them, and two for each point of logic that a port needs beside it.
The same comparison is made here, so block RAMs are counted, not estimated. Deep read-only and loaded memories
are sliced before, where the toolchain does so (gen/toolchain/memory_slices.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from ...hw.boards.device import Device, Family
from ...hw.loaded_memory import SLICE_BITS
from ..toolchain.flows import FLOWS
from ..toolchain.memory_slices import slice_bits
from .memories import MemoryShape

__all__ = ["Mapping", "MemoryKind", "map_memory"]


class MemoryKind(StrEnum):
    """What a memory is made of."""

    LOGIC = "LUTs"
    LUT_RAM = "LUT RAM"
    BLOCK_RAM = "block RAM"
    SPRAM = "SPRAM"


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """A memory on a device, all its copies together.

    Attributes
    ----------
    kind : MemoryKind
    block_rams, lut_rams : int
    sprams : int
    mux_bits : int
        Data bits times the words that a multiplexer behind the RAMs chooses among, less one.
    """

    kind: MemoryKind
    block_rams: int = 0
    lut_rams: int = 0
    sprams: int = 0
    mux_bits: int = 0


@dataclass(frozen=True, kw_only=True)
class _Library:
    """Costs of a family's memories, in Yosys' units.

    `shapes`: (depth, width, byte) of a block RAM, narrowest first, as memory_libmap tries them; words that
    are written take whole bytes.
    """

    block_cost: float
    lut_ram_cost: float | None
    shapes: tuple[tuple[int, int, int], ...]
    by_bits: bool = False  # a LUT RAM costs what it stores, not what it could


_RAM_18K = ((16384, 1, 1), (8192, 2, 2), (4096, 4, 4), (2048, 9, 9), (1024, 18, 9), (512, 36, 9))
_RAM_4K = ((2048, 2, 2), (1024, 4, 4), (512, 8, 8), (256, 16, 1))
_LIBRARIES = {
    Family.ECP5: _Library(block_cost=128, lut_ram_cost=4, shapes=_RAM_18K),
    Family.GOWIN: _Library(block_cost=128, lut_ram_cost=4, shapes=_RAM_18K, by_bits=True),
    Family.ICE40: _Library(block_cost=64, lut_ram_cost=None, shapes=_RAM_4K),
}
_SPRAM_DEPTH, _SPRAM_WIDTH = 1 << 14, 16
_LUT_RAM_DEPTH, _LUT_RAM_WIDTH = 16, 4
_ROM_BIT_COST, _RAM_BIT_COST = 1 / 16, 1.0
_MUX_COST, _PORT_COST = 0.5, 2


def map_memory(memory: MemoryShape, device: Device) -> Mapping:
    """Say how `memory` is built on `device`."""
    shapes = FLOWS[device.family].ram_shapes
    loaded, bits = memory.slices > 0, 0
    if shapes and (loaded or not memory.written):
        bits = slice_bits(memory.word_bits, memory.depth, shapes, written=loaded)
    if not bits:
        return _map_whole(memory, device)
    slices = []
    for low in range(0, memory.word_bits, bits):
        constants = (memory.constants >> low & (1 << bits) - 1).bit_count()
        slices.append(min(bits, memory.word_bits - low) - constants)
    enables = {"slices": -(-bits // SLICE_BITS)} if loaded else {}
    parts = [_map_whole(replace(memory, width=width, **enables), device) for width in slices]
    return Mapping(
        kind=parts[0].kind,
        block_rams=sum(part.block_rams for part in parts),
        lut_rams=sum(part.lut_rams for part in parts),
        mux_bits=sum(part.mux_bits for part in parts),
    )


def _map_whole(memory: MemoryShape, device: Device) -> Mapping:
    library = _LIBRARIES[device.family]
    bit_cost = _RAM_BIT_COST if memory.written else _ROM_BIT_COST
    best, least = Mapping(kind=MemoryKind.LOGIC), int(memory.depth * memory.width * bit_cost)
    if memory.depth < 2 or not memory.width:
        return best
    if memory.spram and device.sprams:
        count = -(-memory.depth // _SPRAM_DEPTH) * -(-memory.width // _SPRAM_WIDTH)
        return Mapping(kind=MemoryKind.SPRAM, sprams=count)
    ways = [_block_ram(memory, library)]
    if memory.block_ram:
        best = ways[0][0] or best
    else:
        ways.insert(0, _lut_ram(memory, library))
        for mapping, cost in ways:
            if mapping is not None and cost < least:
                best, least = mapping, int(cost)
    return Mapping(
        kind=best.kind,
        block_rams=best.block_rams * memory.copies,
        lut_rams=best.lut_rams * memory.copies,
        mux_bits=best.mux_bits * memory.copies,
    )


def _lut_ram(memory: MemoryShape, library: _Library) -> tuple[Mapping | None, float]:
    if library.lut_ram_cost is None or not memory.written:
        return None, 0.0
    deep = -(-memory.depth // _LUT_RAM_DEPTH)
    count = deep * -(-memory.width // _LUT_RAM_WIDTH) * memory.reads
    mux_bits = (deep - 1) * memory.width * memory.reads
    if library.by_bits:
        cost = library.lut_ram_cost * deep * memory.width / _LUT_RAM_WIDTH * memory.reads
    else:
        cost = library.lut_ram_cost * count
    cost += (
        _MUX_COST * (mux_bits + (deep * max(1, memory.slices) if deep > 1 else 0)) + _PORT_COST * memory.reads
    )
    return Mapping(kind=MemoryKind.LUT_RAM, lut_rams=count, mux_bits=mux_bits), cost


def _block_ram(memory: MemoryShape, library: _Library) -> tuple[Mapping | None, float]:
    best: tuple[Mapping | None, float] = (None, 0.0)
    copies = memory.reads if memory.written else 1  # a port writes, the other reads
    port = memory.reads
    if memory.old_word:
        port += 3 + 3 * memory.reads  # what it takes to give the old word
    for depth, width, byte in library.shapes:
        deep = -(-memory.depth // depth)
        parts = max(1, memory.slices)
        part = -(-memory.width // parts)
        bits = parts * -(-part // byte) * byte if memory.written else memory.width
        count = -(-deep * bits // width) * copies
        mux_bits = (deep - 1) * memory.width * memory.reads
        demux = deep * parts if deep > 1 and memory.written else 0
        cost = library.block_cost * count + _MUX_COST * (mux_bits + demux) + _PORT_COST * port
        if best[0] is None or cost < int(best[1]):
            best = Mapping(kind=MemoryKind.BLOCK_RAM, block_rams=count, mux_bits=mux_bits), cost
    return best
