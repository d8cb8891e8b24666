"""What a network and options have to be before anything is quantised."""

from __future__ import annotations

import numpy as np

from ...hw.params import Fire, Reset
from ..errors import UserError
from ..ir import Network, Population
from ..semantics import Spikes
from .option_values import AUTO
from .options import QuantiseOptions
from .synapses import row_count

__all__ = ["check_network", "check_options", "choose_input_max"]


def check_network(network: Network) -> None:
    """Refuse what integers cannot hold.

    Raises
    ------
    UserError
        Names the population or projection.
    """
    silent = {population.name for population in network.populations if not population.spiking}
    for population in network.populations:
        _check_population(population)
    for projection in network.projections:
        if projection.source in silent:
            raise UserError(
                f"Population {projection.source} does not spike, so it cannot feed {projection.target}; "
                "accepted: analog populations as outputs only"
            )
        if not np.isfinite(projection.weight).all():
            raise UserError(f"Projection {projection.name}: weights must be finite")


def _check_population(population: Population) -> None:
    if population.spikes is Spikes.GRADED:
        _check_graded(population)
    for name in ("alpha", "beta"):
        decay = getattr(population, name)
        if decay is not None and not ((decay >= 0) & (decay <= 1)).all():
            raise UserError(f"Population {population.name}: {name} must be between 0 and 1")
    for name in ("bias", "leak", "threshold", "reset_value"):
        values = getattr(population, name)
        if values is not None and not np.isfinite(values).all():
            raise UserError(f"Population {population.name}: {name} must be finite")


def _check_graded(population: Population) -> None:
    if population.threshold is None or not (population.threshold > 0).all():
        raise UserError(
            f"Population {population.name} has graded spikes; accepted: thresholds above 0, or spikes=binary"
        )
    if population.reset is not Reset.SUBTRACT or population.fire is not Fire.AFTER:
        raise UserError(
            f"Population {population.name} has graded spikes; accepted: reset=subtract and fire=after, not "
            f"reset={population.reset} and fire={population.fire}, or spikes=binary"
        )


def check_options(network: Network, options: QuantiseOptions) -> None:
    """Check that options belong to the network.

    Raises
    ------
    UserError
        A name that does not exist, or a list of another length.
    """
    populations = {population.name: population for population in network.populations}
    projections = {projection.name: projection for projection in network.projections}
    for kind, names, known in (
        ("population", options.populations, populations),
        ("projection", options.weights, projections),
    ):
        for name in names:
            if name not in known:
                raise UserError(
                    f"Options for {kind} {name}, which does not exist; accepted: {', '.join(known)}"
                )
    for name, population in populations.items():
        _check_lists(population, options, row_count(network.into(name), population.size))
        if any(projections[p].target == name for p in options.weights) and options.of(name).scale == AUTO:
            raise UserError(f"Population {name} has given weights, so option scale must be given too")


def _check_lists(population: Population, options: QuantiseOptions, rows: int) -> None:
    """A scale is one a row of weights (see `Synapses`), the others that or one a neuron."""
    for field, sizes in (
        ("scale", {rows}),
        ("threshold", {rows, population.size}),
        ("bias", {rows, population.size}),
    ):
        values = getattr(options.of(population.name), field)
        if isinstance(values, tuple) and len(values) not in sizes:
            wanted = " or ".join(map(str, sorted(sizes)))
            raise UserError(
                f"Option {field} of population {population.name} must have {wanted} values, not {len(values)}"
            )
    if population.threshold is None and options.of(population.name).threshold is not None:
        raise UserError(f"Population {population.name} does not spike, so it takes no option threshold")


def choose_input_max(options: QuantiseOptions, calibration: np.ndarray | None) -> int:
    """Most events of an input channel in a step.

    Raises
    ------
    UserError
        The calibration set has more than the option allows.
    """
    seen = 1 if calibration is None else max(1, int(calibration.max(initial=1)))
    if options.input_max == AUTO:
        return seen
    if seen > int(options.input_max):
        raise UserError(
            f"The calibration set has {seen} events of an input in a step; "
            f"option input_max allows {options.input_max}"
        )
    return int(options.input_max)
