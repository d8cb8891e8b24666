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
from spikeloom import Build, UserError, build, compile_model, load_samples, verify

__all__ = ["main"]

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "digits"
BOARDS = ("ulx3s_85f", "orangecrab", "icebreaker", "tang_nano_9k")


def measure(compiled: Build, board: str, cycles: float) -> dict[str, Any]:
    """Build for `board`; a design that does not fit is a row too."""
    try:
        result = build(compiled, board=board)
    except UserError as error:
        return {"board": board, "error": str(error), "ok": False}
    row = result.as_json()
    us = None if result.fmax_mhz is None else cycles / result.fmax_mhz
    return {**row, "us_per_sample": us, "ok": bool(result.timing_met)}


def body(rows: list[dict[str, Any]], cycles: float) -> str:
    head = ("board", "device", "LUTs", "flip-flops", "block RAMs", "DSPs", "fastest MHz", "board MHz")
    head += ("us a digit", "tools s", "critical path")
    keys = ("device", "luts", "ffs", "block_rams", "dsps", "fmax_mhz", "clock_mhz")
    lines = [
        (row["board"], row["error"])
        if "error" in row
        else (
            row["board"],
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
        f"examples/digits, {cycles:.1f} cycles a digit, with the self-test around it; microseconds are at "
        f"the fastest clock.\n\n{table(head, lines)}\n\n{versions}."
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Bitstreams of the digits network")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--boards", nargs="+", default=list(BOARDS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        calibration = EXAMPLE / "digits_calibration.npz"
        compiled = compile_model(EXAMPLE / "digits.nir", Path(name) / "digits", calibration=calibration)
        samples = load_samples(EXAMPLE / "digits_test.npz", shape=(64,))
        cycles = verify(compiled.build, samples.x, samples.y).cycles_per_sample or 0.0
        rows = [measure(compiled.build, board, cycles) for board in arguments.boards]
    met = all(row["ok"] for row in rows)
    result = {"rows": rows, "cycles_per_sample": cycles, "met": met}
    save("board_builds", result, title="Bitstreams", body=body(rows, cycles), out=arguments.out)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
