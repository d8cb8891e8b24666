"""The digits network as a bitstream for boards of every family: resources, clock, time of the tools.

Run: python bench/board_builds.py [--out DIR] [--boards ulx3s_85f ...]
Writes board_builds.json and board_builds.md to DIR (default bench/results); exit code 1 if a board is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from report import RESULTS, save, table
from spikeloom import (
    Build,
    CompileOptions,
    PlanOptions,
    UserError,
    build,
    compile_model,
    load_samples,
    verify,
)

__all__ = ["main"]

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "digits"
BOARDS = ("ulx3s_85f", "orangecrab", "icebreaker", "tang_nano_9k")
LANES: dict[str, int | str] = {"icebreaker": 6, "tang_nano_9k": 8}
"""Of small boards; what does not fit says what would."""


def compiled(lanes: int | str, folder: Path) -> tuple[Build, float]:
    """Compile with so many lanes; the build and its cycles a digit, counted on the RTL."""
    result = compile_model(
        EXAMPLE / "digits.nir",
        folder / f"lanes_{lanes}",
        options=CompileOptions(plan=PlanOptions(lanes=lanes)),
        calibration=EXAMPLE / "digits_calibration.npz",
    )
    samples = load_samples(EXAMPLE / "digits_test.npz", shape=(64,))
    return result.build, verify(result.build, samples.x, samples.y).cycles_per_sample or 0.0


def measure(board: str, folder: Path) -> dict[str, Any]:
    """Build for `board`; a design that does not fit is a row too."""
    lanes = LANES.get(board, "auto")
    read, cycles = compiled(lanes, folder / board)
    row = {"board": board, "lanes": lanes, "cycles_per_sample": cycles}
    try:
        result = build(read, board=board)
    except UserError as error:
        return {**row, "error": str(error), "ok": False}
    us = None if result.fmax_mhz is None else cycles / result.fmax_mhz
    return {**row, **result.as_json(), "us_per_sample": us, "ok": bool(result.timing_met)}


def body(rows: list[dict[str, Any]]) -> str:
    head = ("board", "device", "lanes", "cycles a digit", "LUTs", "flip-flops", "block RAMs", "DSPs")
    head += ("fastest MHz", "board MHz", "us a digit", "tools s", "critical path")
    keys = ("luts", "ffs", "block_rams", "dsps", "fmax_mhz", "clock_mhz")
    lines = [
        (row["board"], row["error"])
        if "error" in row
        else (
            row["board"],
            row["device"],
            row["lanes"],
            f"{row['cycles_per_sample']:.1f}",
            *(row[key] for key in keys),
            f"{row['us_per_sample']:.2f}",
            f"{row['wall_s']:.0f}",
            row["critical_path"],
        )
        for row in rows
    ]
    tools = dict(tool for row in rows for tool in row.get("tools", {}).items())
    versions = ", ".join(f"{name} {version}" for name, version in tools.items())
    return (
        "examples/digits with the self-test around it; microseconds are at the fastest clock.\n\n"
        f"{table(head, lines)}\n\n{versions}."
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Bitstreams of the digits network")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--boards", nargs="+", default=list(BOARDS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows = [measure(board, Path(name)) for board in arguments.boards]
    met = all(row["ok"] for row in rows)
    save("board_builds", {"rows": rows, "met": met}, title="Bitstreams", body=body(rows), out=arguments.out)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
