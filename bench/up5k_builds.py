"""An iCE40UP5K: the clock of the digits with every number of lanes, and of MNIST in SPRAM behind its UART.

Every form is compiled, verified on test samples (golden = RTL, cycles as predicted), and placed and routed
for the iCEBreaker with three seeds; the median clock counts. The digits have their self-test around them.
The weights of MNIST (8 bits) are in SPRAM; its accelerator has a clock of its own, behind a UART.

Run: python bench/up5k_builds.py [--out DIR] [--forms "digits, lanes 8" ...] [--seeds 1 2 3] [--limit N]
Writes up5k_builds.json and up5k_builds.md to DIR (default bench/results); forms not named keep the row they
have there. Exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report import RESULTS, save, table
from seeds import placed
from spikeloom import Build, CompileOptions, PlanOptions, compile_model, load_samples, verify

__all__ = ["FORMS", "Form", "main"]

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
BOARD = "icebreaker"
LEAST_MHZ = 60.0


@dataclass(frozen=True, kw_only=True)
class Form:
    """A network, a plan, and what is around it: a self-test, or a link, and then a clock of its own."""

    network: str
    plan: PlanOptions
    link: str | None = None
    clock_mhz: float | None = None


IN_SPRAM = PlanOptions(
    lanes=2,
    update_lanes=1,
    population_lanes={"lif2": 1},
    weights="loaded",
    board=BOARD,
    count_saturations=False,
)
LANES: tuple[int | str, ...] = (1, 2, 4, 8, 16, "auto")
FORMS = {
    **{f"digits, lanes {lanes}": Form(network="digits", plan=PlanOptions(lanes=lanes)) for lanes in LANES},
    "MNIST": Form(network="mnist", plan=IN_SPRAM, link="uart", clock_mhz=LEAST_MHZ),
}


def compiled(form: Form, folder: Path) -> tuple[Build, Path]:
    """The build of a form and the path of its test samples."""
    if form.network == "digits":
        model, data = EXAMPLES / "digits" / "digits.nir", EXAMPLES / "digits"
    else:
        model, data = EXAMPLES / "mnist" / "mnist_784_128_10.nir", folder
        subprocess.run([sys.executable, EXAMPLES / "mnist" / "make_data.py", "-o", folder], check=True)
    calibration = data / f"{form.network}_calibration.npz"
    options = CompileOptions(plan=form.plan)
    result = compile_model(model, folder / "build", options=options, calibration=calibration)
    return result.build, data / f"{form.network}_test.npz"


def measure(form: Form, folder: Path, seeds: list[int], limit: int) -> dict[str, Any]:
    """Verify a form, and build it with every seed."""
    read, data = compiled(form, folder)
    samples = load_samples(data, shape=(read.plan.accelerator.channels,), limit=limit)
    found = verify(read, samples.x, samples.y)
    good = found.mismatches == 0 and found.cycle_mismatches == 0
    row = placed(read, BOARD, seeds, link=form.link, clock_mhz=form.clock_mhz)
    return {
        "samples": found.samples,
        "good": good,
        "accuracy": found.accuracy,
        "cycles": found.cycles_per_sample,
        "link": form.link,
        **row,
        "us": (found.cycles_per_sample or 0.0) / row["fmax_mhz"],
        "met": good and row["fmax_mhz"] >= LEAST_MHZ,
    }


def body(rows: dict[str, dict[str, Any]]) -> str:
    head = ("form", "cells of 5280", "block RAMs", "SPRAMs", "MHz of the seeds", "median")
    head += ("cycles a sample", "us a sample", "samples = golden", f"{LEAST_MHZ:g} MHz")
    lines = [
        (
            name,
            row["luts"],
            row["block_rams"],
            row["sprams"],
            ", ".join(f"{mhz:.1f}" for mhz in row["seeds"].values()),
            f"{row['fmax_mhz']:.1f}",
            f"{row['cycles']:.0f}",
            f"{row['us']:.1f}",
            row["samples"] if row["good"] else "NO",
            "met" if row["met"] else "MISSED",
        )
        for name, row in rows.items()
    ]
    paths = [(name, f"{row['fmax_mhz']:.1f}", row["critical_path"]) for name, row in rows.items()]
    last = next(reversed(rows.values()))
    tools = ", ".join(f"{tool} {version}" for tool, version in last["tools"].items())
    return (
        "iCEBreaker (iCE40UP5K). The digits with their self-test and lights; MNIST (784-128-10, 8 bits, 2 "
        "lanes, 1 for the readout, no counter of saturations) with its weights in SPRAM and its UART, the "
        "clock that of the accelerator, which the PLL makes. Cycles are those of a sample alone.\n\n"
        f"{table(head, lines)}\n\n## What limits the clock\n\n"
        f"{table(('form', 'MHz', 'critical path of the median seed'), paths)}\n\n"
        f"Tools: {tools}; netlist passes: {', '.join(last['passes'])}."
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--forms", nargs="+", choices=list(FORMS), default=list(FORMS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--limit", type=int, default=1000)
    arguments = parser.parse_args()
    stored = arguments.out / "up5k_builds.json"
    for name in arguments.forms:
        with tempfile.TemporaryDirectory() as folder:
            row = measure(FORMS[name], Path(folder), arguments.seeds, arguments.limit)
        print(name, row["seeds"], row["good"], flush=True)
        rows = json.loads(stored.read_text())["forms"] if stored.is_file() else {}
        rows = {form: (rows | {name: row})[form] for form in FORMS if form in rows | {name: row}}
        save(
            "up5k_builds", {"forms": rows}, title="Clock on an iCE40UP5K", body=body(rows), out=arguments.out
        )
    return 0 if all(rows[name]["met"] for name in arguments.forms) else 1


if __name__ == "__main__":
    sys.exit(main())
