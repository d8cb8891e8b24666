"""What grows with a network and with its lanes: cycles, LUTs, compile time and simulation speed.

Random networks of two dense layers, from 10,000 to 10,000,000 synapses with the automatic plan, and one
of 784-128-10 with 1 to 128 lanes. Each is verified on random input of 10 % activity: golden = RTL, cycles as
predicted. LUTs are those of the accelerator alone: predicted by the resource model, and synthesised for ECP5
where its block RAM holds the weights. Exponents are slopes of lines through the logarithms (1: linear).

Run: python bench/scaling.py [--out DIR] [--sizes 784-128-10 ...] [--lanes 1 2 ...]
Writes scaling.json, scaling.md and scaling.svg to DIR (default bench/results); exit code 1 if something
differs from golden or grows faster than linear.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from compile_scaling import measure as measure_compile
from compile_scaling import write_model
from report import RESULTS, save, table
from spikeloom import Build, build, verify
from spikeloom.gen.build_dir import read_build, write_build
from spikeloom.gen.importer import load_network
from spikeloom.gen.manifest import Source
from spikeloom.gen.plan import make_plan
from spikeloom.gen.plan_options import PlanOptions
from spikeloom.gen.quantise import QuantiseOptions, quantise
from spikeloom.gen.resources.model import predict_resources
from spikeloom.hw.boards.registry import BOARDS

__all__ = ["main"]

SIZES = ("100-90-10", "316-300-20", "1000-990-20", "4000-2475-40")
MOST_SYNTHESISED = 200_000  # synapses: what is larger has more weights than the device has block RAM
LANES = (1, 2, 4, 8, 16, 32, 64, 128)
LANES_SIZE = "784-128-10"
BOARD = "ulx3s_85f"
ACTIVITY, STEPS = 0.1, 10
SAMPLES = 32
STEEPEST = {"cycles": 1.05, "luts": 1.05, "compile_cpu_s": 1.05, "us_an_operation": 0.05}


def simulated(read: Build) -> dict[str, Any]:
    """Cycles and speed on the RTL; golden and prediction must agree."""
    channels = read.plan.accelerator.channels
    x = (np.random.default_rng(1).random((SAMPLES, STEPS, channels)) < ACTIVITY).astype(np.uint8)
    verify(read, x[:1])  # compiles the simulation, whose time is not counted here
    result = verify(read, x)
    seconds, operations = max(result.engine_wall_s, 1e-9), result.synaptic_ops
    return {
        "good": result.mismatches == 0 and result.cycle_mismatches == 0,
        "compared": result.compared,
        "cycles": result.cycles_per_sample,
        "synaptic_ops": operations / SAMPLES,
        "cycles_a_second": (result.cycles_per_sample or 0.0) * SAMPLES / seconds,
        "us_an_operation": 1e6 * seconds / max(1, operations),
    }


def counted(read: Build, *, synthesised: bool) -> dict[str, Any]:
    """LUTs and block RAMs of the accelerator: predicted, and synthesised."""
    device = BOARDS[BOARD].device
    assert device is not None
    predicted = predict_resources(read.plan.accelerator, device)
    row = {"luts": predicted.luts, "block_rams": predicted.block_rams, "synthesised_luts": None}
    if synthesised:
        found = build(read, board=BOARD, synth_only=True)
        row |= {"synthesised_luts": found.luts, "synthesised_block_rams": found.block_rams}
    return row


def of_size(size: str, folder: Path) -> dict[str, Any]:
    """A network with the automatic plan."""
    compiled = measure_compile(size, folder)
    read = read_build(folder / size)
    row = {"network": size, "synapses": compiled["synapses"], "compile_cpu_s": compiled["cpu_s"]}
    return row | simulated(read) | counted(read, synthesised=compiled["synapses"] <= MOST_SYNTHESISED)


def of_lanes(sizes: Sequence[int], folder: Path) -> list[dict[str, Any]]:
    """The same network with more and more lanes."""
    path = folder / "lanes.nir"
    write_model(path, [int(n) for n in LANES_SIZE.split("-")])
    network = load_network(path, semantics="norse", dt=1e-3)
    quantised, report = quantise(network, QuantiseOptions(), simulate=None, calibration=None)
    rows = []
    for lanes in sizes:
        plan = make_plan(quantised, PlanOptions(lanes=lanes))
        target = folder / f"lanes{lanes}"
        parts = {"network": network, "qnet": quantised, "plan": plan, "report": report}
        read = write_build(target, **parts, source=Source.of(path))
        rows.append({"lanes": lanes, **simulated(read), **counted(read, synthesised=True)})
        print(rows[-1], flush=True)
    return rows


def exponent(rows: Sequence[dict[str, Any]], of: str, over: str) -> float:
    """Slope of log(of) over log(over), least squares."""
    x, y = (np.log([row[key] for row in rows]) for key in (over, of))
    return float(np.polyfit(x, y, 1)[0])


def plotted(sizes: Sequence[dict[str, Any]], lanes: Sequence[dict[str, Any]], path: Path) -> None:
    """Four lines over synapses, three over lanes, each relative to its first point."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "spikeloom", "font.size": 8}):
        figure = Figure(figsize=(7.5, 3.2), layout="constrained")
        for place, (rows, over, keys) in enumerate(
            (
                (sizes, "synapses", ("cycles", "luts", "compile_cpu_s", "us_an_operation")),
                (lanes, "lanes", ("cycles", "synthesised_luts", "cycles_a_second")),
            ),
            start=1,
        ):
            axes = figure.add_subplot(1, 2, place)
            x = [row[over] for row in rows]
            for key in keys:
                axes.loglog(x, [row[key] / rows[0][key] for row in rows], "o-", label=LABELS[key], ms=3)
            straight = [value / x[0] for value in x]
            axes.loglog(x, straight, ":", color="grey", label="linear")
            axes.set_xlabel(over)
            axes.set_ylabel(f"relative to {x[0]:,} {over}")
            axes.legend()
        figure.savefig(path, format="svg", metadata={"Date": None})


LABELS = {
    "cycles": "cycles a sample",
    "luts": "LUTs",
    "synthesised_luts": "LUTs",
    "compile_cpu_s": "CPU seconds to compile",
    "us_an_operation": "seconds simulated a synaptic operation",
    "cycles_a_second": "cycles simulated a second",
}


def body(result: dict[str, Any]) -> str:
    head = (
        "network",
        "synapses",
        "CPU s to compile",
        "cycles a sample",
        "synaptic operations",
        "LUTs predicted",
    )
    head += ("LUTs synthesised", "block RAMs predicted", "kilocycles/s", "us an operation", "= golden")
    first = [
        (
            row["network"],
            f"{row['synapses']:,}",
            f"{row['compile_cpu_s']:.2f}",
            f"{row['cycles']:,.0f}",
            f"{row['synaptic_ops']:,.0f}",
            row["luts"],
            row["synthesised_luts"],
            row["block_rams"],
            f"{row['cycles_a_second'] / 1e3:,.0f}",
            f"{row['us_an_operation']:.4f}",
            "yes" if row["good"] else "NO",
        )
        for row in result["sizes"]
    ]
    lanes_head = (
        "lanes",
        "cycles a sample",
        "LUTs predicted",
        "LUTs synthesised",
        "LUTs a lane",
        "block RAMs",
    )
    lanes_head += ("kilocycles/s", "us an operation", "= golden")
    second = [
        (
            row["lanes"],
            f"{row['cycles']:,.0f}",
            row["luts"],
            row["synthesised_luts"],
            f"{row['synthesised_luts'] / row['lanes']:.0f}",
            row["synthesised_block_rams"],
            f"{row['cycles_a_second'] / 1e3:,.0f}",
            f"{row['us_an_operation']:.4f}",
            "yes" if row["good"] else "NO",
        )
        for row in result["lanes"]
    ]
    slopes = result["exponents"]
    over = {name: ", ".join(f"{LABELS[k]} {v:.2f}" for k, v in of.items()) for name, of in slopes.items()}
    return (
        f"Random networks, {SAMPLES} samples of {STEPS} steps at {100 * ACTIVITY:.0f} % activity."
        " 8-bit weights.\n\n"
        f"## Synapses, automatic plan\n\n{table(head, first)}\n\n"
        f"Exponents over synapses: {over['sizes']}.\n\n"
        f"## Lanes, {LANES_SIZE}\n\n{table(lanes_head, second)}\n\nExponents over lanes: {over['lanes']}."
        "\n\n![Growth over synapses and lanes](scaling.svg)"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--sizes", nargs="+", default=SIZES)
    parser.add_argument("--lanes", nargs="+", type=int, default=LANES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lanes = of_lanes(arguments.lanes, Path(folder))
        sizes = []
        for size in arguments.sizes:
            sizes.append(of_size(size, Path(folder)))
            print(sizes[-1], flush=True)
    slopes = {
        "sizes": {key: exponent(sizes, key, "synapses") for key in STEEPEST},
        "lanes": {key: exponent(lanes, key, "lanes") for key in ("cycles", "synthesised_luts")},
    }
    result = {"sizes": sizes, "lanes": lanes, "exponents": slopes}
    save("scaling", result, title="Scaling", body=body(result), out=arguments.out)
    plotted(sizes, lanes, arguments.out / "scaling.svg")
    linear = all(slopes["sizes"][key] <= most for key, most in STEEPEST.items())
    linear = linear and slopes["lanes"]["synthesised_luts"] <= 1.05
    return 0 if linear and all(row["good"] for row in [*sizes, *lanes]) else 1


if __name__ == "__main__":
    sys.exit(main())
