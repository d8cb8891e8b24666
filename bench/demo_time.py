"""Wall time of `spikeloom demo`: the first time on a machine, and once its tools have been compiled.

The first run starts with empty caches: YoWASP compiles the WebAssembly of nextpnr, the C++ compiler the RTL.

Run: python bench/demo_time.py [--out DIR]
Writes demo_time.json and demo_time.md to DIR (default bench/results); exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from report import RESULTS, save, table

__all__ = ["main"]

MOST_SECONDS = 180  # on two idle cores


def measure(run: str, folder: Path) -> dict[str, Any]:
    """Run the demo with the caches in `folder`."""
    command = [sys.executable, "-m", "spikeloom", "demo", "-o", f"{run}", "--json", f"{run}.json"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    cpu, started = children_cpu_s(), time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    wall_s = time.monotonic() - started
    found = json.loads((folder / f"{run}.json").read_text())
    return {"run": run, "wall_s": wall_s, "cpu_s": children_cpu_s() - cpu, **found}


def children_cpu_s() -> float:
    """CPU seconds of all children that have ended; unlike wall time it does not depend on the load."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def body(rows: list[dict[str, Any]]) -> str:
    head = ("run", "wall s", "CPU s", "verify s", "bitstream s", "mismatches", "RTL %", "us a digit", "LUTs")
    lines = [
        (
            row["run"],
            f"{row['wall_s']:.1f}",
            f"{row['cpu_s']:.1f}",
            f"{row['verify']['wall_s']:.1f}",
            f"{row['build']['wall_s']:.1f}",
            row["verify"]["mismatches"],
            f"{100 * row['verify']['accuracy']:.2f}",
            f"{row['us_per_sample']:.2f} at {row['build']['fmax_mhz']} MHz",
            row["build"]["luts"],
        )
        for row in rows
    ]
    return f"`spikeloom demo`, at most {MOST_SECONDS} s on two idle cores.\n\n{table(head, lines)}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Wall time of the demo")
    parser.add_argument("--out", type=Path, default=RESULTS)
    out = parser.parse_args().out.resolve()
    with tempfile.TemporaryDirectory() as name:
        rows = [measure(run, Path(name)) for run in ("first", "again")]
    met = all(row["wall_s"] <= MOST_SECONDS and row["ok"] for row in rows)
    save("demo_time", {"rows": rows, "met": met}, title="Time of the demo", body=body(rows), out=out)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
