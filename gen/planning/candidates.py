"""Shapes that a core may have, with what each takes of the device and of the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ...hw.boards.device import Device
from ...hw.lif import update_latency
from ...hw.params import AcceleratorParams, CoreParams, ReadoutKind
from ..ir import QuantisedNetwork
from ..plan import AUTO, Plan, PlanOptions, make_plan
from ..resources.features import core_costs, links_cost
from ..resources.memories import core_readout
from ..resources.model import add_up, predict_block
from ..toolchain.resources import Resources
from .activity import Activity, array_cycles, sent_tokens

__all__ = ["Candidate", "Candidates", "find_candidates"]

GROUPS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
STEP = 4
MOST_UPDATE_LANES = 64
MOST_LANES = 1024
OVERHEAD_CYCLES = 12  # of a step through a core: queues and pipelines around the update


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One shape of a core.

    Attributes
    ----------
    lanes, update_lanes : int
    busy : float
        Cycles of a sample, on average, in which the core's slowest part is at work: no sample is faster.
    step : float
        Cycles, on average, that a step needs to pass through.
    array, sweep, output : float
        Cycles of a sample of each part: adding events, updating, sending.
    resources : Resources
    """

    lanes: int
    update_lanes: int
    busy: float
    step: float
    array: float
    sweep: float
    output: float
    resources: Resources


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """All that a plan can be made of.

    Attributes
    ----------
    names : tuple of str
        Populations.
    cores : tuple of tuple of Candidate
        For each, its shapes.
    rest : Resources
        Of what is between the cores, whatever their shapes.
    """

    names: tuple[str, ...]
    cores: tuple[tuple[Candidate, ...], ...]
    rest: Resources


def find_candidates(
    network: QuantisedNetwork,
    options: PlanOptions,
    *,
    device: Device,
    activity: Activity,
    sample: np.ndarray | None,
) -> Candidates:
    """Shapes of all cores; where `options` name lanes, only these.

    Raises
    ------
    UserError
        As `make_plan`.
    """
    base = make_plan(network, replace(options, population_update_lanes={}), sample=sample)
    by_name = dict(zip(base.populations, base.accelerator.cores, strict=True))
    shapes = [list(_shapes(core, name, options)) for name, core in by_name.items()]
    if not all(shapes):
        make_plan(network, options, sample=sample)  # says which update lanes do not divide their lanes
    found: list[list[Candidate]] = [[] for _ in shapes]
    for turn in range(max(map(len, shapes))):
        # one plan tries a shape of every population
        tried = [some[turn % len(some)] for some in shapes]
        plan = make_plan(network, with_shapes(options, base.populations, tried), sample=sample)
        for number, some in enumerate(shapes):
            if turn < len(some):
                found[number].append(_candidate(plan, number, device, activity))
    rest = predict_block(links_cost(base.accelerator, device), device).resources
    return Candidates(names=base.populations, cores=tuple(map(tuple, found)), rest=rest)


def with_shapes(options: PlanOptions, names: tuple[str, ...], shapes: list[tuple[int, int]]) -> PlanOptions:
    """Options that name the lanes of every population."""
    lanes = {name: shape[0] for name, shape in zip(names, shapes, strict=True)}
    update_lanes = {name: shape[1] for name, shape in zip(names, shapes, strict=True)}
    return replace(options, population_lanes=lanes, population_update_lanes=update_lanes)


def _shapes(core: CoreParams, name: str, options: PlanOptions) -> Iterator[tuple[int, int]]:
    for lanes in _lanes(core, name, options):
        for update_lanes in _update_lanes(lanes, name, options, spread=bool(core.convolutions)):
            yield lanes, update_lanes


def _lanes(core: CoreParams, name: str, options: PlanOptions) -> list[int]:
    if name in options.population_lanes or isinstance(options.lanes, int):
        return [core.array.lanes]
    targets = core.array.targets
    if core.convolutions:
        return [n for n in range(1, core.convolutions[0].filters + 1) if _fits(core, n)]
    found = {-(-targets // groups) for groups in GROUPS if groups <= targets}
    rounded = {n if n < 2 * STEP or n == targets else -(-n // STEP) * STEP for n in found}
    return sorted(n for n in rounded | {1} if n <= min(targets, MOST_LANES))


def _fits(core: CoreParams, lanes: int) -> bool:
    try:
        for conv in core.convolutions:
            conv.check_lanes(lanes, core.array.weight_bits)
    except ValueError:
        return False
    return True


def _update_lanes(lanes: int, name: str, options: PlanOptions, *, spread: bool) -> list[int]:
    asked: Mapping[str, int] = options.population_update_lanes
    if name in asked:
        return [asked[name]] if lanes % asked[name] == 0 else []
    divisors = [n for n in range(1, min(lanes, MOST_UPDATE_LANES) + 1) if lanes % n == 0]
    if options.update_lanes != AUTO:
        return [max(n for n in divisors if n <= int(options.update_lanes))]
    if not spread:
        return divisors
    chosen = [divisors[0]]
    for divisor in divisors[1:]:  # of large maps every doubling is enough
        if divisor >= 2 * chosen[-1]:
            chosen.append(divisor)
    return chosen


def _candidate(plan: Plan, number: int, device: Device, activity: Activity) -> Candidate:
    params = plan.accelerator
    core, readout = params.cores[number], core_readout(params, number)
    tallied = readout in (ReadoutKind.COUNTS, ReadoutKind.CLASS)
    costs = core_costs(
        core,
        device,
        readout=readout,
        count_bits=params.count_bits,
        channels_last=params.channels_last(number),
    )
    tally = params.count_bits if tallied else None
    latency = update_latency(core.neuron, lanes=core.update_lanes, tally_bits=tally)
    # a sweep begins when all states of the one before it are written
    sweep = max(-(-core.neuron.neurons // core.update_lanes), latency + 1)
    array, sent = array_cycles(params, number, activity), _sent(params, number, activity)
    busy = np.maximum(np.maximum(array, sent), sweep).sum(axis=1).mean()
    output = float(sent.sum(axis=1).mean())
    steps = activity.counts.shape[1]
    return Candidate(
        lanes=core.array.lanes,
        update_lanes=core.update_lanes,
        busy=float(busy),
        step=OVERHEAD_CYCLES + latency + sweep + output / steps,
        array=float(array.sum(axis=1).mean()),
        sweep=float(sweep * steps),
        output=output,
        resources=add_up([predict_block(cost, device).resources for cost in costs]),
    )


def _sent(params: AcceleratorParams, number: int, activity: Activity) -> np.ndarray:
    """Tokens of each step; of a readout at the end of a sample, none before."""
    sent = sent_tokens(params, number, activity)
    if core_readout(params, number) in (ReadoutKind.COUNTS, ReadoutKind.CLASS):
        sent = np.zeros_like(sent)
        sent[:, -1] = params.cores[number].neuron.neurons + 1
    return sent
