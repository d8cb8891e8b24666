"""Compile time and peak memory against network size, from .nir file to build directory.

Each size is compiled in a process of its own, whose start and imports count.

Run: python bench/compile_scaling.py [--out DIR] [--sizes 784-128-10 ...]
Writes compile_scaling.json and compile_scaling.md to DIR (default bench/results).
"""

import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
from spikeloom import __version__
from spikeloom.gen.build_dir import write_build
from spikeloom.gen.importer import load_network
from spikeloom.gen.manifest import Source
from spikeloom.gen.plan import make_plan
from spikeloom.gen.quantise import QuantiseOptions, quantise

SIZES = ("784-128-10", "1000-990-20", "4000-2475-40")
# The targets of the project: seconds from start to end, megabytes at the peak.
LIMITS = {"784-128-10": {"wall_s": 5.0}, "4000-2475-40": {"wall_s": 60.0, "peak_mb": 2000.0}}
STAGES = ("import_s", "read_s", "quantise_s", "plan_s", "write_s")


def write_model(path, layers):
    """Random LIF network: dense weights of a trained network's size, heterogeneous thresholds."""
    rng = np.random.default_rng(0)
    nodes: dict[str, Any] = {"input": nir.Input(input_type={"input": np.array([layers[0]])})}
    for k, (sources, targets) in enumerate(pairwise(layers), start=1):
        weight = rng.normal(0, 1 / math.sqrt(sources), (targets, sources)).astype(np.float32)
        nodes[f"fc{k}"] = nir.Linear(weight=weight)
        nodes[f"lif{k}"] = nir.LIF(
            tau=np.full(targets, 0.01),
            r=np.ones(targets),
            v_leak=np.zeros(targets),
            v_threshold=rng.uniform(0.8, 1.2, targets),
        )
    nodes["output"] = nir.Output(output_type={"output": np.array([layers[-1]])})
    names = list(nodes)
    nir.write(path, nir.NIRGraph(nodes=nodes, edges=list(pairwise(names))))


def compile_one(size, folder, started):
    """Measure one size; the clock started with the process, so imports count."""
    clock = Clock(started)
    path, target = folder / f"{size}.nir", folder / size
    clock.stage("import_s")
    network = load_network(path, semantics="norse", dt=1e-3)
    clock.stage("read_s")
    qnet, report = quantise(network, QuantiseOptions(), simulate=None, calibration=None)
    clock.stage("quantise_s")
    plan = make_plan(qnet)
    clock.stage("plan_s")
    build = write_build(target, network=network, qnet=qnet, plan=plan, report=report, source=Source.of(path))
    clock.stage("write_s")
    return {
        "network": size,
        "synapses": build.manifest["network"]["synapses"],
        **clock.stages,
        "wall_s": sum(clock.stages.values()),
        "cpu_s": sum(os.times()[:4]),
        "peak_mb": peak_mb(),
        "directory_mb": sum(f["bytes"] for f in build.manifest["files"].values()) / 1e6,
        "yosys": build.manifest["tools"]["yosys"],
    }


class Clock:
    """Seconds between calls of `stage`."""

    def __init__(self, started):
        self.last = started
        self.stages = {}

    def stage(self, name):
        now = time.time()
        self.stages[name] = now - self.last
        self.last = now


def peak_mb():
    """Largest resident size of this process or of a tool it ran, in MB."""
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return max(peaks) * (1 if sys.platform == "darwin" else 1024) / 1e6


def measure(size, folder):
    write_model(folder / f"{size}.nir", [int(n) for n in size.split("-")])
    command = [
        sys.executable,
        __file__,
        "--one",
        size,
        "--folder",
        str(folder),
        "--started",
        str(time.time()),
    ]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def exponents(rows, key):
    """Slopes of log(key) over log(synapses) between successive sizes; 1 is linear."""
    return [math.log(b[key] / a[key]) / math.log(b["synapses"] / a["synapses"]) for a, b in pairwise(rows)]


def limits_met(rows):
    return all(row[key] <= most for row in rows for key, most in LIMITS.get(row["network"], {}).items())


def markdown(result):
    rows = result["rows"]
    head = ["network", "synapses", "wall s", "CPU s", "peak MB", "directory MB", *STAGES]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        cells = [row[k] for k in ("wall_s", "cpu_s", "peak_mb", "directory_mb", *STAGES)]
        lines.append([row["network"], f"{row['synapses']:,}", *(f"{cell:.2f}" for cell in cells)])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    limits = "; ".join(
        f"{network}: " + ", ".join(f"{key} at most {most:g}" for key, most in limit.items())
        for network, limit in LIMITS.items()
    )
    slopes = ", ".join(f"{slope:.2f}" for slope in result["exponents"])
    return (
        f"# Compile time and memory\n\n{table}\n\n"
        f"Slope of log(CPU s) over log(synapses) between sizes: {slopes}"
        f" (1 is linear).\n\n"
        f"Targets {'met' if result['limits_met'] else 'NOT met'}: {limits}.\n\n"
        f"spikeloom {__version__}, Python {platform.python_version()}, Yosys {rows[0]['yosys']},"
        f" {os.cpu_count()} cores.\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--sizes", nargs="+", default=SIZES)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(compile_one(arguments.one, arguments.folder, arguments.started)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(size, Path(folder)) for size in arguments.sizes]
    result = {"rows": rows, "exponents": exponents(rows, "cpu_s"), "limits_met": limits_met(rows)}
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "compile_scaling.json").write_text(json.dumps(result, indent=2) + "\n")
    (arguments.out / "compile_scaling.md").write_text(markdown(result))
    print(markdown(result))
    return 0 if result["limits_met"] else 1


if __name__ == "__main__":
    sys.exit(main())
