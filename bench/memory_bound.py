"""Cycles of real networks beside the least that their weight memories allow, and where the rest goes.

The bound of a step is the largest number of memory words that an array reads for its events, a word a cycle
(gen/memory_traffic.py). Every plan is run on the RTL (CXXRTL): outputs and cycles must be golden's.

N-MNIST, which simulates slowly, has its own plan only.

Run: python bench/memory_bound.py [--data DIR] [--out DIR] [--limit N]
DIR holds mnist/, braille/, nmnist/, fsdd/ and nir/ (by default ../shared/data beside the project). Writes
memory_bound.json and memory_bound.md; exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from networks import DATA, MNIST, Case, cases, compile_case, mnist
from report import RESULTS, save, table
from spikeloom import PlanOptions, run_golden, verify
from spikeloom.gen.cycles import predict_cycles
from spikeloom.gen.memory_traffic import memory_cycles
from spikeloom.hw.lif import update_latency

__all__ = ["main"]

MANY_EVENTS = 64  # of the input a step: from there on the ratio counts, below it the difference
MOST_RATIO, MOST_OVER_CYCLES = 1.1, 24.0
PLANS: tuple[dict[str, Any], ...] = (
    {},
    {"lanes": 16, "update_lanes": 16},
    {"lanes": 32, "update_lanes": 16},
    {"lanes": 128, "update_lanes": 16},
)


def networks(data: Path) -> Iterator[Case]:
    """MNIST and the 8-bit networks of bench/networks.py."""
    yield Case(
        name="MNIST 784-128-10",
        model=MNIST / "mnist_784_128_10.nir",
        samples=lambda data: mnist(data, "test"),
        calibration=lambda data: mnist(data, "calibration"),
        most_lost=0,
        least_float=0,
    )
    yield from (case for case in cases(data) if case.weight_bits == 8)


def measure(case: Case, plan: dict[str, Any], data: Path, limit: int) -> dict[str, Any]:
    x = case.samples(data).x[:limit]
    calibration = case.calibration(data).x[:100]
    with tempfile.TemporaryDirectory() as name:
        build = compile_case(case, calibration, Path(name), plan=PlanOptions(**plan)).build
        checked = verify(build, x)
    params, run = build.plan.accelerator, run_golden(build.qnet, x)
    spikes = [run.spikes.get(population) for population in build.plan.populations]
    bound = float(memory_cycles(params, x, spikes).max(axis=0).mean())
    steps = x.shape[1]
    row = {
        "name": case.name,
        "cores": [shape(core) for core in params.cores],
        "samples": len(x),
        "input_events_per_step": float(x.sum(dtype=np.int64) / (len(x) * steps)),
        "bound_cycles_per_step": bound,
        "cycles_per_step": float(predict_cycles(params, x, spikes).mean()) / steps,
        "pipeline_cycles": [
            update_latency(core.neuron, lanes=core.update_lanes) + 10 for core in params.cores
        ],
        "sweep_cycles": [-(-core.neuron.neurons // core.update_lanes) for core in params.cores],
        "mismatches": checked.mismatches + (checked.cycle_mismatches or 0),
        "plan": plan or "auto",
    }
    return row | {"ok": met(row)}


def shape(core: Any) -> str:
    return f"{core.neuron.neurons} on {core.array.lanes}/{core.update_lanes}"


def met(row: dict[str, Any]) -> bool:
    cycles, bound = row["cycles_per_step"], row["bound_cycles_per_step"]
    if row["input_events_per_step"] >= MANY_EVENTS:
        return not row["mismatches"] and cycles <= MOST_RATIO * bound
    return not row["mismatches"] and cycles <= bound + MOST_OVER_CYCLES


def body(rows: list[dict[str, Any]]) -> str:
    head = (
        "network",
        "neurons on lanes/update lanes",
        "samples",
        "input events a step",
        "bound, cycles a step",
    )
    head += ("cycles a step", "over", "ratio", "pipelines", "sweeps", "mismatches", "met")
    lines = [
        (
            row["name"],
            ", ".join(row["cores"]),
            row["samples"],
            f"{row['input_events_per_step']:.1f}",
            f"{row['bound_cycles_per_step']:.1f}",
            f"{row['cycles_per_step']:.1f}",
            f"{row['cycles_per_step'] - row['bound_cycles_per_step']:.1f}",
            f"{row['cycles_per_step'] / row['bound_cycles_per_step']:.2f}",
            " ".join(map(str, row["pipeline_cycles"])),
            " ".join(map(str, row["sweep_cycles"])),
            row["mismatches"],
            "yes" if row["ok"] else "no",
        )
        for row in rows
    ]
    return f"{INTRODUCTION}\n\n{table(head, lines)}"


INTRODUCTION = f"""\
Target: at most {MOST_RATIO} times the bound for inputs of at least {MANY_EVENTS} events a step, at most
{MOST_OVER_CYCLES:.0f} cycles over it for fewer. 8-bit weights. `pipelines` are about the cycles from a tick
to the first token of a core (array, neurons, serialiser), `sweeps` those of its update, core by core. In a
feed-forward network both overlap with the next steps' events and are paid once a sample; in a recurrent core
every step waits for the one before, so both are paid each step. What else is over the bound: a cycle a tick,
and steps in which one core has many events and the next few: the bound takes the busiest core of each step,
but a step's spikes keep the next core busy a step later."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Cycles beside the memory's bound")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--limit", type=int, default=20, help="samples of each network")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"{arguments.data} is not there: give --data")
    rows = []
    for case in networks(arguments.data):
        for plan in PLANS[: 1 if case.rtl_samples else None]:
            rows.append(measure(case, plan, arguments.data, arguments.limit))
            print({key: rows[-1][key] for key in ("name", "plan", "cycles_per_step", "ok")}, flush=True)
    good = all(row["ok"] for row in rows)
    save(
        "memory_bound",
        {"rows": rows, "met": good},
        title="At the memory's bound",
        body=body(rows),
        out=arguments.out,
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
