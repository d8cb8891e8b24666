"""The planner's targets on MNIST 784-128-10: what each chooses, predicted against measured, and `explore`.

The network (4-bit weights, ULX3S-85F) is compiled for every target, run on the RTL (golden = RTL, cycles as
predicted) and synthesised; some are placed and routed with their self-test. A build whose RTL and Yosys have
not changed is not synthesised or placed again; predictions are always those of the model as it is. `explore`
then looks for the best plans of several weight bits.

Run: python bench/planning.py [--out DIR] [--pictures DIR] [--targets ...] [--place TARGET ...] [--limit N]
Writes planning.json and planning.md to DIR (default bench/results), and pictures to docs/pictures.
Exit code 1 if a build is not golden's, or the model misses LUTs or flip-flops by more than 10 %, or RAMs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from planning_plots import Pair, pairs_picture, targets_picture
from report import RESULTS, save, table
from resource_builds import builds
from spikeloom import (
    Build,
    CompileOptions,
    PlanOptions,
    PopulationOptions,
    QuantiseOptions,
    build,
    compile_model,
    load_samples,
    verify,
)
from spikeloom.gen.planning.targets import Target
from spikeloom.gen.resources.model import predict_resources
from spikeloom.gen.toolchain.flows import FLOWS
from spikeloom.gen.toolchain.netlist import apply_passes, passes_for
from spikeloom.gen.toolchain.process import tool_version
from spikeloom.gen.toolchain.resources import count_resources
from spikeloom.gen.toolchain.synthesis import synthesise
from spikeloom.hw.boards.registry import BOARDS
from spikeloom.sim.explore.plot import draw as explore_picture
from spikeloom.sim.explore.run import explore

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent
MNIST = ROOT / "examples" / "mnist"
MODEL = MNIST / "mnist_784_128_10.nir"
PICTURES = ROOT / "docs" / "pictures"
BOARD = BOARDS["ulx3s_85f"]
WEIGHT_BITS = 4
EXPLORED_BITS = (2, 3, 4, 6, 8)
MOST_ERROR = 0.10
FITTED, EXACT = ("luts", "ffs"), ("block_rams", "lut_rams", "dsps")


def measure(target: Target, data: Path, limit: int, place: bool, old: Mapping[str, Any]) -> dict[str, Any]:
    """Compile, verify and synthesise for a target; `old` is the row of an earlier run."""
    with tempfile.TemporaryDirectory() as folder:
        read = compile_model(
            MODEL,
            Path(folder) / "build",
            options=CompileOptions(
                quantise=QuantiseOptions(defaults=PopulationOptions(weight_bits=WEIGHT_BITS)),
                plan=PlanOptions(target=target, board=BOARD.name),
            ),
            calibration=data / "mnist_calibration.npz",
        ).build
        row = {**chosen(read), **verified(read, data, limit)}
        digest = hashlib.sha256(f"{tool_version('pyosys')}\n{read.rtlil.read_text()}".encode()).hexdigest()
        kept = old if old.get("rtl") == digest else {}
        row |= {
            "rtl": digest,
            **{key: kept[key] for key in ("synthesised", "passed", "placed") if key in kept},
        }
        if "synthesised" not in row:
            row |= synthesised(read)
        if place and "placed" not in row:
            row["placed"] = placed(read)
    return row | {"missed": missed(row)}


def chosen(read: Build) -> dict[str, Any]:
    """What the planner chose, predicts and says."""
    params = read.plan.accelerator
    return {
        "lanes": {core.name: [core.array.lanes, core.update_lanes] for core in params.cores},
        "predicted": asdict(predict_resources(params, BOARD.device)),
        "notes": list(read.plan.notes),
    }


def verified(read: Build, data: Path, limit: int) -> dict[str, Any]:
    samples = load_samples(data / "mnist_test.npz", shape=(784,), limit=limit)
    result = verify(read, samples.x, samples.y)
    return {
        "samples": result.samples,
        "cycles": result.cycles_per_sample,
        "predicted_cycles": result.predicted_cycles_per_sample,
        "good": result.mismatches == 0 and result.cycle_mismatches == 0,
        "accuracy": result.accuracy,
    }


def synthesised(read: Build) -> dict[str, Any]:
    """The accelerator alone, as synthesis counts it and after the netlist passes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "design.il").write_text(read.rtlil.read_text())
        found = synthesise(
            ["design.il"], top="accelerator", device=BOARD.device, cwd=path, unread=["saturations"]
        )
        apply_passes(found.netlist, passes_for(BOARD.device))
        cells = json.loads(found.netlist.read_text())["modules"]["accelerator"]["cells"].values()
    after = count_resources(Counter(cell["type"] for cell in cells), FLOWS[BOARD.family].cells)
    return {"synthesised": asdict(found.resources), "passed": asdict(after)}


def placed(read: Build) -> dict[str, Any]:
    """The whole board, self-test and lights included."""
    result = build(read, board=BOARD.name)
    keys = ("luts", "ffs", "lut_rams", "block_rams", "dsps", "fmax_mhz", "critical_path", "seed")
    return {key: getattr(result, key) for key in keys} | {"tools": dict(result.tools)}


def error(row: Mapping[str, Any], kind: str) -> float:
    return row["predicted"][kind] / row["synthesised"][kind] - 1


def missed(row: Mapping[str, Any]) -> list[str]:
    """What is not as it must be, in words."""
    found = [] if row["good"] else ["golden = RTL"]
    found += [f"{kind} {error(row, kind):+.1%}" for kind in FITTED if abs(error(row, kind)) > MOST_ERROR]
    return found + [kind for kind in EXACT if row["predicted"][kind] != row["synthesised"][kind]]


def stored_pairs(kind: str, out: Path) -> list[Pair]:
    """Measured and predicted by the model of today, of the builds that bench/resources.py synthesised."""
    known = builds()
    paths = (folder / "resources.json" for folder in (out, RESULTS))
    path = next((path for path in paths if path.is_file()), None)
    rows = [] if path is None else json.loads(path.read_text())["rows"]
    return [
        (row["synthesised"][kind], getattr(predict_resources(known[row["name"]], BOARD.device), kind))
        for row in rows
        if row["family"] == BOARD.family and row["name"] in known
    ]


def explored(data: Path, limit: int, jobs: int) -> dict[str, Any]:
    """Table of `explore`."""
    with tempfile.TemporaryDirectory() as folder:
        found = explore(
            MODEL,
            Path(folder),
            options=CompileOptions(plan=PlanOptions(board=BOARD.name)),
            weight_bits=EXPLORED_BITS,
            state_bits=["auto"],
            data=data / "mnist_test.npz",
            calibration=data / "mnist_calibration.npz",
            limit=limit,
            jobs=jobs,
        )
    return {**found.table, "model": MODEL.name, "calibration": "mnist_calibration.npz"}


def body(rows: Mapping[str, Mapping[str, Any]], explored: Mapping[str, Any]) -> str:
    return (
        f"MNIST 784-128-10, {WEIGHT_BITS}-bit weights, board {BOARD.name}. Resources are the accelerator's "
        "alone: predicted, counted by synthesis, and counted after the netlist passes. Cycles are those of "
        "an image alone.\n\n"
        f"{targets_table(rows)}\n\n## What limits\n\n{limits_table(rows)}\n\n"
        f"## Placed and routed\n\nWith self-test and lights, one seed.\n\n{placed_table(rows)}\n\n"
        f"## Explored\n\n{explored_words(explored)}\n\n{picks_table(explored)}"
    )


def targets_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    head = ("target", "lanes/update lanes", "cycles predicted", "simulated", "images = golden")
    head += ("LUTs predicted", "synthesis", "error %", "after passes", "flip-flops predicted", "synthesis")
    head += (
        "error %",
        "after passes",
        "block RAMs predicted",
        "synthesis",
        "LUT RAMs predicted",
        "synthesis",
    )
    return table(
        head,
        (
            (
                name,
                ", ".join(f"{core} {lanes}/{update}" for core, (lanes, update) in row["lanes"].items()),
                f"{row['predicted_cycles']:.1f}",
                f"{row['cycles']:.1f}",
                row["samples"] if row["good"] else "NO",
                *(
                    cell
                    for kind in FITTED
                    for cell in (
                        row["predicted"][kind],
                        row["synthesised"][kind],
                        f"{100 * error(row, kind):+.1f}",
                        row["passed"][kind],
                    )
                ),
                *(row[by][kind] for kind in EXACT[:2] for by in ("predicted", "synthesised")),
            )
            for name, row in rows.items()
        ),
    )


def limits_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    words = "limited by: "
    limits = {
        name: next(note.removeprefix(words) for note in row["notes"] if note.startswith(words))
        for name, row in rows.items()
    }
    return table(("target", "limited by"), limits.items())


def placed_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    head = ("target", "LUTs", "flip-flops", "block RAMs", "MHz", "us an image", "critical path")
    return table(
        head,
        (
            (
                name,
                *(found[kind] for kind in ("luts", "ffs", "block_rams")),
                f"{found['fmax_mhz']:.1f}",
                f"{row['cycles'] / found['fmax_mhz']:.2f}",
                found["critical_path"],
            )
            for name, row in rows.items()
            if (found := row.get("placed"))
        ),
    )


def explored_words(explored: Mapping[str, Any]) -> str:
    points = explored["points"]
    best = sum(1 for point in points if point["best"])
    return (
        f"`spikeloom explore` with {', '.join(map(str, EXPLORED_BITS))} weight bits: {len(points)} plans, of "
        f"which {best} are not beaten in cycles, LUTs, block RAMs and accuracy together; accuracies are "
        f"those of {explored['accuracy_samples']} test images, resources and times are predicted."
    )


def picks_table(explored: Mapping[str, Any]) -> str:
    head = ("plan", "weight bits", "cycles", f"us at {explored['clock_mhz']:g} MHz", "LUTs", "block RAMs")
    picks = sorted((p for p in explored["points"] if p["best"]), key=lambda point: point["cycles"])
    return table(
        (*head, "accuracy %"),
        (
            (
                p["name"],
                p["weight_bits"],
                f"{p['cycles']:.1f}",
                f"{p['latency_us']:.2f}",
                p["luts"],
                p["block_rams"],
                f"{100 * p['accuracy']:.2f}",
            )
            for p in picks
        ),
    )


def draw(rows: Mapping[str, Mapping[str, Any]], found: Mapping[str, Any], out: Path, pictures: Path) -> None:
    """Pictures of predicted against measured, of the targets, and the one of `explore`."""
    pictures.mkdir(parents=True, exist_ok=True)
    panels = {
        label: (
            stored_pairs(kind, out),
            {name: (row["synthesised"][kind], row["predicted"][kind]) for name, row in rows.items()},
        )
        for kind, label in (("luts", "LUTs"), ("ffs", "flip-flops"))
    }
    (pictures / "predicted_measured.svg").write_text(pairs_picture(panels, MOST_ERROR))
    (pictures / "targets_mnist.svg").write_text(targets_picture(rows))
    (pictures / "explore_mnist.svg").write_text(explore_picture(found))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    parser.add_argument("--targets", nargs="*", choices=list(Target), default=list(Target))
    parser.add_argument("--place", nargs="*", choices=list(Target), default=[Target.LATENCY, Target.AREA])
    parser.add_argument("--limit", type=int, default=200, help="images on the RTL")
    parser.add_argument("--explore-limit", type=int, default=1000, help="images for the accuracy of explore")
    parser.add_argument("--keep-explored", action="store_true", help="do not explore where it was done")
    parser.add_argument("--jobs", type=int, default=1, help="processes of explore")
    arguments = parser.parse_args()
    stored = arguments.out / "planning.json"
    old = json.loads(stored.read_text()) if stored.is_file() else {}
    rows, found = old.get("targets", {}), old.get("explored")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, MNIST / "make_data.py", "-o", folder], check=True)
        for target in map(Target, arguments.targets):
            place = target in arguments.place
            rows[target] = measure(target, folder, arguments.limit, place, rows.get(target, {}))
            print(target, rows[target]["predicted"], rows[target]["synthesised"], flush=True)
        if found is None or not arguments.keep_explored:
            found = explored(folder, arguments.explore_limit, arguments.jobs)
    rows = {str(target): rows[target] for target in Target if target in rows}
    draw(rows, found, arguments.out, arguments.pictures)
    result = {"targets": rows, "explored": found}
    save("planning", result, title="Targets of the planner", body=body(rows, found), out=arguments.out)
    return 1 if any(row["missed"] for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
