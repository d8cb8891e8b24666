"""What real data makes the RTL do: additions, memory bits, changing bits, and the proxy of energy.

Run: python bench/activity.py [--data DIR] [--out DIR] [--limit N]
DIR holds braille/, nmnist/, fsdd/ and nir/ (by default ../shared/data beside the project). Writes
activity.json and activity.md; exit code 1 if an output of the RTL differs from the golden model.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from networks import DATA, Case, cases
from report import RESULTS, save, table
from spikeloom import CompileOptions, PlanOptions, Samples, compile_model, load_samples, measure_activity

__all__ = ["main"]

DIGITS = Path(__file__).resolve().parent.parent / "examples" / "digits"
LANES: tuple[int | str, ...] = ("auto", 64)
MEMORIES = (("weights",), ("accumulators",), ("states", "parameters"))


def digits(part: str) -> Samples:
    return load_samples(DIGITS / f"digits_{part}.npz", shape=(64,))


def networks(data: Path) -> list[tuple[Case, int | str]]:
    """Digits at two numbers of lanes, and the 8-bit networks of bench/networks.py."""
    small = Case(
        name="digits",
        model=DIGITS / "digits.nir",
        samples=lambda _: digits("test"),
        calibration=lambda _: digits("calibration"),
        most_lost=0,
        least_float=0,
    )
    real = [(case, "auto") for case in cases(data) if case.weight_bits == 8] if data.is_dir() else []
    return [(small, lanes) for lanes in LANES] + real


def measure(case: Case, lanes: int | str, data: Path, limit: int) -> dict[str, Any]:
    options = CompileOptions(semantics=case.semantics, plan=PlanOptions(lanes=lanes))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "calibration.npz", x=case.calibration(data).x)
        build = compile_model(
            case.model, folder / "build", options=options, calibration=folder / "calibration.npz"
        ).build
        found = measure_activity(build, case.samples(data).x, limit=limit)
    return {"name": f"{case.name}, {lanes} lanes", **found.to_json()}


def body(rows: list[dict[str, Any]]) -> str:
    head = ("network", "samples", "cycles", "input events", "additions", "dense", "memory kbit", "weights")
    head += ("accumulators", "states, parameters", "changed kbit", "a cycle", "most in", "proxy / dense")
    lines = [
        (
            row["name"],
            row["samples"],
            *(f"{row[key] / row['samples']:,.0f}" for key in ("cycles", "input_events", "additions")),
            f"{row['dense_operations'] / row['samples']:,.0f}",
            kbit(row, row["memory_bits"]),
            *(kbit(row, traffic(row, *keys)) for keys in MEMORIES),
            kbit(row, row["toggled_bits"]),
            f"{row['toggled_bits'] / row['cycles']:,.0f}",
            most(row["toggles"]),
            f"{row['proxy_pj'] / row['dense_proxy_pj']:.3f}",
        )
        for row in rows
    ]  # fmt: skip
    return f"A sample, 8-bit weights; what each figure is: docs/activity.md.\n\n{table(head, lines)}"


def kbit(row: dict[str, Any], bits: int) -> str:
    return f"{bits / row['samples'] / 1000:,.0f}"


def traffic(row: dict[str, Any], *keys: str) -> int:
    return sum(core[key] for core in row["traffic"] for key in keys)


def most(toggles: dict[str, int]) -> str:
    block = max(toggles, key=lambda name: toggles[name])
    return f"{block} ({toggles[block] / sum(toggles.values()):.0%})"


def main() -> int:
    parser = argparse.ArgumentParser(description="Activity of the RTL on real data")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--limit", type=int, default=10, help="samples of each network")
    arguments = parser.parse_args()
    rows = []
    for case, lanes in networks(arguments.data):
        rows.append(measure(case, lanes, arguments.data, arguments.limit))
        print(rows[-1]["name"], rows[-1]["mismatches"], flush=True)
    good = not any(row["mismatches"] for row in rows)
    save("activity", {"rows": rows, "met": good}, title="Activity", body=body(rows), out=arguments.out)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
