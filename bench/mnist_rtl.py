"""All 10,000 MNIST test images on the RTL, at 8-, 6- and 4-bit weights.

Compiles examples/mnist/mnist_784_128_10.nir with its calibration set, runs every test image through the float
reference, the golden model and the RTL (CXXRTL), and compares all output spikes and all cycle counts.

Run: python bench/mnist_rtl.py [MNIST.npz] [--out DIR] [--bits 8 6 4] [--limit N]
Writes mnist_rtl.json and mnist_rtl.md to DIR (default bench/results); exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from report import RESULTS, save, table
from spikeloom import CompileOptions, PopulationOptions, QuantiseOptions, compile_model, load_samples, verify

__all__ = ["main"]

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "mnist"
DATA = EXAMPLE.parents[2] / "shared" / "data" / "mnist" / "mnist.npz"
# Points of accuracy that may be lost against float, by weight bits.
MOST_LOST = {8: 0.2, 6: 0.4, 4: 1.0}
MOST_SECONDS = 600  # for all images, everything but the compile of the network
LEAST_FLOAT = 0.974


def measure(bits: int, folder: Path, limit: int | None) -> dict[str, Any]:
    """Compile with weights of `bits` and verify."""
    options = CompileOptions(quantise=QuantiseOptions(defaults=PopulationOptions(weight_bits=bits)))
    started = time.monotonic()
    compiled = compile_model(
        EXAMPLE / "mnist_784_128_10.nir",
        folder / f"bits{bits}",
        options=options,
        calibration=folder / "mnist_calibration.npz",
    )
    compile_s = time.monotonic() - started
    samples = load_samples(folder / "mnist_test.npz", shape=(784,), limit=limit)
    result = verify(compiled.build, samples.x, samples.y)
    assert result.accuracy_float is not None
    assert result.accuracy is not None
    return {
        "weight_bits": bits,
        **result.to_json(),
        "lost_points": 100 * (result.accuracy_float - result.accuracy),
        "compile_s": compile_s,
        "engine_cycles_per_s": result.samples * (result.cycles_per_sample or 0) / result.engine_wall_s,
    }


def met(row: dict[str, Any]) -> bool:
    return (
        row["mismatches"] == row["cycle_mismatches"] == 0
        and row["accuracy_float"] >= LEAST_FLOAT
        and row["lost_points"] <= MOST_LOST.get(row["weight_bits"], 1.0)
        and row["wall_s"] <= MOST_SECONDS
    )


def body(rows: list[dict[str, Any]]) -> str:
    head = ("weight bits", "float %", "RTL %", "lost points", "allowed", "mismatches", "of values")
    head += ("cycles an image", "predicted", "spikes in", "compile s", "verify s", "RTL Mcycles/s", "met")
    lines = [
        (
            row["weight_bits"],
            f"{100 * row['accuracy_float']:.2f}",
            f"{100 * row['accuracy']:.2f}",
            f"{row['lost_points']:.2f}",
            MOST_LOST.get(row["weight_bits"], 1.0),
            row["mismatches"],
            f"{row['compared']:,}",
            f"{row['cycles_per_sample']:.1f}",
            f"{row['predicted_cycles_per_sample']:.1f}",
            f"{row['input_spikes'] / row['samples']:.0f}",
            f"{row['compile_s']:.1f}",
            f"{row['wall_s']:.1f}",
            f"{row['engine_cycles_per_s'] / 1e6:.2f}",
            "yes" if met(row) else "NO",
        )
        for row in rows
    ]
    return (
        f"784-128-10 LIF, 10 steps, {rows[0]['samples']:,} test images, every one on the RTL (CXXRTL), "
        "compared with the golden model spike by spike and with the predicted cycles sample by sample. "
        "`verify s` holds the C++ compile and the float reference; "
        f"at most {MOST_SECONDS} are allowed.\n\n{table(head, lines)}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--bits", type=int, nargs="+", default=list(MOST_LOST))
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    if not arguments.source.is_file():
        sys.exit(f"{arguments.source} is not there: give the path of mnist.npz (examples/mnist/README.md)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, EXAMPLE / "make_data.py", arguments.source, "-o", folder]
        subprocess.run(command, check=True)
        rows = [measure(bits, folder, arguments.limit) for bits in arguments.bits]
    good = all(met(row) for row in rows)
    save(
        "mnist_rtl", {"rows": rows, "met": good}, title="MNIST on the RTL", body=body(rows), out=arguments.out
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
