"""Decide the hardware of a quantised network: cores, lanes, readout.

Does not touch numbers (the quantiser did) and does not emit anything. This version maps a
feed-forward chain with one input and one output population; every other graph is refused by name.

Automatic choices
-----------------
lanes
    The full fan-out up to 32 targets; beyond that as few cycles an event as 32 lanes need, with as
    few lanes as that takes (40 targets: 2 groups of 20), a multiple of 4 so that update lanes divide them.
update_lanes
    The smallest divisor of the lanes whose sweep over the population takes at most 32 cycles, but
    no more than 8.
readout
    `spikes` for a spiking output population, `membrane` for an analog one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..hw.params import AcceleratorParams, ArrayParams, CoreParams, ReadoutKind
from .codec import decode, encode
from .errors import UserError
from .ir import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from .names import unique_names

__all__ = ["AUTO", "Plan", "PlanOptions", "make_plan"]

AUTO = "auto"
AUTO_LANES = 32
AUTO_STEP = 4
AUTO_UPDATE_LANES = 8
AUTO_SWEEP_CYCLES = 32


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """What a user may choose about the hardware.

    Attributes
    ----------
    lanes : int or "auto"
        Weights added a cycle in every array; a smaller fan-out takes fewer.
    population_lanes : mapping of str to int
        Lanes of single populations, 1 .. population size.
    update_lanes : int or "auto"
        Neurons updated a cycle, at most; the largest divisor of the lanes up to it is taken.
    population_update_lanes : mapping of str to int
        Update lanes of single populations, a divisor of their lanes.
    readout : str
        "auto" or a `ReadoutKind`.
    count_bits : int
        Width of a spike counter of the `counts` and `class` readouts, 1 .. 32.
    debug : bool
        Whether the probe outputs are built in.
    board : str or None
        Name of the board the network is meant for; recorded only.
    clock_mhz : float
        Clock written into the generic constraints.
    """

    lanes: int | str = AUTO
    population_lanes: Mapping[str, int] = field(default_factory=dict)
    update_lanes: int | str = AUTO
    population_update_lanes: Mapping[str, int] = field(default_factory=dict)
    readout: str = AUTO
    count_bits: int = 16
    debug: bool = False
    board: str | None = None
    clock_mhz: float = 100.0

    def __post_init__(self) -> None:
        for option in ("lanes", "update_lanes"):
            _check_lanes(option, getattr(self, option))
        for option in ("population_lanes", "population_update_lanes"):
            for name, value in getattr(self, option).items():
                _check_lanes(f"{option} of {name}", value, auto=False)
        if self.readout not in (AUTO, *ReadoutKind):
            raise UserError(
                f"Option readout must be one of auto, {', '.join(ReadoutKind)}, not {self.readout}"
            )
        if not 1 <= self.count_bits <= 32:
            raise UserError(f"Option count_bits must be between 1 and 32, not {self.count_bits}")
        if not 0 < self.clock_mhz <= 10_000:
            raise UserError(f"Option clock_mhz must be above 0 and at most 10000, not {self.clock_mhz}")

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> PlanOptions:
        """Options of a table as `tomllib` reads it; what it does not name has its default.

        Raises
        ------
        UserError
            An unknown key or a value that does not fit.
        """
        return decode(cls, {**encode(cls()), **table}, where="plan options")

    def to_table(self) -> dict[str, Any]:
        """Table that `from_table` reads."""
        return encode(self)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The hardware that was decided; core k holds `populations[k]` and the synapses `projections[k]`.

    Attributes
    ----------
    accelerator : AcceleratorParams
        Parameters of the top level.
    populations, projections : tuple of str
        Names in the quantised network, one of each a core; core names are these made fit for RTL.
    options : PlanOptions
        What was asked for.
    """

    accelerator: AcceleratorParams
    populations: tuple[str, ...]
    projections: tuple[str, ...]
    options: PlanOptions

    def __post_init__(self) -> None:
        if not len(self.accelerator.cores) == len(self.populations) == len(self.projections):
            raise ValueError("A plan needs one population and one projection a core")


def make_plan(network: QuantisedNetwork, options: PlanOptions | None = None) -> Plan:
    """Map `network` to cores.

    Parameters
    ----------
    network : QuantisedNetwork
        A feed-forward chain with one input and one output population.
    options : PlanOptions, optional
        Automatic everything when absent.

    Raises
    ------
    UserError
        The graph is not such a chain, or an option does not fit the network.
    """
    options = options or PlanOptions()
    _check_ends(network)
    _check_option_names(network, options)
    projections = _chain(network)
    names = unique_names([population.name for population in network.populations])
    try:
        accelerator = AcceleratorParams(
            cores=tuple(
                _core(name, population, projection, options)
                for name, population, projection in zip(names, network.populations, projections, strict=True)
            ),
            readout=_readout(network.populations[-1], options),
            count_bits=options.count_bits,
            debug=options.debug,
        )
    except ValueError as error:
        raise UserError(f"Network {network.name}: {error}") from None
    return Plan(
        accelerator=accelerator,
        populations=tuple(population.name for population in network.populations),
        projections=tuple(projection.name for projection in projections),
        options=options,
    )


def _check_lanes(option: str, value: int | str, *, auto: bool = True) -> None:
    if auto and value == AUTO:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(
            f"Option {option} must be {'auto or ' if auto else ''}a number from 1 up, not {value}"
        )


def _check_ends(network: QuantisedNetwork) -> None:
    for what, names in (("inputs", [i.name for i in network.inputs]), ("outputs", network.outputs)):
        if len(names) != 1:
            raise UserError(
                f"Network {network.name} has {len(names)} {what} ({', '.join(names)});"
                " one is supported so far"
            )
    if not network.populations:
        raise UserError(
            f"Network {network.name} has no population; at least one neuron or linear node is needed"
        )


def _check_option_names(network: QuantisedNetwork, options: PlanOptions) -> None:
    known = [population.name for population in network.populations]
    for option in ("population_lanes", "population_update_lanes"):
        for name in getattr(options, option):
            if name not in known:
                raise UserError(f"Option {option} names no population {name}; there are {', '.join(known)}")


def _chain(network: QuantisedNetwork) -> list[QuantisedProjection]:
    """Give the projection into each population, in order, if they form one chain."""
    projections = []
    source = network.inputs[0].name
    for population in network.populations:
        projections.append(_only_projection(network, population.name, source))
        source = population.name
    if network.outputs[0] != source:
        raise UserError(
            f"Network {network.name}: output population {network.outputs[0]} feeds other populations;"
            " an output at the end of the chain is supported so far"
        )
    return projections


def _only_projection(network: QuantisedNetwork, target: str, source: str) -> QuantisedProjection:
    into = network.into(target)
    for projection in into:
        if projection.recurrent:
            raise UserError(
                f"Network {network.name}: projection {projection.name} into {target} is recurrent;"
                " feed-forward chains are supported so far"
            )
    if len(into) != 1 or into[0].source != source:
        found = ", ".join(f"{p.name} from {p.source}" for p in into) or "none"
        raise UserError(
            f"Network {network.name}: population {target} takes {found};"
            f" a chain, here one projection from {source}, is supported so far"
        )
    return into[0]


def _core(
    name: str, population: QuantisedPopulation, projection: QuantisedProjection, options: PlanOptions
) -> CoreParams:
    targets, sources = projection.weight.shape
    lanes = _lanes(population.name, targets, options)
    return CoreParams(
        name=name,
        array=ArrayParams(
            sources=sources,
            targets=targets,
            lanes=lanes,
            weight_bits=population.weight_bits,
            acc_bits=population.neuron.acc_bits,
        ),
        neuron=population.neuron,
        update_lanes=_update_lanes(population.name, targets, lanes, options),
    )


def _lanes(population: str, targets: int, options: PlanOptions) -> int:
    asked = options.population_lanes.get(population)
    if asked is not None:
        if asked > targets:
            raise UserError(
                f"Option population_lanes of {population} must be between 1 and {targets}, not {asked}"
            )
        return asked
    if isinstance(options.lanes, int):
        return min(options.lanes, targets)
    if targets <= AUTO_LANES:
        return targets
    groups = -(-targets // AUTO_LANES)
    return -(-targets // (groups * AUTO_STEP)) * AUTO_STEP


def _update_lanes(population: str, targets: int, lanes: int, options: PlanOptions) -> int:
    divisors = [n for n in range(1, lanes + 1) if lanes % n == 0]
    asked = options.population_update_lanes.get(population)
    if asked is not None:
        if asked not in divisors:
            raise UserError(
                f"Option population_update_lanes of {population} must divide its {lanes} lanes, not {asked}"
            )
        return asked
    if isinstance(options.update_lanes, int):
        return max(n for n in divisors if n <= options.update_lanes)
    allowed = [n for n in divisors if n <= AUTO_UPDATE_LANES]
    return next((n for n in allowed if -(-targets // n) <= AUTO_SWEEP_CYCLES), allowed[-1])


def _readout(output: QuantisedPopulation, options: PlanOptions) -> ReadoutKind:
    if options.readout == AUTO:
        return ReadoutKind.SPIKES if output.spiking else ReadoutKind.MEMBRANE
    kind = ReadoutKind(options.readout)
    accepted = [ReadoutKind.SPIKES, ReadoutKind.COUNTS] if output.spiking else [ReadoutKind.MEMBRANE]
    accepted.append(ReadoutKind.CLASS)
    if kind not in accepted:
        what = "spikes" if output.spiking else "does not spike"
        raise UserError(
            f"Option readout={kind} does not fit output population {output.name}, which {what};"
            f" accepted: {', '.join(accepted)}"
        )
    return kind
