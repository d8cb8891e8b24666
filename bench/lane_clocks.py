"""Clock of the real networks with other lanes than the automatic ones, each the whole accelerator, placed.

MNIST 784-128-10 with 1 to 128 lanes is in forms.md, every network with its automatic lanes in networks.md.
Each build here is run on some samples (golden = RTL, cycles as predicted) before it is placed.

Run: python bench/lane_clocks.py [--data DIR] [--out DIR] [--only NAME ...] [--lanes 1 4 ...] [--seeds 1 ...]
DIR holds braille/, fsdd/, mnist/, nir/ and nmnist/ (by default ../shared/data beside the project). Writes
lane_clocks.json and lane_clocks.md; rows not asked for stay. Exit code 1 if a clock or a result misses.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from networks import BOARD, DATA, Case, cases, compile_case
from report import RESULTS, save, table
from seeds import placed
from spikeloom import PlanOptions, verify

__all__ = ["main"]

NETWORKS = ("Braille, 8 bits", "recurrent", "delays")
LANES = (1, 4, 16, 128)  # 128: as many as a core has neurons
LEAST_MHZ = 200
CALIBRATION_SAMPLES = 100


def measure(case: Case, lanes: int, data: Path, *, seeds: list[int], limit: int) -> dict[str, Any]:
    """Compile, verify and place a network with so many lanes for each population."""
    calibration = case.calibration(data).x[:CALIBRATION_SAMPLES]
    with tempfile.TemporaryDirectory() as name:
        found = compile_case(case, calibration, Path(name), plan=PlanOptions(lanes=lanes)).build
        checked = verify(found, case.samples(data).x[:limit])
        row = {
            "name": case.name,
            "lanes": lanes,
            "cores": [
                f"{core.neuron.neurons} on {core.array.lanes}/{core.update_lanes}"
                for core in found.plan.accelerator.cores
            ],
            "samples": checked.samples,
            "mismatches": checked.mismatches + (checked.cycle_mismatches or 0),
            "cycles": checked.cycles_per_sample,
        }
        row |= placed(found, BOARD, seeds)
    return row | {"ok": not row["mismatches"] and row["fmax_mhz"] >= LEAST_MHZ}


def body(rows: list[dict[str, Any]]) -> str:
    head = ("network", "neurons on lanes/update lanes", "samples", "mismatches", "cycles a sample", "LUTs")
    head += ("flip-flops", "block RAMs", "MHz of the seeds", "median", "us a sample", "critical path", "met")
    lines = [
        (
            row["name"],
            ", ".join(row["cores"]),
            row["samples"],
            row["mismatches"],
            f"{row['cycles']:.1f}",
            *(row[kind] for kind in ("luts", "ffs", "block_rams")),
            ", ".join(str(mhz) for mhz in row["seeds"].values()),
            row["fmax_mhz"],
            f"{row['cycles'] / row['fmax_mhz']:.1f}",
            row["critical_path"],
            "yes" if row["ok"] else "no",
        )
        for row in rows
    ]
    return f"{BOARD}, with the self-test around each; target {LEAST_MHZ} MHz:\n\n{table(head, lines)}"


def earlier(out: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Rows of the file that is there."""
    path = out / "lane_clocks.json"
    rows = json.loads(path.read_text())["rows"] if path.is_file() else []
    return {(row["name"], row["lanes"]): row for row in rows}


def main() -> int:
    parser = argparse.ArgumentParser(description="Clock of the real networks with other lanes")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--only", nargs="+", default=list(NETWORKS), help="parts of names")
    parser.add_argument("--lanes", type=int, nargs="+", default=list(LANES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--limit", type=int, default=20, help="samples on the RTL")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"{arguments.data} is not there: give --data")
    rows = earlier(arguments.out)
    everything = cases(arguments.data)
    for case in (case for case in everything if any(part in case.name for part in arguments.only)):
        for lanes in arguments.lanes:
            row = measure(case, lanes, arguments.data, seeds=arguments.seeds, limit=arguments.limit)
            print({key: row[key] for key in ("name", "cores", "luts", "fmax_mhz", "ok")}, flush=True)
            rows[case.name, lanes] = row
            order = [case.name for case in everything]
            ordered = sorted(rows.values(), key=lambda row: (order.index(row["name"]), row["lanes"]))
            result = {"rows": ordered, "met": all(row["ok"] for row in ordered)}
            save("lane_clocks", result, title="Other lanes", body=body(ordered), out=arguments.out)
    return 0 if all(row["ok"] for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
