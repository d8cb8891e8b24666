"""What was chosen and what limits it, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from ...hw.boards.device import Device
from ..plan import PlanOptions
from ..toolchain.resources import RESOURCES, Resources
from .candidates import Candidate, Candidates

__all__ = ["choice_notes"]

FULL = 0.95  # share of a limit from which it is said to bind


def choice_notes(
    candidates: Candidates,
    choice: tuple[int, ...],
    *,
    options: PlanOptions,
    cycles: float,
    resources: Resources,
    available: Resources,
    device: Device,
    source: str,
) -> tuple[str, ...]:
    """Lines for a plan that was chosen for a target."""
    chosen = [some[k] for some, k in zip(candidates.cores, choice, strict=True)]
    mhz = options.planned_mhz
    where = f"board {options.board}" if options.board else f"{device.name}, as no board is named"
    lanes = ", ".join(
        f"{name} {one.lanes}/{one.update_lanes} of {max(other.lanes for other in some)}"
        for name, one, some in zip(candidates.names, chosen, candidates.cores, strict=True)
    )
    takes = ", ".join(f"{count} {RESOURCES[name]}" for name, count in asdict(resources).items() if count)
    return (
        f"target {options.target}: {cycles:.1f} cycles a sample, {cycles / mhz:.4g} us at {mhz:g} MHz"
        f" (on {source})",
        f"lanes/update lanes of at most: {lanes}",
        f"predicted for {where}: {takes}",
        f"limited by: {'; '.join(_limits(candidates, chosen, options, cycles, resources, available))}",
    )


def _limits(
    candidates: Candidates,
    chosen: list[Candidate],
    options: PlanOptions,
    cycles: float,
    resources: Resources,
    available: Resources,
) -> Iterator[str]:
    busiest = max(range(len(chosen)), key=lambda core: chosen[core].busy)
    yield _bottleneck(candidates.names[busiest], chosen[busiest], candidates.cores[busiest])
    for name, most in asdict(available).items():
        count = asdict(resources)[name]
        if count and count >= FULL * most:
            yield f"{RESOURCES[name]}: {count} of {most}"
    if options.max_latency_us is not None:
        yield f"max_latency_us: {cycles / options.planned_mhz:.4g} of {options.max_latency_us:g}"


def _bottleneck(name: str, one: Candidate, others: tuple[Candidate, ...]) -> str:
    """What keeps the busiest core busy."""
    parts = {"array": one.array, "sweep": one.sweep, "output": one.output}
    part = max(parts, key=lambda key: parts[key])
    cycles = f"{parts[part]:.0f} of its {one.busy:.0f} busy cycles a sample"
    if part == "array":
        widest = one.lanes == max(other.lanes for other in others)
        bound = "its memory is read at full width" if widest else f"{one.lanes} lanes"
        return f"array of {name}: events take {cycles}, {bound}"
    if part == "sweep":
        return f"neurons of {name}: updates take {cycles} with {one.update_lanes} update lanes"
    return f"output of {name}: its spikes take {cycles}, one a cycle"
