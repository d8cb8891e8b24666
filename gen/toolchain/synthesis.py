"""Synthesis: RTLIL files to a netlist of a device's cells, with their counts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...hw.boards.device import Device
from ..errors import UserError
from ..memories import CONTENT_CELL
from .flow import SynthOptions
from .flows import FLOWS
from .memory_slices import slice_memories
from .process import OnLine
from .resources import Resources, count_resources
from .yosys import YosysEngine, YosysRun, run_yosys

__all__ = ["Synthesis", "read_cells", "synthesise"]


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """A netlist.

    Attributes
    ----------
    netlist : Path
        Yosys JSON.
    cells : mapping of str to int
        Cells by type.
    resources : Resources
        What these take; place and route adds a little for routing and constants.
    yosys : YosysRun
    """

    netlist: Path
    cells: Mapping[str, int]
    resources: Resources
    yosys: YosysRun


def synthesise(
    sources: Sequence[str],
    *,
    top: str,
    device: Device,
    cwd: Path,
    name: str = "top",
    multipliers: bool = True,
    blank: bool = False,
    unread: Sequence[str] = (),
    engine: YosysEngine = "auto",
    on_line: OnLine | None = None,
) -> Synthesis:
    """Synthesise module `top` for `device`.

    Parameters
    ----------
    sources : sequence of str
        RTLIL files, relative to `cwd`.
    cwd : Path
        Working folder. It gets ``<name>.json`` (the netlist), ``<name>.ys`` (the script),
        ``<name>.stat.json`` and ``<name>.yosys.log``.
    multipliers : bool
        Whether the device's multipliers may be used.
    blank : bool
        Whether there are memories that are loaded: their contents are left out.
    unread : sequence of str
        Outputs of `top` that nothing will read: what is only for them is not counted.
    engine : {"auto", "pyosys", "yowasp"}
    on_line : callable, optional
        Called with every line of the log.

    Raises
    ------
    MissingTool
        No Yosys is installed.
    UserError
        Synthesis failed: Yosys' first error.
    """
    flow = FLOWS[device.family]
    options = SynthOptions(device=device, top=top, netlist=f"{name}.json", multipliers=multipliers)
    script = "\n".join(
        [
            *(f"read_rtlil {_sliced(source, cwd, flow.ram_shapes)}" for source in sources),
            *([f"delete */{CONTENT_CELL}"] if blank else []),
            *(f"delete -output {top}/w:{port}" for port in unread),
            *flow.synth(options),
            f"tee -q -o {name}.stat.json stat -json",
            "",
        ]
    )
    (cwd / f"{name}.ys").write_text(script, encoding="utf-8")
    run = run_yosys(script, cwd=cwd, engine=engine, step="synthesis", on_line=on_line)
    (cwd / f"{name}.yosys.log").write_text(run.log, encoding="utf-8")
    cells = read_cells(cwd / f"{name}.stat.json")
    netlist = cwd / f"{name}.json"
    resources = count_resources(cells, flow.cells)
    if flow.count_luts is not None:
        module = json.loads(netlist.read_text(encoding="utf-8"))["modules"][top]
        resources = replace(resources, luts=flow.count_luts(module))
    return Synthesis(netlist=netlist, cells=cells, resources=resources, yosys=run)


def _sliced(source: str, cwd: Path, shapes: Sequence[tuple[int, int]]) -> str:
    """Name of the RTLIL file to read: `source`, or one beside it in `cwd` with its deep memories sliced."""
    if not shapes:
        return source
    text = (cwd / source).read_text(encoding="utf-8")
    sliced = slice_memories(text, shapes)
    if sliced is text:
        return source
    name = f"{Path(source).stem}.sliced.il"
    (cwd / name).write_text(sliced, encoding="utf-8")
    return name


def read_cells(path: Path) -> dict[str, int]:
    """Read the cell counts of a whole design from what ``stat -json`` wrote.

    Raises
    ------
    UserError
        It is not such a file.
    """
    try:
        design = json.loads(path.read_text(encoding="utf-8"))["design"]
        cells = design["num_cells_by_type"]
        return {str(cell): int(count) for cell, count in cells.items() if not cell.startswith("$scopeinfo")}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"synthesis: {path.name} is not a report of Yosys' stat -json") from None
