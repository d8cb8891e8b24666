"""The digits network behind its UART link: bitstreams for boards of three families, and what the link allows.

Run: python bench/link_builds.py [--out DIR] [--boards ulx3s_85f ...]
Samples a second are those of a simulated board with the clock, the rate and the window of the real one.
Writes link_builds.json and link_builds.md to DIR (default bench/results); exit code 1 if a board is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from report import RESULTS, save, table
from spikeloom import Build, CompileOptions, PlanOptions, UserError, build, compile_model, load_samples
from spikeloom.firmware.host.board import BoardLink
from spikeloom.firmware.host.run import run_on_board
from spikeloom.firmware.host.session import LinkOptions
from spikeloom.gen.toolchain.build import board_named
from spikeloom.gen.toolchain.tops import DEFAULT_BAUD, link_params
from spikeloom.sim.engines import run_engine
from spikeloom.sim.link.pins import SimulatedBoard

__all__ = ["main"]

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "digits"
BOARDS = ("ulx3s_12f", "colorlight_5a75b", "ecpix5_85f", "icebreaker", "ice40_hx8k_evn", "tang_nano_9k")
BOARDS += ("tang_primer_20k",)
LANES: dict[str, int | str] = {"icebreaker": 2, "ice40_hx8k_evn": 4, "tang_nano_9k": 8}  # of small boards
SAMPLES = 60


def compiled(lanes: int | str, folder: Path) -> Build:
    """Compile with so many lanes."""
    return compile_model(
        EXAMPLE / "digits.nir",
        folder / f"lanes_{lanes}",
        options=CompileOptions(plan=PlanOptions(lanes=lanes)),
        calibration=EXAMPLE / "digits_calibration.npz",
    ).build


def through_the_link(read: Build, board: str) -> dict[str, Any]:
    """Digits through the pins of the board in simulation; every value compared with the golden model's."""
    params = link_params(read, board_named(board), baud=DEFAULT_BAUD)
    samples = load_samples(EXAMPLE / "digits_test.npz", shape=(64,), limit=SAMPLES)
    with BoardLink(SimulatedBoard(read, params), read, options=LinkOptions(timeout_s=0.005)) as link:
        wrong = np.count_nonzero(link.run(samples.x[:3]) != run_engine("golden", read, samples.x[:3]).output)
        before = link.statistics.bytes_out, link.statistics.bytes_in
        run = run_on_board(link, samples.x, samples.y)
    after = run.link["bytes_out"], run.link["bytes_in"]
    there, back = ((b - a) / SAMPLES for a, b in zip(before, after, strict=True))
    return {
        "window": params.window,
        "samples_per_s": run.samples_per_s,
        "bytes_there": there,
        "bytes_back": back,
        "accuracy": run.accuracy,
        "wrong": int(wrong),
    }


def measure(board: str, folder: Path) -> dict[str, Any]:
    """Build for `board`; a design that does not fit is a row too."""
    lanes = LANES.get(board, "auto")
    read = compiled(lanes, folder / board)
    row = {"board": board, "lanes": lanes, **through_the_link(read, board)}
    try:
        result = build(read, board=board, link="uart")
    except UserError as error:
        return {**row, "error": str(error), "ok": False}
    figures = {key: value for key, value in result.as_json().items() if key != "bitstream"}
    return {**row, **figures, "ok": bool(result.timing_met) and not row["wrong"]}


def body(rows: list[dict[str, Any]]) -> str:
    head = (
        "board",
        "device",
        "lanes",
        "window",
        "LUTs",
        "flip-flops",
        "block RAMs",
        "fastest MHz",
        "board MHz",
    )
    head += ("digits a second", "bytes a digit there", "bytes back", "tools s", "critical path")
    keys = ("device", "lanes", "window", "luts", "ffs", "block_rams", "fmax_mhz", "clock_mhz")
    lines = [
        (row["board"], row["error"])
        if "error" in row
        else (
            row["board"],
            *(row[key] for key in keys),
            *(f"{row[key]:.1f}" for key in ("samples_per_s", "bytes_there", "bytes_back")),
            f"{row['wall_s']:.0f}",
            row["critical_path"],
        )
        for row in rows
    ]
    tools = dict(tool for row in rows for tool in row.get("tools", {}).items())
    versions = ", ".join(f"{name} {version}" for name, version in tools.items())
    return (
        f"examples/digits behind a UART of {DEFAULT_BAUD} baud. Digits a second and bytes: {SAMPLES} digits"
        " through the pins of a simulated board with the clock and the window of the real one.\n\n"
        f"{table(head, lines)}\n\n{versions}."
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Bitstreams with a link")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--boards", nargs="+", default=list(BOARDS))
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        for board in arguments.boards:
            rows.append(measure(board, Path(name)))
            print(board, {key: rows[-1].get(key) for key in ("ok", "luts", "fmax_mhz", "error")}, flush=True)
    met = all(row["ok"] for row in rows)
    save("link_builds", {"rows": rows, "met": met}, title="Links", body=body(rows), out=arguments.out)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
