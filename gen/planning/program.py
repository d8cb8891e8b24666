"""The integer program: one shape for every core, within what the device has and the time there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ortools.sat.python import cp_model

from ..toolchain.resources import Resources
from .candidates import Candidates

__all__ = ["Limits", "area", "bottleneck_cycles", "estimate_cycles", "solve", "total"]

Choice = tuple[int, ...]
"""Number of the candidate of each core."""

AREA_SCALE = 1_000_000
EFFORT = 20.0  # of the solver, in its deterministic unit: about seconds


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a choice must keep to.

    Attributes
    ----------
    available : Resources
    cycles : float or None
        Most of `estimate_cycles`.
    area : float or None
        Most of `area`.
    """

    available: Resources
    cycles: float | None = None
    area: float | None = None


def total(candidates: Candidates, choice: Choice) -> Resources:
    """Resources of a choice."""
    parts = [some[k].resources for some, k in zip(candidates.cores, choice, strict=True)]
    return Resources(
        **{name: sum(asdict(p)[name] for p in [*parts, candidates.rest]) for name in asdict(parts[0])}
    )


def area(resources: Resources, device: Resources) -> float:
    """Share of the device's LUTs plus share of its block RAMs."""
    rams = resources.block_rams / device.block_rams if device.block_rams else 0.0
    return resources.luts / device.luts + rams


def bottleneck_cycles(candidates: Candidates, choice: Choice) -> float:
    """Cycles from one sample to the next: those of the busiest core."""
    return max(some[k].busy for some, k in zip(candidates.cores, choice, strict=True))


def estimate_cycles(candidates: Candidates, choice: Choice) -> float:
    """Cycles of a sample: the busiest core's, and one step through each of the others."""
    chosen = [some[k] for some, k in zip(candidates.cores, choice, strict=True)]
    steps = sum(candidate.step for candidate in chosen)
    return max(candidate.busy + steps - candidate.step for candidate in chosen)


def solve(
    candidates: Candidates,
    limits: Limits,
    *,
    minimise: str,
    device: Resources,
    without: Sequence[Choice] = (),
) -> Choice | None:
    """Best choice; None where nothing keeps to the limits.

    Parameters
    ----------
    minimise : {"cycles", "bottleneck", "area"}
        First this, then the area (of the area, then the cycles).
    device : Resources
        What areas are shares of.
    without : sequence of choices
        That are not to be taken again.
    """
    program = _Program(candidates, limits, device, without)
    first = {"cycles": program.cycles, "bottleneck": program.bottleneck, "area": program.area}[minimise]
    found = program.minimise(first)
    if found is None:
        return None
    program.model.add(first <= program.solver_value(first))
    return program.minimise(program.cycles if minimise == "area" else program.area) or found


class _Program:
    """Variables and constraints of one program; whole cycles, areas in millionths of the device."""

    def __init__(
        self, candidates: Candidates, limits: Limits, device: Resources, without: Sequence[Choice]
    ) -> None:
        self.candidates = candidates
        self.model = model = cp_model.CpModel()
        self.taken = [
            [model.new_bool_var(f"{name}_{k}") for k in range(len(some))]
            for name, some in zip(candidates.names, candidates.cores, strict=True)
        ]
        self.solver = cp_model.CpSolver()
        self.solver.parameters.num_workers = 1  # the same answer every time
        self.solver.parameters.max_deterministic_time = EFFORT
        for some in self.taken:
            model.add_exactly_one(some)
        for choice in without:
            model.add_bool_or([self.taken[core][k].negated() for core, k in enumerate(choice)])
        for name, most in asdict(limits.available).items():
            model.add(self._sum(name) + getattr(candidates.rest, name) <= most)
        self._times()
        self.area = self._area(device)
        if limits.cycles is not None:
            model.add(self.cycles <= int(limits.cycles))
        if limits.area is not None:
            model.add(self.area <= int(limits.area * AREA_SCALE))

    def _sum(self, resource: str) -> Any:
        return sum(
            getattr(candidate.resources, resource) * taken
            for some, variables in zip(self.candidates.cores, self.taken, strict=True)
            for candidate, taken in zip(some, variables, strict=True)
        )

    def _times(self) -> None:
        most = 2 * int(sum(max(c.busy + c.step for c in some) for some in self.candidates.cores)) + 2
        self.cycles = self.model.new_int_var(0, most, "cycles")
        self.bottleneck = self.model.new_int_var(0, most, "bottleneck")
        steps = [self._of(core, "step") for core in range(len(self.taken))]
        for core in range(len(self.taken)):
            busy = self._of(core, "busy")
            self.model.add(self.bottleneck >= busy)
            self.model.add(self.cycles >= busy + sum(steps) - steps[core])

    def _of(self, core: int, what: str) -> Any:
        pairs = zip(self.candidates.cores[core], self.taken[core], strict=True)
        return sum(round(getattr(candidate, what)) * taken for candidate, taken in pairs)

    def _area(self, device: Resources) -> Any:
        total = self.model.new_int_var(0, 1 << 50, "area")
        parts = sum(
            round(AREA_SCALE * area(candidate.resources, device)) * taken
            for some, variables in zip(self.candidates.cores, self.taken, strict=True)
            for candidate, taken in zip(some, variables, strict=True)
        )
        self.model.add(total == parts + round(AREA_SCALE * area(self.candidates.rest, device)))
        return total

    def minimise(self, objective: Any) -> Choice | None:
        """Solve for `objective`."""
        self.model.minimize(objective)
        if self.solver.solve(self.model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        return tuple(
            next(k for k, taken in enumerate(some) if self.solver.boolean_value(taken)) for some in self.taken
        )

    def solver_value(self, objective: Any) -> int:
        """Value of `objective` in what was found last."""
        return self.solver.value(objective)
