"""Netlist passes: what is changed between synthesis and place and route.

A pass takes and gives Yosys' JSON netlist as plain data. Each is its own module; what
changes gates is proven by gate-level simulation against the vectors of the RTL.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...hw.boards.device import Device, Family
from .adder_inputs import fold_adder_inputs
from .block_ram_sites import block_ram_sites
from .carry_chains import trim_carry_chains
from .copies import copy_gates, copy_registers
from .floorplan import place_block_rams
from .lut_levels import shorten_ecp5_lut_paths, shorten_ice40_lut_paths
from .output_registers import absorb_output_registers
from .spram_registers import copy_spram_registers

__all__ = ["NetlistPass", "apply_passes", "passes_for"]

NetlistPass = Callable[[dict[str, Any]], dict[str, Any]]

# By family, in the order in which they run; the name is what a result lists.
_PASSES: Mapping[Family, Mapping[str, NetlistPass]] = {
    Family.ICE40: {"spram_registers": copy_spram_registers, "lut_levels": shorten_ice40_lut_paths},
    Family.ECP5: {
        "output_registers": absorb_output_registers,
        "adder_inputs": fold_adder_inputs,
        "carry_chains": trim_carry_chains,  # begins a chain otherwise where its first bit has a gate inside
        "lut_levels": shorten_ecp5_lut_paths,
        "gate_copies": copy_gates,
        "register_copies": copy_registers,
    },
    Family.GOWIN: {},
}


def passes_for(device: Device) -> Mapping[str, NetlistPass]:
    """The passes of a device by name, in the order in which they run."""
    sites = block_ram_sites(device)
    placed = {"block_ram_places": partial(place_block_rams, sites=sites)} if sites else {}
    return {**_PASSES[device.family], **placed}


def apply_passes(netlist: Path, passes: Mapping[str, NetlistPass]) -> None:
    """Run `passes` over the netlist in the file `netlist`, in order, and write it back."""
    if not passes:
        return
    design = json.loads(netlist.read_text(encoding="utf-8"))
    for change in passes.values():
        design = change(design)
    netlist.write_text(json.dumps(design), encoding="utf-8")
