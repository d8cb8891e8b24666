"""What the command line shows: results as rich tables, nothing computed here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..gen.describe import Description, PopulationRow
from ..gen.toolchain.build import BuildResult
from ..hw.boards.board import Board
from ..hw.params import CoreParams
from .compile import CompileResult
from .demo import DemoResult
from .results import SimulateResult, VerifyResult
from .tables import assumptions, facts_table, listing, percent, rows_table, short_path

__all__ = [
    "boards_screen",
    "build_screen",
    "compile_screen",
    "demo_screen",
    "inspect_screen",
    "run_screen",
]


def _shape(shape: Sequence[int]) -> str:
    return "x".join(str(size) for size in shape)


def _range(low_high: tuple[float, float] | None) -> str:
    if low_high is None:
        return ""
    low, high = low_high
    return f"{low:g}" if low == high else f"{low:g} .. {high:g}"


def _spike(population: PopulationRow) -> str:
    if population.threshold is None:
        return ""
    return f"{population.compare}, a count" if population.spikes == "graded" else population.compare


def inspect_screen(description: Description, semantics: str) -> Group:
    """Nodes, populations and projections of a model, and what was assumed."""
    nodes = rows_table(
        "NIR nodes",
        ("node", "type", "shape", "numbers", "becomes"),
        ((n.name, n.type, _shape(n.shape), n.parameters, n.mapping) for n in description.nodes),
    )
    populations = rows_table(
        "Populations",
        ("name", "kind", "neurons", "synaptic decay", "membrane decay", "threshold", "reset", "spike"),
        (
            (p.name, p.kind, p.neurons, *map(_range, (p.alpha, p.beta, p.threshold)), p.reset, _spike(p))
            for p in description.populations
        ),
    )
    projections = rows_table(
        "Projections",
        ("from", "to", "form", "synapses", "non-zero", "stored", "weights", "delay steps"),
        (
            (
                p.source + (" (a step before)" if p.recurrent else ""),
                p.target,
                p.form,
                p.synapses,
                p.nonzero,
                p.weights,
                _range(p.weight),
                _range(p.delays),
            )
            for p in description.projections
        ),
    )
    total = Text(
        f"{description.name}: {description.neurons} neurons, {description.synapses} synapses; "
        f"semantics {semantics}"
    )
    return Group(nodes, populations, projections, total, *assumptions(description.assumptions))


def compile_screen(result: CompileResult) -> Group:
    """What a compile decided, and what limits the result."""
    build, params = result.build, result.build.plan.accelerator
    memory_bits = sum(core.weight_memory_bits for core in params.cores)
    on = (
        f"{result.measured_samples} calibration samples"
        if result.measured_samples
        else "random input at 10 %"
    )
    known = result.accuracy_golden is not None
    accuracies = {
        "accuracy, float": percent(result.accuracy_float),
        "accuracy, integers": percent(result.accuracy_golden),
    }
    facts = {
        **(accuracies if known else {}),
        "measured on": on,
        "input spikes a sample": f"{result.input_spikes_per_sample:.1f}",
        "cycles a sample (predicted)": f"{result.predicted_cycles_per_sample:.1f}",
        "weight memory": f"{memory_bits} bits",
        "readout": params.readout,
        "limited by": _limit(params.cores),
        "written to": short_path(build.path),
    }
    return Group(
        _cores(result),
        facts_table(build.network.name, facts),
        *assumptions(build.network.assumptions),
        *listing("Hardware", build.plan.notes),
        *listing("Quantiser", result.report.notes),
    )


def _cores(result: CompileResult) -> Table:
    columns = (
        "population",
        "synapses",
        "weight",
        "accumulator",
        "state",
        "fraction",
        "lanes",
        "cycles an event",
    )
    reports = {p.name: p for p in result.report.populations}
    rows = []
    for name, core in zip(result.build.plan.populations, result.build.plan.accelerator.cores, strict=True):
        report, array = reports[name], core.array
        bits = (report.weight_bits, report.acc_bits, report.state_bits, report.frac_bits)
        rows.append((name, f"{array.sources} x {array.targets}", *bits, array.lanes, core.event_cycles))
    return rows_table("Cores (formats in bits)", columns, rows)


def _limit(cores: Sequence[CoreParams]) -> str:
    """Core whose array takes longest an event: the one that more lanes would help."""
    slowest = max(cores, key=lambda core: core.event_cycles)
    if slowest.event_cycles == 1:
        return "input: every array takes an event a cycle"
    return f"array of {slowest.name}: {slowest.event_cycles} cycles an event with {slowest.array.lanes} lanes"


def run_screen(result: SimulateResult, title: str, *, dropped_events: int = 0) -> Group:
    """Accuracies and counts of a simulation or verification, the first mismatches, and what else to know."""
    cycles = result.cycles_per_sample
    predicted = result.predicted_cycles_per_sample
    facts: dict[str, object] = {
        "engine": f"{result.engine} ({result.engine_version})",
        "samples": f"{result.samples} of {result.steps} steps",
        "accuracy, float": percent(result.accuracy_float),
        "accuracy, golden": percent(result.accuracy_golden),
        f"accuracy, {result.engine}": percent(result.accuracy),
        "mismatches with golden": f"{result.mismatches} of {result.compared} values",
        "cycles a sample": "-" if cycles is None else f"{cycles:.1f}",
        "predicted cycles a sample": "-" if predicted is None else f"{predicted:.1f}",
        "dense cycles a sample": f"at least {result.dense_cycles_per_sample:.0f}, if everything fired",
        "input spikes": result.input_spikes,
        "synaptic operations": result.synaptic_ops,
        "saturations": result.saturations,
        "wall time": f"{result.wall_s:.1f} s",
    }
    return Group(
        facts_table(title, facts),
        *(Text(f"  {mismatch}", style="red") for mismatch in result.first_mismatches),
        *listing("Notes", list(_run_notes(result, dropped_events))),
    )


def _run_notes(result: SimulateResult, dropped_events: int) -> Iterator[str]:
    if result.accuracy is None:
        yield "the data has no labels, so no accuracy is known"
    if result.cycle_mismatches:
        yield f"cycles differ from the prediction in {result.cycle_mismatches} samples"
    if result.saturations_counted not in (None, result.saturations):
        yield f"the RTL counted {result.saturations_counted} saturations"
    if dropped_events:
        yield f"{dropped_events} events came after the last step and were left out"
    if isinstance(result, VerifyResult) and not result.states_compared:
        yield "outputs were compared; a build with --debug compares the states of all neurons too"


def build_screen(result: BuildResult) -> Group:
    """Resources, clock and files of a board build."""
    facts: dict[str, object] = {
        "board": f"{result.board} ({result.device})",
        "design": result.top,
        "LUTs": result.luts,
        "flip-flops": result.ffs,
        "block RAMs": result.block_rams,
        "DSPs": result.dsps,
        "clock": f"{result.clock_mhz:g} MHz{'' if result.pll is None else ', by the PLL'}",
        "fastest clock": "-" if result.fmax_mhz is None else f"{result.fmax_mhz:.1f} MHz",
        "critical path": result.critical_path or "-",
        **_other_domains(result),
        "bitstream": short_path(result.bitstream),
        "load it with": f"{result.programmer} {short_path(result.bitstream)}" if result.bitstream else "-",
        "tools": ", ".join(f"{name} {version}" for name, version in result.tools.items()),
        "wall time": f"{result.wall_s:.1f} s",
    }
    return Group(facts_table(f"Built for {result.board}", facts), *_shortfall(result))


def _other_domains(result: BuildResult) -> dict[str, object]:
    """Clock domains beside the accelerator's."""
    facts: dict[str, object] = {}
    for domain in result.domains[1:]:
        facts[f"clock of the {domain.name}"] = f"{domain.clock_mhz:g} MHz"
        facts[f"fastest clock of the {domain.name}"] = f"{domain.fmax_mhz:.1f} MHz"
    return facts


def _shortfall(result: BuildResult) -> list[RenderableType]:
    return [
        Text(
            f"too slow: the {domain.name} runs at {domain.clock_mhz:g} MHz on {result.board} and reaches "
            f"{domain.fmax_mhz:.1f} MHz; its slowest path: {domain.critical_path or 'not reported'}",
            style="red",
        )
        for domain in result.domains
        if not domain.met
    ]


def demo_screen(result: DemoResult) -> Group:
    """Give the whole way on one screen."""
    verified, built, build = result.verified, result.built, result.compiled.build
    microseconds = result.us_per_sample
    at = "-" if microseconds is None else f"{microseconds:.2f} at {built.fmax_mhz:.1f} MHz"
    facts: dict[str, object] = {
        "test digits": verified.samples,
        "accuracy, float": percent(verified.accuracy_float),
        "accuracy, golden integers": percent(verified.accuracy_golden),
        "accuracy, RTL": percent(verified.accuracy),
        "RTL against golden": f"{verified.mismatches} mismatches in {verified.compared} values",
        "cycles a digit": f"{verified.cycles_per_sample:.1f}",
        "predicted cycles": f"{verified.predicted_cycles_per_sample:.1f}",
        "microseconds a digit": at,
        "LUTs, with self-test": built.luts,
        "flip-flops": built.ffs,
        "block RAMs": built.block_rams,
        "multipliers": built.dsps,
        "board": f"{built.board} ({built.device})",
        "build directory": short_path(build.path),
        "to read first": short_path(build.path / "summary.md"),
        "Verilog": short_path(build.verilog),
        "bitstream": short_path(built.bitstream),
        "load it with": f"{built.programmer} {short_path(built.bitstream)}",
        "wall time": f"{result.wall_s:.0f} s",
    }
    return Group(
        facts_table("Digits, from model file to bitstream", facts),
        *_shortfall(built),
        *(Text(f"  {mismatch}", style="red") for mismatch in verified.first_mismatches),
        *assumptions(build.network.assumptions),
    )


def boards_screen(boards: Iterable[Board]) -> Table:
    """List of boards."""
    columns = ("name", "board", "device", "LUTs", "RAMs", "kbit", "DSPs", "MHz")
    return rows_table("Boards", columns, (_board_row(board) for board in boards))


def _board_row(board: Board) -> tuple[Any, ...]:
    device = board.device
    ram = (device.luts, device.block_rams, f"{device.block_ram_kbit:.0f}", device.dsps)
    return (board.name, board.title, device.name, *ram, f"{board.clock_mhz:g}")
