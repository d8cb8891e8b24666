"""Plans by what they are for: candidates, the integer program, and exact cycles of what it proposes.

The program bounds the time of a plan from the busy cycles of its cores; several of its best answers are then
timed exactly (gen/cycles.py), and the best of these is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from ...hw.boards.device import Device
from ...hw.boards.devices import LFE5U_85F
from ...hw.boards.registry import BOARDS
from ..cycles import predict_cycles
from ..errors import UserError
from ..ir import QuantisedNetwork
from ..plan import Plan, PlanOptions, make_plan
from ..resources.model import fit_note, predict_resources
from ..toolchain.resources import RESOURCES, Resources, capacity
from .activity import Activity
from .candidates import Candidates, find_candidates, with_shapes
from .program import Choice, Limits, area, bottleneck_cycles, solve, total
from .targets import Target
from .words import choice_notes

__all__ = ["Proposal", "front", "plan_for_target"]

MOST_FILL = 0.9
"""Share of a board's LUTs and flip-flops that a plan may take: above it, placement is likely to fail."""
TIMED = 4
"""Answers of the program that are timed exactly."""
FRONT = 10
"""Areas at which the fastest plan is looked for."""
TIGHTER = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Proposal:
    """A plan and what it costs.

    Attributes
    ----------
    plan : Plan
    cycles : float
        Of a sample, on average: exact.
    interval : float
        Cycles from one sample to the next, at least.
    resources : Resources
        Of the accelerator alone.
    area : float
        Share of the device's LUTs plus share of its block RAMs.
    choice : tuple of int
    """

    plan: Plan
    cycles: float
    interval: float
    resources: Resources
    area: float
    choice: Choice


class _Planner:
    def __init__(
        self,
        network: QuantisedNetwork,
        options: PlanOptions,
        activity: Activity,
        sample: np.ndarray | None,
    ) -> None:
        self.network, self.options, self.activity, self.sample = network, options, activity, sample
        self.device: Device = LFE5U_85F if options.board is None else BOARDS[options.board].device
        self.candidates: Candidates = find_candidates(
            network, options, device=self.device, activity=activity, sample=sample
        )
        self.capacity = capacity(self.device)
        self._timed: dict[Choice, Proposal] = {}

    @property
    def available(self) -> Resources:
        """What a plan may take."""
        if self.options.board is None:  # no board to fit: but one number bounds the LUTs
            endless = Resources(**dict.fromkeys(RESOURCES, 1 << 40))
            return endless if self.options.max_luts is None else replace(endless, luts=self.options.max_luts)
        room = {
            name: int(MOST_FILL * count) if name in ("luts", "ffs") else count
            for name, count in asdict(self.capacity).items()
        }
        if self.options.max_luts is not None:
            room["luts"] = min(room["luts"], self.options.max_luts)
        return Resources(**room)

    def solve(
        self, minimise: str, *, without: Sequence[Choice] = (), **limits: float | None
    ) -> Choice | None:
        bounds = Limits(available=self.available, **limits)
        return solve(self.candidates, bounds, minimise=minimise, device=self.capacity, without=without)

    def timed(self, choice: Choice) -> Proposal:
        """Plan of a choice, with exact cycles and the resources of the whole."""
        if choice not in self._timed:
            some = zip(self.candidates.cores, choice, strict=True)
            shapes = [(cores[k].lanes, cores[k].update_lanes) for cores, k in some]
            options = with_shapes(self.options, self.candidates.names, shapes)
            plan = make_plan(self.network, options, sample=self.sample)
            cycles = predict_cycles(plan.accelerator, self.activity.counts, self.activity.spikes)
            resources = predict_resources(plan.accelerator, self.device)
            self._timed[choice] = Proposal(
                plan=plan,
                cycles=float(cycles.mean()),
                interval=bottleneck_cycles(self.candidates, choice),
                resources=resources,
                area=area(resources, self.capacity),
                choice=choice,
            )
        return self._timed[choice]

    def several(self, minimise: str, **limits: float | None) -> list[Proposal]:
        """The best answers of the program, timed."""
        found: list[Choice] = []
        while len(found) < TIMED:
            choice = self.solve(minimise, without=found, **limits)
            if choice is None:
                break
            found.append(choice)
        return [self.timed(choice) for choice in found]

    def front(self) -> list[Proposal]:
        """Fastest plans of several areas, from the smallest plan to the fastest."""
        smallest, fastest = self.solve("area"), self.solve("cycles")
        if smallest is None or fastest is None:
            return []
        ends = [area(total(self.candidates, choice), self.capacity) for choice in (smallest, fastest)]
        low, high = min(ends), max(ends)
        choices = [smallest, fastest]
        for most in np.geomspace(low, high, FRONT)[1:-1]:
            choice = self.solve("cycles", area=float(most))
            if choice is not None:
                choices.append(choice)
        timed = [self.timed(choice) for choice in dict.fromkeys(choices)]
        return list(_undominated(sorted(timed, key=lambda proposal: (proposal.area, proposal.cycles))))


def _undominated(proposals: list[Proposal]) -> Iterator[Proposal]:
    """Those that are faster than all smaller ones."""
    least = float("inf")
    for proposal in proposals:
        if proposal.cycles < least:
            least = proposal.cycles
            yield proposal


def front(
    network: QuantisedNetwork,
    options: PlanOptions,
    *,
    activity: Activity,
    sample: np.ndarray | None = None,
) -> list[Proposal]:
    """Plans of which none is smaller and faster than another, smallest first; empty: none fits."""
    return _Planner(network, options, activity, sample).front()


def plan_for_target(
    network: QuantisedNetwork,
    options: PlanOptions,
    *,
    activity: Activity,
    sample: np.ndarray | None = None,
) -> Plan:
    """Plan for `options.target`, within `max_latency_us`, `max_luts` and the board.

    Lanes and update lanes that `options` give are kept; the others are chosen, and are in the options of the
    plan. Its notes say what was chosen, what it takes and what limits it.

    Raises
    ------
    UserError
        Nothing keeps to the limits; or as `make_plan`.
    """
    planner = _Planner(network, options, activity, sample)
    best = _best(planner, Target(options.target or Target.BALANCED))
    notes = choice_notes(
        planner.candidates,
        best.choice,
        options=options,
        cycles=best.cycles,
        resources=best.resources,
        available=planner.available,
        device=planner.device,
        source=activity.source,
    )
    doubt = fit_note(planner.device)
    return replace(best.plan, notes=(*notes, *([doubt] if doubt else []), *best.plan.notes))


def _best(planner: _Planner, target: Target) -> Proposal:
    limit = _limit_cycles(planner.options)
    if planner.solve("area") is None:
        raise UserError(_too_large(planner))
    bound = limit
    for _ in range(TIGHTER):
        found = _proposals(planner, target, bound)
        kept = [p for p in found if limit is None or p.cycles <= limit]
        if kept:
            return min(kept, key=lambda proposal: _rank(proposal, target))
        if not found or bound is None or limit is None:
            break
        bound *= 0.98 * limit / min(p.cycles for p in found)  # the bound was too low: allow it less
    fastest = min(planner.several("cycles"), key=lambda proposal: proposal.cycles)
    raise UserError(_too_slow(planner.options, fastest))


def _proposals(planner: _Planner, target: Target, bound: float | None) -> list[Proposal]:
    if target is Target.BALANCED and bound is None:
        return planner.front()
    if target is Target.BALANCED:
        return [*planner.front(), *planner.several("area", cycles=bound)]
    first = {Target.LATENCY: "cycles", Target.THROUGHPUT: "bottleneck", Target.AREA: "area"}[target]
    return planner.several(first, cycles=bound)


def _rank(proposal: Proposal, target: Target) -> tuple[float, ...]:
    if target is Target.LATENCY:
        return proposal.cycles, proposal.area
    if target is Target.THROUGHPUT:
        return proposal.interval, proposal.area
    if target is Target.AREA:
        return proposal.area, proposal.cycles
    return (proposal.cycles * proposal.area,)


def _limit_cycles(options: PlanOptions) -> float | None:
    return None if options.max_latency_us is None else options.max_latency_us * options.planned_mhz


def _too_large(planner: _Planner) -> str:
    """What the smallest plan would take beyond what there is."""
    options = planner.options
    endless = Limits(available=Resources(**dict.fromkeys(RESOURCES, 1 << 40)))
    choice = solve(planner.candidates, endless, minimise="area", device=planner.capacity)
    assert choice is not None  # every population has a shape
    needed, room = asdict(total(planner.candidates, choice)), asdict(planner.available)
    over = ", ".join(
        f"{needed[name]} {RESOURCES[name]} of {room[name]}" for name in room if needed[name] > room[name]
    )
    if not over:
        over = f"{needed['luts']} LUTs, within {room['luts']} LUTs not with its block RAMs and multipliers"
    where = "" if options.board is None else f" on board {options.board}"
    limit = "" if options.max_luts is None else f" with max_luts {options.max_luts}"
    return (
        f"No plan fits{where}{limit}: the smallest takes about {over};"
        " give more room or use fewer --weight-bits"
    )


def _too_slow(options: PlanOptions, fastest: Proposal) -> str:
    mhz = options.planned_mhz
    return (
        f"Option max_latency_us of {options.max_latency_us:g} cannot be met: the fastest plan that fits takes"
        f" {fastest.cycles / mhz:.4g} us ({fastest.cycles:.1f} cycles at {mhz:g} MHz)"
    )
