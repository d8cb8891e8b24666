"""What differs between device families from RTL to bitstream; one file a family fills this in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...hw.boards.board import Board
from ...hw.boards.device import Device
from .process import Tool
from .resources import CellWeights

__all__ = ["Flow", "SynthOptions", "yowasp_tool"]


@dataclass(frozen=True, kw_only=True)
class SynthOptions:
    """What a synthesis script depends on.

    Attributes
    ----------
    device : Device
    top : str
        Name of the top module.
    netlist : str
        File to write.
    multipliers : bool
        Whether the device's multipliers may be used.
    """

    device: Device
    top: str
    netlist: str
    multipliers: bool = True


@dataclass(frozen=True)
class Placer:
    """A way to place a design: further options of nextpnr, and whether block RAMs keep their sites."""

    options: tuple[str, ...] = ()
    sites: bool = True


@dataclass(frozen=True, kw_only=True)
class Flow:
    """The way from RTL to a bitstream for one family. Files are named ``top.*`` in the working folder.

    Attributes
    ----------
    synth : callable
        Yosys commands from a design to ``<name>.json``.
    cells : CellWeights
        Resources of the cells that synthesis leaves.
    bels : mapping of str to tuple of str
        Names in nextpnr's utilisation report that add up to a resource; one that is absent is only
        known from synthesis.
    constraints : str
        Name of the pin and clock constraints, as Amaranth writes them.
    placer, packer : Tool
    place_options, pack_options : callable
        Command line for a board: netlist ``top.json`` to `routed`, `routed` to `bitstream`.
    routed, bitstream : str
    placers, large_placers : tuple of Placer
        All that are tried, the second for designs of more than `large_cells` LUTs and flip-flops.
    large_cells : int
    ram_shapes : tuple of (int, int)
        Words and bits of a block RAM, for memories that are better sliced (memory_slices.py); empty: Yosys
        shapes all of them.
    pll_clocks : callable, optional
        SDC of a netlist's clocks (its top module) on a board with a PLL, where nextpnr's constraints file has
        no clocks and it derives none.
    count_luts : callable, optional
        LUTs of a netlist (its top module, as Yosys writes it in JSON), where a sum over `cells` is
        too far from what packing makes of them.
    """

    synth: Callable[[SynthOptions], list[str]]
    cells: CellWeights
    bels: Mapping[str, tuple[str, ...]]
    constraints: str
    placer: Tool
    place_options: Callable[[Board], list[str]]
    routed: str
    packer: Tool
    pack_options: Callable[[Board], list[str]]
    bitstream: str
    placers: tuple[Placer, ...] = (Placer(),)
    large_placers: tuple[Placer, ...] = (Placer(),)
    large_cells: int = 30_000
    ram_shapes: tuple[tuple[int, int], ...] = ()
    pll_clocks: Callable[[Mapping[str, Any], Board], str] | None = None
    count_luts: Callable[[Mapping[str, Any]], int] | None = None


def yowasp_tool(name: str, *, distribution: str, function: str) -> Tool:
    """Return a tool whose Python package has `function`, which takes the command line."""
    package = distribution.replace("-", "_")
    return Tool(
        name=name,
        package=package,
        distribution=distribution,
        code=f"import {package}\nsys.exit({package}.{function}(sys.argv[1:]))\n",
    )
