"""The resource model against synthesis: builds of many shapes, the fit of the model, and what it misses.

Each build of resource_builds.py is synthesised once (a build whose RTL and Yosys have not changed is not
synthesised again), its LUTs and flip-flops are counted block by block, and the coefficients of
gen/resources are fitted to them. `left out` is the error of a build when the fit has not seen it. `--place`
runs place and route on some builds, to compare LUTs after packing.

Run: python bench/resources.py [--families ecp5 ...] [--only NAME ...] [--place NAME ...] [--fit-only]
Writes gen/resources/coefficients.json, and resources.json and resources.md to DIR (default bench/results).
Exit code 1 if the model misses a LUT or flip-flop count by more than 10 %, or any block RAM.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from report import RESULTS, save, table
from resource_builds import builds, random_rows
from resource_fit import BOARD, KINDS, device_of, judge
from spikeloom.gen.resources.model import COEFFICIENTS
from spikeloom.gen.rtl import convert
from spikeloom.gen.toolchain.ecp5 import CHAIN_LUTS, carry_chains
from spikeloom.gen.toolchain.flows import FLOWS
from spikeloom.gen.toolchain.ice40 import logic_cells
from spikeloom.gen.toolchain.process import run_tool, tool_version
from spikeloom.gen.toolchain.resources import count_resources
from spikeloom.gen.toolchain.synthesis import synthesise
from spikeloom.hw.accelerator import Accelerator
from spikeloom.hw.boards.device import Family
from spikeloom.hw.boards.registry import BOARDS
from spikeloom.hw.params import AcceleratorParams

__all__ = ["main"]

MOST_ERROR = 0.10
_MEMBERS = {"array": "array", "lif": "neurons", "serialiser": "output"}


def measure(name: str, params: AcceleratorParams, family: Family, old: Mapping[str, Any]) -> dict[str, Any]:
    """Synthesise a build, unless `old` is of the same RTL."""
    rtlil = convert(Accelerator(params, weights=random_rows(params))).rtlil()
    content = f"{tool_version('pyosys')}\n{FLOWS[family].cells}\n{rtlil}"
    digest = hashlib.sha256(content.encode()).hexdigest()
    if old.get("rtl") == digest:
        return dict(old)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "design.il").write_text(rtlil)
        found = synthesise(["design.il"], top="accelerator", device=device_of(family), cwd=path)
        blocks = block_counts(json.loads(found.netlist.read_text())["modules"]["accelerator"], family)
    return {
        "name": name,
        "family": str(family),
        "rtl": digest,
        "synthesised": asdict(found.resources),
        "blocks": [{"core": core, "block": block, **counts} for (core, block), counts in blocks.items()],
    }


def block_counts(module: Mapping[str, Any], family: Family) -> dict[tuple[str, str], dict[str, int]]:
    """LUTs (without those that are RAM) and flip-flops of each block, by the names that synthesis keeps."""
    cells: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for name, cell in module["cells"].items():
        cells[block_of(name)][cell["type"]] += 1
    if family is Family.ECP5:
        for name in carry_chains(module):
            cells[block_of(name)]["chain"] += 1
    weights: dict[str, Any] = {kind: dict(FLOWS[family].cells[kind]) for kind in KINDS}
    logic = {cell: luts for cell, luts in weights["luts"].items() if not re.search("DPR16|RAM16", cell)}
    weights["luts"] = {**logic, "chain": CHAIN_LUTS}
    if family is Family.ICE40:
        for name in logic_cells(module):
            cells[block_of(name)]["logic cell"] += 1
        weights["luts"] = {"logic cell": 1}
    return {
        key: {kind: getattr(count_resources(found, weights), kind) for kind in KINDS}
        for key, found in cells.items()
    }


def block_of(name: str) -> tuple[str, str]:
    """Core and block of a cell."""
    core, _, rest = name.partition(".")
    if not core.startswith("core_"):
        return "", "links"
    member = re.split(r"[.$]", rest)[0]
    if member not in _MEMBERS or "." not in rest:  # a signal of the core: an alias of a block's
        member = (
            "serialiser" if rest.startswith("out__") else "array" if rest.startswith("events__") else "lif"
        )
    return core.removeprefix("core_"), _MEMBERS[member]


def error(row: Mapping[str, Any], by: str, kind: str) -> float:
    return row[by][kind] / row["synthesised"][kind] - 1


def met(row: Mapping[str, Any]) -> bool:
    exact = all(row["predicted"][kind] == row["synthesised"][kind] for kind in ("block_rams", "dsps"))
    return exact and all(abs(error(row, "predicted", kind)) <= MOST_ERROR for kind in KINDS)


def place(row: Mapping[str, Any]) -> dict[str, int]:
    """LUTs and flip-flops after packing, without pins and clock constraints."""
    board = BOARDS[BOARD[Family(row["family"])]]
    flow, params = FLOWS[board.family], builds()[row["name"]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "design.il").write_text(convert(Accelerator(params, weights=random_rows(params))).rtlil())
        synthesise(["design.il"], top="accelerator", device=board.device, cwd=path)
        (path / flow.constraints).write_text("")
        options = [*flow.place_options(board), "--lpf-allow-unconstrained", "--report", "report.json"]
        run = run_tool(flow.placer, [*options, "--timing-allow-fail"], cwd=path, step="place and route")
        if run.returncode:
            return {}
        used = json.loads((path / "report.json").read_text())["utilization"]
    return {kind: sum(used[bel]["used"] for bel in flow.bels[kind]) for kind in KINDS}


def body(rows: list[dict[str, Any]]) -> str:
    head = ("build", "LUTs", "predicted", "error %", "left out %", "flip-flops", "predicted", "error %")
    head += ("left out %", "block RAMs", "predicted", "LUT RAMs", "predicted", "multipliers", "predicted")
    parts = []
    for family in dict.fromkeys(row["family"] for row in rows):
        some = [row for row in rows if row["family"] == family]
        lines = [line(row) for row in some]
        worst = ", ".join(
            f"{kind}: {max(abs(error(row, by, kind)) for row in some):.1%} {words}"
            for kind in KINDS
            for by, words in (("predicted", "fitted"), ("left_out", "left out"))
        )
        parts.append(f"## {family}, {len(some)} builds\n\nLargest errors: {worst}.\n\n{table(head, lines)}")
    placed = [row for row in rows if row.get("placed")]
    if placed:
        head = ("build", "LUTs of synthesis", "after place and route", "flip-flops of synthesis", "after")
        lines = [
            (row["name"], *(row[by][kind] for kind in KINDS for by in ("synthesised", "placed")))
            for row in placed
        ]
        parts.append(f"## After place and route\n\n{table(head, lines)}")
    return "\n\n".join(parts)


def line(row: Mapping[str, Any]) -> list[object]:
    cells: list[object] = [row["name"]]
    for kind in KINDS:
        cells += [row["synthesised"][kind], row["predicted"][kind]]
        cells += [f"{100 * error(row, by, kind):+.1f}" for by in ("predicted", "left_out")]
    for kind in ("block_rams", "lut_rams", "dsps"):
        cells += [row["synthesised"][kind], row["predicted"][kind]]
    return cells


def earlier(out: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows of the file that is there."""
    path = out / "resources.json"
    rows = json.loads(path.read_text())["rows"] if path.is_file() else []
    return {(row["family"], row["name"]): row for row in rows}


def main() -> int:
    parser = argparse.ArgumentParser(description="The resource model against synthesis")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--families", nargs="+", default=["ecp5"], choices=list(Family))
    parser.add_argument("--only", nargs="+", default=[""], help="parts of names; other rows stay")
    parser.add_argument("--place", nargs="*", default=[], help="builds to place and route")
    parser.add_argument("--fit-only", action="store_true", help="synthesise nothing")
    arguments = parser.parse_args()
    rows = earlier(arguments.out)
    for family in map(Family, arguments.families):
        for name, params in builds().items():
            if arguments.fit_only or not any(part in name for part in arguments.only):
                continue
            old = rows.get((family, name), {})
            rows[family, name] = measure(name, params, family, old)
            print(family, name, rows[family, name]["synthesised"], flush=True)
            if name in arguments.place:
                rows[family, name]["placed"] = place(rows[family, name])
    families = dict.fromkeys(Family(family) for family, _ in rows)
    known = builds()
    by_family = {
        family: [row for (found, name), row in rows.items() if found == family and name in known]
        for family in families
    }
    coefficients = json.loads(COEFFICIENTS.read_text()) if COEFFICIENTS.is_file() else {}
    coefficients |= {str(family): judge(some, family) for family, some in by_family.items()}
    COEFFICIENTS.write_text(json.dumps(coefficients, indent=2) + "\n")
    everything = [row for some in by_family.values() for row in some]
    good = all(met(row) for row in everything if row["family"] == Family.ECP5)
    result = {"rows": everything, "met": good}
    save("resources", result, title="The resource model", body=body(everything), out=arguments.out)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
