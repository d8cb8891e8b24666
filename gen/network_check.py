"""Whether the parts of a network that came from a file belong together.

Classes check their own fields; here it is what holds between them: names, array shapes, weight ranges.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from ..hw.params import WeightStore
from .core_wiring import wire_cores
from .errors import UserError
from .ir import (
    Network,
    Population,
    Projection,
    QuantisedNetwork,
    QuantisedPopulation,
    QuantisedProjection,
)
from .loading import loaded_neuron
from .lower_delay import MAX_DELAY_STEPS
from .neuron_order import in_hardware_order
from .plan import Plan, for_loading

__all__ = ["check_network", "check_plan", "check_quantised"]

REQUIRED = ("threshold", "scale")


def check_network(network: Network, *, where: str) -> None:
    """Check a float network that was read from `where`.

    Raises
    ------
    UserError
        Names the population or projection that does not fit.
    """
    _check_graph(network, where)
    for population in network.populations:
        _check_vectors(population, where)
    for projection in network.projections:
        if projection.weight.dtype.kind != "f" or not np.isfinite(projection.weight).all():
            raise UserError(f"{where}: weights of projection {projection.name} must be finite real numbers")


def check_quantised(network: QuantisedNetwork, *, where: str) -> None:
    """Check an integer network that was read from `where`.

    Raises
    ------
    UserError
        Names the population or projection that does not fit.
    """
    _check_graph(network, where)
    if not 1 <= network.input_max <= 255:
        raise UserError(f"{where}: input_max must be between 1 and 255, not {network.input_max}")
    for population in network.populations:
        if int(np.prod(population.shape, dtype=object)) != population.neuron.neurons:
            raise UserError(f"{where}: shape of population {population.name} does not fit its neurons")
        _check_vectors(population, where)
        for projection in network.into(population.name):
            _check_weights(
                projection.weight, population.weight_bits, f"{where}: projection {projection.name}"
            )


def check_plan(plan: Plan, network: QuantisedNetwork, *, where: str) -> None:
    """Check that `plan`, read from `where`, is one of `network`.

    Raises
    ------
    UserError
        Names the core that does not fit.
    """
    populations = {population.name: population for population in network.populations}
    if plan.populations != tuple(populations) or plan.wirings != wire_cores(
        network, for_loading(plan.options).delays
    ):
        raise UserError(f"{where}: its cores and links are not those of the network")
    if plan.accelerator.input_value_bits not in (0, network.input_max.bit_length()):
        raise UserError(f"{where}: its input values are not those of the network")
    for core, population in zip(plan.accelerator.cores, populations.values(), strict=True):
        bits = population.weight_bits
        expected = in_hardware_order(population.neuron, core)
        if core.array.store is not WeightStore.INITIALISED:
            wider = max(core.array.acc_bits, expected.acc_bits)
            expected = loaded_neuron(expected, core, acc_bits=wider)
        if expected != core.neuron or bits != core.array.weight_bits:
            raise UserError(
                f"{where}: core {core.name} does not fit population {population.name} of the network"
            )


def _check_graph(network: Network | QuantisedNetwork, where: str) -> None:
    sizes = {item.name: item.size for item in (*network.inputs, *network.populations)}
    if len(sizes) != len(network.inputs) + len(network.populations):
        raise UserError(f"{where}: two inputs or populations have the same name")
    _check_names(network.outputs, [p.name for p in network.populations], f"{where}: output")
    for projection in network.projections:
        _check_names((projection.source, projection.target), sizes, f"{where}: projection {projection.name}:")
        ends = (sizes[projection.target], sizes[projection.source])
        _check_geometry(projection, ends, f"{where}: projection {projection.name}")
        _check_delays(projection, f"{where}: delays of projection {projection.name}")


def _check_geometry(projection: Projection | QuantisedProjection, ends: tuple[int, int], where: str) -> None:
    conv = projection.conv
    if conv is not None and (conv.targets, conv.sources) != ends:
        raise UserError(
            f"{where}: its convolution joins {conv.targets} targets and {conv.sources} sources,"
            f" not {ends[0]} and {ends[1]}"
        )
    shape = ends if conv is None else conv.kernel_shape
    if projection.weight.shape != shape:
        raise UserError(f"{where}: its weights must have shape {shape}, not {projection.weight.shape}")


def _check_delays(projection: Projection | QuantisedProjection, where: str) -> None:
    steps = projection.delay_steps
    if steps is None:
        return
    vector, matrix = (projection.sources,), (projection.targets, projection.sources)
    shapes = (vector, matrix) if projection.conv is None else (vector,)
    if steps.shape not in shapes or steps.dtype != np.int64:
        accepted = " or ".join(map(str, shapes))
        raise UserError(f"{where} must be int64 of shape {accepted}, not {steps.dtype} of {steps.shape}")
    if steps.size and not 0 <= steps.min() <= steps.max() <= MAX_DELAY_STEPS:
        raise UserError(f"{where} must be between 0 and {MAX_DELAY_STEPS} steps")


def _check_names(names: Iterable[str], known: Iterable[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise UserError(f"{where} {name} does not exist")


def _check_vectors(population: Population | QuantisedPopulation, where: str) -> None:
    """Every array of a population is per neuron; an empty one is a default that does not apply."""
    for field in dataclasses.fields(population):
        vector = getattr(population, field.name)
        if not isinstance(vector, np.ndarray) or (vector.size == 0 and field.name not in REQUIRED):
            continue
        if vector.shape != (population.size,) or vector.dtype.kind != "f" or np.isnan(vector).any():
            raise UserError(
                f"{where}: {field.name} of population {population.name} must be {population.size}"
                f" real numbers, not {vector.dtype} of shape {vector.shape}"
            )


def _check_weights(weight: np.ndarray, bits: int, where: str) -> None:
    if not 1 <= bits <= 16:
        raise UserError(f"{where}: weight bits must be between 1 and 16, not {bits}")
    if weight.dtype != np.int32:
        raise UserError(f"{where}: weights must be int32, not {weight.dtype}")
    high = 1 << (bits - 1)
    fits = np.abs(weight) == 1 if bits == 1 else (weight >= -high) & (weight < high)
    if not fits.all():
        raise UserError(f"{where}: a weight does not fit its {bits} bits")
