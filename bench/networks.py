"""Real networks the whole way: float, integers, every sample on the RTL, bitstream for the ULX3S-85F.

Braille (recurrent, 8, 6 and 4 bits), N-MNIST (convolutions, graded spikes), MNIST (convolutions) and the two
spoken-digit networks (recurrent; a learned delay for each synapse). N-MNIST runs on all recordings in golden,
on 30 of them in RTL.

Run: python bench/networks.py [--data DIR] [--out DIR] [--only NAME ...] [--seeds 1 2 3] [--no-bitstream]
DIR holds braille/, fsdd/, mnist/, nir/ and nmnist/ (by default ../shared/data beside the project). The median
clock of the seeds counts.
Writes networks.json and networks.md; exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from report import RESULTS, save, table
from seeds import placed
from spikeloom import (
    CompileOptions,
    CompileResult,
    PlanOptions,
    PopulationOptions,
    QuantiseOptions,
    Samples,
    UserError,
    compile_model,
    load_samples,
    run_float,
    run_golden,
    verify,
)
from spikeloom.sim.decision import accuracy, decide

__all__ = ["BOARD", "DATA", "MNIST", "Case", "cases", "compile_case", "main", "mnist"]

ROOT = Path(__file__).resolve().parent.parent
MNIST = ROOT / "examples" / "mnist"
SPOKEN = ROOT / "examples" / "spoken_digits"
DATA = ROOT.parent / "shared" / "data"
BOARD = "ulx3s_85f"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network, its data, and what may be lost between float and integers, in points of accuracy."""

    name: str
    model: Path
    samples: Callable[[Path], Samples]
    calibration: Callable[[Path], Samples]
    most_lost: float
    least_float: float
    semantics: str = "auto"
    weight_bits: int = 8
    rtl_samples: int | None = None
    bitstream: bool = True
    lanes: int | str = "auto"


def braille(data: Path) -> Samples:
    """All recordings. They calibrate too, without their labels: there are no others."""
    with np.load(data / "braille" / "braille.npz") as file:
        x, y = np.unpackbits(file["x"], axis=1)[:, :256], file["y"].astype(np.int64)
    return Samples(x=np.ascontiguousarray(x), y=y)


def nmnist(data: Path, *, limit: int | None = None) -> Samples:
    """300 steps of 1 ms."""
    path = data / "nmnist" / "train1000.npz"
    return load_samples(path, shape=(2, 34, 34), bin_us=1000, steps=300, limit=limit)


def mnist(data: Path, part: str, *, shape: tuple[int, ...] = (784,)) -> Samples:
    """What make_data.py of the example writes."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, MNIST / "make_data.py", data / "mnist" / "mnist.npz", "-o", name]
        subprocess.run(command, check=True, capture_output=True)
        return load_samples(Path(name) / f"mnist_{part}.npz", shape=shape)


def spoken(data: Path, part: str) -> Samples:
    """What make_data.py of the example writes."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, SPOKEN / "make_data.py", data / "fsdd" / "fsdd_logmel.npz", "-o", name]
        subprocess.run(command, check=True, capture_output=True)
        return load_samples(Path(name) / f"fsdd_{part}.npz", shape=(40,))


def cases(data: Path) -> list[Case]:
    """All networks, with what each may lose."""
    nir = data / "nir"
    found = [
        Case(
            name=f"Braille, {bits} bits",
            model=nir / "braille_noDelay_noBias_subtract.nir",
            semantics="snntorch",
            samples=braille,
            calibration=braille,
            weight_bits=bits,
            most_lost=lost,
            least_float=0.982,
            bitstream=bits == 8,
        )
        for bits, lost in ((8, 0.5), (6, 1.5), (4, 3.0))
    ]
    found.append(
        Case(
            name="N-MNIST",
            model=nir / "cnn_sinabs.nir",
            semantics="sinabs",
            samples=nmnist,
            calibration=lambda data: nmnist(data, limit=64),
            most_lost=0.5,
            least_float=0.984,
            rtl_samples=30,
        )
    )
    found.append(
        Case(
            name="MNIST, convolutional",
            model=MNIST / "mnist_conv.nir",
            samples=lambda data: mnist(data, "conv_test", shape=(1, 28, 28)),
            calibration=lambda data: mnist(data, "conv_calibration", shape=(1, 28, 28)),
            most_lost=0.3,
            least_float=0.993,
            lanes=48,
        )
    )
    for kind in ("recurrent", "delays"):
        found.append(
            Case(
                name=f"spoken digits, {kind}",
                model=SPOKEN / f"fsdd_{kind}.nir",
                samples=lambda data: spoken(data, "test"),
                calibration=lambda data: spoken(data, "calibration"),
                most_lost=0.5,
                least_float=0.97,
            )
        )
    return found


def compile_case(case: Case, calibration: np.ndarray, folder: Path, *, plan: PlanOptions) -> CompileResult:
    """Compile a network into ``build`` of `folder`; `calibration` is (samples, steps, ...)."""
    np.savez(folder / "calibration.npz", x=calibration)
    options = CompileOptions(
        semantics=case.semantics,
        quantise=QuantiseOptions(defaults=PopulationOptions(weight_bits=case.weight_bits)),
        plan=plan,
    )
    return compile_model(
        case.model, folder / "build", options=options, calibration=folder / "calibration.npz"
    )


def measure(case: Case, data: Path, folder: Path, *, seeds: list[int]) -> dict[str, Any]:
    """Compile, verify and build one network; without seeds, no bitstream."""
    samples, calibration = case.samples(data), case.calibration(data)
    started = time.monotonic()
    compiled = compile_case(case, calibration.x, folder, plan=PlanOptions(lanes=case.lanes))
    row: dict[str, Any] = {"name": case.name, "compile_s": time.monotonic() - started}
    result = verify(compiled.build, samples.x, samples.y, limit=case.rtl_samples)
    row |= result.to_json() | accuracies(case, compiled.build, samples, result)
    row["formats"] = {p.name: formats(p.neuron) for p in compiled.build.qnet.populations}
    row["ok"] = met(case, row)
    return row | (bitstream_of(compiled.build, row, seeds) if seeds and case.bitstream else {})


def accuracies(case: Case, read: Any, samples: Samples, result: Any) -> dict[str, Any]:
    """Of float and golden on all samples; `verify` has them where the RTL saw all."""
    if case.rtl_samples is None:
        floating, golden = result.accuracy_float, result.accuracy_golden
    else:
        floating = accuracy(decide(read.network, run_float(read.network, samples.x, keep=())), samples.y)
        golden = accuracy(decide(read.qnet, run_golden(read.qnet, samples.x, keep=())), samples.y)
    lost = 100 * (floating - golden)
    return {"all_samples": len(samples.x), "all_float": floating, "all_golden": golden, "lost_points": lost}


def formats(neuron: Any) -> str:
    """Membrane format: bits, of which below the weight LSB."""
    return f"{neuron.state_bits}.{neuron.frac_bits}"


def met(case: Case, row: dict[str, Any]) -> bool:
    return bool(
        row["mismatches"] == row["cycle_mismatches"] == 0
        and row["all_float"] >= case.least_float
        and row["lost_points"] <= case.most_lost
    )


def bitstream_of(read: Any, row: dict[str, Any], seeds: list[int]) -> dict[str, Any]:
    """Place and route for the board; a design that does not fit is said so."""
    try:
        result = placed(read, BOARD, seeds)
    except UserError as error:
        return {"error": str(error), "ok": False}
    return {**result, "us_per_sample": row["cycles_per_sample"] / result["fmax_mhz"]}


def body(rows: list[dict[str, Any]]) -> str:
    head = ("network", "samples", "float %", "golden %", "lost", "on RTL", "mismatches", "of values")
    head += ("cycles", "predicted", "dense cycles", "input spikes", "synaptic operations", "membranes")
    first = [
        (
            row["name"],
            row["all_samples"],
            f"{100 * row['all_float']:.2f}",
            f"{100 * row['all_golden']:.2f}",
            f"{row['lost_points']:.2f}",
            row["samples"],
            row["mismatches"],
            f"{row['compared']:,}",
            f"{row['cycles_per_sample']:.1f}",
            f"{row['predicted_cycles_per_sample']:.1f}",
            f"{row['dense_cycles_per_sample']:,.0f}",
            f"{row['input_spikes'] / row['samples']:.0f}",
            f"{row['synaptic_ops'] / row['samples']:,.0f}",
            ", ".join(row["formats"].values()),
        )
        for row in rows
    ]
    return f"{table(head, first)}\n\n{_bitstreams([row for row in rows if 'luts' in row])}"


def _bitstreams(rows: list[dict[str, Any]]) -> str:
    head = (
        "network",
        "LUTs",
        "flip-flops",
        "block RAMs",
        "DSPs",
        "MHz of the seeds",
        "median",
        "us a sample",
        "critical path",
    )
    lines = [
        (
            row["name"],
            *(row[key] for key in ("luts", "ffs", "block_rams", "dsps")),
            ", ".join(str(mhz) for mhz in row["seeds"].values()),
            row["fmax_mhz"],
            f"{row['us_per_sample']:.1f}",
            row["critical_path"],
        )
        for row in rows
    ]
    return f"{BOARD}, with the self-test around each:\n\n{table(head, lines)}"


def earlier(out: Path) -> dict[str, dict[str, Any]]:
    """Rows of the file that is there, by name: those that are not measured again stay."""
    path = out / "networks.json"
    return {row["name"]: row for row in json.loads(path.read_text())["rows"]} if path.is_file() else {}


def main() -> int:
    parser = argparse.ArgumentParser(description="Real networks, from file to bitstream")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--only", nargs="+", default=[""], help="parts of names; other rows stay")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--no-bitstream", action="store_true")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"{arguments.data} is not there: give --data")
    everything = cases(arguments.data)
    rows = earlier(arguments.out)
    for case in everything:
        if any(part in case.name for part in arguments.only):
            with tempfile.TemporaryDirectory() as name:
                seeds = [] if arguments.no_bitstream else arguments.seeds
                row = measure(case, arguments.data, Path(name), seeds=seeds)
            print(case.name, {k: row[k] for k in ("all_float", "all_golden", "mismatches", "ok")}, flush=True)
            rows[case.name] = row
            ordered = [rows[case.name] for case in everything if case.name in rows]
            good = all(row["ok"] for row in ordered)
            result = {"rows": ordered, "met": good}
            save("networks", result, title="Real networks", body=body(ordered), out=arguments.out)
    return 0 if all(row["ok"] for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
